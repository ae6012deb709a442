//! Prints findings in migration files.

use serde_json::json;
use shard_orm::migrate::Finding;

use super::text::count;
use super::{DIM, ERROR, NOTE, Output, WARNING};
use crate::Result;

/// Prints findings. JSON: `{"findings": [..]}`, the library's [`Finding`]s.
///
/// # Errors
/// If the output is closed.
pub fn findings(output: &Output, findings: &[Finding]) -> Result<()> {
    if output.is_json() {
        return output.json(&json!({ "findings": findings }));
    }
    if findings.is_empty() {
        return output.text(&format!("{NOTE}ok:{NOTE:#} nothing is dangerous\n"));
    }
    let mut text: String = findings.iter().map(|one| told(one) + "\n").collect();
    let dangerous = findings.iter().filter(|finding| finding.dangerous).count();
    text.push_str(&format!(
        "{}, {dangerous} dangerous\n",
        count(findings.len(), "finding")
    ));
    output.text(&text)
}

/// Prints findings beside the results.
///
/// # Errors
/// If standard error is closed.
pub fn warnings(output: &Output, findings: &[Finding]) -> Result<()> {
    findings
        .iter()
        .try_for_each(|finding| output.message(&told(finding)))
}

fn told(finding: &Finding) -> String {
    let Finding {
        rule,
        file,
        line,
        message,
        instead,
        ..
    } = finding;
    let severity = match finding.dangerous {
        true => format!("{ERROR}dangerous{ERROR:#}"),
        false => format!("{WARNING}warning{WARNING:#}"),
    };
    format!("{file}:{line}: {severity} {rule}\n  {message}\n  {DIM}instead:{DIM:#} {instead}")
}
