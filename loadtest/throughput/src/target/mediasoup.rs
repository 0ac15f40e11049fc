//! mediasoup, as it is installed on this machine: a library, so `mediasoup.mjs` beside this crate is the application.
//!
//! One worker, one UDP port, and one transport for each participant, which carries both ways.

use std::{
    fs,
    io::{BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    path::Path,
    process::{ChildStdin, Stdio},
    sync::mpsc::{self, Receiver, RecvTimeoutError, TryRecvError},
    thread,
    time::{Duration, Instant},
};

use light_peer::{Credentials, Peer, dtls::Identity, sdp::Remote};
use serde_json::{Value, json};

use super::{Target, TargetError, one_by_one, warm};
use crate::{
    generator::Generator,
    process::{Owned, Place, placed},
};

/// The application.
const PROGRAM: &str = include_str!("../../mediasoup.mjs");
/// It starts in less than a second.
const START: Duration = Duration::from_secs(20);
/// For one answer.
const STEP: Duration = Duration::from_secs(10);

/// A running mediasoup.
pub struct Mediasoup {
    process: Owned,
    worker: u32,
    address: Ipv4Addr,
    requests: ChildStdin,
    answers: Receiver<String>,
    identity: Identity,
}

impl Mediasoup {
    /// Starts the mediasoup in the folder `package` on a core; it listens on `address`.
    pub fn start(place: &Place, package: &Path, address: Ipv4Addr) -> Result<Self, TargetError> {
        let mut child = placed(place, Path::new("node"))
            .args(["--input-type=module", "--eval", PROGRAM, "--"])
            .arg(package)
            .arg(address.to_string())
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| TargetError::Start { program: "node".to_owned(), source })?;
        let (Some(requests), Some(output)) = (child.stdin.take(), child.stdout.take()) else {
            return Err(TargetError::Protocol("mediasoup: no pipes".to_owned()));
        };
        let mut process = Owned::new(child);
        let (said, answers) = mpsc::channel();
        // Ends with the process.
        thread::spawn(move || {
            for line in BufReader::new(output).lines().map_while(Result::ok) {
                if said.send(line).is_err() {
                    return;
                }
            }
        });
        let first = match answers.recv_timeout(START) {
            Ok(line) => read(&line)?,
            Err(RecvTimeoutError::Disconnected) => return Err(ended(&mut process)?),
            Err(RecvTimeoutError::Timeout) => {
                return Err(TargetError::Protocol("mediasoup does not start".to_owned()));
            }
        };
        let worker = number(&first, "worker")?;
        let identity = Identity::new()?;
        Ok(Self { process, worker, address, requests, answers, identity })
    }

    /// Asks for something; media goes on until the answer is there.
    fn ask(&mut self, generator: &mut Generator, request: &Value) -> Result<Value, TargetError> {
        writeln!(self.requests, "{request}")?;
        let end = Instant::now() + STEP;
        loop {
            match self.answers.try_recv() {
                Ok(line) => return read(&line),
                Err(TryRecvError::Disconnected) => return Err(ended(&mut self.process)?),
                Err(TryRecvError::Empty) => {}
            }
            if Instant::now() > end {
                return Err(TargetError::Protocol(format!("mediasoup: no answer to {request}")));
            }
            generator.turn(Instant::now() + Duration::from_millis(1))?;
        }
    }

    /// A participant who is not connected yet.
    fn join(&mut self, generator: &mut Generator) -> Result<usize, TargetError> {
        let peer = Peer::new(generator.peers() as u32, &self.identity);
        let join = json!({ "fingerprint": peer.fingerprint(), "ssrcs": peer.ssrcs() });
        let place = generator.add(peer);
        let answer = self.ask(generator, &json!({ "join": join }))?;
        let text = |name: &str| answer[name].as_str().unwrap_or_default().to_owned();
        let credentials = Credentials { ufrag: text("ufrag"), pwd: text("pwd") };
        let address = SocketAddr::from((self.address, number(&answer, "port")?));
        if let Some(peer) = generator.peer(place) {
            peer.take_remote(Remote { credentials, address });
        }
        generator.connect(place);
        Ok(place)
    }

    fn call(&mut self, generator: &mut Generator) -> Result<(), TargetError> {
        let (one, other) = (self.join(generator)?, self.join(generator)?);
        warm(generator, [one, other], STEP)?;
        for pair in [[one, other], [other, one]] {
            self.ask(generator, &json!({ "watch": pair }))?;
        }
        generator.talk(one);
        generator.talk(other);
        Ok(())
    }
}

/// The version of the mediasoup in a folder.
pub fn version(package: &Path) -> Result<String, TargetError> {
    let file = package.join("package.json");
    let wrong = |error: String| TargetError::Protocol(format!("{}: {error}", file.display()));
    let text = fs::read_to_string(&file).map_err(|error| wrong(error.to_string()))?;
    let about: Value = serde_json::from_str(&text).map_err(|error| wrong(error.to_string()))?;
    Ok(about["version"].as_str().unwrap_or("unknown").to_owned())
}

/// It says no more: it is ending.
fn ended(process: &mut Owned) -> Result<TargetError, TargetError> {
    Ok(TargetError::Ended(process.child().wait()?))
}

fn read(line: &str) -> Result<Value, TargetError> {
    let answer: Value = serde_json::from_str(line)
        .map_err(|error| TargetError::Protocol(format!("mediasoup: {error}: {line}")))?;
    match answer["error"].as_str() {
        Some(error) => Err(TargetError::Protocol(format!("mediasoup: {error}"))),
        None => Ok(answer),
    }
}

fn number<T: TryFrom<u64>>(answer: &Value, name: &str) -> Result<T, TargetError> {
    let number = answer[name].as_u64().and_then(|number| number.try_into().ok());
    number.ok_or_else(|| TargetError::Protocol(format!("mediasoup says no {name}: {answer}")))
}

impl Target for Mediasoup {
    fn name(&self) -> &'static str {
        "mediasoup"
    }

    fn pid(&self) -> u32 {
        self.worker
    }

    fn pids(&self) -> Vec<u32> {
        vec![self.process.pid(), self.worker]
    }

    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError> {
        one_by_one(generator, calls, |generator| self.call(generator))
    }
}
