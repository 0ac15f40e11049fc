//! What is done to the deployment and to the callers meanwhile.

use std::{collections::VecDeque, process::Stdio, time::Duration};

use tokio::{process::Command, sync::mpsc};

use crate::{
    drive::{Clock, pool::Nudge},
    observe::{ChaosRan, Event},
    plan::{self, Action, ChaosStep},
};

/// The steps that are still to come.
pub(super) struct Chaos {
    steps: VecDeque<ChaosStep>,
    clock: Clock,
    events: mpsc::UnboundedSender<Event>,
}

/// The commands of a plan alone, for who makes no calls itself.
pub struct Commands {
    chaos: Chaos,
    clock: Clock,
}

impl Commands {
    /// The commands of `plan`, from now on.
    pub fn new(plan: &plan::Run, clock: Clock, events: mpsc::UnboundedSender<Event>) -> Self {
        let commands = plan.chaos.iter().filter(|step| matches!(step.action, Action::Run { .. }));
        Self { chaos: Chaos::new(commands.cloned().collect(), clock, events), clock }
    }

    /// Runs each when it is due, and returns when the last has begun.
    pub async fn run(mut self) {
        let began = self.clock.now();
        while let Some(step) = self.chaos.steps.front() {
            tokio::time::sleep_until(self.clock.instant(began + step.at)).await;
            self.chaos.due(self.clock.now() - began);
        }
    }
}

/// A step that is done to callers.
#[derive(Debug, Clone)]
pub(super) struct Wanted {
    name: String,
    /// Of the calls.
    pub(super) share: f64,
    pub(super) nudge: Nudge,
}

/// A command that runs longer is left to itself; recovery is measured all the same.
const COMMAND_TIMEOUT: Duration = Duration::from_secs(120);

impl Chaos {
    pub(super) fn new(
        mut steps: Vec<ChaosStep>,
        clock: Clock,
        events: mpsc::UnboundedSender<Event>,
    ) -> Self {
        steps.sort_by_key(|step| step.at);
        Self { steps: steps.into(), clock, events }
    }

    /// Begins the commands that are due since the begin of the run, and returns what is to be done
    /// to callers.
    pub(super) fn due(&mut self, since_begin: Duration) -> Vec<Wanted> {
        let mut wanted = Vec::new();
        while self.steps.front().is_some_and(|step| step.at <= since_begin) {
            let Some(step) = self.steps.pop_front() else { break };
            let name = step.action.name().to_owned();
            match step.action {
                Action::Run { command, .. } => self.begin(name, command),
                Action::DropUdp { lasts, share } => {
                    let nudge = Nudge::DropUdp(lasts);
                    wanted.push(Wanted { name, share: share.get(), nudge });
                }
                Action::ChangeAddress { share } => {
                    let nudge = Nudge::ChangeAddress;
                    wanted.push(Wanted { name, share: share.get(), nudge });
                }
            }
        }
        wanted
    }

    /// A step was done to so many calls.
    pub(super) fn done(&self, step: &Wanted, calls: u64) {
        self.tell(ChaosRan {
            at: self.clock.now(),
            step: step.name.clone(),
            calls: Some(calls),
            error: None,
        });
    }

    fn begin(&self, step: String, command: String) {
        let (events, clock) = (self.events.clone(), self.clock);
        tokio::spawn(async move {
            let at = clock.now();
            let error = run(&command).await.err();
            let _ = events.send(Event::Chaos(ChaosRan { at, step, calls: None, error }));
        });
    }

    fn tell(&self, ran: ChaosRan) {
        let _ = self.events.send(Event::Chaos(ran));
    }
}

/// Runs an operator's command.
async fn run(command: &str) -> Result<(), String> {
    let child = Command::new("sh")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("sh cannot be started: {error}"))?;
    let output = tokio::time::timeout(COMMAND_TIMEOUT, child.wait_with_output())
        .await
        .map_err(|_| format!("still running after {} s", COMMAND_TIMEOUT.as_secs()))?
        .map_err(|error| error.to_string())?;
    if output.status.success() {
        return Ok(());
    }
    let said = String::from_utf8_lossy(&output.stderr);
    let last = said.lines().rev().find(|line| !line.trim().is_empty()).unwrap_or("it said nothing");
    Err(format!("{}: {last}", output.status))
}
