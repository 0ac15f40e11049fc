//! One connectivity check: a STUN Binding request (RFC 8445 §7.3, RFC 8489) and its answer.

use std::net::SocketAddr;

use arrayvec::ArrayVec;
use stun::{
    attributes::{ATTR_ICE_CONTROLLED, ATTR_MESSAGE_INTEGRITY, ATTR_USE_CANDIDATE, ATTR_USERNAME},
    crypto::providers::AwsLcRsCrypto,
    error_code::{CODE_ROLE_CONFLICT, ErrorCodeAttribute},
    fingerprint::FINGERPRINT,
    integrity::MessageIntegrity,
    message::{BINDING_ERROR, BINDING_REQUEST, BINDING_SUCCESS, Message, MessageType, Setter},
    xoraddr::XorMappedAddress,
};

use super::LocalCredentials;

/// Longest answer: header, XOR-MAPPED-ADDRESS with IPv6 or the error code, integrity, fingerprint.
/// It is shorter than any check, so that answers never amplify.
pub(crate) const MAX_RESPONSE: usize = 20 + 24 + 24 + 8;

/// An answer to a check.
pub(crate) type Response = ArrayVec<u8, MAX_RESPONSE>;

/// A well-formed Binding request whose authenticity is not known yet.
pub(crate) struct Check {
    message: Message,
    username: String,
    pub(super) use_candidate: bool,
    /// The peer claims to be the controlled side.
    pub(super) controlled: bool,
}

impl Check {
    /// None for anything that is not a Binding request with a user name, integrity and a right
    /// fingerprint.
    pub(crate) fn parse(data: &[u8]) -> Option<Self> {
        let mut message = Message { raw: data.to_vec(), ..Message::default() };
        message.decode().ok()?;
        if message.typ != BINDING_REQUEST || FINGERPRINT.check(&message).is_err() {
            return None;
        }
        let mut username = None;
        let mut use_candidate = false;
        let mut controlled = false;
        let mut attributes = message.attributes.0.iter();
        // What follows the integrity is not protected by it and must be ignored (RFC 8489 §14.5).
        attributes.by_ref().take_while(|a| a.typ != ATTR_MESSAGE_INTEGRITY).for_each(|attribute| {
            match attribute.typ {
                ATTR_USERNAME if username.is_none() => {
                    username = String::from_utf8(attribute.value.clone()).ok();
                }
                ATTR_USE_CANDIDATE => use_candidate = true,
                ATTR_ICE_CONTROLLED => controlled = true,
                _ => {}
            }
        });
        message
            .contains(ATTR_MESSAGE_INTEGRITY)
            .then_some(())
            .and(username)
            .filter(|name| name.contains(':'))
            .map(|username| Self { message, username, use_candidate, controlled })
    }

    /// Our half of the user name: which leg this is for.
    pub(crate) fn local_ufrag(&self) -> &str {
        self.username.split_once(':').map_or("", |(local, _)| local)
    }

    /// The peer's half.
    pub(super) fn remote_ufrag(&self) -> &str {
        self.username.split_once(':').map_or("", |(_, remote)| remote)
    }

    /// Tells it from other checks: four of the twelve random bytes of its transaction id. Once
    /// in a million times a first check from a new address looks like one of the thousands that are
    /// remembered; it is not believed, and the peer sends another.
    pub(super) fn transaction(&self) -> u32 {
        let [a, b, c, d, ..] = self.message.transaction_id.0;
        u32::from_be_bytes([a, b, c, d])
    }

    /// Whether it names these credentials and the sender knows their password.
    pub(crate) fn is_for(&mut self, local: &LocalCredentials) -> bool {
        self.local_ufrag() == &*local.ufrag
            && MessageIntegrity::check(&mut self.message, local.pwd.as_bytes(), &AwsLcRsCrypto)
                .is_ok()
    }

    /// "I see you at `from`."
    pub(super) fn success(&self, from: SocketAddr, pwd: &str) -> Option<Response> {
        let mapped = XorMappedAddress { ip: from.ip(), port: from.port() };
        self.response(BINDING_SUCCESS, &mapped, pwd)
    }

    /// "You are the controlling side" (RFC 8445 §7.3.1.1).
    pub(super) fn role_conflict(&self, pwd: &str) -> Option<Response> {
        let error = ErrorCodeAttribute { code: CODE_ROLE_CONFLICT, reason: Vec::new() };
        self.response(BINDING_ERROR, &error, pwd)
    }

    /// None only if the crypto library fails or the answer outgrows its bound.
    fn response(&self, typ: MessageType, body: &dyn Setter, pwd: &str) -> Option<Response> {
        let mut message =
            Message { typ, transaction_id: self.message.transaction_id, ..Message::default() };
        message.write_header();
        body.add_to(&mut message).ok()?;
        MessageIntegrity::new_short_term_integrity_with_provider(pwd.to_owned(), &AwsLcRsCrypto)
            .add_to(&mut message)
            .ok()?;
        FINGERPRINT.add_to(&mut message).ok()?;
        Response::try_from(message.raw.as_slice()).ok()
    }
}
