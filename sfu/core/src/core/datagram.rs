//! The way of a received datagram.

use std::{
    net::SocketAddr,
    time::{Duration, Instant},
};

use super::{Core, MAX_ANSWERS};
use crate::{
    api::{ConnectionId, Disposition, Event, Path, Port},
    dtls,
    ice::{self, Accepted, Check, Measured, Outcome, Response},
    leg::{Far, PacketError},
    media::Onward,
    srtp::{self, OpenError},
};

/// First bytes of datagrams that are RTP or RTCP (RFC 7983).
const RTP_FIRST_BYTES: std::ops::RangeInclusive<u8> = 128..=191;

impl Core {
    /// Takes a datagram that arrived on `port` from `from`. It is decrypted and rewritten in
    /// place. Anything a stranger can send ends as a counter in [`CoreStats`](super::CoreStats).
    pub fn handle_datagram(
        &mut self,
        now: Instant,
        port: Port,
        from: SocketAddr,
        data: &mut [u8],
    ) -> Disposition {
        self.handle_waiting(now, Duration::ZERO, port, from, data)
    }

    /// The same for a datagram that had come `waited` ago: what the way took is told from when packets come, not from
    /// when somebody looks.
    pub fn handle_waiting(
        &mut self,
        now: Instant,
        waited: Duration,
        port: Port,
        from: SocketAddr,
        data: &mut [u8],
    ) -> Disposition {
        self.handle_on(now, waited, Path::udp(port, from), data)
    }

    /// The same for a datagram that came framed on a TCP connection.
    pub fn handle_frame(
        &mut self,
        now: Instant,
        connection: ConnectionId,
        from: SocketAddr,
        data: &mut [u8],
    ) -> Disposition {
        self.handle_on(now, Duration::ZERO, Path::tcp(connection, from), data)
    }

    fn handle_on(
        &mut self,
        now: Instant,
        waited: Duration,
        path: Path,
        data: &mut [u8],
    ) -> Disposition {
        self.now = now;
        self.waited = waited;
        self.stats.received.add(data.len());
        let disposition = match data.first() {
            Some(first) if ice::FIRST_BYTES.contains(first) => self.handle_stun(path, data),
            Some(first) if dtls::FIRST_BYTES.contains(first) || RTP_FIRST_BYTES.contains(first) => {
                self.handle_protected(path, data)
            }
            _ => {
                self.stats.dropped.malformed += 1;
                Disposition::Done
            }
        };
        if let Disposition::Forward(_) = disposition {
            self.stats.passed_on += 1;
        }
        disposition
    }

    fn handle_stun(&mut self, path: Path, data: &[u8]) -> Disposition {
        let Some(check) = Check::parse(data) else {
            self.stats.dropped.malformed += 1;
            return Disposition::Done;
        };
        if let Some(measure) = self.measure.as_mut().filter(|measure| measure.is_for(&check)) {
            match measure.handle_check(self.now, path.remote, check) {
                Measured::Answer(response) => {
                    self.stats.measured += 1;
                    self.answer(path, response);
                }
                Measured::Unauthenticated => self.stats.dropped.unauthenticated_check += 1,
                Measured::TooMany => self.stats.dropped.too_many_measuring += 1,
            }
            return Disposition::Done;
        }
        let Some(&key) = self.by_ufrag.get(check.local_ufrag()) else {
            let to = self.moved.check(self.now, path, check);
            match to {
                Some(to) => return Disposition::Forward(to),
                None => self.stats.dropped.unknown_ufrag += 1,
            }
            return Disposition::Done;
        };
        match self.legs[key].ice.handle_check(self.now, path, check) {
            Outcome::Unauthenticated => self.stats.dropped.unauthenticated_check += 1,
            Outcome::Replayed => self.stats.dropped.replayed_check += 1,
            Outcome::RoleConflict(response) => {
                self.stats.dropped.role_conflict += 1;
                self.answer(path, response);
            }
            Outcome::Valid(accepted) => self.check_accepted(key, path, accepted),
        }
        Disposition::Done
    }

