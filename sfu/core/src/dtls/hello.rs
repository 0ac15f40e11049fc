//! A ClientHello that offers one SRTP profile: AEAD_AES_128_GCM.
//!
//! `dimpl` offers every profile it knows and has no setting for it. What it makes is narrowed here:
//! the list in the `use_srtp` extension shrinks (RFC 5764 §4.1.1) and the padding behind it
//! (RFC 7685) grows by as much, so that no length changes. Both sides of a handshake hash its
//! messages; so the same is done to our ClientHello wherever `dimpl` hashes or signs it, through the
//! crypto provider that it lets us choose.

use dimpl::{
    CryptoError, HashAlgorithm, SignatureAlgorithm,
    crypto::{Buf, CryptoProvider, HashContext, HashProvider, KeyProvider, SigningKey, aws_lc_rs},
};

/// SRTP_AEAD_AES_128_GCM (RFC 7714 §14.2).
const AEAD_AES_128_GCM: [u8; 2] = [0, 7];
/// The extension's data with that profile alone: length of the list, the list, no MKI.
const NARROW: [u8; 5] = [0, 2, AEAD_AES_128_GCM[0], AEAD_AES_128_GCM[1], 0];

/// How a ClientHello of either version begins (RFC 9147 §5.3).
const DTLS_1_2: [u8; 2] = [0xfe, 0xfd];
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
/// Stands for the first ClientHello once a server has asked for a second (RFC 8446 §4.4.1).
const MESSAGE_HASH: u8 = 254;
const USE_SRTP: u16 = 14;
const PADDING: u16 = 21;
/// Version and random number.
const HELLO_FIXED_LEN: usize = 2 + 32;
/// Type and length of an extension.
const EXTENSION_HEADER_LEN: usize = 4;
/// Type and length of a handshake message, which is all that DTLS 1.3 hashes of its header.
const SHORT_HEADER_LEN: usize = 4;
/// The same with sequence number and fragment, as sent and as DTLS 1.2 hashes it.
const FULL_HEADER_LEN: usize = 12;
const RECORD_HEADER_LEN: usize = 13;
const HANDSHAKE_RECORD: u8 = 22;

/// The default provider, which sees our ClientHello as [`narrow_datagram`] sends it.
pub(super) fn provider() -> CryptoProvider {
    CryptoProvider {
        hash_provider: &NarrowHello,
        key_provider: &NarrowHello,
        ..aws_lc_rs::default_provider()
    }
}

/// Narrows the ClientHello that a datagram consists of; leaves any other alone.
pub(super) fn narrow_datagram(datagram: &mut [u8]) {
    let clear = datagram.first() == Some(&HANDSHAKE_RECORD) && datagram.get(3..5) == Some(&[0, 0]);
    if clear && let Some(message) = datagram.get_mut(RECORD_HEADER_LEN..) {
        narrow_message(message);
    }
}

/// Narrows the ClientHello that begins `data`, whatever follows it. False: there is none, or it is
/// not as `dimpl` makes it, and nothing is changed.
fn narrow_message(data: &mut [u8]) -> bool {
    let Some(header) = data.first_chunk().copied().filter(|header| header[0] == CLIENT_HELLO)
    else {
        return false;
    };
    // Behind a short header the body begins, with its version.
    let short = data.get(SHORT_HEADER_LEN..).is_some_and(|body| body.starts_with(&DTLS_1_2));
    let start = if short { SHORT_HEADER_LEN } else { FULL_HEADER_LEN };
    let end = start + message_len(header);
    data.get_mut(start..end).is_some_and(|body| narrow_body(body).is_some())
}

fn message_len([_, a, b, c]: [u8; SHORT_HEADER_LEN]) -> usize {
    u32::from_be_bytes([0, a, b, c]) as usize
}

