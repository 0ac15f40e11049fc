//! ICE-lite (RFC 8445 §2.5): the node never checks, it only answers.
//!
//! The peer is always controlling. Its latest authenticated check with USE-CANDIDATE decides where
//! we send, so a phone that changes from Wi-Fi to mobile data moves its media with one packet.
//! Nothing of a check is believed before its MESSAGE-INTEGRITY is verified, and whoever cannot
//! produce one gets no answer at all.

mod check;
mod measure;
#[cfg(test)]
mod tests;

use std::{
    collections::VecDeque,
    time::{Duration, Instant},
};

use arrayvec::{ArrayString, ArrayVec};
use rand::Rng;

pub(crate) use self::{
    check::{Check, Response},
    measure::{Measure, Measured},
};
use crate::{
    api::{ConnectionId, Path, Port},
    sdp::IceCredentials,
};

/// First bytes of datagrams that are STUN (RFC 7983).
pub(crate) const FIRST_BYTES: std::ops::RangeInclusive<u8> = 0..=3;

/// Characters of our user name fragments that name the worker where the leg was opened, 16 bits: a
/// TCP connection, which all workers' pages make to one port, is brought there by them.
const UFRAG_PORT_LEN: usize = 3;
/// Characters of our user name fragments. The rest names a leg on a port, so it must not repeat
/// among the legs of a worker: 48 bits.
const UFRAG_LEN: usize = UFRAG_PORT_LEN + 8;
/// Characters of our passwords: 144 bits, RFC 8445 §5.3 asks for 128.
const PWD_LEN: usize = 24;
/// `ice-char` (RFC 8839 §5.4): 6 bits each.
const ICE_CHARS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/// Validated paths kept for one leg. A phone has Wi-Fi and mobile data, each with IPv4 and IPv6;
/// beyond twice that the oldest makes room, so that a peer cannot fill our address table.
pub(crate) const MAX_PATHS: usize = 8;

/// Transaction ids remembered for one leg, so that an overheard check cannot be said again from
/// elsewhere. At a browser's pace of one check in 2.5 s these are almost three hours, in 16 kB.
const MAX_SEEN: usize = 4_096;

/// Without a validated check for this long the peer is silent. Browsers send one every 2.5 s, so
/// this is two lost in a row.
pub(crate) const SILENT_AFTER: Duration = Duration::from_secs(5);
/// Without a validated check for this long consent is gone (RFC 7675 §5.1).
pub(crate) const CONSENT_TIMEOUT: Duration = Duration::from_secs(30);
/// How long a page may take from our answer to its first validated check.
pub(crate) const CONNECT_TIMEOUT: Duration = Duration::from_secs(30);

/// Our user name fragment for a leg.
pub(crate) type Ufrag = ArrayString<UFRAG_LEN>;

/// Our half of one generation of credentials. An ICE restart makes the next.
#[derive(Clone)]
pub(crate) struct LocalCredentials {
    pub(crate) ufrag: Ufrag,
    pwd: ArrayString<PWD_LEN>,
}

impl LocalCredentials {
    /// Credentials of a leg that is opened at `port`.
    pub(crate) fn generate(port: Port, rng: &mut impl Rng) -> Self {
        let mut ufrag = Ufrag::new();
        for place in (0..UFRAG_PORT_LEN).rev() {
            ufrag.push(char::from(ICE_CHARS[usize::from(port.0) >> (6 * place) & 63]));
        }
        push_random(&mut ufrag, rng);
        let mut pwd = ArrayString::new();
        push_random(&mut pwd, rng);
        Self { ufrag, pwd }
    }

    /// Given ones; none unless they are exactly as long as ours and long enough for ICE.
    fn from_texts(ufrag: &str, pwd: &str) -> Option<Self> {
        if ufrag.len() != UFRAG_LEN || pwd.len() != PWD_LEN {
            return None;
        }
        Some(Self { ufrag: ArrayString::from(ufrag).ok()?, pwd: ArrayString::from(pwd).ok()? })
    }

    /// Random ones, as texts.
    pub(crate) fn random_texts(rng: &mut impl Rng) -> (String, String) {
        // Whichever worker is asked over TCP, it knows them.
        let Self { ufrag, pwd } = Self::generate(Port(0), rng);
        (ufrag.to_string(), pwd.to_string())
    }

