//! The order of rows, by columns of a table.

use crate::definition::ModelDef;
use crate::dialect::Dialect;

/// The position of NULL in an order.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Nulls {
    /// Before all values.
    First,
    /// After all values.
    Last,
}

/// One column of an order, by its ordinal.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Term {
    pub(crate) ordinal: usize,
    pub(crate) descending: bool,
    pub(crate) nulls: Option<Nulls>,
}

impl Term {
    /// The column in ascending order.
    pub(crate) fn ascending(ordinal: usize) -> Self {
        Self {
            ordinal,
            descending: false,
            nulls: None,
        }
    }

    /// The column and its direction, in words.
    pub(crate) fn describe(self, def: &ModelDef) -> String {
        let descending = if self.descending { " desc" } else { "" };
        let nulls = match self.nulls {
            Some(Nulls::First) => " nulls first",
            Some(Nulls::Last) => " nulls last",
            None => "",
        };
        format!("{}{descending}{nulls}", def.columns[self.ordinal].name)
    }

    /// The position of NULL, as requested or by default of the database.
    pub(crate) fn nulls(self, dialect: Dialect) -> Nulls {
        self.nulls
            .unwrap_or_else(|| Nulls::by_default(dialect, self.descending))
    }
}

impl Nulls {
    /// PostgreSQL sorts NULL as larger than any value, the others as smaller.
    pub(crate) fn by_default(dialect: Dialect, descending: bool) -> Self {
        if dialect.capability().nulls_are_largest == descending {
            Self::First
        } else {
            Self::Last
        }
    }
}
