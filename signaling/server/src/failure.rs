//! Why the program cannot go on, in one sentence for the person at the terminal.

use std::process::ExitCode;

/// A sentence and the exit code that goes with it.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The command line, the environment or the configuration file asks for something impossible.
    /// Exit code 2.
    #[error("{0}")]
    Config(String),
    /// The machine does not let us (a taken port, an unwritable directory). Exit code 1.
    #[error("{0}")]
    Machine(String),
}

impl Failure {
    /// The exit code: 2 when the operator has to change what they asked for, else 1.
    #[must_use]
    pub fn exit_code(&self) -> ExitCode {
        match self {
            Self::Config(_) => ExitCode::from(2),
            Self::Machine(_) => ExitCode::from(1),
        }
    }
}

/// An error of the operating system as a person would say it, without its error number.
#[must_use]
pub(crate) fn plainly(error: &std::io::Error) -> String {
    use std::io::ErrorKind;
    match error.kind() {
        ErrorKind::PermissionDenied => "permission denied".to_owned(),
        ErrorKind::AddrInUse => "the port is already taken".to_owned(),
        ErrorKind::AddrNotAvailable => "this machine does not have that address".to_owned(),
        ErrorKind::NotFound => "it does not exist".to_owned(),
        ErrorKind::NotADirectory => "it is not a directory".to_owned(),
        ErrorKind::AlreadyExists => "something else has that name".to_owned(),
        ErrorKind::StorageFull => "the disk is full".to_owned(),
        ErrorKind::ReadOnlyFilesystem => "the file system is read-only".to_owned(),
        _ => error.to_string(),
    }
}
