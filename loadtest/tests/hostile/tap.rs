//! A tap on the way between a call's legs and their node: passes everything on unchanged, keeps a
//! copy, and can say things in a leg's name.

use std::{
    collections::HashMap,
    net::{Ipv4Addr, SocketAddr, UdpSocket},
    sync::{
        Arc, Mutex,
        atomic::{AtomicBool, Ordering},
    },
    thread::JoinHandle,
    time::Duration,
};

use loadtest::drive::detour::Detour;
use signaling_wire::browser::Role;

/// What a datagram is by its first byte (RFC 7983).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(crate) enum Class {
    Stun,
    Dtls,
    Rtp,
    Rtcp,
}

impl Class {
    pub(crate) const ALL: [Self; 4] = [Self::Stun, Self::Dtls, Self::Rtp, Self::Rtcp];

    fn of(datagram: &[u8]) -> Option<Self> {
        match datagram {
            [0..=3, ..] => Some(Self::Stun),
            [20..=63, ..] => Some(Self::Dtls),
            // Packet types of RTCP on a shared port (RFC 5761 §4).
            [128..=191, 192..=223, ..] => Some(Self::Rtcp),
            [128..=191, ..] => Some(Self::Rtp),
            _ => None,
        }
    }
}

/// Taps on both legs of a call.
#[derive(Default)]
pub(crate) struct Taps(Mutex<HashMap<Role, Tap>>);

struct Tap {
    /// The node's side of the tap: what it sends reaches the node from the leg's address.
    socket: Arc<UdpSocket>,
    node: SocketAddr,
    captured: Arc<Mutex<HashMap<Class, Vec<Vec<u8>>>>>,
    stop: Arc<AtomicBool>,
    thread: Option<JoinHandle<()>>,
}

/// Datagrams of each class that are kept from each leg.
const KEPT: usize = 100;
/// How often the thread looks whether it is to stop.
const LOOK_UP: Duration = Duration::from_millis(50);

impl Detour for Taps {
    fn take(&self, side: Role, node: SocketAddr) -> std::io::Result<SocketAddr> {
        let tap = Tap::start(node)?;
        let way = tap.socket.local_addr()?;
        self.0.lock().unwrap().insert(side, tap);
        Ok(way)
    }
}

impl Taps {
    /// Whether the leg of `side` has got its answer.
    pub(crate) fn has(&self, side: Role) -> bool {
        self.0.lock().unwrap().contains_key(&side)
    }

    /// The node that the leg of `side` is on.
    pub(crate) fn node(&self, side: Role) -> SocketAddr {
        self.0.lock().unwrap()[&side].node
    }

    /// What the leg of `side` has sent so far.
    pub(crate) fn captured(&self, side: Role, class: Class) -> Vec<Vec<u8>> {
        let taps = self.0.lock().unwrap();
        let captured = taps[&side].captured.lock().unwrap();
        captured.get(&class).cloned().unwrap_or_default()
    }

    /// Sends to the node from the address of the leg of `side`.
    pub(crate) fn inject(&self, side: Role, datagram: &[u8]) {
        let taps = self.0.lock().unwrap();
        let tap = &taps[&side];
        tap.socket.send_to(datagram, tap.node).unwrap();
    }
}

impl Tap {
    fn start(node: SocketAddr) -> std::io::Result<Self> {
        let socket = Arc::new(UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?);
        socket.set_read_timeout(Some(LOOK_UP))?;
        let captured = Arc::<Mutex<HashMap<Class, Vec<Vec<u8>>>>>::default();
        let stop = Arc::new(AtomicBool::new(false));
        let thread = std::thread::spawn({
            let (socket, captured, stop) = (socket.clone(), captured.clone(), stop.clone());
            move || pass(&socket, node, &captured, &stop)
        });
        Ok(Self { socket, node, captured, stop, thread: Some(thread) })
    }
}

impl Drop for Tap {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        if let Some(thread) = self.thread.take() {
            let _ = thread.join();
        }
    }
}

fn pass(
    socket: &UdpSocket,
    node: SocketAddr,
    captured: &Mutex<HashMap<Class, Vec<Vec<u8>>>>,
    stop: &AtomicBool,
) {
    let mut buffer = [0; 2_048];
    let mut leg = None;
    while !stop.load(Ordering::Relaxed) {
        let Ok((len, from)) = socket.recv_from(&mut buffer) else { continue };
        let datagram = &buffer[..len];
        if from == node {
            if let Some(leg) = leg {
                let _ = socket.send_to(datagram, leg);
            }
            continue;
        }
        leg = Some(from);
        let _ = socket.send_to(datagram, node);
        if let Some(class) = Class::of(datagram) {
            let mut captured = captured.lock().unwrap();
            let kept = captured.entry(class).or_default();
            if kept.len() < KEPT {
                kept.push(datagram.to_vec());
            }
        }
    }
}
