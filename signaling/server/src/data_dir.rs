//! The data directory: everything that must survive a restart.
//!
//! `vitrine.db` (SQLite), `api-key` and `cluster-secret`. The directory is readable by its owner
//! only, and so are the files: whoever reads them can sign in as anyone.

use std::{
    fs,
    io::{self, Write},
    os::unix::fs::{DirBuilderExt, OpenOptionsExt, PermissionsExt},
    path::{Path, PathBuf},
};

use rand::RngCore;

use crate::{Failure, config::Secret, failure::plainly};

const OWNER_ONLY_DIRECTORY: u32 = 0o700;
const OWNER_ONLY_FILE: u32 = 0o600;
/// Permission bits of everybody but the owner.
const OTHERS: u32 = 0o077;
/// 256 bits: nobody guesses them, and an HMAC key of that length needs no hashing down.
const SECRET_BYTES: usize = 32;
/// Ids have 128 bits.
const NODE_ID_BYTES: usize = 16;

/// An existing, private, writable data directory.
#[derive(Debug, Clone)]
pub struct DataDir {
    path: PathBuf,
}

impl DataDir {
    /// Opens the directory, creating it when it is missing.
    ///
    /// # Errors
    /// A sentence when it cannot be created or written.
    pub fn open(path: &Path) -> Result<Self, Failure> {
        let failure = |what: &str, error: &io::Error| {
            let path = std::path::absolute(path).unwrap_or_else(|_| path.to_owned());
            Failure::Machine(format!(
                "the data directory {} cannot be {what}: {}",
                path.display(),
                plainly(error)
            ))
        };
        fs::DirBuilder::new()
            .recursive(true)
            .mode(OWNER_ONLY_DIRECTORY)
            .create(path)
            .map_err(|error| failure("created", &error))?;
        let path = fs::canonicalize(path).map_err(|error| failure("opened", &error))?;
        // Permission bits alone do not tell (root, read-only mounts, quotas): really write.
        let probe = path.join(format!(".probe-{}", std::process::id()));
        fs::write(&probe, b"probe")
            .and_then(|()| fs::remove_file(&probe))
            .map_err(|error| failure("written", &error))?;
        Ok(Self { path })
    }

    /// Its absolute path.
    #[must_use]
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The SQLite file.
    #[must_use]
    pub fn database(&self) -> PathBuf {
        self.path.join("vitrine.db")
    }

    /// The file with the API key.
    #[must_use]
    pub fn api_key_file(&self) -> PathBuf {
        self.path.join("api-key")
    }

    /// The API key, created on first use.
    ///
    /// # Errors
    /// A sentence when the file cannot be read, is readable by others, or cannot be written.
    pub fn api_key(&self) -> Result<Secret, Failure> {
        self.secret("api-key", "vk_")
    }

    /// What nodes prove knowledge of, created on first use.
    ///
    /// # Errors
    /// As [`DataDir::api_key`].
    pub fn cluster_secret(&self) -> Result<Secret, Failure> {
        self.secret("cluster-secret", "")
    }

    /// The id of the node in this process, for instances that share a store.
    ///
    /// # Errors
    /// As [`DataDir::api_key`].
    pub fn node_id(&self) -> Result<Vec<u8>, Failure> {
        let text = self.secret("node-id", "")?;
        let bytes = hex::decode(text.expose()).unwrap_or_default();
        Ok(bytes.into_iter().take(NODE_ID_BYTES).collect())
    }

