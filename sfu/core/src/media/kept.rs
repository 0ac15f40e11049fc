//! What a publisher sends while nobody watches: the video since its last complete key frame.

use std::time::{Duration, Instant};

use super::Incoming;

/// Bytes and packets kept at most: a second of the 2.5 Mbit/s that a page sends, and a key frame.
/// Less than the ring of the viewer's stream (448 KiB, 1,024 packets), through which all of it
/// passes at once.
const MAX_BYTES: usize = 384 * 1024;
const MAX_PACKETS: usize = 896;
/// The oldest key frame that a viewer starts with: the viewer decodes everything since then
/// before it is up to date, and 60 frames take it about 100 ms.
const MAX_AGE: Duration = Duration::from_secs(2);
/// A key frame this old is replaced. All that has come since then has to reach the viewer before they
/// see what is now: half a second of it, with the round trip and the encoder, takes a way of 5 Mbit/s
/// 100 ms. More key frames would cost the publisher's way more than they save.
const REFRESH_AFTER: Duration = Duration::from_millis(350);
/// A track begins with a key frame by itself. One that has not after this time is asked for it;
/// what is still on its way after a call has ended is not.
const FIRST_ASK_AFTER: Duration = Duration::from_millis(300);
/// A publisher silent for this long has stopped: its last pictures are for nobody any more. Cameras
/// in the dark still send five frames in this time.
const STALE_AFTER: Duration = Duration::from_millis(500);

/// The video since the last complete key frame, in order.
#[derive(Debug, Clone, Default)]
pub struct Kept {
    /// By sequence number. The first one starts a key frame.
    packets: Vec<Packet>,
    bytes: Vec<u8>,
    /// The other buffer of [`Self::cut`].
    spare: Vec<u8>,
    times: Option<Times>,
    /// A key frame that is arriving.
    next: Option<Next>,
    /// The first packet of the stream is missing: what is kept begins with a later one.
    headless: bool,
}

#[derive(Debug, Clone)]
struct Packet {
    incoming: Incoming,
    at: usize,
    len: usize,
}

#[derive(Debug, Clone, Copy)]
struct Times {
    /// The first packet ever, or since the publisher was silent.
    first: Instant,
    latest: Instant,
    /// The first packet kept.
    oldest: Option<Instant>,
    /// The newest key frame began.
    key_frame: Option<Instant>,
}

#[derive(Debug, Clone, Copy)]
struct Next {
    first: u64,
    timestamp: u32,
    began: Instant,
}

impl Kept {
    /// Takes a packet of video; `headless` while the stream's first one is missing. `true` if a key frame should be
    /// asked for.
    pub(super) fn push(
        &mut self,
        now: Instant,
        incoming: &Incoming,
        packet: &[u8],
        headless: bool,
    ) -> bool {
        if self.is_stale(now) || self.packets.first().is_some_and(|p| !p.is_of(incoming)) {
            self.forget();
            self.times = None;
        }
        let times = self.times.get_or_insert(Times {
            first: now,
            latest: now,
            oldest: None,
            key_frame: None,
        });
        times.latest = now;
        if times.oldest.is_some_and(|oldest| now.saturating_duration_since(oldest) > MAX_AGE) {
            self.forget();
        }
        if incoming.starts_key_frame {
            self.begin(now, incoming);
        }
        self.headless = headless;
        if headless || self.next.is_some() || !self.packets.is_empty() {
            self.store(incoming, packet);
            self.cut();
        }
        self.wants_key_frame(now)
    }

    /// Packets and what they say, in order.
    pub fn packets(&self) -> impl Iterator<Item = (&Incoming, &[u8])> {
        self.packets.iter().map(|p| (&p.incoming, &self.bytes[p.at..p.at + p.len]))
    }

    /// Whether the publisher has stopped.
    pub(super) fn is_stale(&self, now: Instant) -> bool {
        self.times.is_some_and(|t| now.saturating_duration_since(t.latest) > STALE_AFTER)
    }

    /// Whether what is kept lacked its beginning when the latest packet came.
    pub(super) fn waits_for_head(&self) -> bool {
        self.headless
    }

    fn wants_key_frame(&self, now: Instant) -> bool {
        let Some(times) = self.times else { return false };
        let passed = |since| now.saturating_duration_since(since);
        match times.key_frame {
            Some(at) => self.packets.is_empty() || passed(at) >= REFRESH_AFTER,
            None => passed(times.first) >= FIRST_ASK_AFTER,
        }
    }

    /// Everything up to now is of no use: the next key frame begins anew.
    fn forget(&mut self) {
        self.packets.clear();
        self.bytes.clear();
        self.next = None;
        if let Some(times) = &mut self.times {
            times.oldest = None;
        }
    }

    fn begin(&mut self, now: Instant, incoming: &Incoming) {
        match &mut self.next {
            // A frame may announce itself in more than one packet.
            Some(next) if next.timestamp == incoming.timestamp => {
                next.first = next.first.min(incoming.sequence);
            }
            Some(next) if next.first > incoming.sequence => {}
            _ => {
                self.next = Some(Next {
                    first: incoming.sequence,
                    timestamp: incoming.timestamp,
                    began: now,
                });
            }
        }
        if let Some(times) = &mut self.times {
            times.key_frame = Some(now);
            times.oldest.get_or_insert(now);
        }
    }

    fn store(&mut self, incoming: &Incoming, packet: &[u8]) {
        // Without a key frame before it a packet opens nothing.
        let is_before = |first: &Packet| incoming.sequence < first.incoming.sequence;
        let opens = self.headless || incoming.starts_key_frame;
        if !opens && self.packets.first().is_some_and(is_before) {
            return;
        }
        if self.packets.len() == MAX_PACKETS || self.bytes.len() + packet.len() > MAX_BYTES {
            return self.forget();
        }
        if self.packets.capacity() == 0 {
            self.packets.reserve_exact(MAX_PACKETS);
            self.bytes.reserve_exact(MAX_BYTES);
            self.spare.reserve_exact(MAX_BYTES);
        }
        let place = self.packets.partition_point(|p| p.incoming.sequence < incoming.sequence);
        let stored = Packet { incoming: incoming.clone(), at: self.bytes.len(), len: packet.len() };
        self.packets.insert(place, stored);
        self.bytes.extend_from_slice(packet);
    }

    /// Once the key frame that is arriving is complete, what came before it goes.
    fn cut(&mut self) {
        let Some(next) = self.next else { return };
        let start = self.packets.partition_point(|p| p.incoming.sequence < next.first);
        let mut sequence = next.first;
        let complete = self.packets[start..]
            .iter()
            .take_while(|p| {
                let follows =
                    p.incoming.sequence == sequence && p.incoming.timestamp == next.timestamp;
                sequence += 1;
                follows
            })
            .any(|p| p.incoming.marker);
        if !complete {
            return;
        }
        self.next = None;
        if let Some(times) = &mut self.times {
            times.oldest = Some(next.began);
        }
        self.packets.drain(..start);
        self.spare.clear();
        for packet in &mut self.packets {
            let from = packet.at..packet.at + packet.len;
            packet.at = self.spare.len();
            self.spare.extend_from_slice(&self.bytes[from]);
        }
        std::mem::swap(&mut self.bytes, &mut self.spare);
    }
}

impl Packet {
    fn is_of(&self, incoming: &Incoming) -> bool {
        self.incoming.source == incoming.source
    }
}
