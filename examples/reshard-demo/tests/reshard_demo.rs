//! The program as a process: the moves that it shows, an early end, and its options.

#![allow(clippy::unwrap_used)]

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// The program, with a folder for its temporary one.
fn demo(folder: &Path) -> Command {
    let mut demo = Command::new(env!("CARGO_BIN_EXE_reshard-demo"));
    demo.env("TMPDIR", folder).env_remove("CLICOLOR_FORCE");
    demo
}

fn assert_empty(folder: &Path) {
    assert_eq!(std::fs::read_dir(folder).unwrap().count(), 0);
}

#[test]
fn four_shards_move_without_an_error() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path()).output().unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{errors}\n{text}");
    for line in [
        "server a    0  1  2  3  4  5",
        "server b                      6  7  8  9 10 11",
        "server a    0  1  2  3",
        "server b                      6  7  8  9",
        "server c                4  5             10 11",
    ] {
        assert!(text.lines().any(|found| found == line), "{line}\n{text}");
    }
    for part in [
        "shard 11 from b to c: copying",
        " 0 errors; ",
        " 0 lost, 0 unexpected",
        " 0 wrong; ",
    ] {
        assert!(text.contains(part), "{part}\n{text}");
    }
    // Colors are for terminals.
    assert!(!text.contains('\x1b'), "{text:?}");
    assert_empty(folder.path());
}

#[test]
fn an_interruption_stops_the_moves_and_checks_the_rows() {
    let folder = tempfile::tempdir().unwrap();
    let mut child = demo(folder.path()).stdout(Stdio::piped()).spawn().unwrap();
    let mut lines = BufReader::new(child.stdout.take().unwrap())
        .lines()
        .map(Result::unwrap);
    let copying = lines.by_ref().any(|line| line.contains("copying"));
    assert!(copying);
    kill(
        Pid::from_raw(child.id().try_into().unwrap()),
        Signal::SIGINT,
    )
    .unwrap();
    let rest: Vec<String> = lines.collect();
    assert_eq!(child.wait().unwrap().code(), Some(130), "{rest:#?}");
    // Usually in time for the current move, and always before the next one.
    let of_shard_4 = ["shard 4 stays on server a", "shard 4 is on server c"];
    let ended = |line: &String| of_shard_4.iter().any(|part| line.contains(part));
    assert!(rest.iter().any(ended), "{rest:#?}");
    assert!(
        !rest.iter().any(|line| line.contains("shard 5")),
        "{rest:#?}"
    );
    let lost = " 0 lost, 0 unexpected";
    assert!(rest.iter().any(|line| line.contains(lost)), "{rest:#?}");
    assert_empty(folder.path());
}

#[test]
fn the_help_describes_the_program() {
    let folder = tempfile::tempdir().unwrap();
    let output = demo(folder.path()).arg("--help").output().unwrap();
    assert!(output.status.success());
    let help = String::from_utf8(output.stdout).unwrap();
    assert!(help.contains("Exit status"), "{help}");
    let output = demo(folder.path()).arg("--fast").output().unwrap();
    assert_eq!(output.status.code(), Some(2));
}
