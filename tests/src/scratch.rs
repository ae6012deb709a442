//! Temporary folders of the tests: in memory where there is room, and removed even when their process was killed.
//!
//! Used by the fixtures for files of SQLite, by the tests for theirs, and by [`servers`](crate::servers) for data.

use std::path::{Path, PathBuf};
use std::sync::{LazyLock, Once};
use std::{env, fs, process};

use nix::sys::statvfs::statvfs;
use tempfile::TempDir;

/// A file system in memory: databases make and sync many small files, for which a disk takes most of a test's time.
const MEMORY: &str = "/dev/shm";
/// So much has to be free there, and in the machine: a run takes about two.
const ROOM_BYTES: u64 = 4 << 30;
const NAME: &str = "shard-orm-";

/// A folder that is removed when it is dropped; `what` is one word, which its name holds.
///
/// That of a process that was killed is removed by the next one that asks for a folder.
///
/// # Panics
/// When it cannot be made.
pub fn folder(what: &str) -> TempDir {
    TempDir::with_prefix_in(prefix(what), parent())
        .unwrap_or_else(|e| panic!("making a folder in {}: {e}", parent().display()))
}

/// What the names of this process's folders begin with.
pub(crate) fn prefix(what: &str) -> String {
    static SWEPT: Once = Once::new();
    SWEPT.call_once(|| {
        for place in [Path::new(MEMORY), &env::temp_dir()] {
            sweep(place);
        }
    });
    format!("{NAME}{what}-{}-", process::id())
}

/// Where the folders are made.
pub(crate) fn parent() -> &'static Path {
    static PARENT: LazyLock<PathBuf> = LazyLock::new(|| {
        if has_room() {
            PathBuf::from(MEMORY)
        } else {
            env::temp_dir()
        }
    });
    &PARENT
}

fn has_room() -> bool {
    let free = statvfs(MEMORY).map(|system| {
        system
            .blocks_available()
            .saturating_mul(system.fragment_size())
    });
    free.is_ok_and(|bytes| bytes >= ROOM_BYTES)
        && available_memory().is_some_and(|bytes| bytes >= 2 * ROOM_BYTES)
}

/// The bytes of memory that the machine can still give.
fn available_memory() -> Option<u64> {
    let text = fs::read_to_string("/proc/meminfo").ok()?;
    let line = text
        .lines()
        .find_map(|line| line.strip_prefix("MemAvailable:"))?;
    let kibibytes: u64 = line.split_whitespace().next()?.parse().ok()?;
    kibibytes.checked_mul(1024)
}

/// Removes the folders in `place` whose processes have ended.
fn sweep(place: &Path) {
    for entry in fs::read_dir(place).into_iter().flatten().flatten() {
        let name = entry.file_name();
        let owner = name.to_str().and_then(owner);
        if owner.is_some_and(|process| !Path::new("/proc").join(process.to_string()).exists()) {
            // Another process may be sweeping too.
            let _ = fs::remove_dir_all(entry.path());
        }
    }
}

/// The process that made the folder of this name, `None` when it is none of [`prefix`]'s.
fn owner(name: &str) -> Option<u32> {
    let (rest, random) = name.strip_prefix(NAME)?.rsplit_once('-')?;
    let (what, process) = rest.rsplit_once('-')?;
    let made_here = !what.is_empty() && !random.is_empty();
    process.parse().ok().filter(|_| made_here)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The id of a process that has ended.
    fn ended() -> u32 {
        let mut child = process::Command::new("true").spawn().unwrap();
        child.wait().unwrap();
        child.id()
    }

    #[test]
    fn folders_of_ended_processes_are_swept_and_no_others() {
        let place = folder("sweeping");
        let made = |name: String| {
            let path = place.path().join(name);
            fs::create_dir_all(path.join("data")).unwrap();
            path
        };
        let ended = ended();
        let gone = [
            made(format!("shard-orm-fixture-{ended}-aB3xYz")),
            made(format!("shard-orm-postgres-{ended}-000000")),
        ];
        let kept = [
            made(format!("shard-orm-fixture-{}-aB3xYz", process::id())),
            made("shard-orm-fixture-aB3xYz".into()),
            made(format!("shard-orm-{ended}-aB3xYz")),
            made(format!("other-fixture-{ended}-aB3xYz")),
            made(format!("shard-orm-fixture-{ended}")),
        ];
        sweep(place.path());
        for path in gone {
            assert!(!path.exists(), "{} is left over", path.display());
        }
        for path in kept {
            assert!(path.exists(), "{} is gone", path.display());
        }
    }

    #[test]
    fn a_folder_tells_its_process() {
        let folder = folder("names");
        let name = folder.path().file_name().unwrap().to_str().unwrap();
        assert_eq!(owner(name), Some(process::id()), "{name}");
    }
}