fn narrow_body(body: &mut [u8]) -> Option<()> {
    let byte = |at: usize| body.get(at).map(|&len| usize::from(len));
    let word =
        |at: usize| body.get(at..).and_then(<[u8]>::first_chunk).map(|&w| u16::from_be_bytes(w));
    let mut at = HELLO_FIXED_LEN;
    at += 1 + byte(at)?; // session id
    at += 1 + byte(at)?; // cookie
    at += 2 + usize::from(word(at)?); // cipher suites
    at += 1 + byte(at)?; // compression methods
    at += 2; // length of all extensions
    let mut srtp = None;
    let mut padding = None;
    while at < body.len() {
        let (kind, len) = (word(at)?, usize::from(word(at + 2)?));
        let end = at + EXTENSION_HEADER_LEN + len;
        match kind {
            USE_SRTP if len >= NARROW.len() => srtp = Some((at, end)),
            PADDING if end == body.len() => padding = Some((at, len)),
            _ => {}
        }
        at = end;
    }
    let (srtp, srtp_end) = srtp?;
    let (padding, padding_len) = padding.filter(|&(at, _)| at >= srtp_end)?;
    let value = srtp + EXTENSION_HEADER_LEN;
    let saved = srtp_end - value - NARROW.len();
    let padding_len = u16::try_from(padding_len + saved).ok()?;
    body[padding + 2..padding + EXTENSION_HEADER_LEN].copy_from_slice(&padding_len.to_be_bytes());
    body[srtp + 2..value].copy_from_slice(&(NARROW.len() as u16).to_be_bytes());
    body[value..value + NARROW.len()].copy_from_slice(&NARROW);
    body.copy_within(srtp_end.., srtp_end - saved);
    let tail = body.len() - saved;
    body[tail..].fill(0);
    Some(())
}

/// A transcript of a handshake with our ClientHello narrowed; `None` if it has none.
fn narrow_transcript(data: &[u8]) -> Option<Vec<u8>> {
    // After a HelloRetryRequest (a ServerHello by its type) the second ClientHello stands third.
    let mut start = 0;
    while let Some(&header) = data.get(start..).and_then(<[u8]>::first_chunk)
        && matches!(header[0], MESSAGE_HASH | SERVER_HELLO)
    {
        start += SHORT_HEADER_LEN + message_len(header);
    }
    (data.get(start) == Some(&CLIENT_HELLO)).then_some(())?;
    let mut data = data.to_vec();
    narrow_message(&mut data[start..]).then_some(data)
}

/// Makes hashes and keys that see the narrowed ClientHello.
#[derive(Debug)]
struct NarrowHello;

impl HashProvider for NarrowHello {
    fn create_hash(&self, algorithm: HashAlgorithm) -> Box<dyn HashContext> {
        let inner = aws_lc_rs::default_provider().hash_provider.create_hash(algorithm);
        Box::new(NarrowHash(inner))
    }
}

impl KeyProvider for NarrowHello {
    fn load_private_key(&self, der: &[u8]) -> Result<Box<dyn SigningKey>, CryptoError> {
        let inner = aws_lc_rs::default_provider().key_provider.load_private_key(der)?;
        Ok(Box::new(NarrowKey(inner)))
    }
}

/// `dimpl` hashes a transcript in one piece.
#[derive(Debug)]
struct NarrowHash(Box<dyn HashContext>);

impl HashContext for NarrowHash {
    fn update(&mut self, data: &[u8]) {
        self.0.update(narrow_transcript(data).as_deref().unwrap_or(data));
    }

    fn clone_and_finalize(&self, out: &mut Buf) {
        self.0.clone_and_finalize(out);
    }
}

/// In DTLS 1.2 the client signs the transcript itself and not its hash.
#[derive(Debug)]
struct NarrowKey(Box<dyn SigningKey>);

impl SigningKey for NarrowKey {
    fn sign(&mut self, data: &[u8], hash: HashAlgorithm, out: &mut Buf) -> Result<(), CryptoError> {
        self.0.sign(narrow_transcript(data).as_deref().unwrap_or(data), hash, out)
    }

    fn algorithm(&self) -> SignatureAlgorithm {
        self.0.algorithm()
    }

    fn hash_algorithm(&self) -> HashAlgorithm {
        self.0.hash_algorithm()
    }

    fn supported_hash_algorithms(&self) -> &[HashAlgorithm] {
        self.0.supported_hash_algorithms()
    }
}
