//! Processes: started from a thread that does not end, and signalled together with their children.

use std::process::{Child, Command};
use std::sync::{LazyLock, mpsc};
use std::time::Duration;
use std::{fs, io, thread};

pub use nix::sys::signal::Signal;
use nix::sys::signal::kill;
use nix::unistd::Pid;

use super::ServerError;

type Job = (Command, mpsc::Sender<io::Result<Child>>);

/// The thread that starts all servers. The kernel signals a child when the *thread* that started it ends, so this
/// has to be one that lives as long as the process, unlike the thread of a test.
static SPAWNER: LazyLock<mpsc::Sender<Job>> = LazyLock::new(|| {
    let (jobs, inbox) = mpsc::channel::<Job>();
    thread::spawn(move || {
        for (mut command, reply) in inbox {
            // Who asks waits for the reply, or has ended and needs none.
            let _ = reply.send(command.spawn());
        }
    });
    jobs
});

/// Starts `command` from a thread that lives as long as this process, so that it may ask for a signal at its end.
///
/// # Errors
/// When it cannot be started.
pub fn spawn(command: Command) -> Result<Child, ServerError> {
    let name = format!("starting {}", command.get_program().display());
    let (reply, outcome) = mpsc::channel();
    SPAWNER
        .send((command, reply))
        .map_err(|_| ServerError::new("the thread that starts servers has ended"))?;
    outcome
        .recv()
        .map_err(|_| ServerError::new("the thread that starts servers has ended"))?
        .map_err(|e| ServerError::while_doing(name, e))
}

/// Sends a signal to one process; one that has ended is no error.
pub fn signal(pid: u32, sent: Signal) {
    if let Some(pid) = i32::try_from(pid).ok().filter(|pid| *pid > 0) {
        // It fails when the process has ended, which is what the caller wants or will notice by waiting.
        let _ = kill(Pid::from_raw(pid), sent);
    }
}

/// Sends `sent` to a process and all that descend from it, and returns their ids, its own first.
///
/// They are stopped before they are listed, so that none starts another one in between. With `SIGSTOP` they stay
/// so, as a server that hangs, until they are sent `SIGCONT`; they have stopped when this returns.
pub fn signal_tree(root: u32, sent: Signal) -> Vec<u32> {
    let mut tree = vec![root];
    let mut next = 0;
    while let Some(&pid) = tree.get(next) {
        signal(pid, Signal::SIGSTOP);
        tree.extend(children(pid));
        next += 1;
    }
    for &pid in &tree {
        signal(pid, sent);
        if sent != Signal::SIGSTOP {
            signal(pid, Signal::SIGCONT);
        }
    }
    while sent == Signal::SIGSTOP && !tree.iter().all(|pid| has_stopped(*pid)) {
        thread::sleep(Duration::from_millis(1));
    }
    tree
}

/// Whether no thread of a process runs any more.
fn has_stopped(pid: u32) -> bool {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else {
        return true;
    };
    let mut states = threads.flatten().filter_map(|entry| {
        let line = fs::read_to_string(entry.path().join("stat")).ok()?;
        line.rsplit_once(')')?.1.trim_start().chars().next()
    });
    states.all(|state| matches!(state, 'T' | 't' | 'Z' | 'X'))
}

/// True while a process runs; one that ended and was not yet waited for does not.
pub(super) fn is_running(pid: u32) -> bool {
    stat(pid).is_some_and(|(state, _)| !matches!(state, 'Z' | 'X'))
}

fn children(parent: u32) -> Vec<u32> {
    let Ok(processes) = fs::read_dir("/proc") else {
        return Vec::new();
    };
    processes
        .flatten()
        .filter_map(|entry| entry.file_name().to_str()?.parse().ok())
        .filter(|pid| stat(*pid).is_some_and(|(_, its_parent)| its_parent == parent))
        .collect()
}

/// The state of a process and the id of its parent, from `/proc/PID/stat`.
fn stat(pid: u32) -> Option<(char, u32)> {
    let line = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name of the program comes before them in parentheses, and may itself hold blanks and parentheses.
    let mut fields = line.rsplit_once(')')?.1.split_whitespace();
    let state = fields.next()?.chars().next()?;
    let parent = fields.next()?.parse().ok()?;
    Some((state, parent))
}
