//! Comments that allow rules: `-- lint: allow(create-index) the table is small`.

use super::LintRule;

/// A comment that allows rules.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Allow {
    /// The line, from 1.
    pub(super) line: usize,
    pub(super) rules: Vec<LintRule>,
    /// What is wrong with it.
    pub(super) problem: Option<String>,
}

/// The comments of a text, by line.
pub(super) fn allows(text: &str) -> Vec<Allow> {
    let lines = text.lines().enumerate();
    let found = lines.filter_map(|(number, line)| {
        let (_, comment) = line.split_once("--")?;
        let comment = comment.trim_start().strip_prefix("lint:")?.trim_start();
        Some(parse(number + 1, comment))
    });
    found.collect()
}

fn parse(line: usize, comment: &str) -> Allow {
    let mut allow = Allow {
        line,
        rules: Vec::new(),
        problem: None,
    };
    let parts = comment.strip_prefix("allow");
    let parts = parts.and_then(|rest| rest.trim_start().strip_prefix('('));
    let Some((names, reason)) = parts.and_then(|rest| rest.split_once(')')) else {
        allow.problem = Some("it is not understood".to_owned());
        return allow;
    };
    for name in names.split(',').map(str::trim) {
        match LintRule::named(name) {
            Some(rule) => allow.rules.push(rule),
            None => allow.problem = Some(format!("there is no rule `{name}`")),
        }
    }
    if !reason.contains(char::is_alphanumeric) {
        allow.problem = Some("it has no reason".to_owned());
        allow.rules.clear();
    }
    allow
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn parsed(text: &str) -> (Vec<&'static str>, Option<String>) {
        let allow = allows(text).remove(0);
        let names = allow.rules.iter().map(|rule| rule.name()).collect();
        (names, allow.problem)
    }

    #[test]
    fn rules_are_allowed_with_a_reason() {
        let text = "-- lint: allow(drop-table, create-index): it is small";
        assert_eq!(parsed(text), (vec!["drop-table", "create-index"], None));
        let (rules, problem) = parsed("SELECT 1; --lint:allow(drop-table)");
        assert_eq!(
            (rules, problem.unwrap()),
            (vec![], "it has no reason".to_owned())
        );
        let (rules, problem) = parsed("-- lint: allow(drop-tables) unused");
        assert_eq!(rules, [""; 0]);
        assert_eq!(problem.unwrap(), "there is no rule `drop-tables`");
        assert!(parsed("-- lint: ignore").1.is_some());
        assert_eq!(
            allows("-- a lint: allow(drop-table) x\n-- allow(drop-table)"),
            []
        );
    }
}
