//! Queries of groups.

use chrono::{DateTime, Utc};
use proptest::prelude::*;
use proptest::sample::select;
use rust_decimal::Decimal;
use shard_orm::aggregate::{GroupOrder, GroupSelection, Grouped, count};
use shard_orm::prelude::*;
use shard_orm::{Result, UnscopedQuery, query::Unscoped};

use crate::aggregate::Agg;
use crate::cell::{IntoRow, Row, rows};
use crate::condition::Condition;
use crate::expected::Expected;
use crate::group_filter::GroupFilter;
use crate::group_keys::{DIVISOR, GroupKeys, LOW, WIDTH};
use crate::order::Nulls;
use crate::sample::{Col, Kind, Sample};
use crate::scope::{Scope, at};
use crate::select::{bound, conditions};
use crate::sql::Sql;

/// What groups are asked for, beside the scope and the conditions of their rows.
#[derive(Debug, Clone)]
pub(crate) struct Group {
    pub(crate) by: GroupKeys,
    pub(crate) gives: Gives,
    pub(crate) having: Option<GroupFilter>,
    pub(crate) orders: Vec<GroupTerm>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    /// Whether the first one alone is asked for.
    pub(crate) first: bool,
}

/// What each group gives, behind what it is grouped by.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Gives {
    /// Its columns alone.
    Keys,
    /// The same, asked for as distinct rows.
    Distinct,
    Count,
    Exact,
    Distincts,
    Floats,
    /// Without SQLite, which has no variances and holds decimals as texts.
    Spread,
    /// Without SQLite, which does not add beyond 64 bits.
    Big,
}

/// One part of an order of groups.
#[derive(Debug, Clone, Copy)]
pub(crate) enum GroupTerm {
    /// A column that is grouped by, by its number.
    Key(usize, bool, Nulls),
    Aggregate(Agg, bool, Nulls),
}

impl Gives {
    /// Those that the database has, of columns or of all rows as one group.
    fn some(by: GroupKeys, dialect: Dialect) -> Vec<Self> {
        let mut all = vec![Self::Count, Self::Exact, Self::Distincts, Self::Floats];
        if by != GroupKeys::Nothing {
            all.push(Self::Keys);
            if by.is_of_columns() {
                all.push(Self::Distinct);
            }
        }
        if dialect != Dialect::Sqlite {
            all.extend([Self::Spread, Self::Big]);
        }
        all
    }

    fn aggregates(self) -> &'static [Agg] {
        match self {
            Self::Keys | Self::Distinct => &[],
            Self::Count => &[Agg::Count],
            Self::Exact => &[
                Agg::Count,
                Agg::Sum(Col::Total),
                Agg::Sum(Col::Level),
                Agg::CountOf(Col::Level),
                Agg::Min(Col::Level),
                Agg::Max(Col::Name),
                Agg::Min(Col::Note),
                Agg::BoolAnd(Col::Seen),
                Agg::BoolOr(Col::Seen),
            ],
            Self::Distincts => &[
                Agg::Distinct(Col::Name),
                Agg::Distinct(Col::Level),
                Agg::Count,
                Agg::Sum(Col::Weight),
            ],
            Self::Floats => &[
                Agg::Sum(Col::Weight),
                Agg::Avg(Col::Weight),
                Agg::Avg(Col::Level),
                Agg::Avg(Col::Total),
                Agg::Sum(Col::Ratio),
                Agg::Min(Col::At),
                Agg::Max(Col::Ratio),
                Agg::Min(Col::Extreme),
                Agg::Max(Col::Extreme),
            ],
            Self::Spread => &[
                Agg::VarPop(Col::Level),
                Agg::VarSamp(Col::Level),
                Agg::StddevPop(Col::Weight),
                Agg::StddevSamp(Col::Ratio),
                Agg::Sum(Col::Price),
                Agg::Avg(Col::Price),
                Agg::Min(Col::Price),
            ],
            Self::Big => &[
                Agg::Sum(Col::Big),
                Agg::Avg(Col::Big),
                Agg::Min(Col::Big),
                Agg::Max(Col::Big),
                Agg::Distinct(Col::Big),
            ],
        }
    }
}

