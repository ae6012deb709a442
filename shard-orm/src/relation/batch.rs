//! Reads the related rows of many rows with one statement for each logical shard, and assigns them
//! to the rows.
//!
//! Called by `load` and by `refers_to`.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use sea_query::{Alias, Expr, ExprTrait, Value};

use super::columns::RelationColumns;
use super::definitions::Found;
use crate::backend::{Args, Row, encode_value};
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::exec::{Sink, Target};
use crate::model::{Model, ModelDef};
use crate::plan::{Plan, QuerySpec, Requirements, ShardTask, Shards, Tables, any_of};
use crate::query::QueryFuture;

/// The maximum number of rows whose related rows are read in one statement.
const ROWS_PER_STATEMENT: usize = 1_000;

/// Reads the related rows of each of `rows`, in their order.
///
/// The rows are read before the future is created, which does not borrow them.
pub(super) fn load_batch<'e, A: Model, B: Model, F: Found<B>>(
    target: Target<'e>,
    columns: RelationColumns,
    mut spec: QuerySpec,
    rows: &[A],
    handle_of: impl Fn(&A) -> Result<Arc<NamespaceHandle>>,
) -> QueryFuture<'e, Vec<F>> {
    let count = rows.len();
    let wanted = Wanted::of(rows, columns, handle_of);
    // As many arguments as there are rows: the texts are not worth keeping.
    spec.requirements = spec.requirements | Requirements::VARIABLE;
    Box::pin(async move {
        let Wanted {
            columns,
            askers,
            shards,
        } = wanted?;
        let tasks = shards.into_values().flat_map(|shard| shard.tasks(&columns));
        let (askers, columns) = (&askers, &columns);
        let plan = Plan {
            target,
            shards: Shards::Scatter(tasks.collect()),
            tables: Tables::One(columns.to),
            spec,
        };
        let answers = plan.each(|task: &ShardTask| Placed::<B> {
            columns: &columns.to_columns,
            shard: columns.copied.then(|| task.handle.namespace.shard()),
            askers,
            rows: Vec::new(),
        });
        let answers = answers.await?;
        let mut found: Vec<F> = Vec::new();
        found.resize_with(count, F::default);
        for (position, row) in answers.into_iter().flat_map(|placed| placed.rows) {
            found[position].put(row);
        }
        Ok(found)
    })
}

fn values<M: Model>(row: &M, ordinals: &[usize]) -> Result<Vec<Value>> {
    Args::values(|args| {
        ordinals
            .iter()
            .try_for_each(|ordinal| row.bind(*ordinal, args))
    })
}

/// Values as bytes, for lookups.
fn code(values: &[Value]) -> Result<Vec<u8>> {
    let mut bytes = Vec::with_capacity(values.len() * 10);
    for value in values {
        encode_value(value, &mut bytes)?;
    }
    Ok(bytes)
}

/// The positions of rows by what they ask for, and of copies by the logical shard at which they do.
type Askers = HashMap<(Option<u32>, Vec<u8>), Vec<usize>>;

/// What is asked for, and by which rows.
struct Wanted {
    columns: RelationColumns,
    /// The positions of the rows that ask for the same.
    askers: Askers,
    shards: BTreeMap<u32, OfShard>,
}

impl Wanted {
    fn of<A: Model>(
        rows: &[A],
        columns: RelationColumns,
        handle_of: impl Fn(&A) -> Result<Arc<NamespaceHandle>>,
    ) -> Result<Self> {
        let mut wanted = Self {
            columns,
            askers: HashMap::new(),
            shards: BTreeMap::new(),
        };
        for (position, row) in rows.iter().enumerate() {
            let values = values(row, &wanted.columns.from_columns)?;
            wanted.add(position, values, || handle_of(row))?;
        }
        Ok(wanted)
    }

    fn add(
        &mut self,
        position: usize,
        mut values: Vec<Value>,
        handle_of: impl Fn() -> Result<Arc<NamespaceHandle>>,
    ) -> Result<()> {
        // NULL is the id of nothing.
        if values.iter().any(|value| *value == value.as_null()) {
            return Ok(());
        }
        // A row is given the copy of its own server. All else is where its key is.
        let handle = self.columns.copied.then(&handle_of).transpose()?;
        let shard = handle.as_ref().map(|handle| handle.namespace.shard());
        let askers = self.askers.entry((shard, code(&values)?)).or_default();
        askers.push(position);
        if askers.len() > 1 {
            return Ok(());
        }
        let handle = match handle {
            Some(handle) => handle,
            None => handle_of()?,
        };
        let id = values.split_off(self.columns.routing);
        let shard = self
            .shards
            .entry(handle.namespace.shard())
            .or_insert_with(|| OfShard {
                handle,
                keys: Vec::new(),
                positions: HashMap::new(),
            });
        shard.add(values, id)
    }
}

