//! How a query of groups is answered: what the databases are asked, and how rows become of it.

use std::sync::Arc;

use sea_query::Value;

use super::groups::{Groups, Key};
use super::having::Condition;
use super::order::GroupTerm;
use super::partial::Partial;
use super::spec::{Function, Item, Spec};
use super::state::State;
use crate::backend::{ColumnType, Row};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::exec::{Direction, SortKey};
use crate::model::ModelDef;
use crate::query::parts::Needs;

/// What is asked of groups, whatever the model.
#[derive(Debug, Clone, Default)]
pub(super) struct Request {
    /// The ordinals of the columns that are grouped by.
    pub(super) groups: Vec<usize>,
    pub(super) selected: Vec<Item>,
    pub(super) having: Option<Condition>,
    pub(super) orders: Vec<GroupTerm>,
}

impl Request {
    /// All that it names: what is selected first.
    fn items(&self) -> Vec<Item> {
        let mut items = self.selected.clone();
        if let Some(having) = &self.having {
            having.each(&mut |spec| items.push(Item::Aggregate(spec)));
        }
        items.extend(self.orders.iter().map(|term| term.item));
        items
    }

    /// What adding or comparing the columns asks of the database.
    pub(super) fn needs(&self, def: &'static ModelDef) -> Needs {
        let ordinals = self.items().into_iter().filter_map(|item| match item {
            Item::Column(_) => None,
            Item::Aggregate(spec) => spec.adds_or_compares(),
        });
        ordinals.fold(Needs::default(), |needs, ordinal| {
            needs | Needs::size_of(def.columns[ordinal].column_type)
        })
    }
}

/// How a query of groups is answered.
#[derive(Debug)]
pub(super) struct Plan {
    pub(super) def: &'static ModelDef,
    dialect: Dialect,
    /// What the databases group by: the groups' columns, then those of which values are counted.
    pub(super) keys: Vec<usize>,
    /// How many of them are the groups'.
    groups: usize,
    pub(super) partials: Vec<Partial>,
    /// What a row of the result holds, that which is selected first.
    cells: Vec<Cell>,
    having: Option<Condition>,
    /// What the rows are sorted by: a position among the cells, and how.
    orders: Vec<(usize, Direction)>,
    group_order: Arc<[Direction]>,
    value_order: Arc<[Direction]>,
}

#[derive(Debug)]
struct Cell {
    item: Item,
    source: Source,
}

/// What a cell is made of.
#[derive(Debug)]
enum Source {
    /// The value of the group's key at this position.
    Key(usize),
    /// The aggregate of these partials.
    Partials(Spec, Vec<usize>),
}

impl Plan {
    /// With `several`, the answers of several logical shards are merged.
    pub(super) fn new(
        def: &'static ModelDef,
        request: &Request,
        dialect: Dialect,
        several: bool,
    ) -> Result<Self> {
        let items = request.items();
        let mut groups = request.groups.clone();
        retain_first(&mut groups);
        let mut keys = groups.clone();
        keys.extend(items.iter().filter_map(|item| match item {
            Item::Aggregate(Spec::Of(Function::CountDistinct, ordinal)) => Some(*ordinal),
            _ => None,
        }));
        retain_first(&mut keys);
        // Finer groups than were asked for are merged even of one logical shard.
        let merged = several || keys.len() > groups.len();
        for ordinal in &keys {
            check_key(def, *ordinal, merged)?;
        }
        let mut plan = Self {
            def,
            dialect,
            keys,
            groups: groups.len(),
            partials: Vec::new(),
            cells: Vec::new(),
            having: request.having.clone(),
            orders: Vec::new(),
            group_order: groups.iter().map(|_| ascending(dialect)).collect(),
            value_order: Arc::new([ascending(dialect)]),
        };
        for item in request.selected.iter().copied() {
            check_extreme(def, item, merged)?;
            plan.add(item, "selected")?;
        }
        if let Some(having) = &request.having {
            let mut outcome = Ok(());
            having.each(&mut |spec| {
                let item = Item::Aggregate(spec);
                let added = check_extreme(def, item, true).and_then(|()| plan.find_or_add(item));
                if let (Err(error), Ok(())) = (added, &outcome) {
                    outcome = Err(error);
                }
            });
            outcome?;
        }
        for term in &request.orders {
            check_extreme(def, term.item, true)?;
            if let Item::Column(ordinal) = term.item {
                check_key(def, ordinal, true)?;
            }
            let position = plan.find_or_add(term.item)?;
            plan.orders.push((position, term.direction(dialect)));
        }
        Ok(plan)
    }

    fn find_or_add(&mut self, item: Item) -> Result<usize> {
        match self.position(item) {
            Some(position) => Ok(position),
            None => self.add(item, "ordered by"),
        }
    }

    fn position(&self, item: Item) -> Option<usize> {
        self.cells.iter().position(|cell| cell.item == item)
    }

    /// Adds a cell, and gives its position.
    fn add(&mut self, item: Item, used: &str) -> Result<usize> {
        let source = match item {
            Item::Column(ordinal) => {
                let keys = &self.keys[..self.groups];
                let position = keys.iter().position(|key| *key == ordinal);
                Source::Key(position.ok_or_else(|| not_grouped(self.def, ordinal, used))?)
            }
            Item::Aggregate(spec) => {
                spec.check(self.def, self.dialect)?;
                let partials = spec.partials(self.def)?;
                let known = partials.into_iter().map(|partial| self.partial(partial));
                Source::Partials(spec, known.collect())
            }
        };
        self.cells.push(Cell { item, source });
        Ok(self.cells.len() - 1)
    }

