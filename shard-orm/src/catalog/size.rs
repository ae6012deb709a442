//! The sizes of servers, as they were measured: a row for each period, such as an hour.
//!
//! One process measures in each period: the one that has inserted its row.

use std::collections::BTreeMap;
use std::time::{Duration, SystemTime};

use sea_query::{Alias, Expr, ExprTrait as _, Order, Query};
use toml::{Table, Value};

use super::revision::time;
use super::session::Store;
use super::tables::{CLUSTER, SIZE, SIZE_COLUMNS};
use crate::backend::{Field as _, Row, now};
use crate::error::{Error, ErrorKind, Result};

/// How long the sizes of a period are kept.
const KEPT: Duration = Duration::from_hours(14 * 24);
/// The most periods that are read: 14 days have 336 hours.
const MOST: u64 = 400;

/// The bytes of servers, by group and name.
pub(crate) type Sizes = BTreeMap<(String, String), u64>;

/// The sizes of one period.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Measured {
    /// When they were measured, by the clock of the catalog's database.
    pub(crate) at: SystemTime,
    /// Without the servers that did not answer.
    pub(crate) sizes: Sizes,
}

impl Store<'_> {
    /// Takes on the measurement of a period. False if another process has.
    ///
    /// # Errors
    /// [`UndefinedTable`](ErrorKind::UndefinedTable) if the cluster has no catalog yet.
    pub(crate) async fn begin_sizes(self, period: i64) -> Result<bool> {
        let handle = self.handle();
        let [_, number, taken_at, sizes] = SIZE_COLUMNS;
        let mut select = self.select(SIZE, &[number]);
        select.and_where(Expr::col((Alias::new(SIZE), Alias::new(number))).eq(period));
        // Mostly it is there. An insert that fails would be an error in the log of the database.
        match self.rows(&select, |row| i64::read(row, 0)).await {
            Ok(found) if !found.is_empty() => return Ok(false),
            Ok(_) => {}
            Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                if self.version().await?.is_none() {
                    return Err(error);
                }
            }
            Err(error) => return Err(error),
        }
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(SIZE))
            .columns([CLUSTER, number, taken_at, sizes].map(Alias::new))
            .values([
                Expr::val(&*handle.cluster),
                Expr::val(period),
                now(handle.dialect()),
                Expr::val(""),
            ])
            .map_err(|source| Error::configuration("the sizes of servers").with_source(source))?;
        match self.write_upgrading(&insert).await {
            Err(error) if error.kind() == ErrorKind::Unique => Ok(false),
            outcome => outcome.map(|_| true),
        }
    }

    /// Keeps what was measured in a period that this process has taken on, and removes what is older than 14 days.
    pub(crate) async fn keep_sizes(self, period: i64, measured: &Sizes) -> Result<()> {
        let handle = self.handle();
        let [_, number, taken_at, sizes] = SIZE_COLUMNS;
        let column = |name: &str| Expr::col(Alias::new(name.to_owned()));
        let mut update = Query::update();
        update
            .table(handle.namespace.own_table(SIZE))
            .value(Alias::new(taken_at), now(handle.dialect()))
            .value(Alias::new(sizes), to_text(measured))
            .and_where(column(CLUSTER).eq(&*handle.cluster))
            .and_where(column(number).eq(period));
        self.write(&update).await?;
        let kept = i64::try_from(KEPT.as_millis()).unwrap_or(i64::MAX);
        let mut delete = Query::delete();
        delete
            .from_table(handle.namespace.own_table(SIZE))
            .and_where(column(CLUSTER).eq(&*handle.cluster))
            .and_where(column(taken_at).lt(now(handle.dialect()).sub(kept)));
        self.write(&delete).await.map(drop)
    }

    /// What was measured last, the oldest first.
    pub(crate) async fn sizes(self) -> Result<Vec<Measured>> {
        let [_, _, taken_at, sizes] = SIZE_COLUMNS;
        let mut select = self.select(SIZE, &[taken_at, sizes]);
        select
            .order_by_expr(
                Expr::col((Alias::new(SIZE), Alias::new(taken_at))),
                Order::Desc,
            )
            .limit(MOST);
        let read = |row: &Row<'_>| {
            Ok(Measured {
                at: time(i64::read(row, 0)?),
                sizes: parse(&String::read(row, 1)?),
            })
        };
        let mut all = match self.rows(&select, read).await {
            // No process has measured anything.
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Vec::new(),
            rows => rows?,
        };
        all.retain(|measured| !measured.sizes.is_empty());
        all.reverse();
        Ok(all)
    }
}

/// By group and server.
fn to_text(sizes: &Sizes) -> String {
    let mut groups = Table::new();
    for ((group, server), bytes) in sizes {
        let own = groups
            .entry(group.clone())
            .or_insert_with(|| Value::Table(Table::new()));
        if let Value::Table(own) = own {
            let bytes = i64::try_from(*bytes).unwrap_or(i64::MAX);
            own.insert(server.clone(), Value::Integer(bytes));
        }
    }
    groups.to_string()
}

/// What another version of the library has written otherwise is left out.
fn parse(text: &str) -> Sizes {
    let groups: Table = text.parse().unwrap_or_default();
    let of_groups = groups.into_iter().flat_map(|(group, own)| {
        let servers = match own {
            Value::Table(servers) => servers,
            _ => Table::new(),
        };
        let size = move |(server, bytes): (String, Value)| {
            let bytes = u64::try_from(bytes.as_integer()?).ok()?;
            Some(((group.clone(), server), bytes))
        };
        servers.into_iter().filter_map(size)
    });
    of_groups.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes_are_read_as_they_were_written() {
        let name = |group: &str, server: &str| (group.to_owned(), server.to_owned());
        let sizes = Sizes::from([
            (name("shop", "a"), 0),
            (name("shop", "b.c \"d\""), 1 << 50),
            (name("static", "a"), 7),
        ]);
        assert_eq!(parse(&to_text(&sizes)), sizes);
        assert_eq!(parse(""), Sizes::new());
        assert_eq!(parse("shop = 3\n[other]\na = \"x\""), Sizes::new());
        assert_eq!(parse("no TOML"), Sizes::new());
    }
}
