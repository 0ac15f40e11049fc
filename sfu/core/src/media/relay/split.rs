//! Datagrams that are larger than the path takes, in two parts.
//!
//! QUIC begins a connection with packets of 1,200 bytes and finds out within a few round trips what
//! more the path takes. What is too large meanwhile, or on a path that takes no more, is not lost
//! but sent as two datagrams. A part is: type u8 · id u32 · which of the two u8 · bytes.

use bytes::{BufMut, Bytes, BytesMut};

use super::Malformed;

const PART: u8 = 5;
const HEADER: usize = 6;
/// First parts that wait for their second: the parts of a datagram leave together, so that more
/// than a handful only wait where one was lost.
const WAITING: usize = 64;

/// Takes datagrams apart.
#[derive(Debug, Default)]
pub struct Splitter {
    next: u32,
}

impl Splitter {
    /// Two datagrams in place of one. `None` if even halves are larger than `most` bytes.
    pub fn split(&mut self, data: &Bytes, most: usize) -> Option<[Bytes; 2]> {
        let half = data.len().div_ceil(2);
        if half + HEADER > most {
            return None;
        }
        let id = self.next;
        self.next = self.next.wrapping_add(1);
        let part = |which: u8, bytes: &[u8]| {
            let mut part = BytesMut::with_capacity(HEADER + bytes.len());
            part.put_u8(PART);
            part.put_u32(id);
            part.put_u8(which);
            part.put_slice(bytes);
            part.freeze()
        };
        Some([part(0, &data[..half]), part(1, &data[half..])])
    }
}

/// Puts datagrams together.
#[derive(Debug)]
pub struct Joiner {
    /// By id.
    waiting: Vec<Option<Part>>,
}

#[derive(Debug)]
struct Part {
    id: u32,
    which: u8,
    bytes: Bytes,
}

impl Default for Joiner {
    fn default() -> Self {
        Self { waiting: (0..WAITING).map(|_| None).collect() }
    }
}

impl Joiner {
    /// A datagram as it was before it was split, or `None` while its other part is missing. What
    /// was never split is returned as it is.
    ///
    /// # Errors
    /// When it claims to be a part and is none.
    pub fn join(&mut self, data: Bytes) -> Result<Option<Bytes>, Malformed> {
        if data.first() != Some(&PART) {
            return Ok(Some(data));
        }
        let header = data.get(..HEADER).ok_or(Malformed)?;
        let id = u32::from_be_bytes([header[1], header[2], header[3], header[4]]);
        let part = Part { id, which: header[5], bytes: data.slice(HEADER..) };
        if part.which > 1 {
            return Err(Malformed);
        }
        let place = &mut self.waiting[id as usize % WAITING];
        match place.take_if(|other| other.id == id && other.which != part.which) {
            Some(other) => {
                let (first, second) = if part.which == 0 { (part, other) } else { (other, part) };
                Ok(Some([first.bytes, second.bytes].concat().into()))
            }
            None => {
                *place = Some(part);
                Ok(None)
            }
        }
    }
}
