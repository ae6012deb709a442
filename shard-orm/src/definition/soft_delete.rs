//! The columns that mark a row as deleted, or restore it, and their values.
//!
//! Called by `record` for one row, and by `query` for all rows of a query.

use std::time::SystemTime;

use sea_query::Expr;

use super::ModelDef;
use crate::backend::Args;
use crate::error::Result;

impl ModelDef {
    /// Binds the columns that soft-delete a row: the deletion time, then `updated_at`.
    pub(crate) fn bind_marking(&self, now: SystemTime, args: &mut Args) -> Result<()> {
        self.marking().try_for_each(|ordinal| {
            let column = &self.columns[ordinal];
            match column.deleted.or(column.now) {
                Some(bind) => bind(now, args),
                None => args.push(&column.null()?),
            }
        })
    }

    /// Binds the columns that restore a row: NULL for the deletion time, then `updated_at`.
    fn bind_clearing(&self, now: SystemTime, args: &mut Args) -> Result<()> {
        self.marking().try_for_each(|ordinal| {
            let column = &self.columns[ordinal];
            match column.now {
                Some(bind) => bind(now, args),
                None => args.push(&column.null()?),
            }
        })
    }

    /// Returns the columns that soft-delete rows, with their values.
    pub(crate) fn marking_values(&self, now: SystemTime) -> Result<Vec<(usize, Expr)>> {
        let values = Args::values(|args| self.bind_marking(now, args))?;
        Ok(self
            .marking()
            .zip(values.into_iter().map(Expr::Value))
            .collect())
    }

    /// Returns the columns that restore rows, with their values.
    pub(crate) fn clearing_values(&self, now: SystemTime) -> Result<Vec<(usize, Expr)>> {
        let values = Args::values(|args| self.bind_clearing(now, args))?;
        Ok(self
            .marking()
            .zip(values.into_iter().map(Expr::Value))
            .collect())
    }
}