/// What is asked of one logical shard.
struct OfShard {
    handle: Arc<NamespaceHandle>,
    /// The ids, by shard key.
    keys: Vec<(Vec<Value>, Vec<Vec<Value>>)>,
    positions: HashMap<Vec<u8>, usize>,
}

impl OfShard {
    fn add(&mut self, key: Vec<Value>, id: Vec<Value>) -> Result<()> {
        let next = self.keys.len();
        let position = *self.positions.entry(code(&key)?).or_insert(next);
        if position == next {
            self.keys.push((key, Vec::new()));
        }
        self.keys[position].1.push(id);
        Ok(())
    }

    /// Returns one task, or several if there are too many rows for one.
    fn tasks(self, columns: &RelationColumns) -> Vec<ShardTask> {
        let mut tasks = Vec::new();
        let mut groups = Vec::new();
        let mut room = ROWS_PER_STATEMENT;
        for (key, mut ids) in self.keys {
            while !ids.is_empty() {
                let rest = ids.split_off(ids.len().min(room));
                room -= ids.len();
                groups.push((key.clone(), std::mem::replace(&mut ids, rest)));
                if room == 0 {
                    tasks.push(task(&self.handle, columns, std::mem::take(&mut groups)));
                    room = ROWS_PER_STATEMENT;
                }
            }
        }
        if !groups.is_empty() {
            tasks.push(task(&self.handle, columns, groups));
        }
        tasks
    }
}

fn task(
    handle: &Arc<NamespaceHandle>,
    columns: &RelationColumns,
    groups: Vec<(Vec<Value>, Vec<Vec<Value>>)>,
) -> ShardTask {
    let (routing, id) = columns.to_columns.split_at(columns.routing);
    let groups = groups
        .into_iter()
        .filter_map(|(key, ids)| {
            let ids = one_of(columns.to, id, ids);
            equal(columns.to, routing, key)
                .into_iter()
                .chain(ids)
                .reduce(ExprTrait::and)
        })
        .collect();
    ShardTask {
        keys: any_of(groups),
        ..ShardTask::whole(Arc::clone(handle))
    }
}

/// `a = ? AND b = ?`.
pub(super) fn equal(
    def: &'static ModelDef,
    ordinals: &[usize],
    values: Vec<Value>,
) -> Option<Expr> {
    ordinals
        .iter()
        .zip(values)
        .map(|(ordinal, value)| {
            Expr::col(Alias::new(def.columns[*ordinal].name)).eq(Expr::Value(value))
        })
        .reduce(ExprTrait::and)
}

/// `a IN (?, ..)`, or of several columns `(a = ? AND b = ?) OR ..`.
fn one_of(def: &'static ModelDef, ordinals: &[usize], ids: Vec<Vec<Value>>) -> Option<Expr> {
    if let ([ordinal], true) = (ordinals, ids.len() > 1) {
        let values: Vec<Expr> = ids.into_iter().flatten().map(Expr::Value).collect();
        return Some(Expr::col(Alias::new(def.columns[*ordinal].name)).is_in(values));
    }
    any_of(
        ids.into_iter()
            .filter_map(|id| equal(def, ordinals, id))
            .collect(),
    )
}

/// Takes rows and finds out who has asked for them.
struct Placed<'w, B> {
    columns: &'w [usize],
    shard: Option<u32>,
    askers: &'w Askers,
    rows: Vec<(usize, B)>,
}

impl<B: Model> Sink for Placed<'_, B> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let read = B::read(row, 0)?;
        let code = (self.shard, code(&values(&read, self.columns)?)?);
        // A database that takes two texts for equal finds rows that nobody has asked for.
        let Some((first, others)) = self.askers.get(&code).and_then(|all| all.split_first()) else {
            return Ok(());
        };
        // A model need not be `Clone`: the row is read once for each.
        for other in others {
            self.rows.push((*other, B::read(row, 0)?));
        }
        self.rows.push((*first, read));
        Ok(())
    }

    fn reset(&mut self) {
        self.rows.clear();
    }
}