/// The query with what it gives: these columns and the aggregates, for the builder and as the one database gives them.
macro_rules! giving {
    ($group:expr, $asked:ident, [$($key:expr => $rust:ty),*] $grouped:expr) => {
        match $group.gives {
            Gives::Keys => unreachable!("of columns alone"),
            Gives::Distinct => unreachable!("of columns alone"),
            Gives::Count => $asked!(($grouped)(($($key,)* count(),)); ($($rust,)* i64,)),
            Gives::Exact => $asked!(
                ($grouped)((
                    $($key,)* count(), Sample::TOTAL.sum(), Sample::LEVEL.sum(), Sample::LEVEL.count(),
                    Sample::LEVEL.min(), Sample::NAME.max(), Sample::NOTE.min(), Sample::SEEN.bool_and(),
                    Sample::SEEN.bool_or(),
                ));
                (
                    $($rust,)* i64, Option<String>, Option<String>, i64, Option<i32>, Option<String>, Option<String>,
                    Option<bool>, Option<bool>,
                )
            ),
            Gives::Distincts => $asked!(
                ($grouped)((
                    $($key,)* Sample::NAME.count_distinct(), Sample::LEVEL.count_distinct(), count(),
                    Sample::WEIGHT.sum(),
                ));
                ($($rust,)* i64, i64, i64, Option<f64>,)
            ),
            Gives::Floats => $asked!(
                ($grouped)((
                    $($key,)* Sample::WEIGHT.sum(), Sample::WEIGHT.avg(), Sample::LEVEL.avg(),
                    Sample::TOTAL.avg(), Sample::RATIO.sum(), Sample::AT.min(), Sample::RATIO.max(),
                    Sample::EXTREME.min(), Sample::EXTREME.max(),
                ));
                (
                    $($rust,)* Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<DateTime<Utc>>,
                    Option<f32>, Option<f64>, Option<f64>,
                )
            ),
            Gives::Spread => $asked!(
                ($grouped)((
                    $($key,)* Sample::LEVEL.var_pop(), Sample::LEVEL.var_samp(),
                    Sample::WEIGHT.stddev_pop(), Sample::RATIO.stddev_samp(), Sample::PRICE.sum(), Sample::PRICE.avg(),
                    Sample::PRICE.min(),
                ));
                (
                    $($rust,)* Option<f64>, Option<f64>, Option<f64>, Option<f64>, Option<Decimal>, Option<f64>,
                    Option<Decimal>,
                )
            ),
            Gives::Big => $asked!(
                ($grouped)((
                    $($key,)* Sample::BIG.sum(), Sample::BIG.avg(), Sample::BIG.min(), Sample::BIG.max(),
                    Sample::BIG.count_distinct(),
                ));
                ($($rust,)* Option<String>, Option<f64>, Option<i64>, Option<i64>, i64,)
            ),
        }
    };
}

