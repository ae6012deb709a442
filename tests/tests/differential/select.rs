//! Queries of rows.

use chrono::{DateTime, Utc};
use futures_util::TryStreamExt;
use proptest::prelude::*;
use proptest::sample::select;
use shard_orm::prelude::*;
use shard_orm::{
    Query, Result, UnscopedQuery,
    query::{Selection, Unscoped},
};

use crate::cell::{Cell, IntoRow, Row, rows};
use crate::condition::Condition;
use crate::expected::Expected;
use crate::order::{Nulls, Term};
use crate::sample::{Col, Kind, Sample};
use crate::scope::{Scope, at};
use crate::sql::Sql;

/// What rows are asked for, beside their scope and conditions.
#[derive(Debug, Clone)]
pub(crate) struct Select {
    pub(crate) shape: Shape,
    pub(crate) orders: Vec<Term>,
    pub(crate) limit: Option<u64>,
    pub(crate) offset: Option<u64>,
    pub(crate) verb: Verb,
}

/// What of each row is selected.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Shape {
    Whole,
    Id,
    NoteLevel,
    NameWeightAt,
    DataKindSeen,
    /// A column twice.
    LevelIdLevel,
}

/// What runs the query.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Verb {
    All,
    Stream,
    First,
    Count,
    Exists,
}

/// Some of these as a limit or an offset: none, few, more than there are, more than there can be.
pub(crate) fn bound() -> impl Strategy<Value = Option<u64>> {
    prop_oneof![
        2 => Just(None),
        1 => select(vec![0, 1, 2, 7, 50, 230, 1_000, i64::MAX.unsigned_abs(), u64::MAX]).prop_map(Some),
    ]
}

impl Select {
    pub(crate) fn any(dialect: Dialect) -> impl Strategy<Value = Self> {
        let shapes = vec![
            Shape::Whole,
            Shape::Id,
            Shape::NoteLevel,
            Shape::NameWeightAt,
            Shape::DataKindSeen,
            Shape::LevelIdLevel,
        ];
        let verb = prop_oneof![
            4 => Just(Verb::All),
            3 => Just(Verb::Stream),
            1 => Just(Verb::First),
            1 => Just(Verb::Count),
            1 => Just(Verb::Exists),
        ];
        (
            select(shapes),
            Term::several(dialect, 3),
            bound(),
            bound(),
            verb,
        )
            .prop_map(|(shape, orders, limit, offset, verb)| Self {
                shape,
                orders,
                limit,
                offset,
                verb,
            })
    }

    /// What the builder gives.
    pub(crate) async fn ask(
        &self,
        draft: UnscopedQuery<Sample>,
        scope: &Scope,
        on: &Cluster,
    ) -> Result<Vec<Row>> {
        type S = Sample;
        let mut draft = ordered(draft, &self.orders, scope);
        if let Some(limit) = self.limit {
            draft = draft.limit(limit);
        }
        if let Some(offset) = self.offset {
            draft = draft.offset(offset);
        }
        match self.shape {
            Shape::Whole => self.run(draft, scope, on).await,
            Shape::Id => self.run(draft.select((S::ID,)), scope, on).await,
            Shape::NoteLevel => self.run(draft.select((S::NOTE, S::LEVEL)), scope, on).await,
            Shape::NameWeightAt => {
                let draft = draft.select((S::NAME, S::WEIGHT, S::AT));
                self.run(draft, scope, on).await
            }
            Shape::DataKindSeen => {
                let draft = draft.select((S::DATA, S::KIND, S::SEEN));
                self.run(draft, scope, on).await
            }
            Shape::LevelIdLevel => {
                let draft = draft.select((S::LEVEL, S::ID, S::LEVEL));
                self.run(draft, scope, on).await
            }
        }
    }

