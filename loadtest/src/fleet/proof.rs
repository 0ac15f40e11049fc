//! Who may use a worker.

use aws_lc_rs::hmac;

/// The fleet's token: who has it may make calls from the fleet's hosts. Shows itself nowhere.
#[derive(Clone)]
pub struct Token(hmac::Key);

/// Shortest token, in bytes: 128 bits in hexadecimal.
const SHORTEST: usize = 32;
/// What the proof is of, besides the nonce: it is good for nothing else.
const LABEL: &[u8] = b"vitrine loadtest fleet 1 ";

impl Token {
    /// Reads a token, without the line break that files end with.
    ///
    /// # Errors
    /// What is wrong with it, for people.
    pub fn parse(text: &str) -> Result<Self, String> {
        let text = text.trim();
        if text.len() < SHORTEST {
            return Err(format!(
                "a fleet's token has at least {SHORTEST} characters: openssl rand -hex 32"
            ));
        }
        Ok(Self(hmac::Key::new(hmac::HMAC_SHA256, text.as_bytes())))
    }

    /// The proof for a nonce, in hexadecimal.
    pub(super) fn prove(&self, nonce: &str) -> String {
        hex::encode(hmac::sign(&self.0, &message(nonce)))
    }

    /// Whether a proof is right. Takes the same time for every wrong one.
    pub(super) fn accepts(&self, nonce: &str, proof: &str) -> bool {
        hex::decode(proof).is_ok_and(|tag| hmac::verify(&self.0, &message(nonce), &tag).is_ok())
    }
}

fn message(nonce: &str) -> Vec<u8> {
    [LABEL, nonce.as_bytes()].concat()
}

impl std::fmt::Debug for Token {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Token(…)")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_same_token_proves() {
        let token = Token::parse(&"a".repeat(SHORTEST)).unwrap();
        let other = Token::parse(&"b".repeat(SHORTEST)).unwrap();
        let proof = token.prove("nonce");

        assert!(token.accepts("nonce", &proof));
        assert!(!token.accepts("another nonce", &proof));
        assert!(!other.accepts("nonce", &proof));
        for nothing in ["", "zz", &proof[2..]] {
            assert!(!token.accepts("nonce", nothing), "{nothing:?}");
        }
    }

    #[test]
    fn a_short_token_is_refused_and_none_shows() {
        assert!(Token::parse("secret\n").is_err());
        let token = Token::parse(&"a".repeat(SHORTEST)).unwrap();
        assert_eq!(format!("{token:?}"), "Token(…)");
    }
}
