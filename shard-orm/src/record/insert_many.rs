//! `insert_many`: groups rows by shard and inserts each group atomically.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::SystemTime;

use futures_util::future::BoxFuture;
use futures_util::{FutureExt, StreamExt, stream};

use super::prepare;
use crate::backend::Args;
use crate::cluster::{Cluster, Moved};
use crate::connect::{NamespaceHandle, WriteMarker};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result, ShardId};
use crate::exec::{BATCHES, CrudStatement, Executor as _, Intent, NoRows, Operation, Target, run};
use crate::model::{Around, Model, ModelDef, around};
use crate::transaction::Tx;

/// The maximum number of rows of an array insert on PostgreSQL.
const ROWS_PER_ARRAY: usize = 5_000;
/// The maximum number of shards that are written concurrently.
const CONCURRENCY: usize = 8;

/// Inserts rows, each in its namespace, and returns them in order.
pub(super) async fn insert_many<M: Model>(
    target: Target<'_>,
    mut rows: Vec<M>,
    handle_of: impl Fn(&M) -> Result<Arc<NamespaceHandle>> + Sync,
) -> Result<Vec<M>> {
    let now = SystemTime::now();
    let mut shards: BTreeMap<u32, (Arc<NamespaceHandle>, Vec<usize>)> = BTreeMap::new();
    for (position, row) in rows.iter_mut().enumerate() {
        let handle = prepare::fill(target, row, now, &handle_of).await?;
        shards
            .entry(handle.namespace.shard())
            .or_insert_with(|| (handle, Vec::new()))
            .1
            .push(position);
    }
    prepare::validate_all(&rows)?;
    let outcomes: Vec<Vec<Outcome<'_, M>>> = stream::iter(shards.into_values().map(|shard| {
        let (rows, handle_of) = (&rows, &handle_of);
        async move {
            let handle = Arc::clone(&shard.0);
            let outcome = insert_in(target, rows, shard).await;
            match was_divided(target, &handle, &outcome) {
                true => insert_parts(target, rows, outcome, handle_of).await,
                false => vec![outcome],
            }
        }
    }))
    .buffered(CONCURRENCY)
    .collect()
    .await;

    let outcomes: Vec<Outcome<'_, M>> = outcomes.into_iter().flatten().collect();
    let several = outcomes.len() > 1;
    let mut first = None;
    let (mut done, mut failed) = (Vec::new(), Vec::new());
    let mut written = Vec::new();
    for Outcome {
        shard,
        hooked,
        done: outcome,
        ..
    } in outcomes
    {
        match outcome {
            Ok(()) => {
                done.push(shard);
                written.extend(hooked);
            }
            Err(error) => {
                failed.push(shard);
                first.get_or_insert(error);
            }
        }
    }
    let after = after(&rows, written).await;
    match first.or(after.err()) {
        None => Ok(rows),
        Some(error) if several => Err(error.with_progress(done, failed)),
        Some(error) => Err(error),
    }
}

/// What came of the rows of one logical shard.
struct Outcome<'e, M: Model> {
    shard: ShardId,
    positions: Vec<usize>,
    hooked: Option<Hooked<'e, M>>,
    done: Result<()>,
}

/// Inserts the rows at these positions, all of one logical shard.
async fn insert_in<'e, M: Model>(
    target: Target<'e>,
    rows: &[M],
    (handle, positions): (Arc<NamespaceHandle>, Vec<usize>),
) -> Outcome<'e, M> {
    let shard = handle.shard_id();
    let around = around::<M>(target, &handle);
    let bind = |position: usize, ordinal: usize, args: &mut Args| {
        rows[positions[position]].bind(ordinal, args)
    };
    let done = insert_shard(target, handle, M::def(), positions.len(), &bind).await;
    Outcome {
        shard,
        hooked: around.map(|around| (positions.clone(), around)),
        positions,
        done,
    }
}

/// Whether nothing was inserted, since the logical shard was split or merged meanwhile.
fn was_divided<M: Model>(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    outcome: &Outcome<'_, M>,
) -> bool {
    let was_refused = matches!(&outcome.done, Err(error) if error.kind() == ErrorKind::ShardMoved);
    was_refused && !matches!(target.moved(handle), None | Some(Moved::Whole(_)))
}

