//! Findings in migration files: statements that are dangerous for tables in use.

mod comment;
mod finding;
mod linter;

use std::collections::BTreeSet;

pub use self::finding::Finding;
pub use crate::backend::hazard::LintRule;
use crate::backend::hazard::{Hazard, facts};
use crate::backend::script::statements;
use crate::catalog::TableUse;

use self::linter::Linter;
use super::builder::Migrate;
use super::file::Script;
use super::migrations::{Migration, Migrations};
use super::plan::missing;
use super::survey::survey;
use crate::dialect::Dialect;
use crate::error::Result;

impl Migrations {
    /// The statements in the files of one folder that are dangerous for tables in use: they stop the
    /// programs that use a table by locks, or take away what these programs name.
    ///
    /// A table that a file creates is not in use in that file. A comment in front of a statement allows
    /// a rule: `-- lint: allow(create-index) the table is small`. Sends nothing.
    ///
    /// ```
    /// use shard_orm::Dialect;
    /// use shard_orm::migrate::{LintRule, Migrations};
    ///
    /// let text = "CREATE INDEX items ON orders (item);";
    /// let migrations = Migrations::embedded(&[("shop/1_items.sql", text)])?;
    /// let findings = migrations.lint("shop", Dialect::Postgres);
    /// assert_eq!(findings[0].rule, LintRule::CreateIndex);
    /// assert_eq!(migrations.lint("shop", Dialect::MySql), []);
    /// # Ok::<(), shard_orm::Error>(())
    /// ```
    #[must_use]
    pub fn lint(&self, folder: &str, dialect: Dialect) -> Vec<Finding> {
        self.lint_used(folder, dialect, &[])
    }

    /// As [`lint`](Self::lint), with the rule [`InUse`](LintRule::InUse) for what these tables of
    /// registered models name: those of this program
    /// ([`registered_tables`](crate::Cluster::registered_tables)), or those of the processes in the
    /// catalog ([`Process::tables`](crate::catalog::Process)).
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # fn run(cluster: &Cluster, migrations: &shard_orm::migrate::Migrations) {
    /// cluster.register_model::<Order>();
    /// let used = cluster.registered_tables();
    /// let findings = migrations.lint_used("shop", Dialect::Postgres, &used);
    /// # }
    /// ```
    #[must_use]
    pub fn lint_used(&self, folder: &str, dialect: Dialect, used: &[TableUse]) -> Vec<Finding> {
        let scripts = self.in_folder(folder).iter();
        let scripts = scripts.filter_map(|migration| migration.up(dialect));
        let used = used.iter().filter(|one| one.place == folder);
        let mut linter = Linter::new(dialect).with_used(used.cloned().collect());
        scripts.flat_map(|script| linter.file(script)).collect()
    }
}

/// The findings in one file, as [`Migrations::lint`] has them.
///
/// # Errors
/// [`Configuration`](crate::ErrorKind::Configuration) if the head of the file names an unknown phase.
pub fn lint(path: &str, text: &str, dialect: Dialect) -> Result<Vec<Finding>> {
    let script = Script::new(path.to_owned(), text.to_owned())?;
    Ok(Linter::new(dialect).file(&script))
}

/// A table or column that a statement drops or renames.
pub(super) struct Removal {
    pub(super) line: usize,
    pub(super) table: String,
    pub(super) column: Option<String>,
}

/// What the statements of a file drop or rename; without the tables that it creates.
pub(super) fn removals(script: &Script, dialect: Dialect) -> Vec<Removal> {
    let (mut removals, mut created) = (Vec::new(), BTreeSet::new());
    for statement in statements(dialect, &script.text) {
        let facts = facts(dialect, &statement);
        created.extend(facts.creates.map(|table| table.to_lowercase()));
        let removes = |hazard: &Hazard| {
            hazard.rule.is_removal() && !created.contains(&hazard.table.to_lowercase())
        };
        removals.extend(
            facts
                .hazards
                .into_iter()
                .filter(removes)
                .map(|hazard| Removal {
                    line: statement.line,
                    table: hazard.table,
                    column: hazard.subject,
                }),
        );
    }
    removals
}

impl Migrate {
    /// The findings of [`Migrations::lint`] in the files that [`up`](Self::up) would apply to PostgreSQL,
    /// MySQL and MariaDB. A table that one of them creates in all namespaces is not in use in the later
    /// ones. SQLite is left out: a migration locks the whole file in any case.
    ///
    /// Sends one statement per server, and changes nothing.
    ///
    /// # Errors
    /// As `up`, if the files do not match the versions of the namespaces. Namespaces that do not answer
    /// are left to it.
    pub async fn lint(&self) -> Result<Vec<Finding>> {
        let limits = self.options.limits;
        let mut findings = Vec::new();
        for target in self.targets()? {
            let migrations = self.migrations.in_folder(&target.folder());
            let handles = self.handles(&target)?;
            let mut pending: Vec<BTreeSet<i64>> = Vec::new();
            let mut dialect = None;
            for (handle, found) in handles.iter().zip(survey(&handles).await) {
                let Ok(found) = found else {
                    continue;
                };
                dialect =
                    Some(handle.dialect()).filter(|own| own.capability().servers.is_supported());
                let missing = missing(migrations, handle, &found, limits)?;
                pending.push(missing.iter().map(|one| one.version()).collect());
            }
            if let Some(dialect) = dialect {
                findings.extend(of_pending(migrations, dialect, &pending));
            }
        }
        Ok(findings)
    }
}

/// The findings in those migrations that some namespaces lack.
fn of_pending(
    migrations: &[Migration],
    dialect: Dialect,
    pending: &[BTreeSet<i64>],
) -> Vec<Finding> {
    let mut linter = Linter::new(dialect);
    let mut findings = Vec::new();
    for migration in migrations {
        let Some(script) = migration.up(dialect) else {
            continue;
        };
        let is_missing = |versions: &BTreeSet<i64>| versions.contains(&migration.version());
        let found = linter.file(script);
        if pending.iter().any(is_missing) {
            findings.extend(found);
        }
        if pending.iter().all(is_missing) {
            linter.keep_new_tables();
        }
    }
    findings
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
