//! Reads that are sent to the target of a job too, and compared.
//!
//! The caller gets what the source answers. Its rows are noted on the way, and the target is asked afterwards, in a task
//! of its own: whatever happens there, the caller does not wait for it. Rows that differ are told to the runner of the
//! job, which compares them again once the target has all changes.

use std::collections::HashMap;
use std::collections::hash_map::DefaultHasher;
use std::fmt::{self, Write as _};
use std::hash::Hasher;
use std::sync::Arc;
use std::time::Duration;

use futures_util::future::BoxFuture;
use sea_query::Value;
use tokio::time::timeout;

use super::destination::Destination;
use super::found_by::FoundBy;
use super::run::{Intent, prepare, run_here};
use super::statement::{Sink, Statement};
use super::target::Target;
use crate::backend::{Args, Row, Sql};
use crate::catalog::DifferingRow;
use crate::cluster::{Cluster, Mirroring};
use crate::connect::NamespaceHandle;
use crate::definition::ModelDef;
use crate::error::{Error, ErrorKind, Result};
use crate::route::RoutingKey;
use crate::task::catch_panic;

/// The most rows of a read that is compared.
const ROWS: usize = 256;
/// How long a read may take at the target.
const PATIENCE: Duration = Duration::from_secs(5);

/// The mirror of a read, if it is chosen: one of whole rows, outside of transactions and sessions.
#[inline]
pub(super) fn of_read(
    target: Target<'_>,
    destination: &Destination,
    intent: Intent,
    statement: &dyn Statement,
) -> Option<(Arc<Mirroring>, &'static ModelDef)> {
    let Target::Cluster {
        cluster,
        marks: None,
        ..
    } = target
    else {
        return None;
    };
    if intent != Intent::Read {
        return None;
    }
    let mirror = cluster.mirror_of(&destination.handle)?;
    // The copy of a static table is not moved.
    let def = statement.whole_rows().filter(|def| def.is_in_shards())?;
    (destination.width() == 1).then_some((mirror, def))
}

/// Runs a read at its place, and lets it be compared with the target.
pub(super) fn run<'a>(
    (mirror, def): (Arc<Mirroring>, &'static ModelDef),
    target: Target<'a>,
    destination: Destination,
    statement: &'a dyn Statement,
    sink: &'a mut dyn Sink,
) -> BoxFuture<'a, Result<u64>> {
    Box::pin(async move {
        let mut noting = Noting {
            sink,
            seen: Seen::of(def),
        };
        let rows = run_here(target, destination, Intent::Read, statement, &mut noting).await?;
        send(&mirror, target.cluster(), statement, noting.seen);
        Ok(rows)
    })
}

/// Asks the target in a task of its own.
fn send(mirror: &Arc<Mirroring>, cluster: &Cluster, statement: &dyn Statement, seen: Seen) {
    let handle = match statement.found_by() {
        FoundBy::Key { region, key } => mirror.target_of_key(&RoutingKey {
            region: region.as_deref(),
            key,
        }),
        FoundBy::Number => mirror.target_of_all(),
        FoundBy::Rows => None,
    };
    let Some(handle) = handle.cloned() else {
        return;
    };
    let Some(place) = mirror.admit() else {
        return;
    };
    let prepared = match seen.is_complete {
        true => prepare(&handle, statement),
        false => Err(Error::unsupported("a read of many rows")),
    };
    let mirror = Arc::clone(mirror);
    let Ok(prepared) = prepared else {
        mirror.skip();
        return;
    };
    cluster.runtime().spawn(async move {
        let asked = timeout(PATIENCE, ask(&mirror, &handle, prepared, &seen));
        let asked = catch_panic("a read at the target of a job", asked).await;
        match asked {
            Ok(Ok(Ok(differing))) => mirror.compared(differing),
            Ok(Ok(Err(error))) => {
                tracing::debug!(
                    target: "shard_orm",
                    server = &*handle.server,
                    error = %error.kind(),
                    "a mirrored read was not compared"
                );
                mirror.skip();
            }
            _ => mirror.skip(),
        }
        drop(place);
    });
}

