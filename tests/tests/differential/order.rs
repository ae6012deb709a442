//! Orders of rows.

use proptest::prelude::*;
use proptest::sample::select;
use shard_orm::prelude::*;
use shard_orm::query::OrderBy;

use crate::sample::{Col, Sample, column};
use crate::sql::Sql;

/// One column of an order.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Term {
    pub(crate) column: Col,
    pub(crate) descending: bool,
    pub(crate) nulls: Nulls,
}

/// Where NULL stands.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Nulls {
    /// Where the database puts it.
    Default,
    First,
    Last,
}

impl Nulls {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        select(vec![Self::Default, Self::First, Self::Last])
    }
}

/// Says where NULL stands in an order of rows or of groups.
macro_rules! place_nulls {
    ($order:expr, $nulls:expr) => {
        match $nulls {
            $crate::order::Nulls::Default => $order,
            $crate::order::Nulls::First => $order.nulls_first(),
            $crate::order::Nulls::Last => $order.nulls_last(),
        }
    };
}
pub(crate) use place_nulls;

impl Term {
    pub(crate) fn by(self) -> OrderBy<Sample> {
        let by = column!(self.column, column => {
            if self.descending { column.desc() } else { column.asc() }
        });
        place_nulls!(by, self.nulls)
    }

    pub(crate) fn sql(self, sql: &mut Sql) {
        sql.order(self.column.name(), self.descending, self.nulls);
    }

    /// So many terms at most.
    pub(crate) fn several(dialect: Dialect, most: usize) -> impl Strategy<Value = Vec<Self>> {
        let term = (select(Col::ordered(dialect)), any::<bool>(), Nulls::any());
        let term = term.prop_map(|(column, descending, nulls)| Self {
            column,
            descending,
            nulls,
        });
        proptest::collection::vec(term, 0..=most)
    }
}
