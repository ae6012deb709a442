//! The rows that a database changes by itself when the row changes to which they refer, over every level.
//!
//! InnoDB fires no triggers for them, so that the trigger of the first row has to find them.

use std::collections::{BTreeMap, BTreeSet};

use super::{Effect, Logs, Reference};

/// What happens to rows of a table: they are deleted (no columns), or these columns change.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Event<'a> {
    pub(super) table: usize,
    pub(super) changed: Option<BTreeSet<&'a str>>,
}

/// A way from one event to another: the position of a foreign key.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Step<'a> {
    /// `None` for the row that the trigger is about.
    pub(super) from: Option<Event<'a>>,
    pub(super) reference: usize,
}

/// The foreign keys between the tables of a job.
pub(super) struct Cascades<'a> {
    references: &'a [Reference<'a>],
}

impl<'a> Cascades<'a> {
    pub(super) fn of(logs: &'a Logs<'_>) -> Self {
        Self {
            references: &logs.references,
        }
    }

    /// The events that the deletion of a row of this table leads to, each with the ways on which it is reached.
    pub(super) fn of_deletion(&self, table: usize) -> BTreeMap<Event<'a>, BTreeSet<Step<'a>>> {
        self.closure(&Event {
            table,
            changed: None,
        })
    }

    /// The events that a change of columns to which foreign keys refer leads to.
    pub(super) fn of_change(&self, table: usize) -> BTreeMap<Event<'a>, BTreeSet<Step<'a>>> {
        let own = self
            .references
            .iter()
            .filter(|reference| reference.parent == table);
        let columns = own.flat_map(|reference| reference.referenced.iter().copied());
        self.closure(&Event {
            table,
            changed: Some(columns.collect()),
        })
    }

    fn closure(&self, first: &Event<'a>) -> BTreeMap<Event<'a>, BTreeSet<Step<'a>>> {
        let mut found: BTreeMap<Event<'a>, BTreeSet<Step<'a>>> = BTreeMap::new();
        let mut open = vec![(None, first.clone())];
        while let Some((from, event)) = open.pop() {
            for (position, reference) in self.references.iter().enumerate() {
                if let Some(next) = follow(reference, &event) {
                    let is_new = !found.contains_key(&next);
                    found.entry(next.clone()).or_default().insert(Step {
                        from: from.clone(),
                        reference: position,
                    });
                    if is_new {
                        open.push((Some(next.clone()), next));
                    }
                }
            }
        }
        found
    }
}

/// What an event does to the rows that refer to its row.
fn follow<'a>(reference: &Reference<'a>, event: &Event<'a>) -> Option<Event<'a>> {
    if reference.parent != event.table {
        return None;
    }
    let is_changed = match &event.changed {
        None if reference.on_delete == Some(Effect::Deletes) => {
            return Some(Event {
                table: reference.child,
                changed: None,
            });
        }
        None => reference.on_delete == Some(Effect::Changes),
        Some(columns) => {
            reference.on_update && reference.referenced.iter().any(|one| columns.contains(one))
        }
    };
    is_changed.then(|| Event {
        table: reference.child,
        changed: Some(reference.columns.iter().copied().collect()),
    })
}
