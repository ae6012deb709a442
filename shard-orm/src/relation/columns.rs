//! The two ends of a relation, whatever their models: which columns are equal.

use crate::model::ModelDef;

/// Which columns of two models are equal in related rows.
#[derive(Debug, Clone)]
pub(crate) struct RelationColumns {
    pub(super) to: &'static ModelDef,
    /// Ordinals of columns that are equal, in the same order: those that route first, then those
    /// of the id.
    pub(super) from_columns: Vec<usize>,
    pub(super) to_columns: Vec<usize>,
    /// How many of them route.
    pub(super) routing: usize,
    /// Whether each place has rows of its own that these columns name.
    pub(super) copied: bool,
}

impl RelationColumns {
    /// The ordinals of columns that are equal: of the table that the relation leads to, and of the
    /// one that it begins at.
    pub(super) fn pairs(&self) -> Vec<(usize, usize)> {
        let from = self.from_columns.iter().copied();
        self.to_columns.iter().copied().zip(from).collect()
    }

    /// The children of a row: their columns hold its id.
    pub(super) fn of_children(
        parent: &'static ModelDef,
        child: &'static ModelDef,
        foreign: &[usize],
    ) -> Self {
        Self {
            to: child,
            from_columns: parent.lookup().collect(),
            to_columns: child.routing().chain(foreign.iter().copied()).collect(),
            routing: parent.routing().count(),
            copied: false,
        }
    }

    /// The parent of a row, which holds its id.
    pub(super) fn of_parent(
        child: &'static ModelDef,
        parent: &'static ModelDef,
        foreign: &[usize],
    ) -> Self {
        Self {
            to: parent,
            from_columns: child.routing().chain(foreign.iter().copied()).collect(),
            to_columns: parent.lookup().collect(),
            routing: child.routing().count(),
            copied: false,
        }
    }

    /// The row of a static model, or of a named database, that a row refers to.
    pub(super) fn of_reference(to: &'static ModelDef, foreign: &[usize]) -> Self {
        Self {
            to,
            from_columns: foreign.to_vec(),
            to_columns: to.rest().collect(),
            routing: 0,
            copied: to.copied().is_some(),
        }
    }
}