    /// As the answer announces them.
    pub(crate) fn to_sdp(&self) -> IceCredentials {
        IceCredentials { ufrag: self.ufrag.to_string(), pwd: self.pwd.to_string() }
    }
}

impl std::fmt::Debug for LocalCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("LocalCredentials").field("ufrag", &self.ufrag).finish_non_exhaustive()
    }
}

/// Fills it up.
fn push_random<const N: usize>(text: &mut ArrayString<N>, rng: &mut impl Rng) {
    while !text.is_full() {
        text.push(char::from(ICE_CHARS[usize::from(rng.random::<u8>() % 64)]));
    }
}

/// Where the leg with this user name fragment was opened, if it is one of ours.
pub(crate) fn port_of(ufrag: &str) -> Option<Port> {
    let named = ufrag.as_bytes().get(..UFRAG_PORT_LEN).filter(|_| ufrag.len() == UFRAG_LEN)?;
    let port = named.iter().try_fold(0_u32, |port, byte| {
        let digit = ICE_CHARS.iter().position(|known| known == byte)?;
        Some(port << 6 | digit as u32)
    })?;
    u16::try_from(port).ok().map(Port)
}

/// Both halves of one generation.
#[derive(Debug)]
struct Generation {
    local: LocalCredentials,
    remote_ufrag: String,
}

/// A path that passed an authenticated check.
#[derive(Debug, Clone, Copy)]
struct Validated {
    path: Path,
    last_check: Instant,
    /// It takes nothing more for now.
    blocked: bool,
}

/// What became of a check.
#[derive(Debug)]
pub(crate) enum Outcome {
    /// The sender does not know the password, or mixes up user names. It gets no answer.
    Unauthenticated,
    /// Authentic, but the peer claims to be the controlled side, which a full agent facing a lite
    /// one never is. The answer corrects it; the check has no other effect.
    RoleConflict(Response),
    /// Authentic, but said before, and now from where it would change something: somebody who
    /// overheard it wants the peer's media. It gets no answer.
    Replayed,
    /// The path is validated.
    Valid(Accepted),
}

/// What a valid check changed.
#[derive(Debug)]
pub(crate) struct Accepted {
    pub(crate) response: Response,
    /// The path was not known before.
    pub(crate) new_path: bool,
    /// This path was forgotten to make room for it.
    pub(crate) evicted: Option<Path>,
    /// The old credentials ended, because the peer nominated with the new ones.
    pub(crate) retired: Option<Ufrag>,
}

/// The ICE side of one leg.
#[derive(Debug)]
pub(crate) struct Agent {
    current: Generation,
    /// Stays valid until the peer nominates with the current one.
    previous: Option<Generation>,
    /// In the order of validation.
    paths: ArrayVec<Validated, MAX_PATHS>,
    nominated: Option<Path>,
    last_check: Instant,
    /// Transactions of valid checks, oldest first.
    seen: VecDeque<u32>,
}

impl Agent {
    pub(crate) fn new(local: LocalCredentials, remote_ufrag: String, now: Instant) -> Self {
        Self {
            current: Generation { local, remote_ufrag },
            previous: None,
            paths: ArrayVec::new(),
            nominated: None,
            last_check: now,
            seen: VecDeque::new(),
        }
    }

    /// ICE restart. Returns the fragment that is no longer valid, if an earlier restart had not
    /// been completed.
    pub(crate) fn restart(
        &mut self,
        local: LocalCredentials,
        remote_ufrag: String,
    ) -> Option<Ufrag> {
        let next = Generation { local, remote_ufrag };
        let retired = self.previous.replace(std::mem::replace(&mut self.current, next));
        retired.map(|generation| generation.local.ufrag)
    }

    /// Our credentials, if the peer still has the user name fragment that goes with them: an offer
    /// with the same fragment is no ICE restart (RFC 8839 §4.4.1.1.1).
    pub(crate) fn credentials_for(&self, remote_ufrag: &str) -> Option<&LocalCredentials> {
        (self.current.remote_ufrag == remote_ufrag).then_some(&self.current.local)
    }

    /// Our credentials that are valid now.
    pub(crate) fn credentials(&self) -> impl Iterator<Item = &LocalCredentials> {
        [Some(&self.current), self.previous.as_ref()].into_iter().flatten().map(|g| &g.local)
    }

    /// The fragments by which the peer may address this leg.
    pub(crate) fn ufrags(&self) -> impl Iterator<Item = Ufrag> {
        self.credentials().map(|local| local.ufrag)
    }

