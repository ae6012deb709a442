//! What a statement of a migration does to a table in use: locks, rewrites, and names that running
//! programs need.
//!
//! The words of a statement are read, which is enough for the statements of migrations; what a
//! function or a `DO` block does is not seen. Called by `migrate`.

mod advice;
mod mysql;
mod postgres;
mod programs;

use std::fmt;

pub(crate) use self::advice::advice;

use super::script::{ScriptStatement, Token};
use super::words::Words;
use crate::dialect::Dialect;

/// A rule for statements on tables in use. Names are stable.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum LintRule {
    /// `add-column-rewrite`: a column with a value for each row, which rewrites the table.
    AddColumnRewrite,
    /// `add-column-required`: a column without default that refuses NULL.
    AddColumnRequired,
    /// `set-not-null`: reads all rows under a lock, unless a check has done so before.
    SetNotNull,
    /// `change-column-type`: rewrites or copies the table.
    ChangeColumnType,
    /// `create-index`: an index whose building stops writes.
    CreateIndex,
    /// `drop-index`: waits for all transactions on the table, while others queue behind it.
    DropIndex,
    /// `add-foreign-key`: reads all rows under a lock, or copies the table.
    AddForeignKey,
    /// `add-check`: reads all rows under a lock, or copies the table.
    AddCheck,
    /// `add-unique`: builds an index under a lock.
    AddUnique,
    /// `rewrite-table`: rewrites or copies the table as a whole.
    RewriteTable,
    /// `rename-table`: programs that run name the former table.
    RenameTable,
    /// `rename-column`: programs that run name the former column.
    RenameColumn,
    /// `drop-table`: programs that run may use it.
    DropTable,
    /// `drop-column`: programs that run may use it.
    DropColumn,
    /// `in-use`: drops or renames what a registered model names.
    InUse,
    /// `whole-table-update`: changes all rows in one transaction.
    WholeTableUpdate,
    /// `lint-comment`: a comment that allows a rule without a reason, or one that does not exist.
    LintComment,
}

impl LintRule {
    /// All rules.
    pub const ALL: [Self; 17] = [
        Self::AddColumnRewrite,
        Self::AddColumnRequired,
        Self::SetNotNull,
        Self::ChangeColumnType,
        Self::CreateIndex,
        Self::DropIndex,
        Self::AddForeignKey,
        Self::AddCheck,
        Self::AddUnique,
        Self::RewriteTable,
        Self::RenameTable,
        Self::RenameColumn,
        Self::DropTable,
        Self::DropColumn,
        Self::InUse,
        Self::WholeTableUpdate,
        Self::LintComment,
    ];

    /// The name, as in `-- lint: allow(create-index)`.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::AddColumnRewrite => "add-column-rewrite",
            Self::AddColumnRequired => "add-column-required",
            Self::SetNotNull => "set-not-null",
            Self::ChangeColumnType => "change-column-type",
            Self::CreateIndex => "create-index",
            Self::DropIndex => "drop-index",
            Self::AddForeignKey => "add-foreign-key",
            Self::AddCheck => "add-check",
            Self::AddUnique => "add-unique",
            Self::RewriteTable => "rewrite-table",
            Self::RenameTable => "rename-table",
            Self::RenameColumn => "rename-column",
            Self::DropTable => "drop-table",
            Self::DropColumn => "drop-column",
            Self::InUse => "in-use",
            Self::WholeTableUpdate => "whole-table-update",
            Self::LintComment => "lint-comment",
        }
    }

    /// The rule of a name.
    ///
    /// ```
    /// use shard_orm::migrate::LintRule;
    ///
    /// assert_eq!(LintRule::named("create-index"), Some(LintRule::CreateIndex));
    /// ```
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|rule| rule.name() == name)
    }

    /// Whether it is about a statement that drops or renames a table or column.
    pub(crate) const fn is_removal(self) -> bool {
        matches!(
            self,
            Self::RenameTable | Self::RenameColumn | Self::DropTable | Self::DropColumn
        )
    }

    /// Whether a statement that breaks it can stop the programs that use the table.
    #[must_use]
    pub const fn is_dangerous(self) -> bool {
        !matches!(
            self,
            Self::AddColumnRequired | Self::DropIndex | Self::WholeTableUpdate | Self::LintComment
        )
    }
}

impl fmt::Display for LintRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

#[cfg(feature = "serde")]
impl serde::Serialize for LintRule {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

/// A rule that a statement breaks, if its table is in use.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hazard {
    pub(crate) rule: LintRule,
    /// The table; empty for an index that is dropped by its name alone.
    pub(crate) table: String,
    /// The column, index or constraint.
    pub(crate) subject: Option<String>,
}

/// What a statement means for the rules.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Facts {
    /// The table that it creates, which nobody uses yet.
    pub(crate) creates: Option<String>,
    pub(crate) hazards: Vec<Hazard>,
    /// Checks that a column is not NULL: table, constraint, column, and whether it holds for all rows.
    pub(crate) not_null_checks: Vec<(String, Option<String>, String, bool)>,
    /// Constraints that are validated: table and constraint.
    pub(crate) validates: Vec<(String, String)>,
}

impl Facts {
    fn add(&mut self, rule: LintRule, table: &str, subject: Option<&str>) {
        let hazard = Hazard {
            rule,
            table: table.to_owned(),
            subject: subject.map(str::to_owned),
        };
        if !self.hazards.contains(&hazard) {
            self.hazards.push(hazard);
        }
    }
}

