//! What the way to a peer carries, asked before a call begins.
//!
//! The first pictures of a call leave before any feedback can tell of the way, with all that is to make the loss of one harmless. On
//! a narrow way that is a queue of some tenths of a second, behind which sound waits as well. While a leg waits
//! for its call nothing flows, and a burst of a few kilobytes tells whether it will be so.

use std::time::{Duration, Instant};

use super::{
    PacketResult, Probe, ProbeId, START_BITRATE,
    burst::Seen,
    probe::{MUCH_LESS, PATIENCE, START_DELIVERED},
};

/// The first burst follows the leg's making by this: keys are there, and what came with them has passed.
const SOON: Duration = Duration::from_millis(200);
/// A telephone changes its place. Asked again after this, and believed for twice as long.
const AGAIN: Duration = Duration::from_secs(30);
const BELIEVED: Duration = Duration::from_secs(60);
/// Bytes of a burst, on the wire: half as much as a first picture, enough to show less than 2 Mbit/s.
const BYTES: u32 = 6_000;
/// What it is sent at, in multiples of what calls begin with.
const FACTOR: f64 = 2.0;

/// See the module.
#[derive(Debug, Clone, Copy)]
pub struct Ahead {
    state: State,
    /// What a narrow way carries, since then.
    narrow: Option<(Instant, f64)>,
}

#[derive(Debug, Clone, Copy)]
enum State {
    /// Asked then.
    Due(Instant),
    /// Asked since then.
    Asked { since: Instant, sent: Option<(u32, u32)>, seen: Seen },
}

impl Ahead {
    /// A leg is made.
    pub fn new(now: Instant) -> Self {
        Self { state: State::Due(now + SOON), narrow: None }
    }

    /// When [`Self::poll`] has something to do.
    pub fn due(&self) -> Instant {
        match self.state {
            State::Due(at) => at,
            State::Asked { since, .. } => since + PATIENCE,
        }
    }

    /// The burst to send, if it is time.
    pub fn poll(&mut self, now: Instant) -> Option<Probe> {
        match self.state {
            State::Due(at) if at <= now => {
                self.state = State::Asked { since: now, sent: None, seen: Seen::default() };
                let bitrate = FACTOR * START_BITRATE as f64;
                Some(Probe { id: ProbeId::AHEAD, bitrate, bytes: BYTES })
            }
            State::Asked { since, .. } if now >= since + PATIENCE => {
                self.put_off(now);
                None
            }
            _ => None,
        }
    }

    /// All of the burst has been sent: so many packets, of so many bytes.
    pub fn sent(&mut self, packets: u32, bytes: u32) {
        if let State::Asked { sent, .. } = &mut self.state {
            *sent = Some((packets, bytes));
        }
    }

    /// Takes a packet's fate, which counts if it is of [`ProbeId::AHEAD`].
    pub fn on_packet(&mut self, result: PacketResult) {
        let PacketResult { sent_at, size, fate, probe } = result;
        if let State::Asked { seen, .. } = &mut self.state
            && probe == Some(ProbeId::AHEAD)
        {
            seen.add(sent_at, size, fate.arrival());
        }
    }

    /// All packets of a feedback message have been told. `true` if nothing more is to come.
    pub fn end_feedback(&mut self, now: Instant) -> bool {
        let State::Asked { sent: Some((packets, bytes)), seen, .. } = self.state else {
            return false;
        };
        if seen.packets + seen.lost < packets {
            return false;
        }
        let found = seen.rate(packets, bytes, START_DELIVERED);
        let is_narrow = |rate: f64| rate < MUCH_LESS * START_BITRATE as f64 && seen.is_solid();
        self.narrow = found
            .filter(|found| found.is_full && is_narrow(found.rate))
            .map(|found| (now, found.rate));
        self.put_off(now);
        true
    }

    /// A call begins. What the way carries, if that is known to be less than calls begin with, bit/s: from now on the call
    /// tells more.
    pub fn begin(&mut self, now: Instant) -> Option<f64> {
        let narrow = self.narrow(now);
        self.narrow = None;
        self.put_off(now);
        narrow
    }

