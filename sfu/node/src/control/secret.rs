//! The secret that makes a process part of the cluster.

use std::{fmt, fs, io, path::Path, sync::Arc};

use rand::Rng;

/// Shortest cluster secret accepted, in bytes. 32 characters of hex are 128 bits: what
/// `openssl rand -hex 16` prints and what no one guesses.
pub const MIN_SECRET_BYTES: usize = 32;

/// A cluster secret that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum SecretError {
    /// Too easy to guess.
    #[error(
        "the cluster secret has {0} bytes, at least {MIN_SECRET_BYTES} are needed (try `openssl rand -hex 32`)"
    )]
    TooShort(usize),
    /// The file cannot be read.
    #[error("cannot read the cluster secret from {path}: {source}")]
    Unreadable {
        /// Which file.
        path: String,
        /// Why.
        source: io::Error,
    },
}

/// The secret that nodes and signaling share. Never printed.
#[derive(Clone, PartialEq, Eq)]
pub struct ClusterSecret(Arc<[u8]>);

impl ClusterSecret {
    /// Takes a secret; white space around it (the newline at the end of a file) does not count.
    pub fn new(text: &str) -> Result<Self, SecretError> {
        let text = text.trim();
        if text.len() < MIN_SECRET_BYTES {
            return Err(SecretError::TooShort(text.len()));
        }
        Ok(Self(text.as_bytes().into()))
    }

    /// Reads a secret from a file.
    pub fn from_file(path: &Path) -> Result<Self, SecretError> {
        let text = fs::read_to_string(path).map_err(|source| SecretError::Unreadable {
            path: path.display().to_string(),
            source,
        })?;
        Self::new(&text)
    }

    /// A fresh secret, for a node that lives in the same process as its signaling.
    pub fn random(rng: &mut impl Rng) -> Self {
        Self(rng.random::<[u8; 32]>().as_slice().into())
    }

    pub(super) fn bytes(&self) -> &[u8] {
        &self.0
    }
}

impl fmt::Debug for ClusterSecret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("ClusterSecret(redacted)")
    }
}
