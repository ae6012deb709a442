//! Prints plans, reports and the status of migrations.

use std::time::Duration;

use shard_orm::cluster::Location;
use shard_orm::migrate::{Blocker, Done, Report, Status};

use super::table::{Align, Table};
use super::text::count;
use super::{ERROR, NOTE, Output};
use crate::Result;

/// Prints what is missing where. JSON: the library's list of [`Done`].
///
/// # Errors
/// If the output is closed.
pub fn plan(output: &Output, planned: &[Done]) -> Result<()> {
    if output.is_json() {
        return output.json(&planned);
    }
    if planned.is_empty() {
        return output.text("nothing to do: all namespaces have all versions\n");
    }
    output.text(&table(planned, "WOULD APPLY").text())
}

/// Prints what was done and what has failed. JSON: the library's [`Report`].
///
/// # Errors
/// If the output is closed.
pub fn report(output: &Output, report: &Report) -> Result<()> {
    if output.is_json() {
        return output.json(report);
    }
    let mut text = String::new();
    for failed in &report.failed {
        text.push_str(&format!("{ERROR}failed:{ERROR:#} {failed}\n"));
    }
    if report.steps() == 0 && report.failed.is_empty() {
        text.push_str("nothing to do: all namespaces have all versions\n");
    } else {
        let (steps, namespaces) = (report.steps(), report.done.len());
        text.push_str(&format!(
            "{} in {}\n",
            count(steps, "migration"),
            count(namespaces, "namespace")
        ));
    }
    if !report.skipped.is_empty() {
        let skipped = count(report.skipped.len(), "namespace");
        text.push_str(&format!("{skipped} left as they were; run it again\n"));
    }
    output.text(&text)
}

/// Prints the versions of each folder. JSON: the library's [`Status`].
///
/// # Errors
/// If the output is closed.
pub fn status(output: &Output, status: &Status) -> Result<()> {
    if output.is_json() {
        return output.json(status);
    }
    let columns = [
        ("FOLDER", Align::Left),
        ("VERSION", Align::Right),
        ("NAME", Align::Left),
        ("APPLIED", Align::Right),
        ("STATE", Align::Left),
    ];
    let mut table = Table::new(&columns);
    let mut unreachable = String::new();
    for target in &status.targets {
        for version in &target.versions {
            table.row([
                target.folder.clone(),
                version.version.to_string(),
                version.name.clone(),
                format!("{}/{}", version.applied, target.namespaces),
                version.state(),
            ]);
        }
        for failed in &target.unreachable {
            unreachable.push_str(&format!("{ERROR}unreachable:{ERROR:#} {failed}\n"));
        }
    }
    output.text(&(table.text() + &unreachable))?;
    if status.is_current() {
        output.text(&format!("{NOTE}all namespaces have all versions{NOTE:#}\n"))?;
    }
    Ok(())
}

/// A line for a migration that waits for locks.
#[must_use]
pub fn waiting(location: &Location, waited: Duration, blockers: &[Blocker]) -> String {
    let named: Vec<String> = blockers.iter().map(ToString::to_string).collect();
    let by = match named.as_slice() {
        [] => String::new(),
        named => format!(", held by {}", named.join("; ")),
    };
    format!(
        "{location}: waiting for locks for {:.1} s{by}",
        waited.as_secs_f64()
    )
}

/// A line for a backfill that runs.
#[must_use]
pub fn batch(location: &Location, version: i64, batches: u64, rows: u64) -> String {
    format!("{location}: {rows} rows changed by version {version} in {batches} batches")
}

fn table(planned: &[Done], heading: &str) -> Table {
    let columns = [
        ("NAMESPACE", Align::Left),
        ("SERVER", Align::Left),
        (heading, Align::Left),
    ];
    let mut table = Table::new(&columns);
    for done in planned {
        let versions = done.versions.iter().map(|version| {
            let begun = done.begun.iter().find(|begun| begun.version == *version);
            match begun {
                Some(begun) => format!("{version} (partly done: {} rows)", begun.rows),
                None => version.to_string(),
            }
        });
        let versions: Vec<String> = versions.collect();
        table.row([
            done.location.namespace.clone(),
            done.location.server.clone(),
            versions.join(" "),
        ]);
    }
    table
}
