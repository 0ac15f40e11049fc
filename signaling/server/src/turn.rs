//! Credentials for the TURN server that the configuration names.
//!
//! TURN servers check them without asking us (coturn's `use-auth-secret`, "A REST API For Access To
//! TURN Services", draft-uberti-behave-turn-rest-00): the user name says when they expire, and the
//! password is an HMAC of it under a secret that both sides know.

use std::time::Duration;

use aws_lc_rs::hmac;
use base64::{Engine as _, engine::general_purpose::STANDARD};
use signaling_desk::Millis;
use signaling_wire::browser::IceServer;

use crate::config::{Config, Secret};

/// Makes credentials for pages.
#[derive(Debug)]
pub struct Turn {
    urls: Vec<String>,
    key: hmac::Key,
    ttl: Duration,
}

impl Turn {
    /// None if the configuration names no server.
    #[must_use]
    pub fn from_config(config: &Config) -> Option<Self> {
        let secret = config.turn_secret.as_ref().map(Secret::expose)?;
        (!config.turn_urls.is_empty()).then(|| Self {
            urls: config.turn_urls.clone(),
            // What the scheme is made of; HMAC does not suffer from SHA-1's collisions.
            key: hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes()),
            ttl: Duration::from_secs(config.turn_ttl_s),
        })
    }

    /// Credentials that are good from now on. `name` tells their uses apart in the TURN server's
    /// log; it should say nothing about a person.
    #[must_use]
    pub fn credentials(&self, now: Millis, name: u64) -> IceServer {
        let expires = now.0 / 1_000 + self.ttl.as_secs();
        let username = format!("{expires}:{name:016x}");
        let credential = STANDARD.encode(hmac::sign(&self.key, username.as_bytes()));
        IceServer { urls: self.urls.clone(), username, credential }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn credentials_are_those_that_coturn_computes() {
        let config = Config {
            turn_urls: vec!["turns:turn.example.com:443?transport=tcp".to_owned()],
            turn_secret: Some(Secret::new("north")),
            turn_ttl_s: 3_600,
            ..Config::default()
        };
        let turn = Turn::from_config(&config).expect("a server");
        let server = turn.credentials(Millis(1_700_000_000_000), 0x2a);
        assert_eq!(server.username, "1700003600:000000000000002a");
        // printf 1700003600:000000000000002a | openssl dgst -sha1 -hmac north -binary | base64
        assert_eq!(server.credential, "mEEglY4leA5CC4uuzCyh2mq+oS4=");
        assert_eq!(server.urls, config.turn_urls);
        assert!(!format!("{server:?}").contains(&server.credential), "it is not logged");
    }

    #[test]
    fn without_urls_there_is_nothing_to_hand_out() {
        assert!(Turn::from_config(&Config::default()).is_none());
    }
}
