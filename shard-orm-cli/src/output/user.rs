//! Prints what was done for accounts.

use shard_orm::admin::{AccountOutcome, AccountReport};

use super::text::count;
use super::{ERROR, HEADING, Output};
use crate::Result;

/// Prints a line for each server and account, or the statements. JSON: the fields of
/// [`AccountReport`].
///
/// # Errors
/// If the output is closed.
pub fn print(output: &Output, report: &AccountReport, is_dry_run: bool) -> Result<()> {
    if output.is_json() {
        return output.json(report);
    }
    for outcome in &report.outcomes {
        let AccountOutcome {
            server,
            account,
            statements,
            done,
            error,
            ..
        } = outcome;
        if is_dry_run {
            let mut text = format!("{HEADING}-- {server}, account {account}{HEADING:#}\n");
            for statement in statements {
                text.push_str(&format!("{statement};\n"));
            }
            output.text(&text)?;
        } else if error.is_none() {
            let statements = count(*done, "statement");
            output.text(&format!(
                "{server}: account {account} is ready ({statements})\n"
            ))?;
        }
        if let Some(error) = error {
            let at = statements.get(*done);
            let at = at.filter(|_| !is_dry_run);
            let at = at.map_or_else(String::new, |statement| format!(" at `{statement}`"));
            output.message(&format!(
                "{ERROR}error:{ERROR:#} {server}, account {account}{at}: {error}"
            ))?;
        }
    }
    Ok(())
}
