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
    ssrc: u32,
    highest: u64,
    /// Bit `i`: index `highest - i` has been used.
    used: u128,
    /// Value of [`Streams::clock`] when it was last accepted.
    last_use: u64,
}

/// The streams of one direction.
#[derive(Debug)]
pub(super) struct Streams {
    streams: ArrayVec<Stream, MAX_STREAMS>,
    clock: u64,
}

impl Streams {
    pub(super) fn new() -> Self {
        Self { streams: ArrayVec::new(), clock: 0 }
    }

    fn get(&self, ssrc: u32) -> Option<&Stream> {
        self.streams.iter().find(|stream| stream.ssrc == ssrc)
    }

    /// The 48-bit index that a sequence number most likely stands for (RFC 3711 §3.3.1), or none
    /// if it would lie before the start of the stream.
    pub(super) fn estimate(&self, ssrc: u32, sequence: u16) -> Option<u64> {
        let Some(stream) = self.get(ssrc) else {
            return Some(sequence.into());
        };
        let ahead = sequence.wrapping_sub(stream.highest as u16) as i16;
        stream.highest.checked_add_signed(ahead.into())
    }

    /// Whether an index was used before or is too old to tell.
    pub(super) fn is_replay(&self, ssrc: u32, index: u64) -> bool {
        let Some(stream) = self.get(ssrc) else {
            return false;
        };
        match stream.highest.checked_sub(index) {
            None => false,
            Some(age) if age >= WINDOW => true,
            Some(age) => stream.used >> age & 1 == 1,
        }
    }

    /// Notes an index as used. The packet must have been authenticated.
    pub(super) fn accept(&mut self, ssrc: u32, index: u64) {
        self.clock += 1;
        let last_use = self.clock;
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
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
        if self.streams.is_full()
            && let Some(oldest) = (0..self.streams.len()).min_by_key(|&i| self.streams[i].last_use)
        {
            self.streams.swap_remove(oldest);
        }
        self.streams.push(Stream { ssrc, highest: index, used: 1, last_use });
    }
}
