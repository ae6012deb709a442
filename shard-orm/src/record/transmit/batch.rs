//! The changes that are written to a copy in one transaction, as a model's hooks see them.

use std::fmt;

use crate::error::Result;
use crate::model::{CopyId, Model};
use crate::record::StaticModel;

use super::connected::Changes;
use crate::backend::Row;
use crate::model::Id as _;

/// The changes that are written to one copy in one transaction.
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

    /// The copy that is written to.
    #[must_use]
    pub fn copy(&self) -> &CopyId {
        &self.copy
    }

    /// The rows that are to be at the copy, as they are to be there. Some may be there already.
    #[must_use]
    pub fn rows(&self) -> &[M] {
        &self.rows
    }

    /// The primary keys of the rows that are not to be at the copy. Some may be gone already, and
    /// one that other rows point to [stays](crate::sync::Rows::blocked).
    #[must_use]
    pub fn deleted(&self) -> &[M::Id] {
        &self.deleted
    }
}

impl<M: StaticModel> fmt::Debug for Batch<M> {
    /// Shows no value: rows are the users' data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (rows, deleted) = (self.rows.len(), self.deleted.len());
        let name = <M as Model>::def().name;
        write!(f, "Batch<{name}>({rows} rows, {deleted} deleted)")
    }
}
