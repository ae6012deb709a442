//! A temporary folder that is removed even when the process that made it is killed.

use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use super::ServerError;
use super::account::Account;
use crate::scratch;

/// The path of a Unix socket, which lies in the folder, holds at most 107 bytes.
const LONGEST_PARENT: usize = 50;

/// Waits until its standard input is closed, which the kernel does when the owner ends, and removes the folder.
/// It tries again for some seconds, since a server that is just ending may still add files.
const JANITOR: &str = r#"
trap "" HUP INT QUIT TERM
cat >/dev/null
tries=0
while [ "$tries" -lt 100 ]; do
    rm -rf -- "$1" && exit 0
    tries=$((tries + 1))
    sleep 0.1
done
exit 1
"#;

/// A temporary folder; dropping it removes it.
#[derive(Debug)]
pub(super) struct Folder {
    path: PathBuf,
    janitor: Child,
}

impl Folder {
    /// Makes a folder whose name holds `what`, and that belongs to `account`.
    pub(super) fn create(what: &str, account: Account) -> Result<Self, ServerError> {
        let prefix = scratch::prefix(what);
        let folder = Some(scratch::parent())
            .filter(|parent| parent.as_os_str().len() <= LONGEST_PARENT)
            .unwrap_or_else(|| Path::new("/tmp"))
            // Servers tell their folder without symbolic links, and are recognised by it.
            .canonicalize()
            .and_then(|parent| tempfile::Builder::new().prefix(&prefix).tempdir_in(parent))
            .map_err(|e| ServerError::while_doing("making a temporary folder", e))?;
        account.take(folder.path())?;
        let janitor = Command::new("sh")
            .args(["-c", JANITOR, "janitor"])
            .arg(folder.path())
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            // Ctrl-C in a terminal, or a runner that kills a test's process group, must not reach it.
            .process_group(0)
            .spawn()
            .map_err(|e| ServerError::while_doing("starting `sh`", e))?;
        Ok(Self {
            path: folder.keep(),
            janitor,
        })
    }

    pub(super) fn path(&self) -> &Path {
        &self.path
    }
}

impl Drop for Folder {
    fn drop(&mut self) {
        drop(self.janitor.stdin.take());
        // A failure leaves a folder in the system's temporary folder; a test that is over need not fail for it.
        let _ = self.janitor.wait();
    }
}
