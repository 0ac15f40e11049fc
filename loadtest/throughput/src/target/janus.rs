//! Janus, the Debian package, with its videocall plugin: one PeerConnection for each participant, as
//! in ours. Spoken to over its Unix socket; the API is the same as over its WebSocket.

use std::{
    fs,
    net::Ipv4Addr,
    os::unix::net::UnixDatagram,
    path::{Path, PathBuf},
    process::Stdio,
    time::{Duration, Instant},
};

use light_peer::{Peer, dtls::Identity, sdp::Remote};
use serde_json::{Value, json};

use super::{Target, TargetError, one_by_one, warm};
use crate::{
    generator::Generator,
    process::{Owned, Place, placed},
};

/// It starts in less than a second.
const START: Duration = Duration::from_secs(10);
/// Starts that may fail.
const TRIES: u32 = 10;
/// For one answer of its API, and for a handshake.
const STEP: Duration = Duration::from_secs(10);
/// Largest message: an SDP is some kilobytes.
const MAX_MESSAGE: usize = 65_536;
const PLUGINS: &str = "/usr/lib/x86_64-linux-gnu/janus";

/// A running Janus.
pub struct Janus {
    process: Owned,
    _folder: Folder,
    socket: UnixDatagram,
    identity: Identity,
    transaction: u64,
    /// Said while something else was waited for.
    early: Vec<Value>,
}

/// A session and its plugin handle.
#[derive(Debug, Clone, Copy)]
struct Handle {
    session: u64,
    handle: u64,
}

impl Janus {
    /// Starts it on a core, on a real address: it never gathers loopback.
    pub fn start(place: &Place, address: Ipv4Addr) -> Result<Self, TargetError> {
        let folder = Folder::new()?;
        configure(&folder.0, address)?;
        // Now and then it finds no transport of its API, and ends at once.
        let mut tries = 0;
        let (process, socket) = loop {
            tries += 1;
            match launch(place, &folder.0) {
                Err(TargetError::Ended(_)) if tries < TRIES => {}
                result => break result?,
            }
        };
        let identity = Identity::new()?;
        let early = Vec::new();
        Ok(Self { process, _folder: folder, socket, identity, transaction: 0, early })
    }

    fn say(&mut self, mut message: Value) -> Result<String, TargetError> {
        self.transaction += 1;
        let transaction = self.transaction.to_string();
        message["transaction"] = json!(transaction);
        // A trailing newline would be refused.
        self.socket.send(message.to_string().as_bytes())?;
        Ok(transaction)
    }

    /// The first message that `pick` takes; media goes on meanwhile.
    fn expect<T>(
        &mut self,
        generator: &mut Generator,
        what: &str,
        mut pick: impl FnMut(&Value) -> Option<T>,
    ) -> Result<T, TargetError> {
        let end = Instant::now() + STEP;
        let mut buffer = vec![0; MAX_MESSAGE];
        let mut seen = 0;
        loop {
            while seen < self.early.len() {
                if let Some(picked) = pick(&self.early[seen]) {
                    self.early.remove(seen);
                    return Ok(picked);
                }
                seen += 1;
            }
            if let Ok(len) = self.socket.recv(&mut buffer) {
                let message: Value = serde_json::from_slice(&buffer[..len])
                    .map_err(|error| TargetError::Protocol(format!("Janus: {error}")))?;
                if message["janus"] == "error" || !message["plugindata"]["data"]["error"].is_null()
                {
                    return Err(TargetError::Protocol(format!("Janus: {message}")));
                }
                self.early.push(message);
                continue;
            }
            if Instant::now() > end {
                return Err(TargetError::Protocol(format!("Janus: no {what}")));
            }
            generator.turn(Instant::now() + Duration::from_millis(1))?;
        }
    }

    fn request(&mut self, generator: &mut Generator, message: Value) -> Result<u64, TargetError> {
        let transaction = self.say(message)?;
        self.expect(generator, "id", |answer| {
            (answer["transaction"] == transaction.as_str() && answer["janus"] == "success")
                .then(|| answer["data"]["id"].as_u64())?
        })
    }

    fn ask(&mut self, to: Handle, body: Value, jsep: Option<Value>) -> Result<(), TargetError> {
        let mut message = json!({
            "janus": "message", "session_id": to.session, "handle_id": to.handle, "body": body,
        });
        if let Some(jsep) = jsep {
            message["jsep"] = jsep;
        }
        self.say(message).map(drop)
    }

    /// Waits for an event of the plugin; its SDP, if it has one.
    fn event(
        &mut self,
        generator: &mut Generator,
        at: Handle,
        name: &str,
    ) -> Result<Option<String>, TargetError> {
        self.expect(generator, name, |message| {
            let is = message["sender"] == at.handle
                && message["plugindata"]["data"]["result"]["event"] == name;
            is.then(|| message["jsep"]["sdp"].as_str().map(str::to_owned))
        })
    }

    /// A registered user.
    fn user(&mut self, generator: &mut Generator, number: usize) -> Result<Handle, TargetError> {
        let session = self.request(generator, json!({ "janus": "create" }))?;
        let attach = json!({
            "janus": "attach", "session_id": session, "plugin": "janus.plugin.videocall",
        });
        let handle = Handle { session, handle: self.request(generator, attach)? };
        let register = json!({ "request": "register", "username": format!("u{number}") });
        self.ask(handle, register, None)?;
        self.event(generator, handle, "registered")?;
        Ok(handle)
    }

