//! What crossed the network, a line for each packet: for finding out what a slow call has lost.

use crate::packet::{tcp_payload, udp_payload};
use anyhow::{Context, Result};
use std::fmt::Write as _;
use std::fs::File;
use std::io::{BufWriter, Write as _};
use std::path::Path;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

/// Written to disk in pieces of this many bytes: the engine's thread has better things to do.
const PIECE: usize = 1 << 20;

/// A file of lines, in the order in which packets arrive or are lost.
pub struct Trace {
    out: BufWriter<File>,
    line: String,
    /// The engine's clock at zero.
    zero: Duration,
}

impl Trace {
    /// Made at the moment in which the engine's clock is zero.
    pub fn create(path: &Path) -> Result<Self> {
        let file = File::create(path).with_context(|| format!("trace {}", path.display()))?;
        let zero = SystemTime::now().duration_since(UNIX_EPOCH).context("the clock is before 1970")?;
        Ok(Self { out: BufWriter::with_capacity(PIECE, file), line: String::new(), zero })
    }

    /// A packet that was `sent` (nanoseconds of the engine's clock) has arrived, or was lost on a link.
    pub fn note(&mut self, sent: u64, now: u64, ends: [&str; 2], lost_on: Option<&str>, packet: &[u8]) {
        let ms = |at: u64| (self.zero + Duration::from_nanos(at)).as_secs_f64() * 1e3;
        let [from, to] = ends;
        self.line.clear();
        // A String takes everything.
        let _ = write!(self.line, "{:.3} {:.3} {from} {to} {}", ms(sent), ms(now), lost_on.unwrap_or("-"));
        let _ = write!(self.line, " {} ", packet.len());
        describe(packet, &mut self.line);
        self.line.push('\n');
        // A full disk ends the trace, not the network.
        let _ = self.out.write_all(self.line.as_bytes());
    }
}

/// What somebody on the way can tell of a packet.
fn describe(packet: &[u8], out: &mut String) {
    let word = |bytes: &[u8], at: usize| {
        bytes.get(at..at + 4).map_or(0, |b| u32::from_be_bytes([b[0], b[1], b[2], b[3]]))
    };
    let half = |bytes: &[u8], at: usize| word(bytes, at) >> 16;
    let _ = if let Some(payload) = udp_payload(packet) {
        match payload.first().copied().unwrap_or_default() {
            0..4 => write!(out, "stun type={:#06x}", half(payload, 0)),
            first @ 20..64 => write!(out, "dtls first={first}"),
            128..192 if payload.get(1).is_some_and(|kind| (192..224).contains(kind)) => {
                write!(out, "rtcp type={}", payload[1])
            }
            128..192 => write!(
                out,
                "rtp type={} seq={} ts={} ssrc={:08x} marker={}",
                half(payload, 0) & 0x7f,
                half(payload, 2),
                word(payload, 4),
                word(payload, 8),
                half(payload, 0) >> 7 & 1
            ),
            _ => write!(out, "udp"),
        }
    } else if let Some(bytes) = tcp_payload(packet) {
        let segment = packet.get(usize::from(packet[0] & 15) * 4..).unwrap_or_default();
        let (ports, flags) = (word(segment, 0), half(segment, 12) & 0x3f);
        write!(
            out,
            "tcp {}>{} flags={flags:#04x} seq={} ack={} bytes={bytes}",
            ports >> 16,
            ports & 0xffff,
            word(segment, 4),
            word(segment, 8)
        )
    } else {
        write!(out, "other protocol={}", packet.get(9).copied().unwrap_or_default())
    };
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_packet_is_told_by_what_can_be_seen_of_it() {
        let ip = |protocol: u8, transport: &[u8]| {
            let total = 20 + transport.len() as u8;
            let head = [0x45, 0, 0, total, 0, 0, 0x40, 0, 64, protocol, 0, 0, 10, 77, 0, 10, 10, 77, 0, 11];
            [&head[..], transport].concat()
        };
        let udp = |payload: &[u8]| ip(17, &[&[0; 8], payload].concat());
        let mut tcp = [0; 24];
        (tcp[1], tcp[3], tcp[7], tcp[12], tcp[13]) = (80, 99, 7, 5 << 4, 0x18);
        for (packet, told) in [
            (udp(&[0, 1, 0, 0]), "stun type=0x0001"),
            (udp(&[22, 0xfe, 0xfd]), "dtls first=22"),
            (udp(&[0x81, 206, 0, 2]), "rtcp type=206"),
            (
                udp(&[0x90, 0x80 | 96, 0, 5, 0, 0, 0, 6, 0, 0, 0, 10]),
                "rtp type=96 seq=5 ts=6 ssrc=0000000a marker=1",
            ),
            (ip(6, &tcp), "tcp 80>99 flags=0x18 seq=7 ack=0 bytes=4"),
            (ip(1, &[8, 0]), "other protocol=1"),
            (udp(&[0x90]), "rtp type=0 seq=0 ts=0 ssrc=00000000 marker=0"),
        ] {
            let mut line = String::new();
            describe(&packet, &mut line);
            assert_eq!(line, told);
        }
    }
}
