//! Where the measured things stand: servers on core 0, the client on core 1, files in memory.

#![allow(dead_code, reason = "not every bench has files")]

use std::path::PathBuf;

use nix::sched::{CpuSet, sched_setaffinity};
use nix::unistd::Pid;
use tempfile::TempDir;

pub(crate) const SERVER_CORE: usize = 0;
pub(crate) const CLIENT_CORE: usize = 1;

/// Lets this thread, and what it starts from now on, run on one core. On a machine of one core
/// nothing is bound.
pub(crate) fn bind_to(core: usize) {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let mut set = CpuSet::new();
    if core < cores.max(CLIENT_CORE) && set.set(core).is_ok() {
        // Where it is not allowed, the numbers vary more; nothing else depends on it.
        let _ = sched_setaffinity(Pid::from_raw(0), &set);
    }
}

/// A folder in memory, where the system has such, so that the disk does not hide what is measured.
pub(crate) fn folder() -> TempDir {
    let memory = PathBuf::from("/dev/shm");
    TempDir::with_prefix_in("shard-orm-bench-", &memory)
        .or_else(|_| TempDir::with_prefix("shard-orm-bench-"))
        .unwrap()
}
