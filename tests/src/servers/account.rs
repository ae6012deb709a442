//! The operating system's account that a server runs as.
//!
//! PostgreSQL and MariaDB refuse to run as root, so root starts them as an account without rights.

use std::ffi::OsString;
use std::os::unix::fs::chown;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;
use nix::unistd::{User, geteuid};

use super::ServerError;

/// Variables that would lead a server, or the program that prepares its folder, to another server's files.
const CLIENT_SETTINGS: [&str; 11] = [
    "PGDATA",
    "PGDATABASE",
    "PGHOST",
    "PGOPTIONS",
    "PGPORT",
    "PGUSER",
    "MARIADB_HOME",
    "MYSQL_HOME",
    "MYSQL_HOST",
    "MYSQL_TCP_PORT",
    "MYSQL_UNIX_PORT",
];

/// Whom a server runs as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Account {
    /// The account of this process.
    Own,
    /// Another one; only root may choose it.
    Other { user: u32, group: u32 },
}

impl Account {
    /// The account of this process, or, for root, the first of `names` that exists, or `nobody`.
    pub(super) fn choose(names: &[&str]) -> Result<Self, ServerError> {
        if !geteuid().is_root() {
            return Ok(Self::Own);
        }
        names
            .iter()
            .chain(&["nobody"])
            .find_map(|name| User::from_name(name).ok().flatten())
            .map(|user| Self::Other {
                user: user.uid.as_raw(),
                group: user.gid.as_raw(),
            })
            .ok_or_else(|| {
                ServerError::new(format!(
                    "none of the accounts {names:?} and `nobody` exists"
                ))
            })
    }

    /// Makes `path` belong to this account.
    pub(super) fn take(self, path: &Path) -> Result<(), ServerError> {
        match self {
            Self::Own => Ok(()),
            Self::Other { user, group } => chown(path, Some(user), Some(group)).map_err(|e| {
                ServerError::while_doing(format!("giving {} away", path.display()), e)
            }),
        }
    }

    /// A command that runs `program` as this account, in `folder`, without the caller's settings for clients.
    ///
    /// With `on_parent_death` the kernel sends that signal to the program when the thread that started it ends.
    pub(super) fn command(
        self,
        program: &Path,
        folder: &Path,
        on_parent_death: Option<Signal>,
    ) -> Command {
        let mut words: Vec<OsString> = Vec::new();
        if let Self::Other { user, group } = self {
            words.extend(["setpriv".into(), format!("--reuid={user}").into()]);
            words.extend([format!("--regid={group}").into(), "--clear-groups".into()]);
        }
        // By a second `setpriv`: the kernel forgets the signal when a process changes its account.
        if let Some(signal) = on_parent_death {
            let name = signal.as_str().trim_start_matches("SIG");
            words.extend(["setpriv", "--pdeathsig", name].map(OsString::from));
        }
        words.push(program.into());

        let mut command = Command::new(&words[0]);
        command.args(&words[1..]);
        // The caller's folder may be closed to the account.
        command.current_dir(folder);
        command
            .env("HOME", folder)
            .env("TMPDIR", folder)
            .env("LC_ALL", "C");
        for name in CLIENT_SETTINGS {
            command.env_remove(name);
        }
        command
    }
}