    fn partial(&mut self, partial: Partial) -> usize {
        let known = self.partials.iter().position(|one| *one == partial);
        known.unwrap_or_else(|| {
            self.partials.push(partial);
            self.partials.len() - 1
        })
    }

    /// Reads a row of partial aggregates: the key of its group, and a state of each.
    pub(super) fn read(&self, row: &Row<'_>) -> Result<(Key, Vec<State>)> {
        let mut values = Vec::with_capacity(self.keys.len());
        for (position, ordinal) in self.keys.iter().enumerate() {
            values.push((self.def.columns[*ordinal].value)(row, position)?);
        }
        let distinct = |ordinal: usize| {
            let position = self.keys.iter().position(|key| *key == ordinal)?;
            let value = values.get(position)?.clone();
            let is_null = value == value.as_null();
            (!is_null).then(|| Key::new(SortKey(vec![value]), &self.value_order))
        };
        let mut position = self.keys.len();
        let states: Result<Vec<State>> = self
            .partials
            .iter()
            .map(|partial| partial.read(self.def, row, distinct, &mut position))
            .collect();
        let states = states?;
        values.truncate(self.groups);
        Ok((Key::new(SortKey(values), &self.group_order), states))
    }

    /// The rows of the result: those of groups for which the condition holds, in their order. What
    /// is selected comes first in each.
    pub(super) fn rows(&self, mut groups: Groups) -> Result<Vec<Vec<Value>>> {
        if self.groups == 0 && groups.is_empty() {
            let key = Key::new(SortKey(Vec::new()), &self.group_order);
            let states = self.partials.iter().map(|partial| partial.empty());
            groups.add(key, states.collect())?;
        }
        let mut rows = Vec::new();
        for (key, states) in groups.into_sorted() {
            let row = self.row(&key, &states)?;
            let value = |spec| {
                let position = self.position(Item::Aggregate(spec))?;
                row.get(position)
            };
            let holds = self.having.as_ref().map(|having| having.holds(&value));
            if holds.is_none_or(|holds| holds == Some(true)) {
                rows.push(row);
            }
        }
        if self.orders.is_empty() {
            return Ok(rows);
        }
        let (positions, order): (Vec<usize>, Vec<Direction>) = self.orders.iter().copied().unzip();
        let mut rows: Vec<(SortKey, Vec<Value>)> = rows
            .into_iter()
            .map(|row| {
                let key = positions.iter().map(|position| row[*position].clone());
                (SortKey(key.collect()), row)
            })
            .collect();
        // Stable: ties stay in the order of the groups' keys.
        rows.sort_by(|(one, _), (two, _)| one.compare(two, &order));
        Ok(rows.into_iter().map(|(_, row)| row).collect())
    }

    fn row(&self, key: &Key, states: &[State]) -> Result<Vec<Value>> {
        self.cells
            .iter()
            .map(|cell| match &cell.source {
                Source::Key(position) => Ok(key.values.0[*position].clone()),
                Source::Partials(spec, partials) => {
                    let of: Vec<&State> = partials.iter().map(|at| &states[*at]).collect();
                    spec.finish(self.def, self.dialect, &of)
                }
            })
            .collect()
    }
}

/// Smallest first, with NULL where the database puts it.
fn ascending(dialect: Dialect) -> Direction {
    Direction {
        descending: false,
        nulls_first: dialect != Dialect::Postgres,
    }
}

/// Leaves out what is there before.
fn retain_first(ordinals: &mut Vec<usize>) {
    let mut seen = Vec::with_capacity(ordinals.len());
    ordinals.retain(|ordinal| {
        let is_new = !seen.contains(ordinal);
        seen.push(*ordinal);
        is_new
    });
}

fn not_grouped(def: &ModelDef, ordinal: usize, used: &str) -> Error {
    let (table, column) = (def.table, def.columns[ordinal].name);
    Error::unsupported(format!(
        "`{table}.{column}` is {used}, but not grouped by: a group has many values of it; name it \
         in `group_by`, or take an aggregate of it, as `max`"
    ))
}

/// Whether values of a column can be told apart; where answers are merged, by the client too.
fn check_key(def: &'static ModelDef, ordinal: usize, merged: bool) -> Result<()> {
    let column = &def.columns[ordinal];
    match column.column_type {
        ColumnType::Json => Err(Error::unsupported(format!(
            "`{}.{}` holds JSON, whose values the databases do not tell apart alike: it is not \
             grouped or ordered by, and its values are not counted as distinct",
            def.table, column.name
        ))),
        ColumnType::Text if merged && !column.binary => Err(is_collated(def, ordinal)),
        _ => Ok(()),
    }
}

/// Whether values of a column can be compared by the client, where it takes the least of them.
fn check_extreme(def: &'static ModelDef, item: Item, merged: bool) -> Result<()> {
    match item {
        Item::Aggregate(Spec::Of(Function::Min | Function::Max, ordinal))
            if merged
                && def.columns[ordinal].column_type == ColumnType::Text
                && !def.columns[ordinal].binary =>
        {
            Err(is_collated(def, ordinal))
        }
        _ => Ok(()),
    }
}

fn is_collated(def: &ModelDef, ordinal: usize) -> Error {
    let (table, column) = (def.table, def.columns[ordinal].name);
    Error::unsupported(format!(
        "groups and aggregates are not merged or ordered by the texts of `{table}.{column}`: \
         databases compare texts by their collation, which the client does not know; declare \
         `#[shard(collation = \"binary\")]` on the field, for texts whose column is compared by \
         bytes (`COLLATE \"C\"` on PostgreSQL, a `_bin` collation without padding on MySQL and \
         MariaDB)"
    ))
}
