//! Requests for what was lost (generic NACK, RFC 4585 §6.2.1), and the round trip that both sides of a repair wait for.

/// From one request to the next, in nanoseconds (libwebrtc's `kProcessInterval`).
pub const ASK_EVERY: u64 = 20_000_000;
/// Until a round trip is known, in microseconds (`kDefaultRtt`).
const FIRST_RTT: u64 = 100_000;

/// The round trip to the other side, from its reports about us.
pub struct RoundTrip(u64);

impl Default for RoundTrip {
    fn default() -> Self {
        Self(FIRST_RTT)
    }
}

impl RoundTrip {
    /// Microseconds.
    pub fn get(&self) -> u64 {
        self.0
    }

    /// Takes the report blocks in `rest`, which came when `middle` was the time in the form in which they have it.
    pub fn take_blocks(&mut self, mut rest: &[u8], middle: u32) {
        while let Some((block, after)) = rest.split_first_chunk::<24>() {
            let word = |at: usize| {
                u32::from_be_bytes([block[at], block[at + 1], block[at + 2], block[at + 3]])
            };
            if word(16) != 0 {
                let round = middle.wrapping_sub(word(16)).wrapping_sub(word(20));
                // Half of a step of the clock may be missing.
                self.0 = (u64::from(round.cast_signed().max(0).cast_unsigned()) * 1_000_000) >> 16;
            }
            rest = after;
        }
    }
}

/// Seconds and fraction of the NTP time at a moment, which is in nanoseconds since the Unix epoch.
pub fn ntp(at: u64) -> (u32, u32) {
    let seconds = (at / 1_000_000_000 + 2_208_988_800) as u32;
    let fraction = ((u128::from(at % 1_000_000_000) << 32) / 1_000_000_000) as u32;
    (seconds, fraction)
}

/// The sequence numbers that a NACK names; `fci` is what stands behind its SSRCs.
pub fn named(fci: &[u8]) -> impl Iterator<Item = u16> {
    fci.as_chunks::<4>().0.iter().flat_map(|&[high, low, a, b]| {
        let (first, more) = (u16::from_be_bytes([high, low]), u16::from_be_bytes([a, b]));
        let more = (0..16u16).filter(move |bit| more >> bit & 1 == 1);
        std::iter::once(first).chain(more.map(move |bit| first.wrapping_add(bit + 1)))
    })
}

/// Appends a NACK's pairs that name these sequence numbers, in their order.
pub fn name(missing: &[u16], out: &mut Vec<u8>) {
    let mut rest = missing;
    while let [first, others @ ..] = rest {
        let mut more = 0u16;
        let fit = |number: &&u16| (1..=16).contains(&number.wrapping_sub(*first));
        let with = others.iter().take_while(fit).count();
        for number in &others[..with] {
            more |= 1 << (number.wrapping_sub(*first) - 1);
        }
        out.extend(first.to_be_bytes());
        out.extend(more.to_be_bytes());
        rest = &others[with..];
    }
}
