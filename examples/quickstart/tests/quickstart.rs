//! The quickstart says what it is meant to say, on an empty folder and on its own data.

#![allow(clippy::unwrap_used)]

use std::path::Path;
use std::process::Command;

fn run(configuration: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .arg(configuration)
        .output()
        .unwrap();
    let errors = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{errors}");
    String::from_utf8(output.stdout).unwrap()
}

#[test]
fn two_runs_say_the_same_and_what_is_right() {
    let folder = tempfile::tempdir().unwrap();
    let configuration = folder.path().join("shard-orm.toml");
    let own = Path::new(env!("CARGO_MANIFEST_DIR")).join("shard-orm.toml");
    std::fs::copy(own, &configuration).unwrap();

    let first = run(&configuration);
    for line in [
        "group `flights`: 16 logical shards on 2 servers, strategy `hash`",
        "migration 1 of `default` (create tables): in 1 of 1 namespaces",
        "migration 1 of `flights.static` (create tables): in 2 of 2 namespaces",
        "migration 1 of `flights` (create tables): in 16 of 16 namespaces",
        "insert_many: 2695 flights of 1351 aircraft; 4 had no aircraft",
        "insert_many: data of 1140 aircraft",
        "server `a`: 8 logical shards, 1332 rows",
        "server `b`: 8 logical shards, 1363 rows",
        "page 3: 2 flights",
        "N739MQ: flight 4490 deleted, 8 others ten minutes later",
        "N509MQ: 9 flights, 5747 miles",
        "N17108: EMBRAER EMB-145XR of 2002, 8 flights",
        "  MEM   946 miles with 55 seats",
        "flight 4401 was flown by an unknown aircraft",
        "AA  American Airlines Inc.",
        "airports on flights/b: equal to its source",
        "Envoy Air 3944 to Baltimore Washington Intl: 853 min late",
    ] {
        assert!(first.lines().any(|found| found == line), "{line}\n{first}");
    }
    let refused = first.lines().find(|line| line.starts_with("cross shard: "));
    assert!(refused.unwrap().ends_with("(shard flights/6)"), "{first}");
    for server in ["a", "b"] {
        let files = std::fs::read_dir(folder.path().join("data").join(server)).unwrap();
        let namespaces = files.filter(|file| {
            let path = file.as_ref().unwrap().path();
            path.extension().is_some_and(|extension| extension == "db")
        });
        // Those of its logical shards, and that of the reference tables.
        assert_eq!(namespaces.count(), 9, "server {server}");
    }

    assert_eq!(run(&configuration), first);
}

#[test]
fn what_goes_wrong_is_said_in_words() {
    let folder = tempfile::tempdir().unwrap();
    let output = Command::new(env!("CARGO_BIN_EXE_quickstart"))
        .arg(folder.path().join("none.toml"))
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    let errors = String::from_utf8(output.stderr).unwrap();
    assert!(
        errors.starts_with("quickstart: configuration: "),
        "{errors}"
    );
    assert!(errors.contains("none.toml"), "{errors}");
}
