//! Packet indices: rollover counter and replay window, one per SSRC.

use arrayvec::ArrayVec;

/// How many packets late one may be and still be accepted (RFC 3711 asks for at least 64).
/// At 1,000 packets a second this is 128 ms of reordering within one stream.
const WINDOW: u64 = u128::BITS as u64;

/// SSRCs tracked at a time. A browser has about ten on a connection: audio, video and RTX in each
/// direction. Only authenticated packets enter, so beyond this the longest unused is forgotten.
const MAX_STREAMS: usize = 32;

/// The highest index of one SSRC and which of those just below it have been used.
#[derive(Debug, Clone, Copy)]
struct Stream {
    /// Bit `i`: index `highest - i` has been used.
    used: u128,
    highest: u64,
    ssrc: u32,
    /// Value of [`Streams::clock`] when it was last accepted.
    last_use: u32,
}

/// The streams of one direction.
///
/// With hundreds of legs each packet meets memory that has left the nearest caches, so what it touches
/// lies together: the clock, and behind it the streams from the first on.
#[derive(Debug)]
#[repr(C)]
pub(super) struct Streams {
    /// Counts what was accepted. After four billion it begins anew, and the least used stream may be
    /// taken for another: it matters only beyond [`MAX_STREAMS`].
    clock: u32,
    streams: ArrayVec<Stream, MAX_STREAMS>,
}

/// An index that has not been used: [`Streams::accept`] notes it as used.
#[derive(Debug, Clone, Copy)]
pub(super) struct Unused {
    pub(super) index: u64,
    ssrc: u32,
    /// Where its stream stands, if it is known.
    place: Option<usize>,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { clock: 0, streams: ArrayVec::new() }
    }

    /// See [`super::Session::glance_inbound`].
    pub(super) fn glance(&self) -> u64 {
        let second = self.streams.get(1).map_or(0, |stream| stream.ssrc);
        u64::from(self.clock ^ second)
    }

    /// The 48-bit index that a sequence number most likely stands for (RFC 3711 §3.3.1). None if it
    /// would lie before the start of the stream, was used before, or is too old to tell.
    pub(super) fn estimate(&self, ssrc: u32, sequence: u16) -> Option<Unused> {
        let Some(place) = self.find(ssrc) else {
            return Some(Unused { index: sequence.into(), ssrc, place: None });
        };
        let stream = &self.streams[place];
        let ahead = sequence.wrapping_sub(stream.highest as u16) as i16;
        let index = stream.highest.checked_add_signed(ahead.into())?;
        (!stream.has_used(index)).then_some(Unused { index, ssrc, place: Some(place) })
    }

    /// An index that the packet says itself. None if it was used before or is too old to tell.
    pub(super) fn check(&self, ssrc: u32, index: u64) -> Option<Unused> {
        let place = self.find(ssrc);
        let has_used = place.is_some_and(|place| self.streams[place].has_used(index));
        (!has_used).then_some(Unused { index, ssrc, place })
    }

    fn find(&self, ssrc: u32) -> Option<usize> {
        self.streams.iter().position(|stream| stream.ssrc == ssrc)
    }

    /// Notes an index as used. The packet must have been authenticated.
    pub(super) fn accept(&mut self, unused: Unused) {
        let Unused { index, ssrc, place } = unused;
        self.clock = self.clock.wrapping_add(1);
        let last_use = self.clock;
        if let Some(stream) = place.and_then(|place| self.streams.get_mut(place)) {
            stream.last_use = last_use;
            if index > stream.highest {
                let step = index - stream.highest;
                stream.used = if step < WINDOW { stream.used << step } else { 0 };
                stream.highest = index;
            }
            let age = stream.highest - index;
            if age < WINDOW {
                stream.used |= 1 << age;
            }
            return;
        }
        if self.streams.is_full() {
            let age = |stream: &Stream| last_use.wrapping_sub(stream.last_use);
            if let Some(oldest) = (0..MAX_STREAMS).max_by_key(|&i| age(&self.streams[i])) {
                self.streams.swap_remove(oldest);
            }
        }
        self.streams.push(Stream { ssrc, highest: index, used: 1, last_use });
    }
}

impl Stream {
    fn has_used(&self, index: u64) -> bool {
        match self.highest.checked_sub(index) {
            None => false,
            Some(age) if age >= WINDOW => true,
            Some(age) => self.used >> age & 1 == 1,
        }
    }
}
