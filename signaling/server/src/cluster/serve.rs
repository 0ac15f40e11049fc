//! The links of the instances that follow, from the side that leads.

use std::{collections::HashMap, sync::Arc, time::Duration};

use quinn::{Connection, RecvStream, SendStream};
use sfu_node::control::{
    ClusterSecret,
    frame::{FrameError, FrameReader, write_frame_within},
    proof::{NoKeyingMaterial, Proofs},
};
use tokio::{
    sync::{OwnedSemaphorePermit, mpsc},
    time::timeout,
};

use super::messages::{FromLeader, MAX_FRAME, PROTOCOL, ToLeader};
use crate::{
    app::App,
    lead::{Here, Lead},
    ws::{FarOutbox, Outbox, Seated},
};

/// From the open connection to a proven link.
const PROVE: Duration = Duration::from_secs(2);

/// Messages for pages that may wait for one link. An instance that is so far behind has lost its
/// pages; they come back through another.
const QUEUE: usize = 16_384;

/// Why a link ended.
#[derive(Debug, thiserror::Error)]
pub(crate) enum LinkError {
    #[error("no hello in time")]
    TooSlow,
    #[error("refused: {0}")]
    Refused(&'static str),
    #[error("it does not keep to the protocol")]
    Unexpected,
    #[error("it takes no messages any more")]
    Overrun,
    #[error(transparent)]
    Proof(#[from] NoKeyingMaterial),
    #[error(transparent)]
    Frame(#[from] FrameError),
    #[error(transparent)]
    Connection(#[from] quinn::ConnectionError),
}

/// Takes in the instances that follow this one.
#[derive(Clone)]
pub(crate) struct Peers {
    app: Arc<App>,
    secret: ClusterSecret,
}

impl Peers {
    pub(crate) fn new(app: Arc<App>, secret: ClusterSecret) -> Self {
        Self { app, secret }
    }

    /// Serves one link, to its end.
    pub(crate) async fn serve(
        &self,
        connection: Connection,
        unproven: OwnedSemaphorePermit,
    ) -> Result<(), LinkError> {
        let proven = timeout(PROVE, self.prove(&connection)).await;
        let (here, reader, writer) = proven.map_err(|_| LinkError::TooSlow)??;
        drop(unproven);
        let result = self.speak(here, reader, writer).await;
        connection.close(0u8.into(), b"");
        result
    }

    async fn prove(
        &self,
        connection: &Connection,
    ) -> Result<(Here, FrameReader<RecvStream>, SendStream), LinkError> {
        let proofs = Proofs::new(connection, &self.secret)?;
        let (mut writer, reader) = connection.accept_bi().await?;
        let mut reader = FrameReader::with_limit(reader, MAX_FRAME);
        let Some(ToLeader::Hello { protocol, instance, term, proof }) = reader.next().await? else {
            return Err(LinkError::Unexpected);
        };
        let here = match self.app.lead.now() {
            Lead::Here(here) => Some(here),
            _ => None,
        };
        let here = here.filter(|here| here.term.is_some_and(|own| own.0 == term));
        let (reason, here) = match here {
            _ if !proofs.is_instance(&proof) => ("the cluster secrets differ", None),
            _ if protocol != PROTOCOL => ("the versions of the instances do not fit", None),
            None => ("this instance does not lead in that term", None),
            Some(here) => ("", Some(here)),
        };
        let Some(here) = here else {
            let refused = FromLeader::Refused { reason: reason.to_owned() };
            write_frame_within(&mut writer, &refused, MAX_FRAME).await?;
            // The reason has to arrive before the connection closes; the peer may be gone already.
            let _ = writer.finish();
            let _ = writer.stopped().await;
            return Err(LinkError::Refused(reason));
        };
        write_frame_within(
            &mut writer,
            &FromLeader::Welcome { proof: proofs.signaling() },
            MAX_FRAME,
        )
        .await?;
        tracing::info!(instance, "another instance follows");
        Ok((here, reader, writer))
    }

    async fn speak(
        &self,
        here: Here,
        mut reader: FrameReader<RecvStream>,
        mut writer: SendStream,
    ) -> Result<(), LinkError> {
        let (queue, mut waiting) = mpsc::channel(QUEUE);
        let far = FarOutbox::new(queue);
        let overrun = far.clone();
        // A frame must not be torn by cancellation: writing has a task of its own.
        let writing = tokio::spawn(async move {
            while let Some((socket, message)) = waiting.recv().await {
                let say = FromLeader::Say { socket, message };
                write_frame_within(&mut writer, &say, MAX_FRAME).await?;
            }
            Ok::<(), FrameError>(())
        });
        let mut pages = HashMap::new();
        let mut leads = self.app.lead.clone();
        let result = tokio::select! {
            result = self.listen(&here, &mut reader, &far, &mut pages) => result,
            () = overrun.overrun() => Err(LinkError::Overrun),
            () = here_ends(&mut leads, &here) => Ok(()),
        };
        // Their instance may be gone, their calls are not: they come back through another.
        for (_, page) in pages {
            page.gone().await;
        }
        drop(far);
        writing.abort();
        result
    }

    async fn listen(
        &self,
        here: &Here,
        reader: &mut FrameReader<RecvStream>,
        far: &FarOutbox,
        pages: &mut HashMap<u64, Seated>,
    ) -> Result<(), LinkError> {
        while let Some(message) = reader.next().await? {
            match message {
                ToLeader::Hello { .. } => return Err(LinkError::Unexpected),
                ToLeader::Connected { socket, visitor, leg } => {
                    let outbox = Outbox::Far(far.clone(), socket);
                    let page = Seated::new(&self.app, here, visitor.into(), outbox, None);
                    page.connected(leg).await;
                    pages.insert(socket, page);
                }
                ToLeader::Said { socket, message } => {
                    if let Some(page) = pages.get(&socket) {
                        page.said(message).await;
                    }
                }
                ToLeader::Gone { socket } => {
                    if let Some(page) = pages.remove(&socket) {
                        page.gone().await;
                    }
                }
                // It fails when the desk has ended, and the link ends with it.
                ToLeader::Order(order) => drop(here.desk.send(order.into()).await),
            }
        }
        Ok(())
    }
}

/// Waits until this desk leads no longer.
async fn here_ends(leads: &mut crate::lead::Leads, here: &Here) {
    while leads.here().is_some_and(|now| now.term == here.term) {
        leads.changed().await;
    }
}
