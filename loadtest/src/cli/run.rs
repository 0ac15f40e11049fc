//! Many calls.

use std::{collections::BTreeMap, net::SocketAddr, time::Duration};

use time::{OffsetDateTime, format_description::well_known::Rfc3339};
use tokio::{
    sync::{mpsc, watch},
    task::JoinHandle,
    time::MissedTickBehavior,
};

use super::{
    access::{self, Access},
    exit,
    live::{Live, Progress},
    output::{self, Out},
    prometheus,
    scenario::PlanArguments,
    worker::TokenFile,
};
use crate::{
    drive::{
        Clock, Target,
        api::ApiKey,
        scrape::{self, Source},
    },
    engine::{self, EngineError, RunSetup, Share, Stop},
    fleet::{self, Fleet},
    measure::Tally,
    observe::Event,
    plan::Run,
    results::{About, Ending, RunReport},
};

#[derive(Debug, clap::Args)]
pub(super) struct RunArguments {
    #[command(flatten)]
    plan: PlanArguments,
    #[command(flatten)]
    access: Access,
    /// Host that may be given more than a few calls; this machine always may
    ///
    /// Also taken from VITRINE_LOADTEST_ALLOW, joined by commas.
    #[arg(long, value_name = "HOST", env = "VITRINE_LOADTEST_ALLOW", value_delimiter = ',')]
    allow: Vec<String>,
    /// Metrics of the deployment, read along: http://127.0.0.1:9090/metrics
    #[arg(long, value_name = "URL", help_heading = "Output")]
    metrics: Vec<Source>,
    /// Where to write the report: json=FILE, html=FILE, csv=FILE or junit=FILE
    #[arg(long, value_name = "FORM=FILE", help_heading = "Output")]
    out: Vec<Out>,
    /// Something to find the report by
    #[arg(long, value_name = "KEY=VALUE", value_parser = label, help_heading = "Output")]
    label: Vec<(String, String)>,
    /// Serve the run's metrics to Prometheus while it goes on: 127.0.0.1:9465
    #[arg(long, value_name = "ADDRESS", help_heading = "Output")]
    prometheus: Option<SocketAddr>,
    /// How progress is shown
    #[arg(long, value_enum, default_value_t = Progress::Auto, help_heading = "Output")]
    progress: Progress,
    /// Threads for media; without it one for each core
    #[arg(long, value_name = "NUMBER", help_heading = "Generator")]
    #[arg(value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
    /// Generator host that makes a part of the calls: HOST:PORT; without any, this one makes all
    #[arg(long, value_name = "ADDRESS", help_heading = "Generator")]
    worker: Vec<String>,
    #[command(flatten)]
    token: TokenFile,
    /// Share of the calls that run on a complete WebRTC stack instead of the light one
    #[arg(long, value_name = "SHARE", default_value = "0%", help_heading = "Generator")]
    full_stack: crate::plan::Share,
}

/// How often the view is drawn, thresholds are judged and Prometheus' text is renewed.
const TICK: Duration = Duration::from_millis(500);
/// Events that are taken in one go.
const BATCH: usize = 1_024;

fn label(text: &str) -> Result<(String, String), String> {
    let (key, value) = text.split_once('=').ok_or("KEY=VALUE is wanted")?;
    Ok((key.to_owned(), value.to_owned()))
}

/// Everything that is known before the first call.
struct Ready {
    plan: Run,
    target: Target,
    key: ApiKey,
}

impl RunArguments {
    fn ready(&self) -> Result<Ready, String> {
        let plan = self.plan.plan().map_err(|error| error.to_string())?;
        let (target, key) = self.access.target()?;
        engine::allowed(&target, plan.load.peak(), &self.allow)
            .map_err(|error| format!("{error}: --allow"))?;
        Ok(Ready { plan, target, key })
    }

    /// The workers, if there are any, each ready to begin its part.
    async fn fleet(&self, ready: &Ready) -> Result<Option<Fleet>, (String, u8)> {
        if self.worker.is_empty() {
            return Ok(None);
        }
        let token = self.token.token().map_err(|reason| (reason, exit::USAGE))?;
        let url = ready.target.to_string();
        fleet::connect(&self.worker, &token, &url, &ready.plan, self.full_stack.get())
            .await
            .map(Some)
            .map_err(|error| (error.to_string(), exit::UNREACHABLE))
    }
}