    fn put_off(&mut self, now: Instant) {
        self.state = State::Due(now + AGAIN);
    }

    fn narrow(&self, now: Instant) -> Option<f64> {
        let is_fresh = |at: Instant| now.saturating_duration_since(at) < BELIEVED;
        self.narrow.filter(|(at, _)| is_fresh(*at)).map(|(_, rate)| rate)
    }
}

#[cfg(test)]
mod tests {
    use super::{super::Fate, *};

    /// Sends a burst of 20 packets through a link of so many bit/s that loses each `lost`th, and tells all of it.
    fn ask(ahead: &mut Ahead, link: f64, lost: usize) -> Instant {
        let now = ahead.due();
        let burst = ahead.poll(now).expect("it is time");
        let size = burst.bytes / 20;
        let takes = |bitrate: f64| Duration::from_secs_f64(f64::from(size) * 8.0 / bitrate);
        let mut free = now;
        for packet in 0..20_u32 {
            let sent_at = now + takes(burst.bitrate) * packet;
            free = free.max(sent_at) + takes(link);
            let arrival = (free - now).as_micros() as i64;
            let fate = match packet as usize % lost {
                1 => Fate::Lost,
                _ => Fate::Arrived(arrival),
            };
            ahead.on_packet(PacketResult {
                sent_at,
                size: size as u16,
                fate,
                probe: Some(ProbeId::AHEAD),
            });
        }
        assert!(!ahead.end_feedback(free), "nobody has said how many there are");
        ahead.sent(20, 20 * size);
        assert!(ahead.end_feedback(free));
        free
    }

    #[test]
    fn a_narrow_way_is_known_before_the_call() {
        let now = Instant::now();
        for (link, lost) in [(3e5, 99), (5e5, 99), (1e6, 99), (1e6, 10)] {
            let mut ahead = Ahead::new(now);
            assert_eq!(ahead.poll(now), None, "not before keys are there");
            let told = ask(&mut ahead, link, lost);
            let narrow = ahead.narrow(told).unwrap();
            let share = if lost == 10 { 0.8..1.0 } else { 0.9..1.0 };
            assert!(share.contains(&(narrow / link)), "{narrow} of {link}");
        }
    }

    #[test]
    fn a_wide_one_is_not_taken_for_narrow() {
        for link in [2.6e6, 5e6, 5e7] {
            let mut ahead = Ahead::new(Instant::now());
            let told = ask(&mut ahead, link, 99);
            assert_eq!(ahead.narrow(told), None, "{link}");
        }
    }

    #[test]
    fn it_is_asked_again_and_what_is_old_is_not_believed() {
        let mut ahead = Ahead::new(Instant::now());
        let told = ask(&mut ahead, 5e5, 99);
        assert_eq!(ahead.due(), told + AGAIN);
        assert_eq!(ahead.narrow(told + BELIEVED), None);
        let told = ask(&mut ahead, 5e6, 99);
        assert_eq!(ahead.narrow(told), None, "it has become wider");
    }

    #[test]
    fn a_call_begins_with_it_once() {
        let mut ahead = Ahead::new(Instant::now());
        let told = ask(&mut ahead, 5e5, 99);
        assert!(ahead.begin(told).is_some());
        assert_eq!(ahead.begin(told), None, "the call before has told more");
        assert_eq!(ahead.due(), told + AGAIN);
    }

    #[test]
    fn who_does_not_answer_is_asked_again_later() {
        let mut ahead = Ahead::new(Instant::now());
        let asked = ahead.due();
        assert!(ahead.poll(asked).is_some());
        ahead.sent(20, 6_000);
        assert_eq!(ahead.poll(asked + PATIENCE / 2), None);
        assert_eq!(ahead.poll(asked + PATIENCE), None);
        assert_eq!(ahead.due(), asked + PATIENCE + AGAIN);
        assert_eq!(ahead.narrow(asked + PATIENCE), None);
    }
}
