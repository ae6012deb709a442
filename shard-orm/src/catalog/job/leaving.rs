//! The rows that leave a logical shard of which a part stays where it is.

use std::fmt;
use std::ops::RangeInclusive;

#[cfg(feature = "reshard")]
use sea_query::{Alias, Expr, ExprTrait as _};
use toml::{Table, Value};

use crate::route::{OwnedKeys, Position as _};

/// The keys whose rows leave a logical shard that is split: those of all parts but one, which stays where it is.
///
/// ```no_run
/// # async fn run(cluster: shard_orm::Cluster) -> shard_orm::Result<()> {
/// let reshard = cluster.reshard()?;
/// let planned = reshard.split_shard("shop", 3, ["a", "b"]).at(["5000"]).plan().await?;
/// if let Some(leaving) = &planned.leaving {
///     println!("{leaving} leave, and {} stays", planned.targets[leaving.stays()]);
/// }
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Leaving {
    stays: usize,
    keys: Box<[RangeInclusive<i64>]>,
}

impl Leaving {
    /// The part that stays, by its position among the targets of the job, from 0.
    #[must_use]
    pub fn stays(&self) -> usize {
        self.stays
    }

    /// The keys, as ranges in ascending order.
    #[must_use]
    pub fn keys(&self) -> &[RangeInclusive<i64>] {
        &self.keys
    }

    pub(super) fn to_value(&self) -> Value {
        let keys = OwnedKeys::Keys(self.keys.clone());
        let mut table = Table::new();
        let stays = i64::try_from(self.stays).unwrap_or(i64::MAX);
        table.insert("stays".to_owned(), stays.into());
        table.insert("keys".to_owned(), keys.to_string().into());
        Value::Table(table)
    }

    /// Reads what [`to_value`](Self::to_value) writes, or a number: the key of a job that an earlier version has created.
    pub(super) fn of_value(value: &Value) -> Option<Self> {
        if let Some(key) = value.as_integer() {
            let keys = [key..=key].into();
            return Some(Self { stays: 0, keys });
        }
        let OwnedKeys::Keys(keys) = OwnedKeys::parse(value.get("keys")?.as_str()?)? else {
            return None;
        };
        let stays = usize::try_from(value.get("stays")?.as_integer()?).ok()?;
        Some(Self { stays, keys })
    }
}

#[cfg(feature = "reshard")]
impl Leaving {
    pub(crate) fn new(stays: usize, keys: Box<[RangeInclusive<i64>]>) -> Self {
        Self { stays, keys }
    }

    /// Whether rows without a key leave. They go to the part that keeps the number of the logical shard, which is the first.
    fn takes_keyless(&self) -> bool {
        self.stays != 0
    }

    /// Whether a key belongs elsewhere if it is pinned to the logical shard that is split, whose number the first part keeps.
    pub(crate) fn is_crossed_by(&self, pinned: i64) -> bool {
        let leaves = self.keys.iter().any(|range| range.contains(&pinned));
        leaves != self.takes_keyless()
    }

    /// Which rows of a table leave, by the columns that route them ([`Job::keys`](super::Job::keys)): the last one has the
    /// shard key, an integer.
    pub(crate) fn condition(&self, columns: &[String]) -> Expr {
        let Some(column) = columns.last() else {
            return Expr::cust(if self.takes_keyless() {
                "1 = 1"
            } else {
                "1 = 0"
            });
        };
        let ranges = self.keys.iter().map(|range| {
            let (column, first, last) =
                (Expr::col(Alias::new(column)), *range.start(), *range.end());
            match first {
                first if first == last => column.eq(first),
                // No key is lower, and PostgreSQL does not read the text of this number as a bigint.
                i64::MIN => column.lte(last),
                first => column.between(first, last),
            }
        });
        let any = ranges.reduce(|one, other| one.or(other));
        any.unwrap_or_else(|| Expr::cust("1 = 0"))
    }
}

/// `key 42`, or `keys min..=-1, 100..=199`.
impl fmt::Display for Leaving {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let [range] = &*self.keys
            && range.start() == range.end()
        {
            return write!(f, "key {}", range.start());
        }
        let texts = self.keys.iter();
        let texts =
            texts.map(|range| format!("{}..={}", range.start().notation(), range.end().notation()));
        write!(f, "keys {}", texts.collect::<Vec<_>>().join(", "))
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_stored_text_is_read_as_it_was_written() {
        let leaving = Leaving {
            stays: 1,
            keys: [i64::MIN..=-1, 100..=i64::MAX].into(),
        };
        assert_eq!(Leaving::of_value(&leaving.to_value()), Some(leaving));
    }

    #[test]
    fn the_key_of_an_earlier_version_is_read() {
        let leaving = Leaving::of_value(&Value::Integer(-7)).unwrap();
        assert_eq!((leaving.stays(), leaving.keys()), (0, &[-7..=-7][..]));
        assert_eq!(leaving.to_string(), "key -7");
    }

    #[cfg(feature = "reshard")]
    #[test]
    fn conditions_hold_for_the_keys_that_leave() {
        use crate::backend::ddl::text;
        use crate::dialect::Dialect;

        let columns = ["region".to_owned(), "the \"key\"".to_owned()];
        let conditions = |stays: usize, keys: &[RangeInclusive<i64>]| {
            let leaving = Leaving::new(stays, keys.into());
            [&columns[..], &[]].map(|columns| {
                [Dialect::Postgres, Dialect::MySql]
                    .map(|dialect| text(dialect, &leaving.condition(columns)))
            })
        };
        let [[postgres, mysql], [keyless, _]] = conditions(0, &[42..=42]);
        assert_eq!(postgres, r#""the ""key""" = 42"#);
        assert_eq!(mysql, r#"`the "key"` = 42"#);
        assert_eq!(keyless, "1 = 0");
        let [[postgres, _], [keyless, _]] = conditions(1, &[i64::MIN..=-1, 5..=5, 100..=i64::MAX]);
        assert_eq!(
            postgres,
            r#""the ""key""" <= -1 OR "the ""key""" = 5 OR ("the ""key""" BETWEEN 100 AND 9223372036854775807)"#
        );
        assert_eq!(keyless, "1 = 1");
    }

    #[cfg(feature = "reshard")]
    #[test]
    fn pinned_keys_belong_to_the_first_part() {
        let first_stays = Leaving::new(0, [100..=199].into());
        assert!(first_stays.is_crossed_by(100) && !first_stays.is_crossed_by(99));
        let last_stays = Leaving::new(1, [100..=199].into());
        assert!(last_stays.is_crossed_by(99) && !last_stays.is_crossed_by(100));
    }
}
