//! Prints where namespaces deviate from the migration files.

use shard_orm::migrate::{Drift, Drifted, TargetDrift};

use super::text::count;
use super::{DIM, ERROR, NOTE, Output, WARNING};
use crate::Result;

/// The most namespaces that are listed for one deviation.
const LISTED: usize = 8;

/// Prints each deviation once, with its namespaces and what mends it. JSON: the library's [`Drift`],
/// with one deviation of each namespace.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, drift: &Drift) -> Result<()> {
    if output.is_json() {
        return output.json(drift);
    }
    let mut text = String::new();
    for target in &drift.targets {
        for group in target.by_deviation() {
            text.push_str(&deviation(target, &group));
        }
        for failed in &target.failed {
            text.push_str(&format!("{ERROR}not compared:{ERROR:#} {failed}\n"));
        }
    }
    let namespaces: usize = drift.targets.iter().map(|target| target.namespaces).sum();
    let namespaces = count(namespaces, "namespace");
    let deviations = drift.deviations().count();
    if drift.is_empty() {
        text.push_str(&format!("{NOTE}ok{NOTE:#}: {namespaces} compared\n"));
    } else {
        let deviations = count(deviations, "deviation");
        text.push_str(&format!("{deviations} in {namespaces}\n"));
    }
    output.text(&text)
}

/// A deviation with the namespaces that have it.
fn deviation(target: &TargetDrift, group: &[&Drifted]) -> String {
    let Some(first) = group.first() else {
        return String::new();
    };
    let (folder, description) = (&target.folder, first.description());
    let mut text = format!("{WARNING}{folder}{WARNING:#}: {description}\n");
    for drifted in group.iter().take(LISTED) {
        text.push_str(&format!("  {}\n", drifted.location));
    }
    if group.len() > LISTED {
        text.push_str(&format!("  and {} more\n", group.len() - LISTED));
    }
    text.push_str(&format!("  {DIM}{}{DIM:#}\n", first.counts()));
    let advice = first.advice.iter().cloned();
    let statements = first.statements.iter();
    let statements = statements.map(|statement| format!("{};", statement.sql));
    for mends in statements.chain(advice) {
        text.push_str(&format!("  {DIM}to mend it:{DIM:#} {mends}\n"));
    }
    text
}