    fn check_accepted(&mut self, key: usize, path: Path, accepted: Accepted) {
        self.stats.checks += 1;
        self.answer(path, accepted.response);
        if let Some(evicted) = accepted.evicted {
            self.by_path.remove(evicted);
            self.abandon(evicted);
        }
        if let Some(retired) = accepted.retired {
            self.by_ufrag.remove(&retired);
        }
        if accepted.new_path
            && let Some(former) = self.by_path.insert(path, key)
            && former != key
        {
            // A NAT has given the address to another of its clients.
            self.legs[former].ice.forget(path);
        }
        let leg = &mut self.legs[key];
        if leg.checked(self.now) {
            self.events.push_back(Event::Connected { leg: leg.id });
        }
        self.start_handshake(key, path);
        self.touched(key);
    }

    fn answer(&mut self, path: Path, response: Response) {
        if self.answers.len() < MAX_ANSWERS {
            self.answers.push_back((path, response));
        } else {
            self.stats.dropped.answer_queue_full += 1;
        }
    }

    /// DTLS, RTP or RTCP: only from addresses that have passed a check.
    fn handle_protected(&mut self, path: Path, data: &mut [u8]) -> Disposition {
        let Some(key) = self.by_path.get(path) else {
            if let Some(to) = self.moved.by_path(self.now, path) {
                return Disposition::Forward(to);
            }
            self.stats.dropped.unknown_source += 1;
            return Disposition::Done;
        };
        if dtls::FIRST_BYTES.contains(&data[0]) {
            self.postpone_dtls(key, data);
        } else {
            let done = if srtp::is_rtcp(data) {
                self.handle_rtcp(key, data)
            } else {
                self.handle_rtp(key, data)
            };
            if let Err(error) = done {
                self.count(error);
            }
        }
        Disposition::Done
    }

    fn handle_rtcp(&mut self, key: usize, data: &mut [u8]) -> Result<(), PacketError> {
        self.legs[key].handle_rtcp(self.now, data)?;
        self.touched(key);
        Ok(())
    }

    fn handle_rtp(&mut self, key: usize, data: &mut [u8]) -> Result<(), PacketError> {
        let leg = &mut self.legs[key];
        let far = leg.bridged.map(|bridged| bridged.far);
        if let Some((incoming, packet)) = leg.handle_rtp(self.now, self.waited, data)? {
            let onward = leg.media.onward(self.now, &incoming);
            match (far, &mut leg.channel) {
                _ if onward != Onward::Go => leg.media.keep(self.now, &incoming, packet),
                (Some(Far::Here(peer)), _) => {
                    self.legs[peer].media.forward(self.now, &incoming, packet);
                    self.touched(peer);
                }
                (Some(Far::Remote(_)), Some(channel)) if channel.takes_media(self.now) => {
                    channel.send(self.now, &incoming, packet, &mut self.relay);
                }
                _ => leg.media.keep(self.now, &incoming, packet),
            }
            if onward == Onward::GoWithKept {
                self.hand_on_kept(key);
            }
        }
        self.heard(key);
        Ok(())
    }

    /// What a publisher sent before its first packet came, and that packet.
    fn hand_on_kept(&mut self, key: usize) {
        let leg = &self.legs[key];
        match (leg.bridged.map(|bridged| bridged.far), &leg.channel) {
            (Some(Far::Here(viewer)), _) => {
                self.start_with_kept(key, viewer);
                self.touched(viewer);
            }
            (Some(Far::Remote(_)), Some(channel)) if channel.takes_media(self.now) => {
                self.send_kept(key);
            }
            _ => {}
        }
    }

    fn count(&mut self, error: PacketError) {
        let dropped = &mut self.stats.dropped;
        match error {
            PacketError::NoKeys => dropped.no_keys += 1,
            PacketError::Open(OpenError::Malformed) => dropped.malformed += 1,
            PacketError::Open(OpenError::Auth) => dropped.srtp_auth += 1,
            PacketError::Open(OpenError::Replay) => dropped.srtp_replay += 1,
        }
    }
}
