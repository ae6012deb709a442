//! What all servers have in common: a folder, a port, a process, and waiting until it answers.

use std::ffi::OsString;
use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::Signal;

use super::account::Account;
use super::folder::Folder;
use super::{ServerError, ports, process};

const START_LIMIT: Duration = Duration::from_mins(3);
const ANSWER_LIMIT: Duration = Duration::from_secs(5);
const STOP_LIMIT: Duration = Duration::from_mins(2);
const POLL: Duration = Duration::from_millis(10);
/// Another process may take a port between the moment it is found free and the server's start.
const PORT_ATTEMPTS: u32 = 5;
const LOG_TAIL_LINES: usize = 30;

/// How a kind of server is ended.
#[derive(Debug, Clone, Copy)]
pub(super) struct Signals {
    /// Asks it to close its connections and end in good order.
    pub(super) stop: Signal,
    /// Ends it at once, with its children, without care for its data.
    pub(super) abandon: Signal,
}

/// One private server.
#[derive(Debug)]
pub(super) struct Instance {
    name: &'static str,
    program: PathBuf,
    signals: Signals,
    account: Account,
    port: Option<u16>,
    child: Option<Child>,
    // After `child`: fields are dropped in their order, and the folder goes last.
    folder: Folder,
}

impl Instance {
    /// An instance of `program` with an empty folder; nothing runs yet.
    pub(super) fn new(
        name: &'static str,
        program: PathBuf,
        accounts: &[&str],
        signals: Signals,
    ) -> Result<Self, ServerError> {
        let account = Account::choose(accounts)?;
        let folder = Folder::create(name, account)?;
        Ok(Self {
            name,
            program,
            signals,
            account,
            port: None,
            child: None,
            folder,
        })
    }

    pub(super) fn folder(&self) -> &Path {
        self.folder.path()
    }

    /// Whom the server runs as.
    pub(super) fn account(&self) -> Account {
        self.account
    }

    /// Makes a file of the folder belong to the server's account.
    pub(super) fn give(&self, path: &Path) -> Result<(), ServerError> {
        self.account.take(path)
    }

    /// The id of the running server's process.
    pub(super) fn pid(&self) -> Option<u32> {
        self.child.as_ref().map(Child::id)
    }

    /// Runs a program that prepares the folder, as the server's account.
    pub(super) async fn prepare(
        &self,
        program: &Path,
        arguments: Vec<OsString>,
    ) -> Result<(), ServerError> {
        let mut command = self.account.command(program, self.folder(), None);
        command.args(arguments);
        let what = format!("running {}", program.display());
        let output = tokio::task::spawn_blocking(move || command.output())
            .await
            .map_err(|e| ServerError::while_doing(&what, e))?
            .map_err(|e| ServerError::while_doing(&what, e))?;
        if output.status.success() {
            return Ok(());
        }
        let said = [output.stdout, output.stderr].concat();
        Err(ServerError::new(format!(
            "{what} failed ({}):\n{}",
            output.status,
            tail(&String::from_utf8_lossy(&said)),
        )))
    }

    /// Starts the server and waits until `probe` says that it answers.
    ///
    /// The first launch takes a free port, later ones the same. `arguments` and `probe` are given the port and the
    /// folder; `probe` connects, makes sure that the server is the one of that folder, as another process may have
    /// been faster to take the port, and otherwise says why it is not ready.
    ///
    /// Returns the port.
    pub(super) async fn launch<F>(
        &mut self,
        arguments: impl Fn(u16, &Path) -> Vec<OsString>,
        probe: impl Fn(u16, PathBuf) -> F,
    ) -> Result<u16, ServerError>
    where
        F: Future<Output = Result<(), String>>,
    {
        if self.child.is_some() && self.ended().is_none() {
            return Err(ServerError::new(format!(
                "{} is already running",
                self.name
            )));
        }
        let mut attempts = if self.port.is_some() {
            1
        } else {
            PORT_ATTEMPTS
        };
        loop {
            let port = self.port.map_or_else(ports::free, Ok)?;
            self.spawn(arguments(port, self.folder()))?;
            attempts -= 1;
            let folder = self.folder().to_owned();
            match self.wait_for(|| probe(port, folder.clone())).await {
                Ok(()) => {
                    self.port = Some(port);
                    return Ok(port);
                }
                Err(error) if attempts > 0 && error.message.contains("Address already in use") => {}
                Err(error) => return Err(error),
            }
        }
    }