/// The query with what it is grouped by.
macro_rules! grouped {
    ($group:expr, $draft:expr, $asked:ident) => {
        match $group.by {
            GroupKeys::Nothing => giving!($group, $asked, [] |items| $draft.aggregate(items)),
            GroupKeys::Name => grouped!($group, $draft, $asked, NAME: String),
            GroupKeys::NoteSeen => grouped!($group, $draft, $asked, NOTE: Option<String>, SEEN: Option<bool>),
            GroupKeys::AtLevel => grouped!($group, $draft, $asked, AT: DateTime<Utc>, LEVEL: Option<i32>),
            GroupKeys::WeightRatio => grouped!($group, $draft, $asked, WEIGHT: f64, RATIO: Option<f32>),
            GroupKeys::DataKind => grouped!($group, $draft, $asked, DATA: Vec<u8>, KIND: Kind),
            GroupKeys::ExtremeBig => grouped!($group, $draft, $asked, EXTREME: f64, BIG: i64),
            GroupKeys::UserIdFlag => grouped!($group, $draft, $asked, USER_ID: i64, FLAG: bool),
            GroupKeys::YearHour => derived!($group, $draft, $asked, Sample::AT.year() => i32, Sample::AT.hour() => i32),
            GroupKeys::DayMonth => derived!($group, $draft, $asked, Sample::AT.day() => i32, Sample::AT.month() => i32),
            GroupKeys::BucketModulo => derived!(
                $group, $draft, $asked,
                Sample::TOTAL.bucket(WIDTH) => i64, Sample::LEVEL.modulo(DIVISOR) => Option<i64>
            ),
            GroupKeys::HighFlag => derived!($group, $draft, $asked, Sample::LEVEL.gt(LOW) => bool, Sample::FLAG => bool),
            GroupKeys::UserIdYear => derived!($group, $draft, $asked, Sample::USER_ID => i64, Sample::AT.year() => i32),
        }
    };
    ($group:expr, $draft:expr, $asked:ident, $($column:ident: $rust:ty),+) => {
        match $group.gives {
            Gives::Distinct => $asked!($draft.select(($(Sample::$column,)+)).distinct(); ($($rust,)+)),
            _ => derived!($group, $draft, $asked, $(Sample::$column => $rust),+),
        }
    };
}

/// The same, of what is derived from columns.
macro_rules! derived {
    ($group:expr, $draft:expr, $asked:ident, $($key:expr => $rust:ty),+) => {
        match $group.gives {
            Gives::Keys => $asked!($draft.group_by(($($key,)+)); ($($rust,)+)),
            _ => giving!($group, $asked, [$($key => $rust),+] |items| $draft.group_by(($($key,)+)).select(items)),
        }
    };
}

impl Group {
    pub(crate) fn any(dialect: Dialect) -> impl Strategy<Value = Self> {
        let of = select(GroupKeys::ALL.to_vec())
            .prop_flat_map(move |by| (Just(by), select(Gives::some(by, dialect))));
        let having = prop_oneof![
            1 => Just(None),
            1 => GroupFilter::any(dialect).prop_map(Some),
        ];
        let flags = || (any::<bool>(), Nulls::any());
        let order = prop_oneof![
            1 => (0..2_usize, flags())
                .prop_map(|(key, (descending, nulls))| GroupTerm::Key(key, descending, nulls)),
            2 => (Agg::any(), flags())
                .prop_map(|(agg, (descending, nulls))| GroupTerm::Aggregate(agg, descending, nulls)),
        ];
        let orders = proptest::collection::vec(order, 0..3);
        let first = prop_oneof![6 => Just(false), 1 => Just(true)];
        (of, having, orders, bound(), bound(), first).prop_map(
            |((by, gives), having, orders, limit, offset, first)| {
                let mut group = Self {
                    by,
                    gives,
                    having,
                    orders,
                    limit,
                    offset,
                    first,
                };
                group.settle();
                group
            },
        )
    }

    /// Leaves out what distinct rows do not have, and orders by what there is.
    fn settle(&mut self) {
        let keys = self.by.keys().len();
        let is_distinct = self.gives == Gives::Distinct;
        if is_distinct {
            self.having = None;
        }
        self.orders.retain_mut(|term| match term {
            GroupTerm::Key(number, ..) if keys > 0 => {
                *number %= keys;
                true
            }
            GroupTerm::Key(..) => false,
            GroupTerm::Aggregate(..) => !is_distinct,
        });
    }

    /// What the builder gives.
    pub(crate) async fn ask(
        &self,
        draft: UnscopedQuery<Sample>,
        scope: &Scope,
        on: &Cluster,
    ) -> Result<Vec<Row>> {
        macro_rules! asked {
            ($query:expr; $types:tt) => {
                self.run($query, scope, on).await
            };
        }
        grouped!(self, draft, asked)
    }

