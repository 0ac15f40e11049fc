//! Tells workers what to do, and passes on what they tell.

use futures_util::future::join_all;
use tokio::{
    net::TcpStream,
    sync::{mpsc, watch},
    task::JoinSet,
};

use super::{
    FromController, FromWorker, Job, PROTOCOL, Token,
    line::{LineError, Reader, Writer, lines},
};
use crate::{
    drive::Clock,
    engine::{Commands, Stop},
    observe::Event,
    plan::{self, Label},
};

/// Why a fleet could not make a run.
#[derive(Debug, thiserror::Error)]
#[error("the worker {worker}: {reason}")]
pub struct FleetError {
    worker: String,
    reason: String,
}

/// Workers that are ready.
#[derive(Debug)]
pub struct Fleet {
    crews: Vec<Crew>,
}

/// One worker.
struct Crew {
    name: String,
    reader: Reader,
    writer: Writer,
}

impl std::fmt::Debug for Crew {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("Crew").field(&self.name).finish()
    }
}

/// Connects to the workers at `addresses` and gives each its part of the plan.
///
/// # Errors
/// [`FleetError`] of the first that cannot be reached or refuses.
pub async fn connect(
    addresses: &[String],
    token: &Token,
    url: &str,
    plan: &plan::Run,
    full_stack: f64,
) -> Result<Fleet, FleetError> {
    let of = addresses.len() as u64;
    let crews = addresses.iter().zip(0..).map(|(address, index)| {
        let job = Job { url: url.to_owned(), plan: plan.to_string(), index, of, full_stack };
        async move {
            enlist(address, token, job)
                .await
                .map_err(|reason| FleetError { worker: address.clone(), reason })
        }
    });
    let crews = join_all(crews).await.into_iter().collect::<Result<_, _>>()?;
    Ok(Fleet { crews })
}

async fn enlist(address: &str, token: &Token, job: Job) -> Result<Crew, String> {
    let gone = |error: LineError| error.to_string();
    let stream = TcpStream::connect(address)
        .await
        .map_err(|error| format!("it cannot be reached: {error}"))?;
    let (mut reader, mut writer) = lines(stream);
    let nonce = match reader.read().await.map_err(gone)? {
        FromWorker::Challenge { nonce, protocol: PROTOCOL } => nonce,
        FromWorker::Challenge { protocol, .. } => {
            return Err(format!("it speaks protocol {protocol}, this program {PROTOCOL}"));
        }
        _ => return Err("it does not begin with a challenge".to_owned()),
    };
    let proof = token.prove(&nonce);
    say(&mut writer, FromController::Job { proof, job: Box::new(job) }).await.map_err(gone)?;
    match reader.read().await.map_err(gone)? {
        FromWorker::Ready => Ok(Crew { name: address.to_owned(), reader, writer }),
        FromWorker::Refused(reason) => Err(reason),
        _ => Err("it answers a job with something else".to_owned()),
    }
}

impl Fleet {
    /// Lets all begin, and passes on what they tell to `events` until the last is over. The plan's
    /// commands are run here.
    ///
    /// # Errors
    /// [`FleetError`] of the first that could not make its run, or was lost on the way.
    pub async fn run(
        self,
        plan: &plan::Run,
        clock: Clock,
        events: mpsc::UnboundedSender<Event>,
        mut stop: watch::Receiver<Stop>,
    ) -> Result<(), FleetError> {
        let mut orders = Vec::new();
        let mut crews = JoinSet::new();
        for crew in self.crews {
            let (order, wanted) = mpsc::unbounded_channel();
            orders.push(order);
            crews.spawn(crew.run(events.clone(), wanted));
        }
        let commands = tokio::spawn(Commands::new(plan, clock, events).run());
        let mut first = Ok(());
        loop {
            tokio::select! {
                over = crews.join_next() => match over {
                    None => break,
                    Some(Ok(Err(error))) if first.is_ok() => first = Err(error),
                    Some(_) => {}
                },
                Ok(()) = stop.changed() => {
                    let word = *stop.borrow_and_update();
                    orders.iter().for_each(|order| { let _ = order.send(word); });
                }
            }
        }
        commands.abort();
        first
    }
}

impl Crew {
    async fn run(
        self,
        events: mpsc::UnboundedSender<Event>,
        mut wanted: mpsc::UnboundedReceiver<Stop>,
    ) -> Result<(), FleetError> {
        let Self { name, mut reader, mut writer } = self;
        let label: Option<Label> = name.parse().ok();
        let lost = |reason: String| FleetError { worker: name.clone(), reason };
        say(&mut writer, FromController::Go).await.map_err(|error| lost(error.to_string()))?;
        let telling = tokio::spawn(async move {
            while let Some(stop) = wanted.recv().await {
                let word = match stop {
                    Stop::GoOn => continue,
                    Stop::HangUp => FromController::HangUp,
                    Stop::Now => FromController::Stop,
                };
                if say(&mut writer, word).await.is_err() {
                    return;
                }
            }
        });
        let result = loop {
            match reader.read().await {
                Ok(FromWorker::Event(mut event)) => {
                    if let Event::Generator(sample) = event.as_mut() {
                        sample.worker.clone_from(&label);
                    }
                    // Nobody listens any more when the run is being dropped.
                    let _ = events.send(*event);
                }
                Ok(FromWorker::Over(None)) => break Ok(()),
                Ok(FromWorker::Over(Some(reason))) => break Err(lost(reason)),
                Ok(_) => break Err(lost("it says what it should not".to_owned())),
                Err(error) => break Err(lost(format!("it was lost: {error}"))),
            }
        };
        telling.abort();
        result
    }
}

async fn say(writer: &mut Writer, word: FromController) -> Result<(), LineError> {
    writer.write(&word).await?;
    writer.flush().await
}
