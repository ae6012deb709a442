//! The rows of the same table that changes refer to and that a copy lacks: found upwards, and committed
//! first, those referred to before those that refer to them.
//!
//! Called when the foreign key of a copy refuses a row. A path upwards may be as long as the table: only
//! the keys are kept, and of these the last ones; when there are more, those are committed, and the path
//! is walked again.

use std::collections::{HashMap, HashSet, VecDeque};
use std::hash::{BuildHasher as _, RandomState};

use sea_query::Value;

use super::commit_with_conflicting;
use crate::backend::Row;
use crate::error::Result;
use crate::replicate::apply::{Applied, CopyWriter};
use crate::replicate::compare::Change;
use crate::replicate::keys::{KEYS_PER_STATEMENT, bytes_of, key_of, one_of_columns, values};
use crate::replicate::self_references::{Name, Node, SelfReference, order};
use crate::replicate::source::Source;
use crate::schema::{ColumnDef, TableDef};

/// The maximum number of rows in one transaction.
const ROWS: usize = 1_000;
/// The number of rows whose keys are kept at a time.
const KEPT: usize = 20_000;

/// The work for changes that refer to missing rows.
#[derive(Debug, Default)]
pub(crate) struct Brought {
    /// The primary keys of rows that refer to the changes themselves, and so can only be committed
    /// together with them.
    pub(crate) along: Vec<Vec<Value>>,
    /// The number of committed rows.
    pub(crate) ahead: usize,
}

/// A row that was found, with the values that place it.
struct Found {
    key: Vec<Value>,
    node: Node,
}

impl Found {
    fn of(def: &TableDef, keys: &[SelfReference], cells: &[Value]) -> Result<Self> {
        Ok(Self {
            key: key_of(def, cells),
            node: Node::of(def, keys, cells)?,
        })
    }
}

/// Commits the rows that these changes refer to, the rows that those refer to, and so on. The position
/// stays: rows ahead of it are read again. Committed rows are added to `done`.
///
/// # Errors
/// As [`CopyWriter::commit`], and the errors of the source.
pub(crate) async fn bring(
    source: &Source,
    copy: &CopyWriter,
    changes: &[Change],
    done: &mut Applied,
) -> Result<Brought> {
    let mut brought = Brought::default();
    loop {
        let (found, cut, outside) = walk(source, copy, changes).await?;
        let (placed, rest) = order(found.iter().map(|found| &found.node), &outside);
        for some in placed.chunks(ROWS) {
            let keys: Vec<_> = some.iter().map(|one| found[*one].key.clone()).collect();
            // Read again: they may have changed since, and their other columns were not read.
            let rows = in_the_order_of(source, &keys).await?;
            let applied = commit_with_conflicting(source, copy, &rows, None, false).await?;
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

/// The current state of the rows with these keys, in this order.
async fn in_the_order_of(source: &Source, keys: &[Vec<Value>]) -> Result<Vec<Change>> {
    let mut places = HashMap::with_capacity(keys.len());
    for (place, key) in keys.iter().enumerate() {
        places.insert(bytes_of(key)?, place);
    }
    let mut rows = Vec::with_capacity(keys.len());
    for change in source.changes(keys).await? {
        // A row that is deleted by now has a change of its own, in its place.
        if let Change::Put(cells) = &change {
            let key = bytes_of(&key_of(source.def(), cells))?;
            rows.push((places.get(&key).copied(), change));
        }
    }
    rows.sort_by_key(|(place, _)| *place);
    Ok(rows.into_iter().map(|(_, change)| change).collect())
}

/// Finds the missing rows, level by level. Also returns whether more were found than are kept, and the
/// names that the changes themselves are referred to by.
async fn walk(
    source: &Source,
    copy: &CopyWriter,
    changes: &[Change],
) -> Result<(VecDeque<Found>, bool, HashSet<Name>)> {
    let def = source.def();
    let mut outside = HashSet::new();
    let mut wanted: HashMap<Name, Vec<Value>> = HashMap::new();
    for change in changes {
        if let Change::Put(cells) = change {
            let node = Node::of(def, &copy.self_references, cells)?;
            outside.extend(node.names);
            wanted.extend(node.refers_to);
        }
    }
    let hasher = RandomState::new();
    // Names by their hashes: a long path has many.
    let mut seen: HashSet<u64> = outside.iter().map(|name| hasher.hash_one(name)).collect();
    let mut found: VecDeque<Found> = VecDeque::new();
    let mut cut = false;
    loop {
        wanted.retain(|name, _| seen.insert(hasher.hash_one(name)));
        let mut next = HashMap::new();
        for (number, key) in copy.self_references.iter().enumerate() {
            let mut missing: Vec<(&Name, &Vec<Value>)> =
                wanted.iter().filter(|(name, _)| name.0 == number).collect();
            // In the same order in each run.
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
                for one in rows_at_source(source, &copy.self_references, key, &values).await? {
                    seen.extend(one.node.names.iter().map(|name| hasher.hash_one(name)));
                    next.extend(one.node.refers_to.iter().cloned());
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

/// The values among these that rows of the copy have.
async fn names_at_copy(
    copy: &CopyWriter,
    number: usize,
    key: &SelfReference,
    wanted: &[(&Name, &Vec<Value>)],
) -> Result<HashSet<Vec<u8>>> {
    debug_assert!(wanted.iter().all(|(name, _)| name.0 == number));
    let (copy, def) = (copy.at(), copy.at().def());
    let wanted: Vec<Vec<Value>> = wanted.iter().map(|(_, values)| (*values).clone()).collect();
    let mut select = copy.select(key.to.iter().copied());
    select.and_where_option(one_of_columns(def, &key.to, &wanted));
    let read = |row: &Row<'_>| bytes_of(&values(def, &key.to, row, 0)?);
    let names = copy.read(None, copy.name(), &select, read).await?;
    Ok(names.into_iter().collect())
}

/// The source's rows that have these values.
async fn rows_at_source(
    source: &Source,
    keys: &[SelfReference],
    key: &SelfReference,
    values: &[Vec<Value>],
) -> Result<Vec<Found>> {
    let def = source.def();
    let condition = one_of_columns(def, &key.to, values);
    if source.subset.is_some() {
        // The values that a row refers to may be computed from any of its columns.
        let mut select = source.select();
        select.and_where_option(condition);
        let rows = source.rows(&select).await?.into_iter();
        return rows.map(|cells| Found::of(def, keys, &cells)).collect();
    }
    let mut needed: Vec<usize> = def.primary_key.to_vec();
    needed.extend(keys.iter().flat_map(|key| key.from.iter().chain(&key.to)));
    needed.sort_unstable();
    needed.dedup();
    let mut select = source.at.select(needed.iter().copied());
    select.and_where_option(condition);
    let nothing = def
        .columns
        .iter()
        .map(ColumnDef::null)
        .collect::<Result<Vec<Value>>>()?;
    let read = |row: &Row<'_>| {
        // The other columns are not looked at.
        let mut cells = nothing.clone();
        for (position, ordinal) in needed.iter().enumerate() {
            cells[*ordinal] = def.columns[*ordinal].read(row, position)?;
        }
        Found::of(def, keys, &cells)
    };
    source.at.read(None, source.at.name(), &select, read).await
}
