//! Prints the findings of a check.

use shard_orm::admin::{CheckReport, Severity};

use super::text::count;
use super::{DIM, ERROR, NOTE, Output, WARNING};
use crate::Result;

/// Prints the findings, the worst first, and how many there are. JSON: `{"findings": [..], "budgets":
/// [..]}`.
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, report: &CheckReport) -> Result<()> {
    if output.is_json() {
        return output.json(report);
    }
    let mut text = String::new();
    for finding in &report.findings {
        let style = match finding.severity {
            Severity::Error => ERROR,
            Severity::Warning => WARNING,
            _ => NOTE,
        };
        let (severity, place) = (finding.severity, &finding.place);
        text.push_str(&format!("{style}{severity}{style:#} {place}\n"));
        for line in finding.message.lines() {
            text.push_str(&format!("  {line}\n"));
        }
        let advice = &finding.advice;
        text.push_str(&format!("  {DIM}to mend it:{DIM:#} {advice}\n"));
    }
    let of = |severity| {
        let findings = report.findings.iter();
        findings.filter(|one| one.severity == severity).count()
    };
    let counts = [
        (of(Severity::Error), "error"),
        (of(Severity::Warning), "warning"),
        (of(Severity::Note), "note"),
    ];
    let found: Vec<String> = counts
        .iter()
        .filter(|(number, _)| *number > 0)
        .map(|(number, noun)| count(*number, noun))
        .collect();
    if found.is_empty() {
        text.push_str(&format!("{NOTE}ok{NOTE:#}: nothing is wrong\n"));
    } else {
        text.push_str(&format!("{}\n", found.join(", ")));
    }
    output.text(&text)
}
