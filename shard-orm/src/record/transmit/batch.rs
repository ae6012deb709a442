//! The typed changes of one transaction at a copy, as passed to hooks.

use std::fmt;

use crate::error::Result;
use crate::model::{CopyId, Model};
use crate::record::StaticModel;

use super::connected::Changes;
use crate::backend::Row;
use crate::model::Id as _;

/// The changes written to one copy in one transaction.
pub struct Batch<M: StaticModel> {
    copy: CopyId,
    rows: Vec<M>,
    deleted: Vec<M::Id>,
}

impl<M: StaticModel> Batch<M> {
    pub(super) fn read(copy: &CopyId, changes: &Changes<'_>) -> Result<Self> {
        let rows = changes.put.iter().map(|cells| Row::of_values(cells));
        let deleted = changes.deleted.iter().map(|key| Row::of_values(key));
        Ok(Self {
            copy: copy.clone(),
            rows: rows
                .map(|row| M::read(&row, 0))
                .collect::<Result<Vec<M>>>()?,
            deleted: deleted
                .map(|row| M::Id::read(&row))
                .collect::<Result<Vec<M::Id>>>()?,
        })
    }

    /// Returns the copy that is written.
    #[must_use]
    pub fn copy(&self) -> &CopyId {
        &self.copy
    }

    /// Returns the rows to insert or update. Some may already be up to date.
    #[must_use]
    pub fn rows(&self) -> &[M] {
        &self.rows
    }

    /// Returns the primary keys of the rows to delete. Some may already be deleted, and a row that
    /// other rows reference [stays](crate::sync::Rows::blocked).
    #[must_use]
    pub fn deleted(&self) -> &[M::Id] {
        &self.deleted
    }
}

impl<M: StaticModel> fmt::Debug for Batch<M> {
    /// Shows no values, since they may be confidential.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, deleted) = (self.rows.len(), self.deleted.len());
        let name = <M as Model>::def().name;
        write!(f, "Batch<{name}>({rows} rows, {deleted} deleted)")
    }
}
