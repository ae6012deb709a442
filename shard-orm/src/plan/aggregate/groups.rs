//! The groups of one or several answers, merged while their rows come in.

use std::cmp::Ordering;
use std::collections::BTreeMap;
use std::sync::Arc;

use super::plan::GroupPlan;
use super::state::State;
use crate::backend::Row;
use crate::error::Result;
use crate::exec::Sink;
use crate::plan::merge::{Direction, SortKey};

/// The values that a group is told apart by, ordered and equal as in the database.
#[derive(Debug, Clone)]
pub(crate) struct Key {
    pub(crate) values: SortKey,
    order: Arc<[Direction]>,
}

impl Key {
    pub(crate) fn new(values: SortKey, order: &Arc<[Direction]>) -> Self {
        Self {
            values,
            order: Arc::clone(order),
        }
    }
}

impl Ord for Key {
    fn cmp(&self, other: &Self) -> Ordering {
        self.values.compare(&other.values, &self.order)
    }
}

impl PartialOrd for Key {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Key {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other) == Ordering::Equal
    }
}

impl Eq for Key {}

/// The groups so far, with the state of each partial aggregate.
#[derive(Debug)]
pub(crate) struct Groups {
    plan: Arc<GroupPlan>,
    states: BTreeMap<Key, Vec<State>>,
}

impl Groups {
    pub(crate) fn new(plan: &Arc<GroupPlan>) -> Self {
        Self {
            plan: Arc::clone(plan),
            states: BTreeMap::new(),
        }
    }

    pub(crate) fn add(&mut self, key: Key, states: Vec<State>) -> Result<()> {
        match self.states.get_mut(&key) {
            None => {
                self.states.insert(key, states);
            }
            Some(all) => {
                for (one, other) in all.iter_mut().zip(states) {
                    one.merge(other)?;
                }
            }
        }
        Ok(())
    }

    /// Takes in the groups of another answer.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        other
            .states
            .into_iter()
            .try_for_each(|(key, states)| self.add(key, states))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.states.is_empty()
    }

    /// The groups, ordered by their keys.
    pub(crate) fn into_sorted(self) -> impl Iterator<Item = (Key, Vec<State>)> {
        self.states.into_iter()
    }
}

impl Sink for Groups {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        let (key, states) = self.plan.read(row)?;
        self.add(key, states)
    }

    fn reset(&mut self) {
        self.states.clear();
    }
}
