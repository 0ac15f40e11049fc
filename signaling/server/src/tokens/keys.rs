//! The keys that tokens are signed with.

use std::{fmt, str::FromStr};

use jsonwebtoken::{DecodingKey, EncodingKey};

use crate::data_dir::random;

/// Keys that are active: the one that signs, and the one before it, so that links signed before a
/// rotation stay good.
const ACTIVE_KEYS: usize = 2;

/// Bytes of a key: as long as the output of its hash (RFC 7518 §3.2).
const KEY_BYTES: usize = 32;

/// Names a key in a token's header (`kid`).
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct KeyId(u32);

impl fmt::Display for KeyId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "k{}", self.0)
    }
}

/// A text that is not a key ring, or not the name of a key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the signing keys cannot be read")]
pub struct BadKeys;

impl FromStr for KeyId {
    type Err = BadKeys;

    fn from_str(text: &str) -> Result<Self, BadKeys> {
        text.strip_prefix('k').and_then(|digits| digits.parse().ok()).map(Self).ok_or(BadKeys)
    }
}

/// A signing key. It does not show itself.
#[derive(Clone)]
struct Key {
    id: KeyId,
    secret: Vec<u8>,
    signing: EncodingKey,
    checking: DecodingKey,
}

impl Key {
    fn new(id: KeyId, secret: Vec<u8>) -> Self {
        let signing = EncodingKey::from_secret(&secret);
        let checking = DecodingKey::from_secret(&secret);
        Self { id, secret, signing, checking }
    }

    fn fresh(id: KeyId) -> Self {
        Self::new(id, random::<KEY_BYTES>().to_vec())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Key({})", self.id)
    }
}

/// The active keys, newest first.
#[derive(Debug, Clone)]
pub struct KeyRing {
    newest: Key,
    older: Vec<Key>,
}

impl KeyRing {
    /// A ring with one new key.
    #[must_use]
    pub fn fresh() -> Self {
        Self { newest: Key::fresh(KeyId(1)), older: Vec::new() }
    }

    /// A ring with a new key in front. The oldest one goes when there are more than two.
    #[must_use]
    pub fn rotated(&self) -> Self {
        let newest = Key::fresh(KeyId(self.newest.id.0.wrapping_add(1)));
        let older = self.keys().take(ACTIVE_KEYS - 1).cloned().collect();
        Self { newest, older }
    }

    /// Reads what [`KeyRing::to_bytes`] wrote.
    ///
    /// # Errors
    /// When it is something else.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, BadKeys> {
        let text = std::str::from_utf8(bytes).map_err(|_| BadKeys)?;
        let mut keys = text.lines().map(|line| {
            let (id, secret) = line.split_once(' ').ok_or(BadKeys)?;
            let secret = hex::decode(secret).map_err(|_| BadKeys)?;
            if secret.len() < KEY_BYTES { Err(BadKeys) } else { Ok(Key::new(id.parse()?, secret)) }
        });
        let newest = keys.next().ok_or(BadKeys)??;
        Ok(Self { newest, older: keys.collect::<Result<_, _>>()? })
    }

    /// As kept in the store: a line for each key, newest first.
    #[must_use]
    pub fn to_bytes(&self) -> Vec<u8> {
        let line = |key: &Key| format!("{} {}\n", key.id, hex::encode(&key.secret));
        self.keys().map(line).collect::<String>().into_bytes()
    }

    /// The name of the key that signs.
    #[must_use]
    pub fn newest(&self) -> KeyId {
        self.newest.id
    }

    pub(super) fn signing(&self) -> &EncodingKey {
        &self.newest.signing
    }

    pub(super) fn checking(&self, id: KeyId) -> Option<&DecodingKey> {
        self.keys().find(|key| key.id == id).map(|key| &key.checking)
    }

    fn keys(&self) -> impl Iterator<Item = &Key> {
        std::iter::once(&self.newest).chain(&self.older)
    }
}
