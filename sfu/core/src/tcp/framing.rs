//! Datagrams on a stream, each behind its length (RFC 4571).

use std::ops::ControlFlow;

/// Bytes in front of each datagram: its length, big endian.
pub const HEADER_LEN: usize = 2;
/// Longest datagram that is taken. Browsers make none beyond 1,500 bytes, over TCP as over UDP; a
/// longer one is passed over.
pub const MAX_FRAME: usize = 2_048;

/// What stands in front of a datagram of `len` bytes, at most [`MAX_FRAME`].
pub fn header(len: usize) -> [u8; HEADER_LEN] {
    (len as u16).to_be_bytes()
}

/// Finds the datagrams in what is read from a stream, however it was cut.
///
/// Holds at most one datagram, and only while a part of it is missing.
#[derive(Debug, Default)]
pub struct Deframer {
    /// The beginning of a datagram, with its header.
    partial: Vec<u8>,
    /// Bytes of an oversized datagram still to come.
    skip: usize,
    oversized: u64,
}

impl Deframer {
    /// How many datagrams were passed over because they are longer than [`MAX_FRAME`].
    pub fn oversized(&self) -> u64 {
        self.oversized
    }

    /// Takes what was read and gives each whole datagram to `take`, which may change it in place,
    /// until there is none or `take` breaks. How many bytes of `data` were used.
    pub fn feed(
        &mut self,
        data: &mut [u8],
        mut take: impl FnMut(&mut [u8]) -> ControlFlow<()>,
    ) -> usize {
        let whole = data.len();
        let mut rest = data;
        while !rest.is_empty() {
            let skipped = self.skip.min(rest.len());
            self.skip -= skipped;
            rest = &mut rest[skipped..];
            // Most datagrams are read as a whole and stay where they are.
            if self.partial.is_empty()
                && let Some(len) = length(rest)
            {
                if len > MAX_FRAME {
                    self.oversized += 1;
                    self.skip = HEADER_LEN + len;
                    continue;
                }
                if rest.len() >= HEADER_LEN + len {
                    let (frame, after) = rest.split_at_mut(HEADER_LEN + len);
                    let flow = take(&mut frame[HEADER_LEN..]);
                    rest = after;
                    if flow.is_break() {
                        break;
                    }
                    continue;
                }
            }
            let (used, flow) = self.collect(rest, &mut take);
            rest = &mut rest[used..];
            if flow.is_break() {
                break;
            }
        }
        whole - rest.len()
    }

    /// Adds to the datagram of which only a part has come.
    fn collect(
        &mut self,
        data: &[u8],
        take: &mut impl FnMut(&mut [u8]) -> ControlFlow<()>,
    ) -> (usize, ControlFlow<()>) {
        let wanted = HEADER_LEN + length(&self.partial).unwrap_or(0);
        let used = (wanted - self.partial.len()).min(data.len());
        self.partial.extend_from_slice(&data[..used]);
        let mut flow = ControlFlow::Continue(());
        match length(&self.partial) {
            Some(len) if len > MAX_FRAME => {
                self.oversized += 1;
                self.skip = len;
                self.partial.clear();
            }
            Some(len) if self.partial.len() == HEADER_LEN + len => {
                flow = take(&mut self.partial[HEADER_LEN..]);
                self.partial.clear();
            }
            _ => {}
        }
        (used, flow)
    }
}

/// The length that a header tells, once it is there.
fn length(frame: &[u8]) -> Option<usize> {
    let header = frame.first_chunk()?;
    Some(usize::from(u16::from_be_bytes(*header)))
}