/// Inserts rows that had one logical shard, each in the one that owns its key by now.
async fn insert_parts<'e, M: Model>(
    target: Target<'e>,
    rows: &[M],
    refused: Outcome<'e, M>,
    handle_of: &(impl Fn(&M) -> Result<Arc<NamespaceHandle>> + Sync),
) -> Vec<Outcome<'e, M>> {
    let mut parts: BTreeMap<u32, (Arc<NamespaceHandle>, Vec<usize>)> = BTreeMap::new();
    for position in &refused.positions {
        let handle = match handle_of(&rows[*position]) {
            Ok(handle) => handle,
            Err(error) => {
                let done = Err(error);
                return vec![Outcome { done, ..refused }];
            }
        };
        let part = parts.entry(handle.namespace.shard());
        part.or_insert_with(|| (handle, Vec::new()))
            .1
            .push(*position);
    }
    let mut outcomes = Vec::new();
    for part in parts.into_values() {
        outcomes.push(insert_in(target, rows, part).await);
    }
    outcomes
}

/// The positions of rows with hooks, and the hooks.
type Hooked<'e, M> = (Vec<usize>, Around<'e, M>);

/// Runs the hooks of the inserted rows and returns their first error. After an error, the hooks of
/// other rows still run, except in a transaction, which may have ended.
async fn after<M: Model>(rows: &[M], written: Vec<Hooked<'_, M>>) -> Result<()> {
    let mut first = Ok(());
    for (positions, around) in written {
        for position in positions {
            let hook = around.hooks.after_insert(&rows[position], around.on());
            if let Err(error) = hook.await {
                if around.on().transaction().is_some() {
                    return Err(error);
                }
                first = first.and(Err(error));
            }
        }
    }
    first
}

/// Binds column `ordinal` of the row at a position: `(position, ordinal, args)`.
type BindCell<'a> = dyn Fn(usize, usize, &mut Args) -> Result<()> + Sync + 'a;

/// Inserts the rows of one shard, in a single statement if possible, otherwise in a transaction.
fn insert_shard<'a>(
    target: Target<'a>,
    handle: Arc<NamespaceHandle>,
    def: &'static ModelDef,
    rows: usize,
    bind: &'a BindCell<'a>,
) -> BoxFuture<'a, Result<()>> {
    async move {
        let batches = batches(
            handle.dialect(),
            def.columns.len(),
            &sizes(def, rows, bind)?,
        );
        match target {
            Target::Cluster { cluster, marks, .. } if batches.len() > 1 => {
                let mut handle = handle;
                loop {
                    let marker = WriteMarker::new(marks, &handle);
                    let begun = inserted(cluster, &handle, def, &batches, bind).await;
                    let error = match begun {
                        Ok(tx) => return tx.commit().await,
                        Err(error) if error.kind().may_have_moved() => error,
                        Err(error) => return Err(error),
                    };
                    // Nothing was committed: the rows can go where the logical shard is by now.
                    let settled = cluster.settled(&handle, &error).await;
                    let settled = settled.map_err(|error| handle.name_error(error))?;
                    drop(marker);
                    handle = match settled {
                        Some(Moved::Whole(handle)) => handle,
                        Some(Moved::Split(_) | Moved::Merged(_)) => {
                            return Err(Error::new(
                                ErrorKind::ShardMoved,
                                error.message().to_owned(),
                            ));
                        }
                        None => return Err(error),
                    };
                }
            }
            _ => insert_batches(target, &handle, def, &batches, bind).await,
        }
    }
    .boxed()
}

/// A transaction that has inserted the rows of one shard.
async fn inserted(
    cluster: &Cluster,
    handle: &Arc<NamespaceHandle>,
    def: &'static ModelDef,
    batches: &[(usize, Operation)],
    bind: &BindCell<'_>,
) -> Result<Tx> {
    let tx = cluster.begin_in(handle).await?;
    insert_batches((&tx).target(), handle, def, batches, bind).await?;
    Ok(tx)
}

