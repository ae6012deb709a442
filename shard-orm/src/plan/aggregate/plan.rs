//! The plan of a query of groups: what the databases compute, and how the rows are made from it.

use std::ops::BitOr;
use std::sync::Arc;

use sea_query::Value;

use super::groups::{Groups, Key};
use super::partial::Partial;
use super::push_down::PushDown;
use super::state::State;
use crate::backend::Row;
use crate::definition::ModelDef;
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::plan::aggregate::{AggregateSpec, Function, GroupCondition, GroupTerm, Grouping, Item};
use crate::plan::merge::{Direction, SortKey};
use crate::plan::spec::Requirements;

/// The untyped state of a query of groups.
#[derive(Debug, Clone, Default)]
pub(crate) struct GroupSpec {
    /// The keys of the groups.
    pub(crate) groups: Vec<Grouping>,
    pub(crate) selected: Vec<Item>,
    pub(crate) having: Option<GroupCondition>,
    pub(crate) orders: Vec<GroupTerm>,
}

impl GroupSpec {
    /// All items that it uses; the selected ones first.
    fn items(&self) -> Vec<Item> {
        let mut items = self.selected.clone();
        if let Some(having) = &self.having {
            having.each(&mut |test| items.push(Item::Aggregate(test.spec())));
        }
        items.extend(self.orders.iter().map(|term| term.item.clone()));
        items
    }

    /// What it requires of the database, by adding or comparing columns and by the user's
    /// expressions.
    pub(crate) fn requirements(&self, def: &'static ModelDef) -> Requirements {
        let of_items = self.items().into_iter().filter_map(|item| match item {
            Item::Group(_) => None,
            Item::Aggregate(spec) => spec.adds_or_compares(),
        });
        let of_items =
            of_items.map(|ordinal| Requirements::size_of(def.columns[ordinal].column_type));
        let of_groups = self.groups.iter().map(Grouping::requirements);
        of_items
            .chain(of_groups)
            .fold(Requirements::default(), BitOr::bitor)
    }

    /// Whether each group has rows of only one shard key.
    fn is_by_key(&self, def: &'static ModelDef) -> bool {
        let mut routing = def.routing().map(Grouping::Column).peekable();
        routing.peek().is_some() && routing.all(|column| self.groups.contains(&column))
    }
}

/// The plan of a query of groups.
#[derive(Debug)]
pub(crate) struct GroupPlan {
    pub(crate) def: &'static ModelDef,
    dialect: Dialect,
    /// What the databases group by: the keys of the groups, then the columns whose distinct values
    /// are counted.
    pub(crate) keys: Vec<Grouping>,
    /// The number of keys of the groups.
    groups: usize,
    pub(crate) partials: Vec<Partial>,
    pub(crate) pushed: PushDown,
    /// The cells of a row of the result, the selected ones first.
    cells: Vec<Cell>,
    having: Option<GroupCondition>,
    /// The order of the rows: positions of cells, with directions.
    orders: Vec<(usize, Direction)>,
    group_order: Arc<[Direction]>,
    value_order: Arc<[Direction]>,
}

#[derive(Debug)]
struct Cell {
    item: Item,
    source: Source,
}

/// The source of a cell.
#[derive(Debug)]
enum Source {
    /// The value of the group's key at this position.
    Key(usize),
    /// The aggregate of these partials.
    Partials(AggregateSpec, Vec<usize>),
}

