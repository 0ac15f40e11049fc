//! Which deployment, and what lets us in.

use std::path::{Path, PathBuf};

use super::exit;
use crate::drive::{
    Target,
    api::{ApiError, ApiKey},
};

/// Which deployment, and what lets us in.
#[derive(Debug, clap::Args)]
pub(super) struct Access {
    /// Public address of the deployment
    #[arg(long, default_value = "http://localhost:8080")]
    url: String,
    /// File with the API key; without it the key is taken from VITRINE_API_KEY
    ///
    /// There is no flag for the key itself: every user of a machine can read argument lists.
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
}

/// Environment variable with the API key.
const KEY_VARIABLE: &str = "VITRINE_API_KEY";

impl Access {
    pub(super) fn target(&self) -> Result<(Target, ApiKey), String> {
        let target = Target::parse(&self.url).map_err(|error| error.to_string())?;
        Ok((target, key(self.api_key_file.as_deref())?))
    }
}

/// The API key.
pub(super) fn key(file: Option<&Path>) -> Result<ApiKey, String> {
    let key = match file {
        Some(file) => std::fs::read_to_string(file)
            .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
        None => std::env::var(KEY_VARIABLE).map_err(|_| {
            format!(
                "an API key is needed: set {KEY_VARIABLE} or give --api-key-file (a server keeps \
                 its key in the file api-key of its data directory)"
            )
        })?,
    };
    if key.trim().is_empty() {
        return Err("the API key is empty".to_owned());
    }
    Ok(ApiKey::new(&key))
}

/// The exit code of what the API said.
pub(super) fn code(error: &ApiError) -> u8 {
    match error {
        ApiError::Unreachable { .. } | ApiError::Strange { .. } => exit::UNREACHABLE,
        ApiError::WrongKey { .. } => exit::USAGE,
        ApiError::Refused(_) => exit::FAILED,
    }
}