async fn insert_batches(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    def: &'static ModelDef,
    batches: &[(usize, Operation)],
    bind: &BindCell<'_>,
) -> Result<()> {
    let columns = def.columns.len();
    let mut first = 0;
    for (count, operation) in batches {
        let positions = first..first + count;
        let statement = CrudStatement {
            def,
            operation: *operation,
            bind: &|args| {
                if *operation == Operation::InsertArrays {
                    (0..columns).try_for_each(|ordinal| {
                        args.array(|column| {
                            positions
                                .clone()
                                .try_for_each(|position| bind(position, ordinal, column))
                        })
                    })
                } else {
                    positions.clone().try_for_each(|position| {
                        (0..columns).try_for_each(|ordinal| bind(position, ordinal, args))
                    })
                }
            },
        };
        run(
            target,
            Arc::clone(handle),
            Intent::Write,
            &statement,
            &mut NoRows,
        )
        .await?;
        first += count;
    }
    Ok(())
}

/// Returns the approximate size of each row in bytes.
fn sizes(def: &'static ModelDef, rows: usize, bind: &BindCell<'_>) -> Result<Vec<usize>> {
    if rows == 1 {
        // A single row is not split.
        return Ok(vec![0]);
    }
    let columns = 0..def.columns.len();
    (0..rows)
        .map(|position| {
            Args::measure(|args| {
                let mut columns = columns.clone();
                columns.try_for_each(|ordinal| bind(position, ordinal, args))
            })
        })
        .collect()
}

/// Splits rows with the given sizes into batches. There are few batch sizes, so that the statements
/// are prepared only once, and no batch exceeds the server's limit; a row above the limit is a
/// batch of its own.
fn batches(dialect: Dialect, columns: usize, sizes: &[usize]) -> Vec<(usize, Operation)> {
    let mut batches = Vec::new();
    let most = dialect.capability().statement_bytes;
    let mut left = sizes;
    if dialect.capability().array_arguments && sizes.len() > 1 {
        while !left.is_empty() {
            let mut bytes = 0;
            let fits = |size: &&usize| {
                bytes += **size;
                bytes <= most
            };
            let fit = left.iter().take(ROWS_PER_ARRAY).take_while(fits).count();
            let count = fit.max(1);
            batches.push((count, Operation::InsertArrays));
            left = &left[count..];
        }
        return batches;
    }
    while !left.is_empty() {
        let fits = |(count, _): &(usize, Operation)| {
            *count == 1
                || (*count <= left.len()
                    && count * columns <= dialect.capability().arguments
                    && left[..*count].iter().sum::<usize>() <= most)
        };
        let (count, operation) = BATCHES
            .into_iter()
            .find(fits)
            .unwrap_or((1, Operation::Insert));
        batches.push((count, operation));
        left = &left[count..];
    }
    batches
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn batches_contain_all_rows_in_few_sizes() {
        for dialect in Dialect::ALL {
            for rows in [0, 1, 9, 10, 11, 999, 1_000, 1_234, 12_345] {
                let batches = batches(dialect, 12, &vec![100; rows]);
                assert_eq!(batches.iter().map(|(count, _)| count).sum::<usize>(), rows);
                assert!(batches.len() < 40, "{} of {rows} rows", batches.len());
            }
        }
    }

    #[test]
    fn batches_of_wide_rows_respect_the_argument_limit() {
        for (count, _) in batches(Dialect::Sqlite, 400, &[100; 2_345]) {
            assert!(count * 400 <= Dialect::Sqlite.capability().arguments);
        }
    }

    #[test]
    fn batches_of_large_rows_respect_the_size_limit() {
        for dialect in Dialect::ALL {
            let most = dialect.capability().statement_bytes;
            let mut sizes = vec![most / 5; 23];
            sizes.insert(11, most * 3);
            let mut first = 0;
            for (count, _) in batches(dialect, 3, &sizes) {
                let bytes: usize = sizes[first..first + count].iter().sum();
                assert!(count == 1 || bytes <= most, "{bytes} bytes in {count} rows");
                first += count;
            }
            assert_eq!(first, sizes.len());
        }
    }
}