/// What a statement means for the rules of a database.
pub(crate) fn facts(dialect: Dialect, statement: &ScriptStatement) -> Facts {
    let mut facts = Facts::default();
    let words = Words(&statement.tokens);
    facts.creates = created(words);
    programs::add(words, &mut facts);
    match dialect {
        Dialect::Postgres => postgres::add(words, &mut facts),
        Dialect::MySql => mysql::add(words, &mut facts),
        // A writer locks the whole file, and readers see the former state.
        Dialect::Sqlite => {}
    }
    facts
}

/// The table that a statement creates.
fn created(mut words: Words<'_>) -> Option<String> {
    if !words.skip(&["CREATE"]) {
        return None;
    }
    words.skip_any(&[
        "OR",
        "REPLACE",
        "GLOBAL",
        "LOCAL",
        "TEMP",
        "TEMPORARY",
        "UNLOGGED",
        "FOREIGN",
    ]);
    if !words.skip(&["TABLE"]) {
        return None;
    }
    words.skip_existence();
    words.name().map(str::to_owned)
}

/// The table and the clauses of an `ALTER TABLE`.
fn altered<'a>(mut words: Words<'a>) -> Option<(&'a str, Vec<Words<'a>>)> {
    if !words.skip(&["ALTER"]) {
        return None;
    }
    words.skip_any(&["ONLINE", "IGNORE"]);
    if !words.skip(&["TABLE"]) {
        return None;
    }
    words.skip_existence();
    words.skip_any(&["ONLY"]);
    let table = words.name()?;
    words.skip_symbol('*');
    // MariaDB waits for the lock so long.
    if words.skip(&["WAIT"]) {
        words.name();
    }
    words.skip_any(&["NOWAIT"]);
    Some((table, words.clauses()))
}

/// The column that a clause adds, and the words behind its name.
fn added_column<'a>(mut clause: Words<'a>) -> Option<(&'a str, Words<'a>)> {
    const NOT_COLUMNS: [&str; 14] = [
        "CONSTRAINT",
        "CHECK",
        "UNIQUE",
        "PRIMARY",
        "FOREIGN",
        "EXCLUDE",
        "INDEX",
        "KEY",
        "FULLTEXT",
        "SPATIAL",
        "PARTITION",
        "PERIOD",
        "SYSTEM",
        "NOT",
    ];
    if !clause.skip(&["ADD"]) {
        return None;
    }
    if !clause.skip(&["COLUMN"]) && clause.is_next(&NOT_COLUMNS) {
        return None;
    }
    clause.skip_existence();
    clause.skip_symbol('(');
    clause.name().map(|name| (name, clause))
}

/// The constraint that a clause adds: its name, and the words from its kind on.
fn added_constraint<'a>(mut clause: Words<'a>) -> Option<(Option<&'a str>, Words<'a>)> {
    const KINDS: [&str; 5] = ["CHECK", "UNIQUE", "PRIMARY", "FOREIGN", "EXCLUDE"];
    if !clause.skip(&["ADD"]) {
        return None;
    }
    let mut name = None;
    if clause.skip(&["CONSTRAINT"]) {
        clause.skip_existence();
        if !clause.is_next(&KINDS) {
            name = clause.name();
        }
    }
    clause.is_next(&KINDS).then_some((name, clause))
}

/// Whether a default is an expression with a function that `is_constant` does not know.
fn calls(tokens: &[Token], is_constant: fn(&str) -> bool) -> bool {
    tokens.windows(2).enumerate().any(|(at, pair)| {
        let [Token::Word(word), Token::Symbol('(')] = pair else {
            return false;
        };
        // `'a'::varchar(5)` and `CAST('a' AS varchar(5))` name a type.
        let before = at.checked_sub(1).and_then(|before| tokens.get(before));
        let is_type = before.is_some_and(|token| *token == Token::Symbol(':') || token.is("AS"));
        let starts_with_digit = word.starts_with(|first: char| first.is_ascii_digit());
        !is_type && !starts_with_digit && !is_constant(word)
    })
}

/// The words of a column's default, which ends before the next constraint.
fn default_of<'a>(column: Words<'a>) -> Option<&'a [Token]> {
    const ENDS: [&str; 16] = [
        "NOT",
        "NULL",
        "CHECK",
        "UNIQUE",
        "PRIMARY",
        "REFERENCES",
        "GENERATED",
        "CONSTRAINT",
        "COLLATE",
        "COMMENT",
        "AFTER",
        "FIRST",
        "ON",
        "INVISIBLE",
        "AUTO_INCREMENT",
        "COMPRESSED",
    ];
    let from = column.position(&["DEFAULT"])? + 1;
    let default = Words(&column.0[from..]);
    // `DEFAULT NULL` is a default.
    let first = usize::from(default.is_next(&["NULL"]));
    let rest = Words(&default.0[first..]);
    let end = ENDS.iter().filter_map(|end| rest.position(&[end])).min();
    Some(&default.0[..end.map_or(default.0.len(), |end| first + end)])
}

/// Whether an added column refuses NULL and has no default.
fn is_required(column: Words<'_>) -> bool {
    let refuses = column.has(&["NOT", "NULL"]) || column.has(&["PRIMARY", "KEY"]);
    let is_filled = ["DEFAULT", "GENERATED", "AS", "IDENTITY", "AUTO_INCREMENT"];
    let is_serial = column.is_next(&["SERIAL", "BIGSERIAL", "SMALLSERIAL"]);
    refuses && !is_serial && !is_filled.iter().any(|keyword| column.has(&[keyword]))
}