impl GroupPlan {
    /// For this number of tasks. With `several`, there can be more of them another time, so
    /// anything that is rejected for several is always rejected.
    pub(crate) fn new(
        def: &'static ModelDef,
        group_spec: &GroupSpec,
        dialect: Dialect,
        several: bool,
        tasks: usize,
    ) -> Result<Self> {
        let items = group_spec.items();
        let mut groups = group_spec.groups.clone();
        retain_first(&mut groups);
        // No group is spread over logical shards: rows with equal keys are in one.
        let whole =
            (tasks <= 1 || group_spec.is_by_key(def)) && groups.iter().all(Grouping::is_faithful);
        let distinct = items.iter().filter_map(|item| match item {
            Item::Aggregate(AggregateSpec::Of(Function::CountDistinct, of)) => {
                Some(Grouping::Column(*of))
            }
            _ => None,
        });
        let mut keys: Vec<Grouping> = groups.iter().cloned().chain(distinct).collect();
        retain_first(&mut keys);
        // Finer groups than requested are merged even for one logical shard.
        let merged = several || (!whole && keys.len() > groups.len());
        for key in &keys {
            key.check(def, dialect, merged)?;
        }
        if whole {
            keys.truncate(groups.len());
        }
        let mut plan = Self {
            def,
            dialect,
            pushed: PushDown::new(def, group_spec, dialect, &groups, whole)?,
            keys,
            groups: groups.len(),
            partials: Vec::new(),
            cells: Vec::new(),
            having: group_spec.having.clone(),
            orders: Vec::new(),
            group_order: groups.iter().map(|_| ascending(dialect)).collect(),
            value_order: Arc::new([ascending(dialect)]),
        };
        for item in &group_spec.selected {
            if let (Item::Aggregate(spec), true) = (item, merged) {
                spec.check_extreme(def)?;
            }
            plan.add(item, whole, "selected")?;
        }
        if let Some(having) = &group_spec.having {
            let mut outcome = Ok(());
            having.each(&mut |test| {
                let spec = test.spec();
                let item = Item::Aggregate(spec);
                let added = spec.check_extreme(def);
                let added = added.and_then(|()| plan.find_or_add(&item, whole));
                if let (Err(error), Ok(())) = (added, &outcome) {
                    outcome = Err(error);
                }
            });
            outcome?;
        }
        for term in &group_spec.orders {
            match &term.item {
                Item::Group(grouping) => grouping.check(def, dialect, true)?,
                Item::Aggregate(spec) => spec.check_extreme(def)?,
            }
            let position = plan.find_or_add(&term.item, whole)?;
            plan.orders.push((position, term.direction(dialect)));
        }
        Ok(plan)
    }

    /// The keys of the groups as text.
    pub(crate) fn describe_groups(&self) -> Vec<String> {
        let groups = self.keys.iter().take(self.groups);
        groups.map(|key| key.name(self.def)).collect()
    }

    fn find_or_add(&mut self, item: &Item, whole: bool) -> Result<usize> {
        match self.position(item) {
            Some(position) => Ok(position),
            None => self.add(item, whole, "ordered by"),
        }
    }

    fn position(&self, item: &Item) -> Option<usize> {
        self.cells.iter().position(|cell| cell.item == *item)
    }

    /// Adds a cell, and gives its position.
    fn add(&mut self, item: &Item, whole: bool, used: &str) -> Result<usize> {
        let source = match item {
            Item::Group(grouping) => {
                let keys = &self.keys[..self.groups];
                let position = keys.iter().position(|key| key == grouping);
                Source::Key(position.ok_or_else(|| not_grouped(self.def, grouping, used))?)
            }
            Item::Aggregate(spec) => {
                spec.check(self.def, self.dialect)?;
                let partials = spec.partials(self.def, whole)?;
                let known = partials.into_iter().map(|partial| self.partial(partial));
                Source::Partials(*spec, known.collect())
            }
        };
        let item = item.clone();
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
    pub(crate) fn read(&self, row: &Row<'_>) -> Result<(Key, Vec<State>)> {
        let mut values = Vec::with_capacity(self.keys.len());
        for (position, key) in self.keys.iter().enumerate() {
            values.push(key.read(self.def, row, position)?);
        }
        let distinct = |ordinal: usize| {
            let column = Grouping::Column(ordinal);
            let position = self.keys.iter().position(|key| *key == column)?;
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
    pub(crate) fn rows(&self, mut groups: Groups) -> Result<Vec<Vec<Value>>> {
        if self.groups == 0 && groups.is_empty() {
            let key = Key::new(SortKey(Vec::new()), &self.group_order);
            let states = self.partials.iter().map(|partial| partial.empty());
            groups.add(key, states.collect())?;
        }
        let mut rows = Vec::new();
        for (key, states) in groups.into_sorted() {
            let row = self.row(&key, &states)?;
            let value = |spec| {
                let position = self.position(&Item::Aggregate(spec))?;
                row.get(position)
            };
            let holds = |having: &GroupCondition| having.holds(&|test| test.holds(&value));
            let holds = self.having.as_ref().map(holds);
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

/// Ascending, with NULL as the database sorts it.
fn ascending(dialect: Dialect) -> Direction {
    Direction {
        descending: false,
        nulls_first: !dialect.capability().nulls_are_largest,
    }
}

/// Removes duplicates.
fn retain_first(groupings: &mut Vec<Grouping>) {
    let all = std::mem::take(groupings);
    for grouping in all {
        if !groupings.contains(&grouping) {
            groupings.push(grouping);
        }
    }
}

fn not_grouped(def: &ModelDef, grouping: &Grouping, used: &str) -> Error {
    let name = grouping.name(def);
    Error::unsupported(format!(
        "{name} is {used}, but not grouped by: a group has many values of it; name it in \
         `group_by`, or take an aggregate of it, as `max`"
    ))
}