/// Asks the target, and returns the rows that differ.
async fn ask(
    mirror: &Mirroring,
    handle: &NamespaceHandle,
    (sql, args): (Sql, Args),
    seen: &Seen,
) -> Result<Vec<DifferingRow>> {
    let _turn = mirror.turn().await?;
    let mut own = Seen::of(seen.def);
    let mut lease = handle.for_comparison().await?;
    let mut on_row = |row: &Row<'_>| {
        own.note(row);
        Ok(())
    };
    let answer = lease.conn()?.run(sql, args, &mut on_row).await;
    lease.finish(answer)?;
    if !own.is_complete {
        return Err(Error::new(
            ErrorKind::Unsupported,
            "the target has other rows, and too many",
        ));
    }
    Ok(seen.differing(&own))
}

/// Notes the rows that it passes on.
struct Noting<'a> {
    sink: &'a mut dyn Sink,
    seen: Seen,
}

impl Sink for Noting<'_> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        self.sink.row(row)?;
        self.seen.note(row);
        Ok(())
    }

    fn reset(&mut self) {
        self.sink.reset();
        self.seen = Seen::of(self.seen.def);
    }
}

/// The rows of a read: their primary keys, and a hash of all of each.
struct Seen {
    def: &'static ModelDef,
    rows: Vec<(Vec<Value>, u64)>,
    /// Whether all rows could be noted.
    is_complete: bool,
}

impl Seen {
    fn of(def: &'static ModelDef) -> Self {
        Self {
            def,
            rows: Vec::new(),
            is_complete: true,
        }
    }

    fn note(&mut self, row: &Row<'_>) {
        self.is_complete &= self.rows.len() < ROWS;
        if !self.is_complete {
            return;
        }
        match self.read(row) {
            Ok(row) => self.rows.push(row),
            Err(_) => self.is_complete = false,
        }
    }

    fn read(&self, row: &Row<'_>) -> Result<(Vec<Value>, u64)> {
        let columns = self.def.columns.iter().enumerate();
        let values = columns.map(|(position, column)| column.read(row, position));
        let values = values.collect::<Result<Vec<Value>>>()?;
        let hash = hash(&values);
        let key = self.def.primary_key.iter();
        let key = key.filter_map(|ordinal| values.get(*ordinal).cloned());
        Ok((key.collect(), hash))
    }

    /// The rows that are not the same in both, or in one of them alone.
    fn differing(&self, other: &Self) -> Vec<DifferingRow> {
        let mut others: HashMap<u64, (&Vec<Value>, u64)> = HashMap::new();
        for (key, row) in &other.rows {
            others.insert(hash(key), (key, *row));
        }
        let mut keys = Vec::new();
        for (key, row) in &self.rows {
            match others.remove(&hash(key)) {
                Some((_, other)) if other == *row => {}
                _ => keys.push(key),
            }
        }
        keys.extend(others.into_values().map(|(key, _)| key));
        let named = keys.into_iter().map(|key| {
            let columns = self.def.primary_key.iter();
            let names = columns.filter_map(|ordinal| self.def.columns.get(*ordinal));
            let names = names.map(|column| column.name.to_owned());
            DifferingRow::new(self.def.table, names.zip(key.iter().cloned()).collect())
        });
        named.collect()
    }
}

/// A hash of values, which have none of their own. Equal values of one type have the same text.
fn hash(values: &[Value]) -> u64 {
    let mut hashed = Hashed(DefaultHasher::new());
    // Writing to a hasher does not fail.
    let _ = write!(hashed, "{values:?}");
    hashed.0.finish()
}

struct Hashed(DefaultHasher);

impl fmt::Write for Hashed {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        self.0.write(text.as_bytes());
        Ok(())
    }
}
