//! A generator host that makes the calls of a controller elsewhere.

use std::{net::SocketAddr, path::PathBuf};

use tokio::net::TcpListener;

use super::{access, exit, output};
use crate::fleet::{self, Token};

#[derive(Debug, clap::Args)]
pub(super) struct WorkerArguments {
    /// Where controllers connect; what crosses is readable, so choose an address of your own network
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    listen: SocketAddr,
    #[command(flatten)]
    token: TokenFile,
    /// File with the API key; without it the key is taken from VITRINE_API_KEY
    #[arg(long, value_name = "FILE")]
    api_key_file: Option<PathBuf>,
    /// Host that may be given more than a few calls; this machine always may
    ///
    /// Also taken from VITRINE_LOADTEST_ALLOW, joined by commas.
    #[arg(long, value_name = "HOST", env = "VITRINE_LOADTEST_ALLOW", value_delimiter = ',')]
    allow: Vec<String>,
    /// Threads for media; without it one for each core
    #[arg(long, value_name = "NUMBER", value_parser = clap::value_parser!(u16).range(1..=256))]
    threads: Option<u16>,
}

/// What a fleet's hosts have in common.
#[derive(Debug, clap::Args)]
pub(super) struct TokenFile {
    /// File with the fleet's token; without it the token is taken from VITRINE_LOADTEST_TOKEN
    ///
    /// At least 32 characters, the same on every host: openssl rand -hex 32
    #[arg(long, value_name = "FILE")]
    token_file: Option<PathBuf>,
}

/// Environment variable with the token.
const TOKEN_VARIABLE: &str = "VITRINE_LOADTEST_TOKEN";

impl TokenFile {
    pub(super) fn token(&self) -> Result<Token, String> {
        let text = match &self.token_file {
            Some(file) => std::fs::read_to_string(file)
                .map_err(|error| format!("{} cannot be read: {error}", file.display()))?,
            None => std::env::var(TOKEN_VARIABLE).map_err(|_| {
                format!("a fleet's token is needed: set {TOKEN_VARIABLE} or give --token-file")
            })?,
        };
        Token::parse(&text)
    }
}

/// Serves controllers until it is interrupted.
pub(super) async fn worker(arguments: WorkerArguments) -> u8 {
    let prepared = arguments
        .token
        .token()
        .and_then(|token| Ok((token, access::key(arguments.api_key_file.as_deref())?)));
    let (token, key) = match prepared {
        Ok(prepared) => prepared,
        Err(reason) => {
            output::error(&reason);
            return exit::USAGE;
        }
    };
    let listener = match TcpListener::bind(arguments.listen).await {
        Ok(listener) => listener,
        Err(error) => {
            output::error(&format!("{} cannot be listened on: {error}", arguments.listen));
            return exit::USAGE;
        }
    };
    if let Ok(address) = listener.local_addr() {
        output::note(&format!("waiting for controllers at {address}"));
    }
    let worker = fleet::Worker {
        token,
        key,
        allow: arguments.allow,
        threads: arguments.threads.map(usize::from),
    };
    tokio::select! {
        _ = tokio::signal::ctrl_c() => exit::INTERRUPTED,
        served = fleet::serve(&worker, listener) => {
            if let Err(error) = served {
                output::error(&format!("no controller can connect any more: {error}"));
            }
            exit::FAILED
        }
    }
}