pub(super) async fn run(arguments: RunArguments) -> u8 {
    let ready = match arguments.ready() {
        Ok(ready) => ready,
        Err(reason) => {
            output::error(&reason);
            return exit::USAGE;
        }
    };
    let (text, scraped) = watch::channel(String::new());
    if let Some(address) = arguments.prometheus {
        match prometheus::serve(address, scraped).await {
            Ok(address) => output::note(&format!("metrics at http://{address}/metrics")),
            Err(error) => {
                output::error(&format!("{address} cannot be listened on: {error}"));
                return exit::USAGE;
            }
        }
    }
    let about = About {
        target: ready.target.to_string(),
        began: OffsetDateTime::now_utc().format(&Rfc3339).unwrap_or_default(),
        labels: arguments.label.iter().cloned().collect::<BTreeMap<_, _>>(),
    };
    let fleet = match arguments.fleet(&ready).await {
        Ok(fleet) => fleet,
        Err((reason, code)) => {
            output::error(&reason);
            return code;
        }
    };
    let plan = ready.plan.clone();
    let mut running = Running::start(&arguments, ready, fleet, text);
    let ending = running.watch().await;
    running.live.clear();
    let (ending, refused) = match ending {
        Ok(ending) => (ending, None),
        Err(error) => (Ending::Unreachable(error.to_string()), Some(error)),
    };
    let seconds = running.clock.now().as_secs_f64();
    let report = RunReport::new(about, plan, seconds, &ending, running.tally);
    let mut code = exit::of(&report.verdict);
    if let Some(error) = refused {
        output::error(&error.to_string());
        code = match &error {
            EngineError::Api(error) => access::code(error),
            EngineError::Machine(_) => exit::FAILED,
            EngineError::Fleet(_) => exit::UNREACHABLE,
        };
    } else {
        output::summary(&report);
    }
    for out in &arguments.out {
        if let Err(reason) = out.write(&report) {
            output::error(&reason);
            code = exit::USAGE.max(code);
        }
    }
    code
}

/// A run that goes on.
struct Running {
    plan: Run,
    target: String,
    clock: Clock,
    tally: Tally,
    live: Live,
    events: mpsc::UnboundedReceiver<Event>,
    engine: JoinHandle<Result<(), EngineError>>,
    stop: watch::Sender<Stop>,
    text: watch::Sender<String>,
    aborted: bool,
}

impl Running {
    fn start(
        arguments: &RunArguments,
        ready: Ready,
        fleet: Option<Fleet>,
        text: watch::Sender<String>,
    ) -> Self {
        let clock = Clock::start();
        let (sender, events) = mpsc::unbounded_channel();
        let (stop, stopped) = watch::channel(Stop::GoOn);
        for source in arguments.metrics.iter().cloned() {
            tokio::spawn(scrape::scrape(source, clock, sender.clone()));
        }
        let Ready { plan, target, key } = ready;
        let name = target.to_string();
        let engine = match fleet {
            Some(fleet) => {
                let plan = plan.clone();
                tokio::spawn(async move { Ok(fleet.run(&plan, clock, sender, stopped).await?) })
            }
            None => tokio::spawn(engine::run(RunSetup {
                plan: plan.clone(),
                target,
                key,
                clock,
                events: sender,
                stop: stopped,
                share: Share::ALL,
                threads: arguments.threads.map(usize::from),
                full_stack: arguments.full_stack.get(),
            })),
        };
        Self {
            tally: Tally::new(&plan),
            plan,
            target: name,
            clock,
            live: Live::new(arguments.progress),
            events,
            engine,
            stop,
            text,
            aborted: false,
        }
    }

    /// Adds up what is told until the last call is over.
    async fn watch(&mut self) -> Result<Ending, EngineError> {
        let mut ticks = tokio::time::interval(TICK);
        ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
        let mut batch = Vec::with_capacity(BATCH);
        let mut interrupted = false;
        loop {
            tokio::select! {
                taken = self.events.recv_many(&mut batch, BATCH), if !self.events.is_closed() => {
                    if taken == 0 {
                        self.events.close();
                    }
                    batch.drain(..).for_each(|event| self.tally.apply(&event));
                }
                _ = ticks.tick() => self.tick(),
                pressed = tokio::signal::ctrl_c() => {
                    if pressed.is_err() || interrupted {
                        let _ = self.stop.send(Stop::Now);
                        return Ok(Ending::Interrupted);
                    }
                    interrupted = true;
                    self.live.note("hanging up; press Ctrl-C again to drop everything");
                    let _ = self.stop.send(Stop::HangUp);
                }
                over = &mut self.engine => {
                    while let Ok(event) = self.events.try_recv() {
                        self.tally.apply(&event);
                    }
                    let over = over.unwrap_or_else(|error| {
                        Err(EngineError::Machine(std::io::Error::other(error)))
                    });
                    return over.map(|()| match (interrupted, self.aborted) {
                        (true, _) => Ending::Interrupted,
                        (false, true) => Ending::Aborted,
                        (false, false) => Ending::Planned,
                    });
                }
            }
        }
    }

    fn tick(&mut self) {
        let at = self.clock.now();
        self.live.show(&self.plan, &self.target, at, &self.tally);
        // Nobody may be listening.
        let _ = self.text.send(prometheus::text(&self.plan, &self.tally));
        if self.plan.abort_on_fail && !self.aborted {
            let judged = self.plan.thresholds.iter().map(|threshold| threshold.judge(&self.tally));
            if let Some(hopeless) = judged.into_iter().find(|judged| judged.is_hopeless()) {
                self.aborted = true;
                self.live.note(&format!("{} is beyond hope: hanging up", hopeless.threshold));
                let _ = self.stop.send(Stop::HangUp);
            }
        }
    }
}
