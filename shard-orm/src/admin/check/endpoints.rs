//! Checks of endpoints: whether they answer, and in which role, version and time.

use super::finding::{CheckReport, Severity};
use super::{CheckOptions, Looked};
use crate::admin::look::{ClockDifference, Seen};
use crate::backend::is_shared_session;
use crate::error::{Error, ErrorKind};

/// Checks the endpoints of one server.
pub(super) fn check(looked: &Looked, options: CheckOptions, report: &mut CheckReport) {
    let primary = match looked.endpoints.first() {
        Some(Ok(seen)) => Some(seen),
        _ => None,
    };
    let writable = looked.endpoints.iter().flatten();
    let writable = writable.filter(|seen| seen.observed.writable).count();
    let endpoints = looked.server.endpoints.iter().zip(&looked.endpoints);
    for (index, (endpoint, outcome)) in endpoints.enumerate() {
        let place = format!("{} ({})", looked.server.place(), endpoint.label());
        match outcome {
            Err(error) => unreachable(&place, error, report),
            Ok(seen) if index == 0 => {
                primary_role(&place, seen, writable, report);
                clock(&place, seen.clock, options, report);
            }
            Ok(seen) => {
                replica_role(&place, seen, primary, report);
                clock(&place, seen.clock, options, report);
            }
        }
    }
}

fn unreachable(place: &str, error: &Error, report: &mut CheckReport) {
    if is_shared_session(error) {
        report.add(
            Severity::Error,
            "pooler",
            place,
            "the connection goes through a pooler that does not keep a server session for each of \
             its clients: prepared statements, session settings, advisory locks and `LISTEN` of \
             one client would be another's, and no connection is opened",
            "with PgBouncer, set `pool_mode = session` and `server_reset_query = DISCARD ALL` for \
             this database and user, or let the URL lead to the server itself",
        );
        return;
    }
    let advice = match error.kind() {
        ErrorKind::Configuration => {
            "correct the user, the password, the database or the parameters of the URL, or the \
             grants of the account"
        }
        ErrorKind::UndefinedTable => "create the database, or correct the URL",
        _ => {
            "check that the server is running, and that this machine may connect: address, port, \
             firewall, `pg_hba.conf`, `bind-address`"
        }
    };
    report.add(
        Severity::Error,
        "endpoint_unreachable",
        place,
        error.message(),
        advice,
    );
}

fn primary_role(place: &str, seen: &Seen, writable: usize, report: &mut CheckReport) {
    if seen.observed.writable {
        return;
    }
    let what = if seen.observed.follows {
        "it is configured as the primary, and is a replica"
    } else {
        "it is configured as the primary, and takes no writes"
    };
    let advice = if writable > 0 {
        "another endpoint of the server takes writes, as after a failover: swap them in the \
         configuration"
    } else {
        "promote a replica, or make this one writable (`default_transaction_read_only`, `read_only`)"
    };
    report.add(Severity::Error, "primary_read_only", place, what, advice);
}

fn replica_role(place: &str, seen: &Seen, primary: Option<&Seen>, report: &mut CheckReport) {
    if seen.observed.writable {
        report.add(
            Severity::Error,
            "replica_writable",
            place,
            "it is configured as a replica, and takes writes: it is not used",
            "let it follow the primary, and set `read_only` on MySQL and MariaDB; after a failover, \
             swap it with the primary in the configuration",
        );
        return;
    }
    let position = |seen: &Seen| seen.observed.position.clone();
    if let (Some(own), Some(of_primary)) = (position(seen), primary.and_then(position))
        && !own.is_related(&of_primary)
    {
        report.add(
            Severity::Error,
            "replica_foreign",
            place,
            "it is a replica of another database than the configured primary: it is not used",
            "correct the URL",
        );
        return;
    }
    let Some(replication) = &seen.facts.replication else {
        return;
    };
    let because = replication.problem.as_ref();
    let because = because.map_or_else(String::new, |problem| format!(": {problem}"));
    for (state, check, what, advice) in [
        (
            replication.receives,
            "replica_receives_nothing",
            "it receives no changes from its primary",
            "check its connection to the primary (`primary_conninfo`; `START REPLICA`); a standby \
             that is fed from an archive alone lags by whole files",
        ),
        (
            replication.applies,
            "replica_applies_nothing",
            "it does not apply the changes that it receives",
            "resume it (`pg_wal_replay_resume()`; `START REPLICA SQL_THREAD`), after the cause is \
             removed",
        ),
    ] {
        if state == Some(false) {
            let what = format!("{what}{because}");
            report.add(Severity::Error, check, place, what, advice);
        }
    }
}

