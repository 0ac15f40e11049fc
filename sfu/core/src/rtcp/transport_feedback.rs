//! Transport-wide congestion control feedback (draft-holmer-rmcat-transport-wide-cc-extensions-01).

use crate::rtp::Ssrc;

/// RTCP header, two SSRCs, base, count, reference time and feedback number.
const FIXED_LEN: usize = 20;
/// A delta's unit in microseconds.
const DELTA_UNIT: i64 = 250;
/// The reference time's unit in microseconds.
const REFERENCE_UNIT: i64 = 64_000;
/// The reference time has 24 bits and a sign.
const REFERENCE_BITS: u32 = 24;
/// Packets in one feedback message that is written. At 64 of them a frame this is many frames.
pub const MAX_REPORTED: usize = 400;

/// Status of a packet.
const NOT_RECEIVED: u8 = 0;
const SMALL_DELTA: u8 = 1;
const LARGE_DELTA: u8 = 2;
/// Symbols in a status vector chunk of one-bit and two-bit symbols, most in a run.
const ONE_BIT_SYMBOLS: usize = 14;
const TWO_BIT_SYMBOLS: usize = 7;
const MAX_RUN: usize = 0x1fff;

/// A feedback message, checked and not yet unrolled.
#[derive(Debug, Clone, Copy)]
pub struct TransportFeedback<'a> {
    base: u16,
    count: u16,
    reference: i64,
    chunks: &'a [u8],
    deltas: &'a [u8],
}

/// What a feedback message says of one packet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Status {
    /// Its transport-wide sequence number.
    pub sequence: u16,
    /// When it arrived, in microseconds of the peer's clock, which wraps after 12.4 days. `None`:
    /// it has not arrived yet.
    pub arrival: Option<i64>,
}

impl<'a> TransportFeedback<'a> {
    /// Reads one RTCP packet. `None` if it is malformed.
    pub(crate) fn parse(packet: &'a [u8]) -> Option<Self> {
        let fixed: &[u8; FIXED_LEN] = packet.first_chunk()?;
        let mut body = &packet[FIXED_LEN..];
        if fixed[0] & 0x20 != 0 {
            let padding = usize::from(*packet.last()?);
            body = body.get(..body.len().checked_sub(padding)?)?;
        }
        let base = u16::from_be_bytes([fixed[12], fixed[13]]);
        let count = u16::from_be_bytes([fixed[14], fixed[15]]);
        let unsigned = i64::from(u32::from_be_bytes([0, fixed[16], fixed[17], fixed[18]]));
        let sign = 1 << (REFERENCE_BITS - 1);
        let reference = ((unsigned ^ sign) - sign) * REFERENCE_UNIT;

        // The deltas begin where the chunks have covered all packets.
        let mut covered = 0;
        let mut at = 0;
        while covered < usize::from(count) {
            let chunk = chunk(body, at)?;
            let symbols = chunk_len(chunk);
            if symbols == 0 {
                return None;
            }
            covered += symbols;
            at += 2;
        }
        let (chunks, deltas) = body.split_at(at);
        Some(Self { base, count, reference, chunks, deltas })
    }

    /// The status of every packet that is covered, in order. Ends early where deltas are missing.
    pub fn statuses(&self) -> impl Iterator<Item = Status> + use<'a> {
        let Self { base, count, reference, chunks, mut deltas } = *self;
        let mut time = reference;
        let mut chunk_at = 0;
        let mut in_chunk = 0;
        (0..count).map_while(move |index| {
            let mut current = chunk(chunks, chunk_at)?;
            if in_chunk == chunk_len(current) {
                in_chunk = 0;
                chunk_at += 2;
                current = chunk(chunks, chunk_at)?;
            }
            let symbol = chunk_symbol(current, in_chunk);
            in_chunk += 1;
            let delta = match symbol {
                SMALL_DELTA => {
                    let (&delta, rest) = deltas.split_first()?;
                    deltas = rest;
                    Some(i64::from(delta))
                }
                LARGE_DELTA => {
                    let (delta, rest) = deltas.split_first_chunk()?;
                    deltas = rest;
                    Some(i64::from(i16::from_be_bytes(*delta)))
                }
                _ => None,
            };
            let arrival = delta.map(|delta| {
                time += delta * DELTA_UNIT;
                time
            });
            Some(Status { sequence: base.wrapping_add(index), arrival })
        })
    }
}

fn chunk(chunks: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_be_bytes(*chunks.get(at..)?.first_chunk()?))
}

