//! Certificate fingerprints (RFC 8122).

use std::fmt::{self, Write as _};

use arrayvec::ArrayVec;

/// Longest digest we know, SHA-512.
const MAX_DIGEST: usize = 64;

/// Hash functions of fingerprints. MD5 and SHA-1 are not accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum HashAlgorithm {
    /// SHA-256, what every browser sends.
    Sha256,
    /// SHA-384.
    Sha384,
    /// SHA-512.
    Sha512,
}

impl HashAlgorithm {
    fn name(self) -> &'static str {
        match self {
            Self::Sha256 => "sha-256",
            Self::Sha384 => "sha-384",
            Self::Sha512 => "sha-512",
        }
    }

    fn digest_len(self) -> usize {
        match self {
            Self::Sha256 => 32,
            Self::Sha384 => 48,
            Self::Sha512 => 64,
        }
    }
}

/// The hash of a certificate in DER.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fingerprint {
    algorithm: HashAlgorithm,
    digest: ArrayVec<u8, MAX_DIGEST>,
}

impl Fingerprint {
    /// A SHA-256 fingerprint.
    pub fn sha256(digest: [u8; 32]) -> Self {
        Self { algorithm: HashAlgorithm::Sha256, digest: digest.into_iter().collect() }
    }

    /// The hash function.
    pub fn algorithm(&self) -> HashAlgorithm {
        self.algorithm
    }

    /// The digest.
    pub fn digest(&self) -> &[u8] {
        &self.digest
    }

    /// Parses the value of `a=fingerprint`, for example `sha-256 4A:AD:…`.
    pub(crate) fn parse(value: &str) -> Option<Self> {
        let (name, hex) = value.trim().split_once(' ')?;
        let algorithm = [HashAlgorithm::Sha256, HashAlgorithm::Sha384, HashAlgorithm::Sha512]
            .into_iter()
            .find(|algorithm| algorithm.name().eq_ignore_ascii_case(name))?;
        let mut digest = ArrayVec::new();
        for byte in hex.trim().split(':') {
            if byte.len() != 2 || !byte.bytes().all(|b| b.is_ascii_hexdigit()) {
                return None;
            }
            digest.try_push(u8::from_str_radix(byte, 16).ok()?).ok()?;
        }
        (digest.len() == algorithm.digest_len()).then_some(Self { algorithm, digest })
    }
}

impl fmt::Display for Fingerprint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.algorithm.name())?;
        for (index, byte) in self.digest.iter().enumerate() {
            f.write_char(if index == 0 { ' ' } else { ':' })?;
            write!(f, "{byte:02X}")?;
        }
        Ok(())
    }
}
