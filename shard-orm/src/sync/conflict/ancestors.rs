//! The rows of the same table that changes point to and that a copy does not have: found upwards,
//! and committed ahead, those that are pointed to first.
//!
//! Called when a copy says that a row points to nothing. A way up may be as long as the table: of
//! what is found the keys alone are kept, and of these the last ones; when more were found, they are
//! committed, and the way is gone again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use sea_query::{Alias, Query, SelectStatement, Value};

use super::commit_those_in_the_way;
use crate::backend::Row;
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::exec::{Executor as _, Intent, Rows, own};
use crate::model::ModelDef;
use crate::sync::apply::{Applied, Copy};
use crate::sync::compare::Change;
use crate::sync::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of_columns};
use crate::sync::pointing::{Name, Node, OwnKey, order};
use crate::sync::source::Source;

/// How many rows one transaction writes at most.
const ROWS: usize = 1_000;
/// Of how many rows the keys are kept at a time.
const KEPT: usize = 20_000;

/// What was done for changes that point to rows which are not there.
#[derive(Debug, Default)]
pub(in crate::sync) struct Brought {
    /// The primary keys of rows that point to the changes themselves, and so can only be committed
    /// together with them.
    pub(in crate::sync) along: Vec<Vec<Value>>,
    /// How many rows were committed.
    pub(in crate::sync) ahead: usize,
}

/// A row that was found, without what is not needed to place it.
struct Found {
    key: Vec<Value>,
    node: Node,
}

impl Found {
    fn of(def: &ModelDef, keys: &[OwnKey], cells: &[Value]) -> Result<Self> {
        Ok(Self {
            key: key_of(def, cells),
            node: Node::of(def, keys, cells)?,
        })
    }
}

/// Commits the rows that these changes point to, the rows that those point to, and so on. The
/// position stays: what comes ahead of it comes again. What was committed is added to `done`.
///
/// # Errors
/// As [`Copy::commit`](crate::sync::apply::Copy::commit), and what the source says.
pub(in crate::sync) async fn bring(
    source: &Source,
    copy: &Copy,
    changes: &[Change],
    done: &mut Applied,
) -> Result<Brought> {
    let mut brought = Brought::default();
    loop {
        let (found, cut, outside) = walk(source, copy, changes).await?;
        let (placed, rest) = order(found.iter().map(|found| &found.node), &outside);
        for some in placed.chunks(ROWS) {
            let keys: Vec<_> = some.iter().map(|one| found[*one].key.clone()).collect();
            // Read anew: they may have changed since, and their other columns were not read.
            let rows = in_the_order_of(source, &keys).await?;
            let applied = commit_those_in_the_way(source, copy, &rows, None, false).await?;
            done.add(applied);
        }
        brought.ahead += placed.len();
        if !cut || placed.is_empty() {
            let along = rest.into_iter().map(|one| found[one].key.clone());
            brought.along = along.collect();
            return Ok(brought);
        }
    }
}

/// What has become of the rows of these keys, in this order.
async fn in_the_order_of(source: &Source, keys: &[Vec<Value>]) -> Result<Vec<Change>> {
    let mut positions = HashMap::with_capacity(keys.len());
    for (position, key) in keys.iter().enumerate() {
        positions.insert(bytes_of(key)?, position);
    }
    let mut rows = Vec::with_capacity(keys.len());
    for change in source.changes(keys).await? {
        // One that is gone by now has a change of its own, in its place.
        if let Change::Put(cells) = &change {
            let key = bytes_of(&key_of(source.def, cells))?;
            rows.push((positions.get(&key).copied(), change));
        }
    }
    rows.sort_by_key(|(position, _)| *position);
    Ok(rows.into_iter().map(|(_, change)| change).collect())
}

