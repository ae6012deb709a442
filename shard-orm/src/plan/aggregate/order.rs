//! The order of groups.

use crate::dialect::Dialect;
use crate::plan::aggregate::{Grouping, Item};
use crate::plan::merge::Direction;
use crate::plan::order::{Nulls, Term};

/// One part of an order of groups.
#[derive(Debug, Clone)]
pub(crate) struct GroupTerm {
    pub(crate) item: Item,
    pub(crate) descending: bool,
    pub(crate) nulls: Option<Nulls>,
}

impl GroupTerm {
    pub(crate) fn of_column(term: Term) -> Self {
        Self {
            item: Item::Group(Grouping::Column(term.ordinal)),
            descending: term.descending,
            nulls: term.nulls,
        }
    }

    /// The client sorts as the database would.
    pub(crate) fn direction(&self, dialect: Dialect) -> Direction {
        let nulls = self.nulls;
        let nulls = nulls.unwrap_or_else(|| Nulls::by_default(dialect, self.descending));
        Direction {
            descending: self.descending,
            nulls_first: nulls == Nulls::First,
        }
    }
}