    async fn run<S: Selection<Sample, Out: IntoRow>>(
        &self,
        draft: Query<Sample, Unscoped, S>,
        scope: &Scope,
        on: &Cluster,
    ) -> Result<Vec<Row>> {
        Ok(at!(draft, scope, query => match self.verb {
            Verb::All => rows(query.all(on).await?),
            Verb::Stream => rows(query.stream(on).try_collect().await?),
            Verb::First => rows(query.first(on).await?.into_iter().collect()),
            Verb::Count => vec![vec![Cell::Int(query.count(on).await?.into())]],
            Verb::Exists => vec![vec![Cell::Bool(query.exists(on).await?)]],
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
        let columns = match self.shape {
            Shape::Whole => "{samples.*}",
            Shape::Id => "id",
            Shape::NoteLevel => "note, level",
            Shape::NameWeightAt => "name, weight, at",
            Shape::DataKindSeen => "data, kind, seen",
            Shape::LevelIdLevel => "level, id, level",
        };
        let mut sql = Sql::new(dialect);
        sql.push(&format!("SELECT {columns} FROM {{samples}}"));
        conditions(&mut sql, scope, filters);
        if !self.orders.is_empty() {
            order(&mut sql, &self.orders);
            sql.bounds(self.limit, self.offset);
        }
        let mut rows = match self.shape {
            Shape::Whole => sql.ask::<Sample>(on).await?,
            Shape::Id => sql.ask::<(i64,)>(on).await?,
            Shape::NoteLevel => sql.ask::<(Option<String>, Option<i32>)>(on).await?,
            Shape::NameWeightAt => sql.ask::<(String, f64, DateTime<Utc>)>(on).await?,
            Shape::DataKindSeen => sql.ask::<(Vec<u8>, Kind, Option<bool>)>(on).await?,
            Shape::LevelIdLevel => sql.ask::<(Option<i32>, i64, Option<i32>)>(on).await?,
        };
        let size = |number: u64| usize::try_from(number).unwrap();
        let mut count = rows.len();
        if self.orders.is_empty() {
            count = count.saturating_sub(self.offset.map_or(0, size));
            count = count.min(self.limit.map_or(count, size));
        }
        Ok(match self.verb {
            Verb::Count => Expected::value(Cell::Int(count.try_into().unwrap())),
            Verb::Exists => Expected::value(Cell::Bool(count > 0)),
            Verb::First if self.orders.is_empty() => Expected::Some(count.min(1), rows),
            Verb::First => {
                rows.truncate(1);
                Expected::Ordered(rows)
            }
            Verb::All | Verb::Stream if !self.orders.is_empty() => Expected::Ordered(rows),
            Verb::All | Verb::Stream if count < rows.len() => Expected::Some(count, rows),
            Verb::All | Verb::Stream => Expected::Unordered(rows),
        })
    }
}

/// All rows, in pages of a size.
#[derive(Debug, Clone)]
pub(crate) struct Pages {
    pub(crate) orders: Vec<Term>,
    pub(crate) size: u32,
}

impl Pages {
    pub(crate) fn any(dialect: Dialect) -> impl Strategy<Value = Self> {
        let sizes = select(vec![7, 13, 33, 100, 1_000]);
        (Term::several(dialect, 3), sizes).prop_map(|(orders, size)| Self { orders, size })
    }

    pub(crate) async fn ask(
        &self,
        draft: UnscopedQuery<Sample>,
        scope: &Scope,
        on: &Cluster,
    ) -> Result<Vec<Row>> {
        let draft = ordered(draft, &self.orders, scope);
        let mut found = Vec::new();
        let mut next = None;
        loop {
            let draft = draft.clone();
            let page = at!(draft, scope, query => query.page(on, self.size, next.as_ref()).await?);
            found.extend(rows(page.rows));
            let Some(cursor) = page.next else {
                return Ok(found);
            };
            // As a client gives it back.
            next = Some(cursor.to_string().parse()?);
        }
    }

    pub(crate) async fn expect(
        &self,
        scope: &Scope,
        filters: &[Condition],
        dialect: Dialect,
        on: &Cluster,
    ) -> Result<Expected> {
        let mut sql = Sql::new(dialect);
        sql.push("SELECT {samples.*} FROM {samples}");
        conditions(&mut sql, scope, filters);
        order(&mut sql, &self.orders);
        Ok(Expected::Ordered(sql.ask::<Sample>(on).await?))
    }
}

/// The rows in an order. Of one key it is not made total by the library.
fn ordered(draft: UnscopedQuery<Sample>, orders: &[Term], scope: &Scope) -> UnscopedQuery<Sample> {
    let draft = orders
        .iter()
        .fold(draft, |draft, term| draft.order_by(term.by()));
    match scope {
        Scope::Key(_) if !orders.is_empty() => draft.order_by(Sample::ID),
        _ => draft,
    }
}

/// The same order, made total.
fn order(sql: &mut Sql, orders: &[Term]) {
    let mut orders = orders.to_vec();
    orders.extend([Col::UserId, Col::Id].map(|column| Term {
        column,
        descending: false,
        nulls: Nulls::Default,
    }));
    sql.push(" ORDER BY ");
    sql.list(&orders, ", ", |sql, term| term.sql(sql));
}

/// WHERE.
pub(crate) fn conditions(sql: &mut Sql, scope: &Scope, filters: &[Condition]) {
    sql.push(" WHERE ");
    scope.sql(sql);
    for filter in filters {
        sql.push(" AND ");
        filter.sql(sql);
    }
}