fn clock(
    place: &str,
    clock: Option<ClockDifference>,
    options: CheckOptions,
    report: &mut CheckReport,
) {
    let Some(clock) = clock else { return };
    let least = clock.least();
    if least <= options.clock_difference {
        return;
    }
    let direction = if clock.micros > 0 {
        "ahead of"
    } else {
        "behind"
    };
    report.add(
        Severity::Warning,
        "clock_difference",
        place,
        format!(
            "its clock is {:.1} s {direction} that of this machine",
            least.as_secs_f64()
        ),
        "synchronize both with the same time servers: generated ids would not be ordered by time, \
         and leases and locks would end early or late",
    );
}

/// Compares the versions of all servers of each group, and names untested databases.
pub(super) fn check_versions(looked: &[Looked], report: &mut CheckReport) {
    let mut groups: Vec<&str> = Vec::new();
    for one in looked.iter().filter(|one| !one.server.is_database) {
        if !groups.contains(&&*one.server.group) {
            groups.push(&one.server.group);
        }
    }
    for group in groups {
        let is_own = |one: &&Looked| !one.server.is_database && one.server.group == group;
        let mut versions: Vec<(String, String)> = Vec::new();
        for one in looked.iter().filter(is_own) {
            let endpoints = one.server.endpoints.iter().zip(&one.endpoints);
            for (endpoint, seen) in endpoints {
                let Ok(seen) = seen else { continue };
                let major = major(&seen.facts.version);
                if !major.is_empty() && !versions.iter().any(|(known, _)| *known == major) {
                    versions.push((major, endpoint.label()));
                }
            }
        }
        if versions.len() > 1 {
            let all: Vec<String> = versions
                .iter()
                .map(|(version, label)| format!("{version} on {label}"))
                .collect();
            report.add(
                Severity::Warning,
                "versions_differ",
                format!("group {group}"),
                format!("its servers have different versions: {}", all.join(", ")),
                "upgrade them to one version: a statement may have another plan, or another result, \
                 on each",
            );
        }
        if let Some((version, _)) = versions.iter().find(|(version, _)| is_untested(version)) {
            report.add(
                Severity::Note,
                "untested_database",
                format!("group {group}"),
                format!("MySQL {version} is not one of the databases that shard-orm is tested on"),
                "read the section on MySQL in the guide's chapter on databases",
            );
        }
    }
}

/// The part of a version that tells releases with different behaviour apart: `15` of PostgreSQL,
/// `10.11-MariaDB`, `8.4`.
fn major(version: &str) -> String {
    let number: String = version
        .chars()
        .take_while(|letter| letter.is_ascii_digit() || *letter == '.')
        .collect();
    let mut parts = number.split('.');
    let first = parts.next().unwrap_or_default();
    if version.contains("MariaDB") {
        return format!("{first}.{}-MariaDB", parts.next().unwrap_or_default());
    }
    // PostgreSQL has two parts since version 10, MySQL three.
    match (parts.next(), parts.next()) {
        (Some(second), Some(_)) => format!("{first}.{second}"),
        _ => first.to_owned(),
    }
}

/// Whether a version is that of MySQL, which has three parts and does not name itself.
fn is_untested(major: &str) -> bool {
    major.contains('.') && !major.contains("MariaDB") && !major.starts_with('3')
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[test]
    fn releases_are_told_apart_by_the_major_part_of_their_versions() {
        for (version, expected, untested) in [
            ("15.13 (Debian 15.13-0+deb12u1)", "15", false),
            ("17beta1", "17", false),
            ("10.11.11-MariaDB-0+deb12u1", "10.11-MariaDB", false),
            ("8.4.2", "8.4", true),
            ("3.51.1", "3.51", false),
            ("", "", false),
        ] {
            assert_eq!(major(version), expected);
            assert_eq!(is_untested(expected), untested, "{version}");
        }
    }

    #[test]
    fn a_clock_that_goes_wrong_is_found() {
        let found = |micros, uncertainty| {
            let uncertainty = Duration::from_millis(uncertainty);
            let difference = ClockDifference {
                micros,
                uncertainty,
            };
            let mut report = CheckReport::default();
            clock(
                "server a",
                Some(difference),
                CheckOptions::new(),
                &mut report,
            );
            let found = report
                .findings
                .iter()
                .map(|finding| finding.message.clone());
            found.collect::<Vec<_>>()
        };
        assert_eq!(found(-999_000, 0), Vec::<String>::new());
        // The answer may have been on its way for so long.
        assert_eq!(found(1_500_000, 600), Vec::<String>::new());
        assert_eq!(
            found(2_500_000, 100),
            ["its clock is 2.4 s ahead of that of this machine"]
        );
        assert_eq!(
            found(-2_500_000, 0),
            ["its clock is 2.5 s behind that of this machine"]
        );
    }
}