    fn spawn(&mut self, arguments: Vec<OsString>) -> Result<(), ServerError> {
        let log = File::create(self.log_path())
            .map_err(|e| ServerError::while_doing("making a log", e))?;
        let errors = log
            .try_clone()
            .map_err(|e| ServerError::while_doing("making a log", e))?;
        let mut command =
            self.account
                .command(&self.program, self.folder(), Some(self.signals.abandon));
        command.args(arguments);
        command.stdin(Stdio::null()).stdout(log).stderr(errors);
        // Ctrl-C in a terminal is for the tests; the server is ended by who started it.
        command.process_group(0);
        self.child = Some(process::spawn(command)?);
        Ok(())
    }

    async fn wait_for<F>(&mut self, probe: impl Fn() -> F) -> Result<(), ServerError>
    where
        F: Future<Output = Result<(), String>>,
    {
        let begun = Instant::now();
        loop {
            let obstacle = match tokio::time::timeout(ANSWER_LIMIT, probe()).await {
                Ok(Ok(())) => return Ok(()),
                Ok(Err(obstacle)) => obstacle,
                Err(_) => format!("no answer within {ANSWER_LIMIT:?}"),
            };
            if let Some(status) = self.ended() {
                self.child = None;
                return Err(self.error(&format!("ended while it was starting ({status})")));
            }
            if begun.elapsed() > START_LIMIT {
                self.abandon();
                return Err(self.error(&format!(
                    "did not answer within {START_LIMIT:?}: {obstacle}"
                )));
            }
            tokio::time::sleep(POLL).await;
        }
    }

    /// Ends the server in good order and waits until it is gone; one that is not running is no error.
    pub(super) async fn stop(&mut self) -> Result<(), ServerError> {
        let Some(pid) = self.pid() else {
            return Ok(());
        };
        process::signal(pid, self.signals.stop);
        let begun = Instant::now();
        while self.ended().is_none() {
            if begun.elapsed() > STOP_LIMIT {
                let error = self.error(&format!("did not end within {STOP_LIMIT:?}"));
                self.kill9();
                return Err(error);
            }
            tokio::time::sleep(POLL).await;
        }
        self.child = None;
        Ok(())
    }

    /// Kills the server and its children as a crash would, and waits until all are gone.
    pub(super) fn kill9(&mut self) {
        // The id of a process that has ended may already be another's.
        if self.ended().is_none()
            && let Some(child) = &mut self.child
        {
            let killed = process::signal_tree(child.id(), Signal::SIGKILL);
            // It is this process's child and was killed, so waiting ends; its status says nothing more.
            let _ = child.wait();
            wait_blocking(|| !killed.iter().any(|pid| process::is_running(*pid)));
        }
        self.child = None;
    }

    /// Ends the server at once, and waits until it is gone.
    pub(super) fn abandon(&mut self) {
        if let Some(pid) = self.pid()
            && self.ended().is_none()
        {
            process::signal(pid, self.signals.abandon);
            wait_blocking(|| self.ended().is_some());
        }
        self.kill9();
    }

    fn ended(&mut self) -> Option<ExitStatus> {
        self.child.as_mut()?.try_wait().ok().flatten()
    }

    fn log_path(&self) -> PathBuf {
        self.folder().join("server.log")
    }

    /// An error about this server, with the end of its log.
    fn error(&self, what: &str) -> ServerError {
        let log = fs::read(self.log_path()).unwrap_or_default();
        ServerError::new(format!(
            "{} {what}; its log ends with:\n{}",
            self.name,
            tail(&String::from_utf8_lossy(&log)),
        ))
    }
}

impl Drop for Instance {
    fn drop(&mut self) {
        self.abandon();
    }
}

/// Waits on this thread, for `drop` and for signals, which are not asynchronous; both take milliseconds.
fn wait_blocking(mut done: impl FnMut() -> bool) {
    let begun = Instant::now();
    while !done() && begun.elapsed() < STOP_LIMIT {
        thread::sleep(POLL);
    }
}

fn tail(text: &str) -> String {
    let lines: Vec<&str> = text.lines().collect();
    lines[lines.len().saturating_sub(LOG_TAIL_LINES)..].join("\n")
}