/// Finds the rows that are missing, level by level; whether more were found than are kept; and by
/// what the changes themselves are pointed to.
async fn walk(
    source: &Source,
    copy: &Copy,
    changes: &[Change],
) -> Result<(VecDeque<Found>, bool, HashSet<Name>)> {
    let def = source.def;
    let mut outside = HashSet::new();
    let mut wanted: HashMap<Name, Vec<Value>> = HashMap::new();
    for change in changes {
        if let Change::Put(cells) = change {
            let node = Node::of(def, &copy.own_keys, cells)?;
            outside.extend(node.names);
            wanted.extend(node.points);
        }
    }
    let hasher = RandomState::new();
    // Names by their hashes: a way up that is long is made of many.
    let mut seen: HashSet<u64> = outside.iter().map(|name| hasher.hash_one(name)).collect();
    let mut found: VecDeque<Found> = VecDeque::new();
    let mut cut = false;
    loop {
        wanted.retain(|name, _| seen.insert(hasher.hash_one(name)));
        let mut next = HashMap::new();
        for (number, key) in copy.own_keys.iter().enumerate() {
            let mut missing: Vec<(&Name, &Vec<Value>)> =
                wanted.iter().filter(|(name, _)| name.0 == number).collect();
            // Alike in each run.
            missing.sort_by_key(|(name, _)| *name);
            for some in missing.chunks(KEYS_PER_STATEMENT) {
                let there = names_at_copy(copy, number, key, some).await?;
                let values: Vec<Vec<Value>> = some
                    .iter()
                    .filter(|(name, _)| !there.contains(&name.1))
                    .map(|(_, values)| (*values).clone())
                    .collect();
                if values.is_empty() {
                    continue;
                }
                for one in rows_at_source(source, &copy.own_keys, key, &values).await? {
                    seen.extend(one.node.names.iter().map(|name| hasher.hash_one(name)));
                    next.extend(one.node.points.iter().cloned());
                    found.push_back(one);
                }
            }
        }
        while found.len() > KEPT {
            found.pop_front();
            cut = true;
        }
        if next.is_empty() {
            return Ok((found, cut, outside));
        }
        wanted = next;
    }
}

/// A query of some columns of the rows that have these values.
fn columns_of(
    def: &ModelDef,
    handle: &NamespaceHandle,
    columns: &[usize],
    of: &[usize],
    values: &[Vec<Value>],
) -> SelectStatement {
    let mut select = Query::select();
    let names = columns.iter().map(|one| Alias::new(def.columns[*one].name));
    select
        .columns(names)
        .from(handle.namespace.table_of(def))
        .and_where_option(one_of_columns(def, of, values));
    select
}

/// Which of these values rows of the copy have.
async fn names_at_copy(
    copy: &Copy,
    number: usize,
    key: &OwnKey,
    wanted: &[(&Name, &Vec<Value>)],
) -> Result<HashSet<Vec<u8>>> {
    debug_assert!(wanted.iter().all(|(name, _)| name.0 == number));
    let (def, handle) = (copy.status.def, &copy.status.handle);
    let values: Vec<Vec<Value>> = wanted.iter().map(|(_, values)| (*values).clone()).collect();
    let select = columns_of(def, handle, &key.to, &key.to, &values);
    let mut rows = Rows::new(|row: &Row<'_>| {
        let columns = key.to.iter().enumerate();
        let values = columns.map(|(handle, ordinal)| def.columns[*ordinal].read(row, handle));
        bytes_of(&values.collect::<Result<Vec<Value>>>()?)
    });
    let on = copy.status.cluster.read_from(crate::Read::Primary);
    let label = ("select", def.table);
    own::send(on.target(), handle, Intent::Read, label, &select, &mut rows).await?;
    Ok(rows.rows.into_iter().collect())
}

/// The source's rows that have these values.
async fn rows_at_source(
    source: &Source,
    keys: &[OwnKey],
    key: &OwnKey,
    values: &[Vec<Value>],
) -> Result<Vec<Found>> {
    let def = source.def;
    if source.collection.is_some() {
        // What a row points to may be made of any of its columns.
        let mut select = source.select();
        select.and_where_option(one_of_columns(def, &key.to, values));
        let rows = source.rows(&select).await?.into_iter();
        return rows.map(|cells| Found::of(def, keys, &cells)).collect();
    }
    let mut needed: Vec<usize> = def.primary_key.to_vec();
    needed.extend(keys.iter().flat_map(|key| key.from.iter().chain(&key.to)));
    needed.sort_unstable();
    needed.dedup();
    let select = columns_of(def, &source.handle, &needed, &key.to, values);
    let nothing = def
        .columns
        .iter()
        .map(crate::model::FieldDef::null)
        .collect::<Result<Vec<Value>>>()?;
    let read = |row: &Row<'_>| {
        // The other columns are not looked at.
        let mut cells = nothing.clone();
        for (handle, ordinal) in needed.iter().enumerate() {
            cells[*ordinal] = def.columns[*ordinal].read(row, handle)?;
        }
        Found::of(def, keys, &cells)
    };
    source.read(def.table, &select, read).await
}
