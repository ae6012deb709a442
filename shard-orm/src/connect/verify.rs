//! The record that each namespace holds of what it is.
//!
//! Read once for each namespace and endpoint, before its first statement: a server that answers
//! for the wrong shard is found before anything is read or written there.

use std::fmt;

use sea_query::{Alias, Expr, Query};

use super::{Lease, Place};
use crate::backend::{Args, Field, Sql, render};
use crate::error::{Error, ErrorKind, Result};

/// The table of the record.
pub(crate) const TABLE: &str = "shard_orm_namespace";
/// Its columns.
pub(crate) const CLUSTER: &str = "cluster_name";
pub(crate) const GROUP: &str = "group_name";
pub(crate) const SHARD: &str = "logical_shard";
pub(crate) const GENERATION: &str = "generation";

/// What stands for the logical shard in the record of a group's static tables.
const STATICS: i64 = -1;

/// What a namespace says of itself.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Record {
    pub(crate) cluster: String,
    pub(crate) group: String,
    pub(crate) shard: i64,
    pub(crate) generation: i64,
}

impl Record {
    /// What the topology says of the namespace.
    pub(crate) fn expected(place: &Place) -> Self {
        Self {
            cluster: place.cluster.to_string(),
            group: place.namespace.group().to_string(),
            shard: if place.namespace.is_static() {
                STATICS
            } else {
                place.namespace.shard().into()
            },
            generation: place.namespace.generation().into(),
        }
    }
}

/// Reads the record of a namespace and compares it with the topology. A named database, which is
/// nobody's shard, has none.
pub(crate) async fn verify(place: &Place, lease: &mut Lease) -> Result<()> {
    if !has_record(place) {
        return Ok(());
    }
    match read(place, lease).await? {
        Some(found) => compare(place, lease.label(), &found),
        None => Err(not_set_up(place, lease.label())),
    }
}

/// Whether the namespace is one of a group.
fn has_record(place: &Place) -> bool {
    place.namespace.is_sharded() || place.namespace.is_static()
}

impl fmt::Display for Record {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            cluster,
            group,
            shard,
            generation,
        } = self;
        if *shard == STATICS {
            write!(
                f,
                "the static tables of group `{group}` in cluster `{cluster}`"
            )
        } else {
            write!(
                f,
                "shard {shard} of group `{group}` in cluster `{cluster}`, generation {generation}"
            )
        }
    }
}

pub(crate) fn compare(place: &Place, label: &str, found: &Record) -> Result<()> {
    let expected = Record::expected(place);
    if *found == expected {
        return Ok(());
    }
    Err(Error::configuration(format!(
        "namespace `{}` on {label} says that it is {found}, but the configuration has {expected}, \
         there; correct the servers or their shards in the configuration",
        place.namespace.name(),
    )))
}

pub(super) fn not_set_up(place: &Place, label: &str) -> Error {
    let name = place.namespace.name();
    Error::new(
        ErrorKind::UndefinedTable,
        if place.namespace.is_static() {
            format!(
                "namespace `{name}` on {label} is not there, or holds no record of what it is \
                 (table `{TABLE}`); create it with the static tables in it, as with \
                 `cluster.setup().table::<Airline>()`"
            )
        } else if place.namespace.is_sharded() {
            format!(
                "namespace `{name}` on {label} is not there, or holds no record of what it is \
                 (table `{TABLE}`); create the namespaces and tables with `cluster.setup()`"
            )
        } else {
            format!("database `{name}` at {label} is not there; create it with `cluster.setup()`")
        },
    )
}

/// Reads the record; `None` when the namespace or the table is not there, or is empty.
pub(crate) async fn read(place: &Place, lease: &mut Lease) -> Result<Option<Record>> {
    let mut select = Query::select();
    select
        .columns([CLUSTER, GROUP].map(Alias::new))
        .expr(Expr::col(Alias::new(SHARD)))
        .expr(Expr::col(Alias::new(GENERATION)))
        .from(place.namespace.own_table(TABLE));
    let (text, _) = render(place.dialect(), &select);
    let sql = Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    let mut found = None;
    let outcome = lease
        .conn()?
        .run(sql, Args::new(place.dialect())?, &mut |row| {
            found = Some(Record {
                cluster: String::read(row, 0)?,
                group: String::read(row, 1)?,
                shard: i64::read(row, 2)?,
                generation: i64::read(row, 3)?,
            });
            Ok(())
        })
        .await;
    match outcome {
        Ok(_) => {
            lease.settle();
            Ok(found)
        }
        Err(failure) if failure.lost => {
            lease.lost();
            Err(failure.error)
        }
        Err(failure) => {
            lease.settle();
            if failure.error.kind() == ErrorKind::UndefinedTable {
                Ok(None)
            } else {
                Err(failure.error)
            }
        }
    }
}