/// How many packets a chunk covers.
fn chunk_len(chunk: u16) -> usize {
    match chunk >> 14 {
        0b10 => ONE_BIT_SYMBOLS,
        0b11 => TWO_BIT_SYMBOLS,
        _ => usize::from(chunk) & MAX_RUN,
    }
}

fn chunk_symbol(chunk: u16, index: usize) -> u8 {
    match chunk >> 14 {
        0b10 => (chunk >> (13 - index)) as u8 & 1,
        0b11 => (chunk >> (12 - 2 * index)) as u8 & 3,
        _ => (chunk >> 13) as u8 & 3,
    }
}

/// Writes a feedback message about the packets from `base` on and returns how long it is and how
/// many packets it covers. `arrival(n)` is when packet `base + n` arrived, in microseconds; the
/// at least one must have arrived. It covers at most `count` and [`MAX_REPORTED`] packets, and fewer
/// where arrivals are too far apart for one message.
pub fn write(
    out: &mut [u8],
    sender: Ssrc,
    media: Ssrc,
    number: u8,
    base: u16,
    count: usize,
    arrival: impl Fn(usize) -> Option<i64>,
) -> Option<(usize, usize)> {
    let first = (0..count.min(MAX_REPORTED)).find_map(&arrival)?;
    let reference = first.div_euclid(REFERENCE_UNIT);
    let mut symbols = [NOT_RECEIVED; MAX_REPORTED];
    let mut deltas = [0u8; 2 * MAX_REPORTED];
    let mut deltas_len = 0;
    // Times are carried in whole units, so that rounding does not add up.
    let mut time = reference * (REFERENCE_UNIT / DELTA_UNIT);
    let mut covered = 0;
    for (index, symbol) in symbols.iter_mut().enumerate().take(count) {
        if let Some(arrival) = arrival(index) {
            let units = arrival.div_euclid(DELTA_UNIT);
            let delta = units - time;
            if let Ok(small) = u8::try_from(delta) {
                *symbol = SMALL_DELTA;
                deltas[deltas_len] = small;
                deltas_len += 1;
            } else if let Ok(large) = i16::try_from(delta) {
                *symbol = LARGE_DELTA;
                deltas[deltas_len..deltas_len + 2].copy_from_slice(&large.to_be_bytes());
                deltas_len += 2;
            } else {
                break;
            }
            time = units;
            // A message that ends with a packet that has arrived says nothing of those in flight.
            covered = index + 1;
        }
    }

    let mut at = FIXED_LEN;
    let mut rest = &symbols[..covered];
    while !rest.is_empty() {
        let (chunk, taken) = next_chunk(rest);
        out.get_mut(at..at + 2)?.copy_from_slice(&chunk.to_be_bytes());
        at += 2;
        rest = &rest[taken..];
    }
    out.get_mut(at..at + deltas_len)?.copy_from_slice(&deltas[..deltas_len]);
    at += deltas_len;
    let len = at.next_multiple_of(4);
    let padding = len - at;
    out.get_mut(at..len)?.fill(0);
    out[0] = 0x8f;
    if padding > 0 {
        out[0] |= 0x20;
        out[len - 1] = padding as u8;
    }
    out[1] = 205;
    out[2..4].copy_from_slice(&((len / 4 - 1) as u16).to_be_bytes());
    out[4..8].copy_from_slice(&sender.0.to_be_bytes());
    out[8..12].copy_from_slice(&media.0.to_be_bytes());
    out[12..14].copy_from_slice(&base.to_be_bytes());
    out[14..16].copy_from_slice(&(covered as u16).to_be_bytes());
    out[16..19].copy_from_slice(&(reference as u32).to_be_bytes()[1..]);
    out[19] = number;
    Some((len, covered))
}

/// The chunk that covers most of what comes next.
fn next_chunk(symbols: &[u8]) -> (u16, usize) {
    let first = symbols[0];
    let run = symbols.iter().take(MAX_RUN).take_while(|&&symbol| symbol == first).count();
    let one_bit = symbols.iter().take(ONE_BIT_SYMBOLS).all(|&symbol| symbol != LARGE_DELTA);
    let width = if one_bit { ONE_BIT_SYMBOLS } else { TWO_BIT_SYMBOLS };
    if run >= width || run == symbols.len() {
        return (u16::from(first) << 13 | run as u16, run);
    }
    let taken = symbols.len().min(width);
    let mut chunk = if one_bit { 0b10 << 14 } else { 0b11 << 14 };
    for (index, &symbol) in symbols[..taken].iter().enumerate() {
        let shift = if one_bit { 13 - index } else { 12 - 2 * index };
        chunk |= u16::from(symbol) << shift;
    }
    (chunk, taken)
}