    /// Throws the API key away and makes a new one.
    ///
    /// # Errors
    /// As [`DataDir::api_key`].
    pub fn new_api_key(&self) -> Result<Secret, Failure> {
        match fs::remove_file(self.api_key_file()) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => {
                let path = self.api_key_file();
                Err(Failure::Machine(format!("{}: {}", path.display(), plainly(&error))))
            }
            _ => self.api_key(),
        }
    }

    /// Notes where browsers find the running server, for links made on the command line.
    ///
    /// # Errors
    /// A sentence when it cannot be written.
    pub fn note_address(&self, base_url: &str) -> Result<(), Failure> {
        let path = self.path.join("address");
        fs::write(&path, base_url).map_err(|error| {
            Failure::Machine(format!("{} cannot be written: {}", path.display(), plainly(&error)))
        })
    }

    /// Where browsers found the server when it was last started.
    #[must_use]
    pub fn noted_address(&self) -> Option<String> {
        fs::read_to_string(self.path.join("address")).ok()
    }

    fn secret(&self, file: &str, prefix: &str) -> Result<Secret, Failure> {
        let path = self.path.join(file);
        let failure = |error: &io::Error| {
            Failure::Machine(format!("{} cannot be used: {}", path.display(), plainly(error)))
        };
        match read_private(&path) {
            Ok(text) => Ok(Secret::new(text)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                let text = format!("{prefix}{}", hex::encode(random::<SECRET_BYTES>()));
                match create_private(&path, &text) {
                    Ok(()) => Ok(Secret::new(text)),
                    // Another process was faster: its secret counts.
                    Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                        read_private(&path).map(Secret::new).map_err(|error| failure(&error))
                    }
                    Err(error) => Err(failure(&error)),
                }
            }
            Err(error) => Err(failure(&error)),
        }
    }
}

/// Bytes from the system's generator.
pub(crate) fn random<const N: usize>() -> [u8; N] {
    let mut bytes = [0; N];
    rand::rng().fill_bytes(&mut bytes);
    bytes
}

fn read_private(path: &Path) -> io::Result<String> {
    let mode = fs::metadata(path)?.permissions().mode();
    if mode & OTHERS != 0 {
        return Err(io::Error::other(format!(
            "other users can read it; run: chmod 600 {}",
            path.display()
        )));
    }
    let text = fs::read_to_string(path)?.trim().to_owned();
    if text.is_empty() {
        return Err(io::Error::other("it is empty; delete it to have a new one made"));
    }
    Ok(text)
}

/// Writes a file that did not exist, all of it or nothing, even across a crash.
fn create_private(path: &Path, text: &str) -> io::Result<()> {
    let draft = path.with_extension(format!("draft-{}", hex::encode(random::<4>())));
    let write = || {
        let mut file = fs::OpenOptions::new()
            .write(true)
            .create_new(true)
            .mode(OWNER_ONLY_FILE)
            .open(&draft)?;
        writeln!(file, "{text}")?;
        file.sync_all()?;
        // Unlike a rename, a link never replaces a file that is already there.
        fs::hard_link(&draft, path)
    };
    let result = write();
    let tidied = fs::remove_file(&draft);
    result.and(tidied)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn directory_and_secrets_are_private_and_stay_the_same() {
        let parent = tempfile::tempdir().expect("temp dir");
        let path = parent.path().join("data");
        let data = DataDir::open(&path).expect("created");
        let key = data.api_key().expect("created").expose().to_owned();
        assert!(key.starts_with("vk_") && key.len() > 60);
        assert_eq!(DataDir::open(&path).expect("again").api_key().expect("read").expose(), key);
        for (path, mode) in
            [(path.clone(), OWNER_ONLY_DIRECTORY), (data.api_key_file(), OWNER_ONLY_FILE)]
        {
            let found = fs::metadata(&path).expect("there").permissions().mode() & 0o777;
            assert_eq!(found, mode, "{}", path.display());
        }
        assert_eq!(fs::read_dir(&path).expect("readable").count(), 1, "no draft is left behind");
    }

    #[test]
    fn a_secret_that_others_can_read_is_refused() {
        let parent = tempfile::tempdir().expect("temp dir");
        let data = DataDir::open(parent.path()).expect("opened");
        data.api_key().expect("created");
        fs::set_permissions(data.api_key_file(), fs::Permissions::from_mode(0o644)).expect("chmod");
        let error = data.api_key().expect_err("readable by others").to_string();
        assert!(error.contains("chmod 600"), "{error}");
    }

    #[test]
    fn a_file_in_the_way_gets_a_sentence() {
        let parent = tempfile::tempdir().expect("temp dir");
        let path = parent.path().join("data");
        fs::write(&path, "in the way").expect("write");
        let error = DataDir::open(&path).expect_err("a file").to_string();
        assert!(
            error.starts_with("the data directory /") && !error.contains("os error"),
            "{error}"
        );
    }
}
