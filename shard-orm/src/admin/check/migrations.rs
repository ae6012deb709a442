//! Checks of migrations: whether the namespaces have the versions of the files, and no others.

use std::collections::BTreeSet;

use super::finding::{CheckReport, Finding, Severity, findings_of_configuration};
use crate::cluster::{Cluster, Location};
use crate::migrate::{Migrations, Phase, TargetStatus, VersionStatus};

/// Compares the versions of all namespaces with the migration files, and reports everything that is
/// wrong at once: namespaces that are older or newer than the files, versions that were interrupted,
/// and files that were changed after they were applied. Sends one statement per server, and changes
/// nothing.
///
/// A server that does not answer is left out: [`check`](super::check()) reports it. Add the findings to
/// its report with [`CheckReport::extend`].
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// use shard_orm::admin::{CheckOptions, check, check_migrations};
/// use shard_orm::migrate::Migrations;
///
/// let migrations = Migrations::from_folder("migrations")?;
/// let mut report = check(cluster, CheckOptions::new()).await?;
/// report.extend(check_migrations(cluster, &migrations).await);
/// # Ok(())
/// # }
/// ```
pub async fn check_migrations(cluster: &Cluster, migrations: &Migrations) -> Vec<Finding> {
    let status = match cluster.migrate(migrations).status().await {
        Ok(status) => status,
        Err(error) => return findings_of_configuration(&error),
    };
    let mut report = CheckReport::default();
    for target in &status.targets {
        missing(target, &mut report);
        for version in &target.versions {
            others(target, version, &mut report);
        }
    }
    report.finish();
    report.findings
}

/// The versions that namespaces lack. Those of the phase `contract`, and what follows them, wait until
/// somebody allows them.
fn missing(target: &TargetStatus, report: &mut CheckReport) {
    let lacking = |version: &&VersionStatus| version.has_file && !version.missing.is_empty();
    let lacked: Vec<&VersionStatus> = target.versions.iter().filter(lacking).collect();
    let held = lacked
        .iter()
        .position(|version| version.phase == Some(Phase::Contract));
    let (due, held) = lacked.split_at(held.unwrap_or(lacked.len()));
    if let Some(what) = words(target, due) {
        report.add(
            Severity::Warning,
            "migrations_missing",
            format!("migrations of {}", target.folder),
            what,
            "apply them with `shard-orm migrate up`",
        );
    }
    if let Some(what) = words(target, held) {
        report.add(
            Severity::Note,
            "migrations_held",
            format!("migrations of {}", target.folder),
            format!("{what}; it is of the phase `contract`"),
            "apply them with `shard-orm migrate up --contract` once no process runs that uses what they \
             remove",
        );
    }
}

/// How many namespaces lack which versions; `None` if none does.
fn words(target: &TargetStatus, lacked: &[&VersionStatus]) -> Option<String> {
    let first = lacked.first()?;
    let example = first.missing.first()?;
    let places = lacked.iter().flat_map(|version| &version.missing);
    let places: BTreeSet<String> = places.map(ToString::to_string).collect();
    let later = match lacked.len() - 1 {
        0 => String::new(),
        1 => " and a later one".to_owned(),
        later => format!(" and {later} later ones"),
    };
    Some(format!(
        "{} of {} namespaces lack version {} `{}`{later}, such as {example}",
        places.len(),
        target.namespaces,
        first.version,
        first.name
    ))
}

/// What is wrong with a version beside its absence.
fn others(target: &TargetStatus, version: &VersionStatus, report: &mut CheckReport) {
    let VersionStatus {
        version: number,
        name,
        ..
    } = version;
    let place = format!("migrations of {}, version {number} {name}", target.folder);
    if !version.has_file && version.applied > 0 {
        report.add(
            Severity::Warning,
            "migration_unknown",
            &*place,
            format!(
                "{} of {} namespaces have it, and it has no file",
                version.applied, target.namespaces
            ),
            "use the files of the release that was deployed last; programs of an earlier release may \
             not know the tables",
        );
    }
    let mut add = |severity, check, locations: &[Location], what: &str, advice: &str| {
        if let Some(first) = locations.first() {
            let number = locations.len();
            let noun = if number == 1 {
                "namespace"
            } else {
                "namespaces"
            };
            let message = format!("{what} in {number} {noun}, such as {first}");
            report.add(severity, check, &*place, message, advice);
        }
    };
    add(
        Severity::Error,
        "migration_interrupted",
        &version.interrupted,
        "it was interrupted, or is running,",
        "complete it with `shard-orm migrate up`, or `down` if it was being reverted; if the catalog does \
         not tell whether a statement has run, decide with `shard-orm migrate resolve`",
    );
    add(
        Severity::Error,
        "migration_changed",
        &version.changed,
        "its file was changed after it was applied",
        "restore the file, and make the change in a new migration; `shard-orm migrate drift` shows what \
         the tables have",
    );
}
