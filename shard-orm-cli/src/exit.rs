//! Exit codes, and the errors that lead to them.

use std::process::ExitCode;
use std::{fmt, io};

/// The outcome of a command, as its exit code tells it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Exit {
    /// 0: everything was done.
    Done,
    /// 1: something failed.
    Failed,
    /// 2: the arguments are wrong.
    Usage,
    /// 3: a check found something.
    Findings,
    /// 130: it was interrupted.
    Interrupted,
}

/// The exit codes, for the help.
pub const HELP: &str = "\
Exit codes:
    0  done
    1  something failed
    2  the arguments are wrong
    3  `check`, `setup --check`, `migrate status`, `migrate drift`, `migrate lint`,
       `sync verify` or `catalog diff` found something
  130  interrupted";

impl Exit {
    /// The code.
    #[must_use]
    pub const fn code(self) -> u8 {
        match self {
            Self::Done => 0,
            Self::Failed => 1,
            Self::Usage => 2,
            Self::Findings => 3,
            Self::Interrupted => 130,
        }
    }

    /// Done, unless something failed.
    #[must_use]
    pub const fn of(is_done: bool) -> Self {
        if is_done { Self::Done } else { Self::Failed }
    }
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(exit.code())
    }
}

/// Why a command failed.
#[derive(Debug)]
pub enum Failure {
    /// An error of the library.
    Library(shard_orm::Error),
    /// Arguments that clap cannot check: what is wrong, and what to do.
    Usage(String),
    /// A file could not be read or written: what was being done, and the error.
    File(String, io::Error),
    /// Standard input or output failed.
    Io(io::Error),
    /// Interrupted by a signal.
    Interrupted,
}

impl Failure {
    /// The exit code.
    #[must_use]
    pub const fn exit(&self) -> Exit {
        match self {
            Self::Library(_) | Self::File(..) | Self::Io(_) => Exit::Failed,
            Self::Usage(_) => Exit::Usage,
            Self::Interrupted => Exit::Interrupted,
        }
    }

    /// Whether the output is no longer read.
    #[must_use]
    pub fn is_closed_pipe(&self) -> bool {
        matches!(self, Self::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Library(error) => error.fmt(f),
            Self::Usage(message) => f.write_str(message),
            Self::File(doing, error) => write!(f, "{doing}: {error}"),
            Self::Io(error) => error.fmt(f),
            Self::Interrupted => f.write_str("interrupted"),
        }
    }
}

impl std::error::Error for Failure {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Library(error) => Some(error),
            Self::File(_, error) | Self::Io(error) => Some(error),
            Self::Usage(_) | Self::Interrupted => None,
        }
    }
}

impl From<shard_orm::Error> for Failure {
    fn from(error: shard_orm::Error) -> Self {
        Self::Library(error)
    }
}

impl From<io::Error> for Failure {
    fn from(error: io::Error) -> Self {
        Self::Io(error)
    }
}
