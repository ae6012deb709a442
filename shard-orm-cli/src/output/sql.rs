//! Prints the results of SQL: as one table with a column for the place, or place by place.

use shard_orm::admin::{ResultSet, SqlOutcome, SqlReport};

use super::table::{Align, Table};
use super::text::{count, ranges, visible};
use super::{ERROR, HEADING, Output};
use crate::Result;

/// Prints the results, then the errors, then where it was not begun. JSON: the fields of
/// [`SqlReport`].
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, report: &SqlReport, separate: bool) -> Result<()> {
    if output.is_json() {
        return output.json(report);
    }
    let done: Vec<&SqlOutcome> = report
        .outcomes
        .iter()
        .filter(|outcome| outcome.begun && !outcome.results.is_empty())
        .collect();
    match (shared_columns(&done), separate) {
        (Some(columns), false) => output.text(&together(&done, columns, report.outcomes.len()))?,
        _ => {
            for outcome in &done {
                output.text(&apart(outcome, report.outcomes.len()))?;
            }
        }
    }
    for (places, error) in errors(report) {
        let error = visible(&error);
        output.message(&format!("{ERROR}error:{ERROR:#} {places}: {error}"))?;
    }
    summary(output, report)
}

/// The errors, each with all places that have it: `shop/0-3, 7`.
fn errors(report: &SqlReport) -> Vec<(String, String)> {
    let mut errors: Vec<(String, Vec<&SqlOutcome>)> = Vec::new();
    for (outcome, error) in report.failed() {
        let mut text = error.to_string();
        // The place is named in front.
        if let Some(shard) = error.shard() {
            text = text.replace(&format!(" (shard {shard})"), "");
        }
        match errors.iter_mut().find(|(known, _)| *known == text) {
            Some((_, outcomes)) => outcomes.push(outcome),
            None => errors.push((text, vec![outcome])),
        }
    }
    let errors = errors.into_iter();
    errors
        .map(|(error, outcomes)| (places(&outcomes), error))
        .collect()
}

fn places(outcomes: &[&SqlOutcome]) -> String {
    let shards: Option<Vec<_>> = outcomes.iter().map(|one| one.shard.as_ref()).collect();
    match shards.as_deref() {
        Some(shards @ [first, ..]) => {
            let numbers: Vec<u32> = shards.iter().map(|shard| shard.shard).collect();
            format!("{}/{}", first.group, ranges(&numbers))
        }
        _ => {
            let servers: Vec<String> = outcomes.iter().map(|one| one.place()).collect();
            servers.join(", ")
        }
    }
}

/// The columns of the results, if each place has one result with rows at most, and all of these have
/// the same columns. A result without rows fits any.
fn shared_columns<'r>(outcomes: &[&'r SqlOutcome]) -> Option<&'r [String]> {
    let mut columns: &[String] = &[];
    let results = || outcomes.iter().flat_map(|outcome| &outcome.results);
    if results().all(|result| result.columns.is_empty()) {
        return Some(columns);
    }
    for outcome in outcomes {
        let [result] = &outcome.results[..] else {
            return None;
        };
        if result.columns.is_empty() {
            continue;
        }
        if columns.is_empty() {
            columns = &result.columns;
        } else if *columns != *result.columns {
            return None;
        }
    }
    Some(columns)
}

/// One table of all places.
fn together(outcomes: &[&SqlOutcome], columns: &[String], places: usize) -> String {
    if columns.is_empty() {
        return changed(outcomes, places);
    }
    let has_place = places > 1;
    let place = ("shard", Align::Left);
    let own = columns.iter().map(|name| (&**name, Align::Left));
    let all: Vec<(&str, Align)> = has_place.then_some(place).into_iter().chain(own).collect();
    let mut table = Table::new(&all);
    let mut rows = 0;
    for outcome in outcomes {
        let results = outcome.results.iter();
        for row in results.flat_map(|result| &result.rows) {
            let place = has_place.then(|| outcome.place());
            table.row(place.into_iter().chain(row.iter().map(value)));
            rows += 1;
        }
    }
    format!("{}({})\n", table.text(), count(rows, "row"))
}

/// The number of changed rows in each place.
fn changed(outcomes: &[&SqlOutcome], places: usize) -> String {
    let affected = |outcome: &SqlOutcome| -> u64 {
        outcome.results.iter().map(|result| result.affected).sum()
    };
    match outcomes {
        [] => String::new(),
        [only] if places == 1 => format!("{} affected\n", count(affected(only), "row")),
        _ => {
            let mut table = Table::new(&[("shard", Align::Left), ("rows affected", Align::Right)]);
            for outcome in outcomes {
                table.row([outcome.place(), affected(outcome).to_string()]);
            }
            table.text()
        }
    }
}

/// The results of one place, one after another.
fn apart(outcome: &SqlOutcome, places: usize) -> String {
    let mut text = String::new();
    if places > 1 {
        text.push_str(&format!("{HEADING}{}{HEADING:#}\n", outcome.place()));
    }
    for result in &outcome.results {
        text.push_str(&of_result(result));
    }
    text
}

fn of_result(result: &ResultSet) -> String {
    if result.columns.is_empty() {
        return format!("{} affected\n", count(result.affected, "row"));
    }
    let columns: Vec<(&str, Align)> = result
        .columns
        .iter()
        .map(|name| (&**name, Align::Left))
        .collect();
    let mut table = Table::new(&columns);
    for row in &result.rows {
        table.row(row.iter().map(value));
    }
    format!("{}({})\n", table.text(), count(result.rows.len(), "row"))
}

fn value(value: &Option<String>) -> String {
    value.clone().unwrap_or_else(|| "NULL".to_owned())
}

/// How many places failed, if there are several.
fn summary(output: &Output, report: &SqlReport) -> Result<()> {
    let all = report.outcomes.len();
    let failed = report.failed().count();
    let untouched = report.outcomes.iter().filter(|one| !one.begun).count();
    if all == 1 || failed + untouched == 0 {
        return Ok(());
    }
    let mut parts = vec![format!("{} of {all} done", all - failed - untouched)];
    if failed > 0 {
        parts.push(format!("{failed} failed"));
    }
    if untouched > 0 {
        parts.push(format!("{untouched} not begun"));
    }
    output.message(&parts.join(", "))
}
