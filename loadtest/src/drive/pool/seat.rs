//! A leg with its socket and its access network.

use std::{
    collections::HashMap,
    io,
    net::{Ipv4Addr, SocketAddr},
    time::Duration,
};

use mio::net::UdpSocket;
use rand::{SeedableRng, rngs::SmallRng};
use signaling_wire::ids::CallId;

use super::{Nudge, Spec, Verdict};
use crate::{
    drive::{Events, LegNews, Told},
    flow::Input,
    light::{Event, Identity, Leg, Media, Origin},
    link::Link,
    media::{CallTag, Kind},
};

/// A leg, its socket, and what lies between them and the node.
pub(super) struct Seat {
    pub(super) leg: Leg,
    pub(super) socket: UdpSocket,
    pub(super) events: Events,
    spec: Spec,
    up: Link,
    down: Link,
    rng: SmallRng,
    /// Until when UDP is dropped.
    deaf_until: Duration,
    next_told: Duration,
    /// The offer, and when it is told.
    offer: Option<(Duration, String)>,
    silent_at_end: Option<Duration>,
    /// What its socket had dropped when it was looked at last.
    drops: u64,
    /// The timer that was set for this leg last.
    pub(super) timer: Duration,
}

/// How often it is told what arrived.
const TELL_EVERY: Duration = Duration::from_secs(1);
/// In each direction of a leg's socket, as browsers ask for it: 256 KiB is seconds of one call.
const BUFFER_BYTES: usize = 256 << 10;

/// What came of trying to send.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sent {
    pub(super) sent: u64,
    pub(super) unsent: u64,
}

impl Seat {
    pub(super) fn new(
        identity: &Identity,
        origin: Origin,
        now: Duration,
        spec: Spec,
        events: Events,
    ) -> io::Result<Self> {
        let socket = bind(spec.from)?;
        let leg = Leg::new(identity, spec.side, origin, spec.seed);
        let address = SocketAddr::from((spec.address, socket.local_addr()?.port()));
        let offer = leg.offer(identity, address);
        Ok(Self {
            offer: Some((now + spec.after, offer)),
            leg,
            socket,
            events,
            up: Link::new(spec.impair),
            down: Link::new(spec.impair),
            rng: SmallRng::seed_from_u64(spec.seed),
            deaf_until: Duration::ZERO,
            next_told: Duration::MAX,
            silent_at_end: None,
            drops: 0,
            timer: Duration::MAX,
            spec,
        })
    }

    pub(super) fn answer(&mut self, now: Duration, sdp: &str) {
        if let Err(error) = self.leg.handle_answer(now, sdp) {
            self.events.tell(Input::LegFailed { reason: error.to_string() });
        }
    }

    pub(super) fn start(&mut self, now: Duration, call: CallId) {
        let Spec { profile, attempt, .. } = self.spec;
        let media = Media { call: CallTag::from(call), profile, leg: attempt - 1 };
        self.leg.start(now, media, self.spec.seed);
        self.next_told = now + TELL_EVERY;
    }

    /// The media has come to its planned end.
    pub(super) fn stop(&mut self, now: Duration) {
        self.silent_at_end = self.leg.silence(now);
        self.leg.stop(now);
    }

    /// Another leg is watched from now on: what was away until now is back there.
    pub(super) fn retire(&mut self, now: Duration) {
        if let Some(silence) = self.leg.silence(now) {
            self.events.report(Told::Leg(LegNews::Interrupted { at: now, silence }));
        }
        self.leg.retire(now);
        self.tell(now);
        self.next_told = Duration::MAX;
    }

    /// Does something to the caller; whether it has a new socket.
    pub(super) fn nudge(&mut self, now: Duration, nudge: Nudge) -> io::Result<bool> {
        match nudge {
            Nudge::DropUdp(lasts) => {
                self.deaf_until = now + lasts;
                Ok(false)
            }
            Nudge::ChangeAddress => {
                self.socket = bind(self.spec.from)?;
                self.drops = 0;
                self.leg.moved(now);
                Ok(true)
            }
        }
    }

    /// What its socket has dropped since this was asked last.
    pub(super) fn take_drops(&mut self, by_port: &HashMap<u16, u64>) -> u64 {
        let port = self.socket.local_addr().map(|address| address.port());
        let drops = port.ok().and_then(|port| by_port.get(&port)).copied().unwrap_or(0);
        drops.saturating_sub(std::mem::replace(&mut self.drops, drops))
    }

