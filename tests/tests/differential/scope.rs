//! The scope of a query: one key, several keys or all shards.

use proptest::prelude::*;

use crate::cell::Cell;
use crate::sample::Col;
use crate::sql::Sql;

/// Where a query asks.
#[derive(Debug, Clone)]
pub(crate) enum Scope {
    Everywhere,
    Keys(Vec<i64>),
    Key(i64),
}

/// Does something with a draft that was given its scope.
macro_rules! at {
    ($draft:expr, $scope:expr, $query:ident => $run:expr) => {
        match $scope {
            $crate::scope::Scope::Everywhere => {
                let $query = $draft.scatter();
                $run
            }
            $crate::scope::Scope::Keys(keys) => {
                let $query = $draft.on_each(keys);
                $run
            }
            $crate::scope::Scope::Key(key) => {
                let $query = $draft.on(*key);
                $run
            }
        }
    };
}
pub(crate) use at;

impl Scope {
    pub(crate) fn any() -> impl Strategy<Value = Self> {
        // Some of them have no row.
        let key = || prop_oneof![9 => -30_i64..35, 1 => Just(i64::MIN), 1 => Just(i64::MAX)];
        prop_oneof![
            5 => Just(Self::Everywhere),
            3 => proptest::collection::vec(key(), 0..25).prop_map(Self::Keys),
            1 => key().prop_map(Self::Key),
        ]
    }

    /// The condition of its keys.
    pub(crate) fn sql(&self, sql: &mut Sql) {
        match self {
            Self::Everywhere => {
                sql.push("1 = 1");
            }
            Self::Keys(keys) if keys.is_empty() => {
                sql.push("1 = 0");
            }
            Self::Keys(keys) => {
                sql.push("user_id IN (");
                sql.list(keys, ", ", |sql, key| {
                    sql.bind(Col::UserId, &Cell::Int((*key).into()));
                });
                sql.push(")");
            }
            Self::Key(key) => {
                sql.push("user_id = ")
                    .bind(Col::UserId, &Cell::Int((*key).into()));
            }
        }
    }
}