    fn call(&mut self, generator: &mut Generator) -> Result<(), TargetError> {
        let [one, other] =
            [0, 1].map(|_| generator.add(Peer::new(generator.peers() as u32, &self.identity)));
        let caller = self.user(generator, one)?;
        let callee = self.user(generator, other)?;
        let address = generator.local(one);
        let offer = generator.peer(one).map(|peer| peer.offer("actpass", address));
        let body = json!({ "request": "call", "username": format!("u{other}") });
        self.ask(caller, body, offer.map(|sdp| json!({ "type": "offer", "sdp": sdp })))?;
        let offer = self.event(generator, callee, "incomingcall")?;
        let address = generator.local(other);
        let answer = generator.peer(other).map(|peer| peer.offer("passive", address));
        self.connect(generator, other, offer)?;
        let jsep = answer.map(|sdp| json!({ "type": "answer", "sdp": sdp }));
        self.ask(callee, json!({ "request": "accept" }), jsep)?;
        let answer = self.event(generator, caller, "accepted")?;
        self.connect(generator, one, answer)?;
        warm(generator, [one, other], STEP)?;
        generator.talk(one);
        generator.talk(other);
        Ok(())
    }

    fn connect(
        &self,
        generator: &mut Generator,
        number: usize,
        sdp: Option<String>,
    ) -> Result<(), TargetError> {
        let remote = sdp.as_deref().and_then(Remote::parse);
        let remote = remote.ok_or_else(|| TargetError::Protocol("Janus: odd SDP".to_owned()))?;
        if let Some(peer) = generator.peer(number) {
            peer.take_remote(remote);
        }
        generator.connect(number);
        Ok(())
    }
}

/// Its settings, its log and the sockets of its API.
struct Folder(PathBuf);

impl Folder {
    fn new() -> Result<Self, TargetError> {
        let path = std::env::temp_dir().join(format!("throughput-janus-{}", std::process::id()));
        fs::create_dir_all(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        // Nobody needs it any more; what is left of it is in the folder of temporary files.
        let _ = fs::remove_dir_all(&self.0);
    }
}

fn launch(place: &Place, folder: &Path) -> Result<(Owned, UnixDatagram), TargetError> {
    let (ours, api) = (folder.join("ours"), folder.join("api"));
    for left in [&ours, &api] {
        // Of the last try, if there was one.
        let _ = fs::remove_file(left);
    }
    let child = placed(place, Path::new("janus"))
        .arg("--configs-folder")
        .arg(folder)
        .stdout(fs::File::create(folder.join("log"))?)
        .stderr(Stdio::null())
        .spawn()
        .map_err(|source| TargetError::Start { program: "janus".to_owned(), source })?;
    let mut process = Owned::new(child);
    let socket = UnixDatagram::bind(ours)?;
    let end = Instant::now() + START;
    while socket.connect(&api).is_err() {
        if let Some(status) = process.child().try_wait()? {
            return Err(TargetError::Ended(status));
        }
        if Instant::now() > end {
            return Err(TargetError::Protocol("Janus does not listen".to_owned()));
        }
        std::thread::sleep(Duration::from_millis(20));
    }
    socket.set_nonblocking(true)?;
    Ok((process, socket))
}

impl Target for Janus {
    fn name(&self) -> &'static str {
        "janus"
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError> {
        one_by_one(generator, calls, |generator| self.call(generator))
    }

    fn tend(&mut self, _generator: &mut Generator) -> Result<(), TargetError> {
        // Its socket must not fill up.
        let mut buffer = [0; MAX_MESSAGE];
        while self.socket.recv(&mut buffer).is_ok() {}
        Ok(())
    }
}

/// The settings of `peers.md`: ICE-lite, half trickle, no session timeout; nothing but what is used.
fn configure(folder: &Path, address: Ipv4Addr) -> Result<(), TargetError> {
    let main = format!(
        r#"general: {{
    plugins_folder = "{PLUGINS}/plugins"
    transports_folder = "{PLUGINS}/transports"
    events_folder = "{PLUGINS}/events"
    loggers_folder = "{PLUGINS}/loggers"
    debug_level = 2
    debug_colors = false
    session_timeout = 0
}}
media: {{ rtp_port_range = "20000-60000" }}
nat: {{
    ice_lite = true
    full_trickle = false
    ice_enforce_list = "{address}"
    ignore_mdns = true
}}
plugins: {{ disable = "{}" }}
transports: {{ disable = "{}" }}
"#,
        disabled("plugins", "videocall")?,
        disabled("transports", "pfunix")?,
    );
    fs::write(folder.join("janus.jcfg"), main)?;
    let path = folder.join("api");
    let api = format!(
        "general: {{\n enabled = true\n json = \"compact\"\n path = \"{}\"\n type = \"SOCK_DGRAM\"\n}}\n",
        path.display()
    );
    fs::write(folder.join("janus.transport.pfunix.jcfg"), api)?;
    fs::write(folder.join("janus.plugin.videocall.jcfg"), "general: {\n events = false\n}\n")?;
    Ok(())
}

/// Every library of a kind but one.
fn disabled(kind: &str, but: &str) -> Result<String, TargetError> {
    let but = format!("libjanus_{but}.so");
    let mut names = Vec::new();
    for entry in fs::read_dir(Path::new(PLUGINS).join(kind))? {
        let name = entry?.file_name().to_string_lossy().into_owned();
        if name.ends_with(".so") && name != but {
            names.push(name);
        }
    }
    Ok(names.join(","))
}
