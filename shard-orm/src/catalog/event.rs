//! The audit log of a cluster.

use std::time::SystemTime;

use sea_query::{Alias, Expr, ExprTrait as _, Func, InsertStatement, Order, Query};

use super::revision::{number, time};
use super::session::Store;
use super::tables::{CLUSTER, EVENT, EVENT_COLUMNS};
use crate::backend::{Field as _, Row, now};
use crate::connect::NamespaceHandle;
#[cfg(feature = "reshard")]
use crate::error::ErrorKind;
use crate::error::{Error, Result};

/// Something that was done to a cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Event {
    /// The number of the event, from 1, without gaps: later events have higher numbers.
    pub number: u64,
    /// When, by the clock of the catalog's database.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub at: SystemTime,
    /// What was done, in one word: `topology`, `catalog`.
    pub kind: String,
    /// Who did it.
    pub actor: String,
    /// The epoch of the topology afterwards.
    pub epoch: u64,
    /// What was done, in words.
    pub message: String,
}

/// An event to be written.
#[derive(Debug, Clone, Copy)]
pub(crate) struct NewEvent<'a> {
    pub(crate) kind: &'a str,
    pub(crate) actor: &'a str,
    pub(crate) epoch: u64,
    pub(crate) message: &'a str,
}

impl NewEvent<'_> {
    /// The statement that appends it with the next number. It violates the primary key if another
    /// event takes that number first.
    pub(super) fn insert(&self, handle: &NamespaceHandle) -> Result<InsertStatement> {
        let column = |name: &str| Expr::col((Alias::new(EVENT), Alias::new(name)));
        let [_, number, ..] = EVENT_COLUMNS;
        let next = Func::coalesce([Func::max(column(number)).into(), Expr::val(0_i64)]);
        let mut select = Query::select();
        select
            .expr(Expr::val(&*handle.cluster))
            .expr(Expr::expr(next).add(1_i64))
            .expr(now(handle.dialect()))
            .expr(Expr::val(self.kind))
            .expr(Expr::val(self.actor))
            .expr(Expr::val(self.epoch.cast_signed()))
            .expr(Expr::val(self.message))
            .from(handle.namespace.own_table(EVENT))
            .and_where(column(CLUSTER).eq(&*handle.cluster));
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(EVENT))
            .columns(EVENT_COLUMNS.map(Alias::new))
            .select_from(select)
            .map_err(|source| Error::configuration("an event").with_source(source))?;
        Ok(insert)
    }
}

impl Event {
    fn read(row: &Row<'_>) -> Result<Self> {
        Ok(Self {
            number: number(row, 1)?,
            at: time(i64::read(row, 2)?),
            kind: String::read(row, 3)?,
            actor: String::read(row, 4)?,
            epoch: number(row, 5)?,
            message: String::read(row, 6)?,
        })
    }
}

impl Store<'_> {
    /// Appends an event. A failure is logged: what the event tells has happened.
    #[cfg(feature = "reshard")]
    pub(crate) async fn note_event(self, kind: &str, actor: &str, epoch: u64, message: &str) {
        let event = NewEvent {
            kind,
            actor,
            epoch,
            message,
        };
        let mut attempt = 0;
        loop {
            let written = match event.insert(self.handle()) {
                Ok(insert) => self.write(&insert).await,
                Err(error) => Err(error),
            };
            match written {
                // Another event has taken the number.
                Err(error) if error.kind() == ErrorKind::Unique && attempt < 5 => attempt += 1,
                Err(error) => {
                    tracing::warn!(target: "shard_orm", %error, message, "an event was not written");
                    return;
                }
                Ok(_) => return,
            }
        }
    }

    /// The events after this number, in their order: the first `limit` of them.
    pub(crate) async fn events_after(self, number: u64, limit: u64) -> Result<Vec<Event>> {
        let [_, column, ..] = EVENT_COLUMNS;
        let column = || Expr::col((Alias::new(EVENT), Alias::new(column)));
        let mut select = self.select(EVENT, &EVENT_COLUMNS);
        select
            .and_where(column().gt(number.cast_signed()))
            .order_by_expr(column(), Order::Asc)
            .limit(limit);
        self.rows(&select, Event::read).await
    }

    /// The last events, in their order.
    pub(crate) async fn last_events(self, limit: u64) -> Result<Vec<Event>> {
        let [_, column, ..] = EVENT_COLUMNS;
        let mut select = self.select(EVENT, &EVENT_COLUMNS);
        let column = Expr::col((Alias::new(EVENT), Alias::new(column)));
        select.order_by_expr(column, Order::Desc).limit(limit);
        let mut events = self.rows(&select, Event::read).await?;
        events.reverse();
        Ok(events)
    }
}