    async fn run<S: GroupSelection<Sample, Out: IntoRow>>(
        &self,
        mut query: Grouped<Sample, Unscoped, S>,
        scope: &Scope,
        on: &Cluster,
    ) -> Result<Vec<Row>> {
        if let Some(having) = &self.having {
            query = query.having(having.having());
        }
        for term in &self.orders {
            query = query.order_by(term.by(self.by));
        }
        if let Some(limit) = self.limit {
            query = query.limit(limit);
        }
        if let Some(offset) = self.offset {
            query = query.offset(offset);
        }
        Ok(at!(query, scope, query => if self.first {
            rows(query.first(on).await?.into_iter().collect())
        } else {
            rows(query.all(on).await?)
        }))
    }

    /// What the one database gives.
    pub(crate) async fn expect(
        &self,
        scope: &Scope,
        filters: &[Condition],
        dialect: Dialect,
        on: &Cluster,
    ) -> Result<Expected> {
        let mut sql = self.sql(scope, filters, dialect);
        macro_rules! asked {
            ($query:expr; ($($type:ty),* $(,)?)) => {
                sql.ask::<($($type,)*)>(on).await?
            };
        }
        sql.bounds(self.limit, self.offset);
        let rows: Vec<Row> = grouped!(self, Sample::query(), asked);
        let keys = self.by.keys().len();
        let expected = |row: Row| {
            let mut row = row;
            for (cell, aggregate) in row[keys..].iter_mut().zip(self.gives.aggregates()) {
                *cell = aggregate.expected(cell.clone());
            }
            row
        };
        let mut rows: Vec<Row> = rows.into_iter().map(expected).collect();
        if self.first {
            rows.truncate(1);
        }
        Ok(Expected::Ordered(rows))
    }

    fn sql(&self, scope: &Scope, filters: &[Condition], dialect: Dialect) -> Sql {
        let mut sql = Sql::new(dialect);
        let keys: Vec<String> = self.by.keys().iter().map(|key| key.sql(dialect)).collect();
        let columns = keys.join(", ");
        if self.gives == Gives::Distinct {
            // An order of what DISTINCT leaves.
            sql.push(&format!(
                "SELECT * FROM (SELECT DISTINCT {columns} FROM {{samples}}"
            ));
            conditions(&mut sql, scope, filters);
            sql.push(") AS rest");
        } else {
            let aggregates = self.gives.aggregates().iter();
            let aggregates = aggregates.map(|aggregate| aggregate.selected(dialect));
            let items: Vec<String> = keys.iter().cloned().chain(aggregates).collect();
            sql.push(&format!("SELECT {} FROM {{samples}}", items.join(", ")));
            conditions(&mut sql, scope, filters);
            if !keys.is_empty() {
                sql.push(" GROUP BY ").push(&columns);
            }
        }
        if let Some(having) = &self.having {
            sql.push(" HAVING ");
            having.sql(&mut sql);
        }
        if !keys.is_empty() {
            sql.push(" ORDER BY ");
            for term in &self.orders {
                let (item, descending, nulls) = match *term {
                    GroupTerm::Key(number, descending, nulls) => {
                        (keys[number].clone(), descending, nulls)
                    }
                    GroupTerm::Aggregate(aggregate, descending, nulls) => {
                        (aggregate.sql(dialect), descending, nulls)
                    }
                };
                sql.order(&item, descending, nulls).push(", ");
            }
            sql.push(&columns);
        }
        sql
    }
}

impl GroupTerm {
    fn by(self, by: GroupKeys) -> GroupOrder<Sample> {
        match self {
            Self::Key(number, descending, nulls) => by.keys()[number].order(descending, nulls),
            Self::Aggregate(aggregate, descending, nulls) => aggregate.order(descending, nulls),
        }
    }
}
