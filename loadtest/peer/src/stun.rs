//! ICE as the controlling, full agent of a browser does it towards a lite one: checks that nominate,
//! repeated for consent (RFC 8445, RFC 7675).

use stun::{
    attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME},
    crypto::providers::AwsLcRsCrypto,
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{
        BINDING_REQUEST, BINDING_SUCCESS, CLASS_ERROR_RESPONSE, CLASS_SUCCESS_RESPONSE, Message,
        MessageType, Setter, TransactionId,
    },
    textattrs::Username,
    xoraddr::XorMappedAddress,
};

use super::Credentials;

/// First bytes of STUN messages on a shared port (RFC 7983).
pub const FIRST_BYTES: std::ops::RangeInclusive<u8> = 0..=3;
/// Priority of a peer-reflexive candidate (RFC 8445 §7.1.1); the value does not matter here.
const PRIORITY: [u8; 4] = [0x6e, 0, 0x1e, 0xff];
const TIE_BREAKER: [u8; 8] = [7; 8];

/// A nominating check.
pub fn check(local: &Credentials, remote: &Credentials) -> Vec<u8> {
    let mut message = new(BINDING_REQUEST, TransactionId::new());
    let user = format!("{}:{}", remote.ufrag, local.ufrag);
    let added = Username::new(ATTR_USERNAME, user).add_to(&mut message);
    message.add(ATTR_ICE_CONTROLLING, &TIE_BREAKER);
    message.add(ATTR_PRIORITY, &PRIORITY);
    message.add(ATTR_USE_CANDIDATE, &[]);
    added.and_then(|()| protect(&mut message, &remote.pwd)).expect("a small message");
    message.raw
}

/// What a received STUN message asks for.
pub enum Received {
    /// Our check was answered.
    Answered,
    /// A check of a peer that is a full agent; the answer to it.
    Answer(Vec<u8>),
    /// An answer to something else than a check.
    Response,
    /// Nothing that needs doing.
    Other,
}

/// Takes a STUN message.
pub fn receive(data: &[u8], from: std::net::SocketAddr, local: &Credentials) -> Received {
    let mut message = Message { raw: data.to_vec(), ..Message::default() };
    if message.decode().is_err() {
        return Received::Other;
    }
    if message.typ == BINDING_SUCCESS {
        return Received::Answered;
    }
    if message.typ.class == CLASS_SUCCESS_RESPONSE || message.typ.class == CLASS_ERROR_RESPONSE {
        return Received::Response;
    }
    if message.typ != BINDING_REQUEST {
        return Received::Other;
    }
    let mut answer = new(BINDING_SUCCESS, message.transaction_id);
    let mapped = XorMappedAddress { ip: from.ip(), port: from.port() };
    let made = mapped.add_to(&mut answer).and_then(|()| protect(&mut answer, &local.pwd)).is_ok();
    if made { Received::Answer(answer.raw) } else { Received::Other }
}

fn new(typ: MessageType, transaction_id: TransactionId) -> Message {
    let mut message = Message { typ, transaction_id, ..Message::default() };
    message.write_header();
    message
}

fn protect(message: &mut Message, pwd: &str) -> shared::error::Result<()> {
    MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), &AwsLcRsCrypto)
        .add_to(message)?;
    FINGERPRINT.add_to(message)
}
