//! Applies the rules to one file after the other.

use std::collections::BTreeSet;

use super::comment::{Allow, allows};
use super::{Finding, LintRule};
use crate::backend::hazard::{Facts, Hazard, advice, facts};
use crate::backend::script::statements;
use crate::catalog::TableUse;
use crate::dialect::Dialect;
use crate::migrate::file::Script;
use crate::migrate::phase::Phase;

/// What the files before a statement tell about its tables.
pub(super) struct Linter {
    dialect: Dialect,
    /// Tables that nobody uses yet, from earlier files.
    kept: BTreeSet<String>,
    /// Those of the current file.
    new: BTreeSet<String>,
    /// Checks that a column is not NULL: table, constraint and column.
    checks: Vec<(String, Option<String>, String)>,
    /// Columns without NULL, by such a check: table and column.
    not_null: BTreeSet<(String, String)>,
    /// What registered models name, in the place of the files.
    used: Vec<TableUse>,
}

impl Linter {
    pub(super) fn new(dialect: Dialect) -> Self {
        Self {
            dialect,
            kept: BTreeSet::new(),
            new: BTreeSet::new(),
            checks: Vec::new(),
            not_null: BTreeSet::new(),
            used: Vec::new(),
        }
    }

    /// With the tables that registered models name.
    pub(super) fn with_used(mut self, used: Vec<TableUse>) -> Self {
        self.used = used;
        self
    }

    /// Treats the tables of the last file as new in the later ones too.
    pub(super) fn keep_new_tables(&mut self) {
        self.kept.append(&mut self.new);
    }

    /// The findings of a file.
    pub(super) fn file(&mut self, script: &Script) -> Vec<Finding> {
        self.new.clear();
        let mut findings = Vec::new();
        let allows = allows(&script.text);
        for allow in &allows {
            if let Some(problem) = &allow.problem {
                findings.push(of_comment(script, allow, problem));
            }
        }
        let mut before = 0;
        for statement in statements(self.dialect, &script.text) {
            let facts = facts(self.dialect, &statement);
            let last = statement.line + statement.text.matches('\n').count();
            let is_here = |allow: &&Allow| before < allow.line && allow.line <= last;
            let here: Vec<LintRule> = allows
                .iter()
                .filter(is_here)
                .flat_map(|allow| allow.rules.iter().copied())
                .collect();
            before = last;
            self.learn(&facts);
            for hazard in &facts.hazards {
                let used = self.in_use(hazard);
                let hazard = used.as_ref().unwrap_or(hazard);
                if !here.contains(&hazard.rule) && self.applies(hazard, script) {
                    findings.push(self.finding(script, statement.line, hazard));
                }
            }
        }
        findings.sort_by_key(|finding| finding.line);
        findings
    }

    fn learn(&mut self, facts: &Facts) {
        if let Some(table) = &facts.creates {
            self.new.insert(folded(table));
        }
        for (table, constraint, column, is_valid) in &facts.not_null_checks {
            let (table, column) = (folded(table), folded(column));
            if *is_valid {
                self.not_null.insert((table, column));
            } else {
                let constraint = constraint.as_deref().map(folded);
                self.checks.push((table, constraint, column));
            }
        }
        for (table, constraint) in &facts.validates {
            let (table, constraint) = (folded(table), Some(folded(constraint)));
            let checks = self.checks.iter();
            let validated = checks.filter(|(of, name, _)| *of == table && *name == constraint);
            self.not_null
                .extend(validated.map(|(table, _, column)| (table.clone(), column.clone())));
        }
    }

    /// The hazard of a removal of what a registered model names.
    fn in_use(&self, hazard: &Hazard) -> Option<Hazard> {
        let column = hazard.subject.as_deref();
        let names = |one: &TableUse| one.names(&one.place, &hazard.table, column);
        let is_used = hazard.rule.is_removal() && self.used.iter().any(names);
        is_used.then(|| Hazard {
            rule: LintRule::InUse,
            ..hazard.clone()
        })
    }

    fn applies(&self, hazard: &Hazard, script: &Script) -> bool {
        let table = folded(&hazard.table);
        if self.new.contains(&table) || self.kept.contains(&table) {
            return false;
        }
        match hazard.rule {
            LintRule::DropTable | LintRule::DropColumn => script.phase != Some(Phase::Contract),
            LintRule::WholeTableUpdate => {
                script.backfill.is_none() && self.dialect.capability().servers.is_supported()
            }
            LintRule::SetNotNull => {
                let column = folded(hazard.subject.as_deref().unwrap_or_default());
                !self.not_null.contains(&(table, column))
            }
            _ => true,
        }
    }

    fn finding(&self, script: &Script, line: usize, hazard: &Hazard) -> Finding {
        let advice = advice(self.dialect, hazard);
        Finding {
            rule: hazard.rule,
            dangerous: hazard.rule.is_dangerous(),
            file: script.path.clone(),
            line,
            table: Some(hazard.table.clone()).filter(|table| !table.is_empty()),
            message: advice.message,
            instead: advice.instead,
        }
    }
}

/// A name without its case, which names without quotes do not have.
fn folded(name: &str) -> String {
    name.to_lowercase()
}

fn of_comment(script: &Script, allow: &Allow, problem: &str) -> Finding {
    Finding {
        rule: LintRule::LintComment,
        dangerous: LintRule::LintComment.is_dangerous(),
        file: script.path.clone(),
        line: allow.line,
        table: None,
        message: format!("this comment allows nothing: {problem}"),
        instead: "`-- lint: allow(<rule>) <reason>` in front of the statement".to_owned(),
    }
}