    /// A datagram came from the network.
    pub(super) fn receive(&mut self, now: Duration, from: SocketAddr, data: &mut [u8]) {
        if now < self.deaf_until {
            return;
        }
        if self.down.is_clear() {
            self.leg.handle_datagram(now, from, data);
        } else {
            self.down.push(now, from, data, &mut self.rng);
        }
    }

    /// Does what is due, sends what there is to send, and tells what happened.
    pub(super) fn turn(&mut self, now: Duration) -> Sent {
        if let Some((_, sdp)) = self.offer.take_if(|(at, _)| *at <= now) {
            self.events.tell(Input::OfferReady { sdp });
        }
        while let Some((from, mut data)) = self.down.pop(now) {
            self.leg.handle_datagram(now, from, &mut data);
        }
        if self.leg.next_timeout() <= now {
            self.leg.handle_timeout(now);
        }
        let sent = self.flush(now);
        while let Some(event) = self.leg.poll_event() {
            match event {
                Event::IceConnected => self.events.tell(Input::IceConnected),
                Event::DtlsConnected => self.events.tell(Input::DtlsConnected),
                Event::News(news) => self.events.tell(Input::Media(news)),
                Event::Silent(silence) => self.events.tell(Input::Silent(silence)),
                Event::Interrupted(silence) => {
                    self.events.report(Told::Leg(LegNews::Interrupted { at: now, silence }));
                }
            }
        }
        if self.next_told <= now {
            self.next_told = now + TELL_EVERY;
            self.tell(now);
        }
        sent
    }

    fn tell(&mut self, now: Duration) {
        if let Some((streams, picture)) = self.leg.take_fresh(now) {
            self.events.report(Told::Leg(LegNews::Fresh { at: now, streams, picture }));
        }
    }

    fn flush(&mut self, now: Duration) -> Sent {
        let mut sent = Sent::default();
        let destinations: Vec<SocketAddr> = match self.leg.destinations() {
            [one] => {
                // The usual case, which is every packet of every call, must not allocate.
                let one = *one;
                self.send_all(now, one, &mut sent);
                self.leg.take_out().clear();
                return self.drain_up(now, sent);
            }
            several => several.to_vec(),
        };
        for destination in destinations {
            self.send_all(now, destination, &mut sent);
        }
        self.leg.take_out().clear();
        self.drain_up(now, sent)
    }

    fn send_all(&mut self, now: Duration, to: SocketAddr, sent: &mut Sent) {
        let deaf = now < self.deaf_until;
        for datagram in self.leg.take_out().iter() {
            if deaf {
                continue;
            }
            if self.up.is_clear() {
                note(sent, self.socket.send_to(datagram, to));
            } else {
                self.up.push(now, to, datagram, &mut self.rng);
            }
        }
    }

    fn drain_up(&mut self, now: Duration, mut sent: Sent) -> Sent {
        while let Some((to, datagram)) = self.up.pop(now) {
            note(&mut sent, self.socket.send_to(&datagram, to));
        }
        sent
    }

    /// When [`Seat::turn`] has something to do.
    pub(super) fn next_timeout(&self) -> Duration {
        self.leg
            .next_timeout()
            .min(self.next_told)
            .min(self.offer.as_ref().map_or(Duration::MAX, |(at, _)| *at))
            .min(self.up.next_timeout())
            .min(self.down.next_timeout())
    }

    /// The end: tells what is left to tell.
    pub(super) fn close(mut self, now: Duration) -> Option<Verdict> {
        let silent_at_end = self.silent_at_end.or_else(|| self.leg.silence(now));
        self.leg.stop(now);
        self.tell(now);
        let sent = Kind::ALL.map(|kind| self.leg.sent(kind));
        let counts = self.leg.counts();
        let judge = self.leg.into_judge()?;
        Some(Verdict { judge, sent, counts, silent_at_end })
    }
}

fn bind(from: Option<Ipv4Addr>) -> io::Result<UdpSocket> {
    let socket = std::net::UdpSocket::bind((from.unwrap_or(Ipv4Addr::UNSPECIFIED), 0))?;
    socket.set_nonblocking(true)?;
    let reference = socket2::SockRef::from(&socket);
    // A smaller grant shows as drops, which are reported.
    let _ = reference.set_recv_buffer_size(BUFFER_BYTES);
    let _ = reference.set_send_buffer_size(BUFFER_BYTES);
    Ok(UdpSocket::from_std(socket))
}

fn note(sent: &mut Sent, result: io::Result<usize>) {
    match result {
        Ok(_) => sent.sent += 1,
        Err(_) => sent.unsent += 1,
    }
}
