//! How an application copies a table, as it records it in the row of progress.
//!
//! Written by each run that knows the model of the table. A run that knows only the table reads it
//! first: rows that hooks filter or transform must not be written without them.

use sea_query::{Alias, ColumnDef, Expr, SelectStatement, UpdateStatement};

use crate::Field as _;
use crate::backend::{Row, big_integer, short_text};
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::complete_table;

use super::progress::TABLE;

/// The columns in the row of progress, all nullable: tables of earlier versions lack them.
pub(crate) const DECLARED: [&str; 3] = ["hooks", "source", "criterion"];

/// What follows the name of a mode in which rows were written without the application's hooks.
pub(super) const WITHOUT_HOOKS: &str = ":without-hooks";

/// How an application copies a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Declaration {
    /// Whether hooks take part.
    pub(crate) hooks: bool,
    /// The named database of the source.
    pub(crate) source: String,
    /// The watermark column.
    pub(crate) criterion: Option<String>,
}

/// What a run knows about the hooks of its table.
#[derive(Debug, Clone)]
pub(crate) enum Claim {
    /// It knows the model, and records this.
    Declares(Declaration),
    /// It knows no model.
    Expects {
        /// It starts only if this is recorded.
        declared: Option<Declaration>,
        /// Whether it writes rows as they are at the source although hooks may take part.
        without_hooks: bool,
    },
}

impl Claim {
    /// The name of a mode in the row of progress. The application does not continue from a position that
    /// was reached without its hooks: it compares the copy with what its hooks make of the source.
    pub(super) fn mode_name(&self, mode: String) -> String {
        match self {
            Self::Expects {
                without_hooks: true,
                ..
            } => format!("{mode}{WITHOUT_HOOKS}"),
            _ => mode,
        }
    }
}

impl Declaration {
    /// Reads it from the columns from this one on; `None` if none was recorded.
    pub(crate) fn read(row: &Row<'_>, first: usize) -> Result<Option<Self>> {
        let Some(hooks) = Option::<i64>::read(row, first)? else {
            return Ok(None);
        };
        Ok(Some(Self {
            hooks: hooks != 0,
            source: Option::read(row, first + 1)?.unwrap_or_default(),
            criterion: Option::read(row, first + 2)?,
        }))
    }

    /// Writes it.
    pub(super) fn write(&self, update: &mut UpdateStatement) {
        let [hooks, source, criterion] = DECLARED;
        update
            .value(hooks, i64::from(self.hooks))
            .value(source, self.source.as_str())
            .value(criterion, self.criterion.clone());
    }
}

/// Adds the columns to a query of the table of progress.
pub(crate) fn select_declared(select: &mut SelectStatement) {
    // Qualified: SQLite treats an unknown quoted name as a string.
    select.exprs(DECLARED.map(|column| Expr::col((Alias::new(TABLE), Alias::new(column)))));
}

/// Adds the columns to a table of progress of an earlier version; `false` if it still lacks them, since
/// the account may not alter it.
pub(crate) async fn complete_progress(handle: &NamespaceHandle) -> Result<bool> {
    complete_table(handle, TABLE, columns(handle.dialect())).await
}

fn columns(dialect: Dialect) -> Vec<ColumnDef> {
    let types = [
        big_integer(dialect),
        short_text(dialect),
        short_text(dialect),
    ];
    let columns = DECLARED.into_iter().zip(types);
    let columns = columns.map(|(name, column_type)| {
        let mut column = ColumnDef::new_with_type(Alias::new(name), column_type);
        column.null();
        column
    });
    columns.collect()
}
