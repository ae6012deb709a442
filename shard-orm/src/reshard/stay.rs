//! A part that stays: of a key that is isolated, whether the rest of its logical shard keeps its tables.
//!
//! Such a job copies the rows of the key alone. At the switch they are deleted from the source's tables, which become
//! those of the part that stays by a rename. Called by `check` for a plan, and by the runner of the job.

use sea_query::{Alias, Expr, ExprTrait as _, Query, SelectStatement};

use super::division::Division;
use super::driver::Driver;
use super::mover::End;
use super::place::Place;
use super::places::Site;
use super::planned::Planned;
use super::request::Request;
use super::rows::{MovedTable, Whose};
use crate::backend::structure::Structure;
use crate::backend::{Field as _, Row};
use crate::error::Result;

/// The most rows of a key that are deleted while writes wait, over all tables. With more, all parts are copied.
const MOST: u64 = 10_000;
/// The most that there may be by the time of the switch.
pub(super) const MOST_AT_SWITCH: u64 = 2 * MOST;

impl Planned {
    /// Whether the rest of a logical shard stays where it is, and why not.
    pub(super) async fn examine_rest(
        &mut self,
        request: &Request,
        source: &mut Place,
        structure: &Structure,
    ) -> Result<()> {
        let Division::Key(key) = request.division else {
            return Ok(());
        };
        let dialect = source.dialect();
        let is_of_kinds = !self.types.is_empty();
        let because = if request.copies_all {
            Some("that was asked for".to_owned())
        } else if dialect.capability().file_per_namespace {
            Some("its file cannot become another one while processes have it open".to_owned())
        } else if is_of_kinds {
            Some("the servers are different kinds of databases".to_owned())
        } else if request.mirror.is_some() {
            Some("its reads are mirrored".to_owned())
        } else {
            structure.bound()
        };
        if because.is_some() {
            self.copied_because = because;
            return Ok(());
        }
        let mut rows = 0;
        for (table, columns) in &self.keys {
            if let Some(column) = columns.last() {
                rows += source.count(table, column, key, MOST + 1 - rows).await?;
            }
        }
        if rows > MOST {
            self.copied_because = Some(format!(
                "key {key} has more than {MOST} rows, and writes would wait until they are deleted from its tables"
            ));
            return Ok(());
        }
        self.leaving = Some(key);
        self.leaving_rows = rows;
        Ok(())
    }

    /// Counts the rows that are copied, in place of all.
    pub(super) fn count_leaving(&mut self) {
        if self.leaving.is_none() {
            return;
        }
        let all = u128::from(Ord::max(self.rows, 1));
        let own = self.leaving_rows;
        let bytes = |bytes: u64| u128::from(bytes) * u128::from(own) / all;
        self.bytes = self
            .bytes
            .map(|own| u64::try_from(bytes(own)).unwrap_or(own));
        self.rows = own;
    }
}

impl Driver {
    /// Whether a part stays where it is.
    pub(super) fn stays(&self) -> bool {
        self.job.leaving.is_some()
    }

    /// The targets whose rows are copied: all but a part that stays, which is the first.
    pub(super) fn fed(&self) -> Vec<Site> {
        let mut sites = self.sites(End::Target);
        if self.stays() {
            sites.remove(0);
        }
        sites
    }

    /// A table, of which only the rows of the key move that leaves.
    pub(super) fn leaving(&self, table: MovedTable) -> MovedTable {
        let Some(key) = self.job.leaving else {
            return table;
        };
        let columns = self.job.keys.get(&table.def.name);
        let whose = match columns.and_then(|columns| columns.last()) {
            Some(column) => Whose::Key(column.clone(), key),
            None => Whose::Nobody,
        };
        MovedTable { whose, ..table }
    }

    /// The number of rows of the key that leaves, as far as it is not above the most.
    pub(super) async fn rows_leaving(&mut self) -> Result<u64> {
        let (mut rows, keys) = (0, self.job.keys.clone());
        let Some(key) = self.job.leaving else {
            return Ok(0);
        };
        let source = self.place(Site::source(0)).await?;
        for (table, columns) in &keys {
            if let Some(column) = columns.last() {
                rows += source
                    .count(table, column, key, MOST_AT_SWITCH + 1 - rows)
                    .await?;
            }
        }
        Ok(rows)
    }
}

impl Place {
    /// The number of rows of a key in a table, up to the most.
    async fn count(&mut self, table: &str, column: &str, key: i64, most: u64) -> Result<u64> {
        let mut own = Query::select();
        own.expr(Expr::cust("1"))
            .from(Alias::new(table))
            .and_where(Expr::col(Alias::new(column)).eq(key))
            .limit(most);
        let mut select: SelectStatement = Query::select();
        select
            .expr(Expr::cust("COUNT(*)"))
            .from_subquery(own, Alias::new("own"));
        let read = |row: &Row<'_>| Ok(i64::read(row, 0)?.unsigned_abs());
        Ok(self.rows(&select, read).await?.pop().unwrap_or_default())
    }
}
