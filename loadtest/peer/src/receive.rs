//! Reading what arrives: headers, rollover counters, the transport-wide sequence.

use std::collections::VecDeque;

use sfu_core::{
    rtcp::transport_feedback::{self, MAX_REPORTED},
    rtp::Ssrc,
};

use super::{sdp, srtp::Keys};

/// What is read of a header.
pub struct Header {
    /// Payload type.
    pub payload_type: u8,
    /// Sequence number.
    pub sequence: u16,
    /// SSRC.
    pub ssrc: u32,
    /// Bytes of the header, its extensions included.
    pub len: usize,
    /// Whether the payload ends with padding (P).
    pub padded: bool,
    /// The transport-wide sequence number.
    pub transport_sequence: Option<u16>,
}

impl Header {
    /// None if the packet is none.
    pub fn read(packet: &[u8]) -> Option<Self> {
        let fixed: &[u8; 12] = packet.first_chunk()?;
        let mut len = 12 + 4 * usize::from(fixed[0] & 0x0f);
        let mut transport_sequence = None;
        if fixed[0] & 0x10 != 0 {
            let [a, b, high, low] = *packet.get(len..)?.first_chunk()?;
            let words = usize::from(u16::from_be_bytes([high, low]));
            let block = packet.get(len + 4..len + 4 + 4 * words)?;
            len += 4 + 4 * words;
            if [a, b] == [0xbe, 0xde] {
                transport_sequence = find(block, sdp::TRANSPORT_SEQUENCE);
            }
        }
        Some(Self {
            payload_type: fixed[1] & 0x7f,
            sequence: u16::from_be_bytes([fixed[2], fixed[3]]),
            ssrc: u32::from_be_bytes([fixed[8], fixed[9], fixed[10], fixed[11]]),
            len,
            padded: fixed[0] & 0x20 != 0,
            transport_sequence,
        })
    }
}

/// The two bytes of an extension in a one-byte block (RFC 8285 §4.2).
fn find(mut block: &[u8], id: u8) -> Option<u16> {
    while let Some((&first, rest)) = block.split_first() {
        if first == 0 {
            block = rest;
            continue;
        }
        let len = usize::from(first & 0x0f) + 1;
        let value = rest.get(..len)?;
        if first >> 4 == id {
            return Some(u16::from_be_bytes(value.try_into().ok()?));
        }
        block = &rest[len..];
    }
    None
}

/// One incoming SSRC.
struct Incoming {
    ssrc: u32,
    /// Highest index so far.
    highest: u64,
    first: u64,
    packets: u64,
    reported: (u64, u64),
    /// Middle of the NTP time in the last sender report, and when that came (microseconds).
    last_report: (u32, u64),
}

impl Incoming {
    /// The index that a sequence number most likely stands for (RFC 3711 §3.3.1).
    fn index(&self, sequence: u16) -> u64 {
        let ahead = sequence.wrapping_sub(self.highest as u16) as i16;
        self.highest.saturating_add_signed(ahead.into())
    }

    /// A report block (RFC 3550 §6.4.1); jitter is not measured.
    fn block(&mut self, now: u64, out: &mut Vec<u8>) {
        let expected = self.highest + 1 - self.first;
        let lost = expected.saturating_sub(self.packets);
        let of_interval = expected - self.reported.0;
        let lost_in_interval = of_interval.saturating_sub(self.packets - self.reported.1);
        self.reported = (expected, self.packets);
        let fraction = (lost_in_interval * 256).checked_div(of_interval).unwrap_or(0).min(255);
        out.extend(self.ssrc.to_be_bytes());
        out.extend(((fraction as u32) << 24 | (lost as u32 & 0x7f_ffff)).to_be_bytes());
        out.extend((self.highest as u32).to_be_bytes());
        out.extend([0; 4]);
        let (middle, at) = self.last_report;
        let delay = if middle == 0 { 0 } else { (now - at) * 65_536 / 1_000_000 };
        out.extend(middle.to_be_bytes());
        out.extend((delay as u32).to_be_bytes());
    }
}

/// Everything that a peer receives.
#[derive(Default)]
pub struct Receiver {
    streams: Vec<Incoming>,
    arrivals: Arrivals,
}

impl Receiver {
    /// Opens a packet and notes its arrival (microseconds); false if it is not authentic.
    pub fn open(&mut self, keys: &Keys, header: &Header, packet: &mut [u8], at: u64) -> bool {
        let position = self.streams.iter().position(|stream| stream.ssrc == header.ssrc);
        let index = match position {
            Some(i) => self.streams[i].index(header.sequence),
            None => header.sequence.into(),
        };
        if !keys.open_rtp(packet, header.len, header.ssrc, index) {
            return false;
        }
        match position {
            Some(i) => {
                let stream = &mut self.streams[i];
                stream.highest = stream.highest.max(index);
                stream.packets += 1;
            }
            None => self.streams.push(Incoming {
                ssrc: header.ssrc,
                highest: index,
                first: index,
                packets: 1,
                reported: (0, 0),
                last_report: (0, 0),
            }),
        }
        if let Some(sequence) = header.transport_sequence {
            self.arrivals.note(sequence, at);
        }
        true
    }

    /// Notes a sender report.
    pub fn sender_report(&mut self, ssrc: u32, middle: u32, now: u64) {
        if let Some(stream) = self.streams.iter_mut().find(|stream| stream.ssrc == ssrc) {
            stream.last_report = (middle, now);
        }
    }

    /// Report blocks of every stream; how many.
    pub fn report(&mut self, now: u64, out: &mut Vec<u8>) -> u8 {
        // The field has five bits; a leg has three streams.
        let count = self.streams.len().min(31);
        for stream in &mut self.streams[..count] {
            stream.block(now, out);
        }
        count as u8
    }

    /// The feedback that is due, if anything has arrived since the last.
    pub fn feedback(&mut self, sender: u32, out: &mut Vec<u8>) -> bool {
        let media = self.streams.first().map_or(0, |stream| stream.ssrc);
        self.arrivals.feedback(sender, media, out)
    }
}

/// Arrivals that have not been reported (draft-holmer-rmcat-transport-wide-cc-extensions-01).
#[derive(Default)]
struct Arrivals {
    /// The transport-wide sequence number that the first entry stands for.
    base: Option<u16>,
    /// Microseconds; none for those that have not come.
    at: VecDeque<Option<i64>>,
    number: u8,
}

impl Arrivals {
    fn note(&mut self, sequence: u16, at: u64) {
        let base = *self.base.get_or_insert(sequence);
        // Older than the base is reported already.
        let ahead = usize::from(sequence.wrapping_sub(base));
        if ahead > MAX_REPORTED * 8 {
            return;
        }
        if self.at.len() <= ahead {
            self.at.resize(ahead + 1, None);
        }
        self.at[ahead] = Some(at as i64);
    }

    fn feedback(&mut self, sender: u32, media: u32, out: &mut Vec<u8>) -> bool {
        let Some(base) = self.base else { return false };
        let mut buffer = [0; 1_200];
        let written = transport_feedback::write(
            &mut buffer,
            Ssrc(sender),
            Ssrc(media),
            self.number,
            base,
            self.at.len(),
            |i| self.at[i],
        );
        let Some((len, covered)) = written else { return false };
        out.extend_from_slice(&buffer[..len]);
        self.number = self.number.wrapping_add(1);
        self.base = Some(base.wrapping_add(covered as u16));
        self.at.drain(..covered);
        true
    }
}