    /// Takes a check that arrived on `path`.
    pub(crate) fn handle_check(&mut self, now: Instant, path: Path, mut check: Check) -> Outcome {
        let is_current = check.local_ufrag() == self.current.local.ufrag.as_str();
        let generation = if is_current { Some(&self.current) } else { self.previous.as_ref() };
        let Some(generation) = generation.filter(|generation| {
            check.remote_ufrag() == generation.remote_ufrag && check.is_for(&generation.local)
        }) else {
            return Outcome::Unauthenticated;
        };
        let pwd = &generation.local.pwd;
        if check.controlled {
            return check
                .role_conflict(pwd)
                .map_or(Outcome::Unauthenticated, Outcome::RoleConflict);
        }
        if self.is_replay(path, &check) {
            return Outcome::Replayed;
        }
        let Some(response) = check.success(path.remote, pwd) else {
            return Outcome::Unauthenticated;
        };
        self.remember(check.transaction());
        self.last_check = now;
        let (new_path, evicted) = self.validate(now, path);
        let mut retired = None;
        if check.use_candidate {
            self.nominated = Some(path);
            if is_current {
                retired = self.previous.take().map(|generation| generation.local.ufrag);
            }
        }
        Outcome::Valid(Accepted { response, new_path, evicted, retired })
    }

    /// Whether the check has been seen before and would change something now. A repetition that
    /// changes nothing is an honest one: its answer was lost.
    fn is_replay(&self, path: Path, check: &Check) -> bool {
        let known = self.paths.iter().any(|known| known.path == path);
        let nominates = check.use_candidate && self.nominated != Some(path);
        (!known || nominates) && self.seen.contains(&check.transaction())
    }

    fn remember(&mut self, transaction: u32) {
        if self.seen.back() == Some(&transaction) {
            return;
        }
        if self.seen.len() == MAX_SEEN {
            self.seen.pop_front();
        }
        self.seen.push_back(transaction);
    }

    /// Whether the path is new, and which one made room for it.
    fn validate(&mut self, now: Instant, path: Path) -> (bool, Option<Path>) {
        if let Some(known) = self.paths.iter_mut().find(|known| known.path == path) {
            known.last_check = now;
            return (false, None);
        }
        let mut evicted = None;
        if self.paths.is_full() {
            let oldest = (0..self.paths.len())
                .filter(|&i| Some(self.paths[i].path) != self.nominated)
                .min_by_key(|&i| self.paths[i].last_check);
            evicted = oldest.map(|i| self.paths.remove(i).path);
        }
        self.paths.push(Validated { path, last_check: now, blocked: false });
        (true, evicted)
    }

    /// Notes whether a path takes nothing for now.
    pub(crate) fn set_blocked(&mut self, path: Path, blocked: bool) {
        if let Some(known) = self.paths.iter_mut().find(|known| known.path == path) {
            known.blocked = blocked;
        }
    }

    /// Forgets a path that has been validated for another leg since, or whose connection has ended.
    pub(crate) fn forget(&mut self, path: Path) {
        self.paths.retain(|known| known.path != path);
        self.nominated = self.nominated.filter(|&nominated| nominated != path);
    }

    /// Where to send: the path nominated last, and before any nomination the first that was
    /// validated, so that the handshake need not wait for it.
    pub(crate) fn send_path(&self) -> Option<Path> {
        self.nominated.or_else(|| self.paths.first().map(|known| known.path))
    }

    /// Whether there is such a path, and it takes something now. Only TCP ever holds back. Asked for
    /// every packet: nothing is copied.
    pub(crate) fn is_open(&self) -> bool {
        let path = self.nominated.as_ref().or_else(|| self.paths.first().map(|known| &known.path));
        path.is_some_and(|path| {
            path.connection().is_none()
                || !self.paths.iter().any(|known| known.path == *path && known.blocked)
        })
    }

    /// All validated paths.
    pub(crate) fn paths(&self) -> impl Iterator<Item = Path> {
        self.paths.iter().map(|known| known.path)
    }

    /// The connections among them.
    pub(crate) fn connections(&self) -> impl Iterator<Item = ConnectionId> {
        self.paths().filter_map(Path::connection)
    }

    /// When the last check was validated; when the agent was made, if none was.
    pub(crate) fn last_check(&self) -> Instant {
        self.last_check
    }
}
