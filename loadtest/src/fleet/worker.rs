//! A generator host that does what controllers say.

use std::time::Duration;

use tokio::{
    net::{TcpListener, TcpStream},
    sync::{mpsc, watch},
};

use super::{
    FromController, FromWorker, Job, PROTOCOL, Token,
    line::{LineError, Reader, Writer, lines},
};
use crate::{
    drive::{Clock, Target, api::ApiKey},
    engine::{self, RunSetup, Share, Stop},
    observe::Event,
    plan,
};

/// What a worker knows by itself.
#[derive(Debug, Clone)]
pub struct Worker {
    /// Who may use it.
    pub token: Token,
    /// The deployment's API key.
    pub key: ApiKey,
    /// Hosts that may be given more than a few calls.
    pub allow: Vec<String>,
    /// Threads for media; none: one for each core.
    pub threads: Option<usize>,
}

/// A controller that is slower with its proof, its job or its go has gone away.
const PATIENCE: Duration = Duration::from_secs(30);

/// Serves controllers, one after the other: two at a time would measure each other.
///
/// # Errors
/// When nothing can be accepted any more.
pub async fn serve(worker: &Worker, listener: TcpListener) -> std::io::Result<()> {
    loop {
        let (stream, from) = listener.accept().await?;
        if let Err(error) = one(worker, stream).await {
            tracing::warn!(%from, %error, "a controller is gone");
        }
    }
}

async fn one(worker: &Worker, stream: TcpStream) -> Result<(), LineError> {
    let (mut reader, mut writer) = lines(stream);
    let nonce = format!("{:032x}", rand::random::<u128>());
    say(&mut writer, FromWorker::Challenge { nonce: nonce.clone(), protocol: PROTOCOL }).await?;
    let FromController::Job { proof, job } = hear(&mut reader).await? else {
        return Ok(());
    };
    let prepared = if worker.token.accepts(&nonce, &proof) {
        worker.prepare(&job)
    } else {
        Err("the token is not this worker's".to_owned())
    };
    let (target, plan) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => return say(&mut writer, FromWorker::Refused(reason)).await,
    };
    say(&mut writer, FromWorker::Ready).await?;
    let FromController::Go = hear(&mut reader).await? else { return Ok(()) };
    let (events, told) = mpsc::unbounded_channel();
    let (stop, stopped) = watch::channel(Stop::GoOn);
    let setup = RunSetup {
        plan,
        target,
        key: worker.key.clone(),
        clock: Clock::start(),
        events,
        stop: stopped,
        share: Share { index: job.index, of: job.of },
        threads: worker.threads,
        full_stack: job.full_stack,
    };
    run(setup, told, stop, reader, writer).await
}

async fn run(
    setup: RunSetup,
    mut told: mpsc::UnboundedReceiver<Event>,
    stop: watch::Sender<Stop>,
    mut reader: Reader,
    mut writer: Writer,
) -> Result<(), LineError> {
    let mut engine = tokio::spawn(engine::run(setup));
    // Reading a line is not to be cut short by what else happens.
    let listening = tokio::spawn(async move {
        while let Ok(word) = reader.read().await {
            match word {
                FromController::HangUp => stop.send_replace(Stop::HangUp),
                FromController::Stop => stop.send_replace(Stop::Now),
                FromController::Job { .. } | FromController::Go => continue,
            };
        }
        // Calls that nobody wants any more are not to go on for hours.
        stop.send_replace(Stop::HangUp);
    });
    let result = loop {
        tokio::select! {
            Some(event) = told.recv() => {
                writer.write(&FromWorker::Event(Box::new(event))).await?;
                if told.is_empty() {
                    writer.flush().await?;
                }
            }
            result = &mut engine => break result,
        }
    };
    while let Ok(event) = told.try_recv() {
        writer.write(&FromWorker::Event(Box::new(event))).await?;
    }
    let failure = match result {
        Ok(Ok(())) => None,
        Ok(Err(error)) => Some(error.to_string()),
        Err(error) => Some(format!("the worker has a bug: {error}")),
    };
    let told = say(&mut writer, FromWorker::Over(failure)).await;
    listening.abort();
    told
}

impl Worker {
    fn prepare(&self, job: &Job) -> Result<(Target, plan::Run), String> {
        let target = Target::parse(&job.url).map_err(|error| error.to_string())?;
        let mut plan = plan::Run::parse(&job.plan).map_err(|error| error.to_string())?;
        if job.index >= job.of {
            return Err("there is no such part of the calls".to_owned());
        }
        engine::allowed(&target, plan.load.peak(), &self.allow)
            .map_err(|error| error.to_string())?;
        // Commands are the controller's: on its machine, and once.
        plan.chaos.retain(|step| !matches!(step.action, plan::Action::Run { .. }));
        Ok((target, plan))
    }
}

async fn say(writer: &mut Writer, word: FromWorker) -> Result<(), LineError> {
    writer.write(&word).await?;
    writer.flush().await
}

async fn hear(reader: &mut Reader) -> Result<FromController, LineError> {
    tokio::time::timeout(PATIENCE, reader.read()).await.unwrap_or(Err(LineError::Gone))
}
