//! The floor: the least that any SRTP forwarder has to do, and nothing else.
//!
//! Batched receive (GRO), AES-128-GCM open and seal in place, batched send (GSO) of each received run
//! as it came. No congestion control, no retransmission, no feedback, no rewriting, no checks; keys
//! are fixed. Whatever a node costs beyond this is its own.

use std::{
    io::{self, BufRead, BufReader, Write},
    net::{Ipv4Addr, SocketAddr},
    process::Stdio,
};

use light_peer::{
    Credentials, Peer,
    sdp::Remote,
    srtp::{MATERIAL_LEN, Session, TAG_LEN},
};
use mio::{Events, Interest, Poll, Token};

use super::{Target, TargetError};
use crate::{
    generator::{
        Generator,
        socket::{Addresses, Buffers, Socket},
    },
    process::{Owned, Place, placed},
};

/// What the floor does with a packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub enum Work {
    /// Opens it, seals it for the other peer and sends it there.
    Forward,
    /// Sends it back as it is.
    Echo,
}

/// The floor as a process.
pub struct Floor {
    process: Owned,
    address: SocketAddr,
    work: Work,
}

impl Floor {
    /// Starts this program again, on a core.
    pub fn start(
        place: &Place,
        bind: Ipv4Addr,
        peers: Addresses,
        work: Work,
    ) -> Result<Self, TargetError> {
        let ours = std::env::current_exe()?;
        let name = match work {
            Work::Forward => "forward",
            Work::Echo => "echo",
        };
        let mut child = placed(place, &ours)
            .args(["floor", "--bind", &bind.to_string(), "--work", name])
            .args(["--peers-from", &peers.base.to_string()])
            .stdout(Stdio::piped())
            .spawn()
            .map_err(|source| TargetError::Start { program: "the floor".to_owned(), source })?;
        let mut line = String::new();
        if let Some(output) = child.stdout.take() {
            BufReader::new(output).read_line(&mut line)?;
        }
        let process = Owned::new(child);
        let address = line
            .trim()
            .parse()
            .map_err(|_| TargetError::Protocol("the floor does not say where it is".to_owned()))?;
        Ok(Self { process, address, work })
    }
}

impl Target for Floor {
    fn name(&self) -> &'static str {
        match self.work {
            Work::Forward => "floor",
            Work::Echo => "echo",
        }
    }

    fn pid(&self) -> u32 {
        self.process.pid()
    }

    fn calls(&mut self, generator: &mut Generator, calls: usize) -> Result<(), TargetError> {
        for number in generator.peers()..2 * calls {
            let mut peer = Peer::keyed(
                number as u32,
                Some(match self.work {
                    Work::Forward => Session::new(&material(number), false),
                    // What comes back was sealed by ourselves.
                    Work::Echo => Session {
                        local: Session::new(&material(number), false).local,
                        remote: Session::new(&material(number), true).remote,
                    },
                }),
            );
            let credentials = Credentials { ufrag: String::new(), pwd: String::new() };
            peer.take_remote(Remote { credentials, address: self.address });
            generator.add(peer);
            generator.talk(number);
        }
        Ok(())
    }
}

/// The keys of a peer: as good as any, and both ends can make them.
pub(super) fn material(number: usize) -> [u8; MATERIAL_LEN] {
    let mut material = [0x5a; MATERIAL_LEN];
    material[..8].copy_from_slice(&number.to_be_bytes());
    material[16..24].copy_from_slice(&number.to_be_bytes());
    material
}

/// One peer as the floor knows it.
struct Leg {
    session: Session,
    address: Option<SocketAddr>,
    /// Highest index of audio and of video.
    highest: [u64; 2],
}

/// Runs the floor; prints its address. Ends when its parent does.
pub fn run(bind: Ipv4Addr, peers: Addresses, work: Work) -> io::Result<()> {
    let mut socket = Socket::bind(SocketAddr::from((bind, 0)))?;
    let mut output = io::stdout();
    writeln!(output, "{}:{}", bind, socket.port()?)?;
    output.flush()?;
    let mut poll = Poll::new()?;
    poll.registry().register(&mut socket.inner, Token(0), Interest::READABLE)?;
    let mut events = Events::with_capacity(1);
    let mut buffers = Buffers::new();
    let mut legs: Vec<Leg> = Vec::new();
    loop {
        poll.poll(&mut events, None)?;
        loop {
            match socket.receive(&mut buffers) {
                Ok(filled) => {
                    for (meta, run) in buffers.runs(filled) {
                        let to = match work {
                            Work::Forward => forward(&mut legs, peers, meta.addr, run, meta.stride),
                            Work::Echo => Some(meta.addr),
                        };
                        if let Some(to) = to {
                            // A full buffer shows as loss.
                            let _ = socket.send(None, to, run, meta.stride);
                        }
                    }
                }
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) => return Err(error),
            }
        }
    }
}

/// Opens and seals a run in place; to whom it goes.
fn forward(
    legs: &mut Vec<Leg>,
    peers: Addresses,
    from: SocketAddr,
    run: &mut [u8],
    stride: usize,
) -> Option<SocketAddr> {
    let number = peers.peer(from.ip())?;
    while legs.len() <= number | 1 {
        let session = Session::new(&material(legs.len()), true);
        legs.push(Leg { session, address: None, highest: [0; 2] });
    }
    legs[number].address = Some(from);
    let to = legs[number ^ 1].address?;
    for packet in run.chunks_mut(stride) {
        // Reports and checks end here.
        if packet.len() < 12 + TAG_LEN || (192..=223).contains(&packet[1]) {
            return None;
        }
        let extension = usize::from(u16::from_be_bytes([packet[14], packet[15]]));
        let header_len = 12 + 4 + 4 * extension;
        let sequence = u16::from_be_bytes([packet[2], packet[3]]);
        let ssrc = u32::from_be_bytes([packet[8], packet[9], packet[10], packet[11]]);
        let leg = &mut legs[number];
        let highest = &mut leg.highest[usize::from(ssrc & 1 == 0)];
        let ahead = sequence.wrapping_sub(*highest as u16) as i16;
        let index = highest.saturating_add_signed(ahead.into());
        *highest = index.max(*highest);
        if !leg.session.remote.open_rtp(packet, header_len, ssrc, index) {
            return None;
        }
        legs[number ^ 1].session.local.seal_rtp(packet, header_len, ssrc, index);
    }
    Some(to)
}
