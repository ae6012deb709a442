//! The namespaces with the same versions, and the tables that they should have.

use std::collections::BTreeMap;
use std::sync::Arc;

use sea_query::{Alias, IntoTableRef as _};

use super::report::{Basis, Drifted};
use crate::backend::migration::drop_index_concurrently;
use crate::backend::quote;
use crate::cluster::Location;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::migrate::run::location;
use crate::schema::{AlterStatement, Alteration, Aspect, Change, Deviation, TableDef};

/// A namespace whose tables were read.
pub(super) struct Read<'h> {
    pub(super) handle: &'h Arc<NamespaceHandle>,
    /// The applied versions, in order.
    pub(super) versions: Vec<i64>,
    pub(super) tables: Vec<TableDef>,
    /// The indexes that an interrupted build has left.
    pub(super) invalid_indexes: Vec<String>,
}

/// The namespaces of each kind of database: tables of different kinds are not compared.
pub(super) fn by_dialect(read: Vec<Read<'_>>) -> Vec<Vec<Read<'_>>> {
    let mut kinds: Vec<Vec<Read<'_>>> = Vec::new();
    for one in read {
        let of_kind = |kind: &&mut Vec<Read<'_>>| {
            let mut own = kind.iter();
            own.any(|own| own.handle.dialect() == one.handle.dialect())
        };
        match kinds.iter_mut().find(of_kind) {
            Some(kind) => kind.push(one),
            None => kinds.push(vec![one]),
        }
    }
    kinds
}

/// The namespaces with the same versions.
pub(super) struct Level<'r> {
    pub(super) versions: &'r [i64],
    namespaces: Vec<&'r Read<'r>>,
}

/// The levels of all namespaces, those with the fewest versions first: a scratch is built upward.
pub(super) fn levels<'r>(read: &'r [Read<'r>]) -> Vec<Level<'r>> {
    let mut levels: BTreeMap<(usize, &[i64]), Vec<&Read<'_>>> = BTreeMap::new();
    for one in read {
        let key = (one.versions.len(), one.versions.as_slice());
        levels.entry(key).or_default().push(one);
    }
    let levels = levels.into_iter().map(|((_, versions), namespaces)| Level {
        versions,
        namespaces,
    });
    levels.collect()
}

impl Level<'_> {
    pub(super) fn locations(&self) -> impl Iterator<Item = Location> {
        self.namespaces.iter().map(|read| location(read.handle))
    }

    /// The same without one of its namespaces.
    pub(super) fn without(&self, handle: &NamespaceHandle) -> Self {
        let namespaces = self.namespaces.iter().copied();
        Self {
            versions: self.versions,
            namespaces: namespaces
                .filter(|read| !std::ptr::eq(Arc::as_ptr(read.handle), handle))
                .collect(),
        }
    }

    /// For each table, the form that most namespaces have it in, or its absence.
    pub(super) fn majority(&self) -> Vec<Arc<TableDef>> {
        let mut forms: BTreeMap<&str, Vec<(&TableDef, usize)>> = BTreeMap::new();
        for table in self.namespaces.iter().flat_map(|read| &read.tables) {
            let forms = forms.entry(&table.name).or_default();
            match forms.iter_mut().find(|(form, _)| *form == table) {
                Some((_, count)) => *count += 1,
                None => forms.push((table, 1)),
            }
        }
        let majority = forms.into_values().filter_map(|forms| {
            let with: usize = forms.iter().map(|(_, count)| count).sum();
            let (form, count) = forms.into_iter().rev().max_by_key(|(_, count)| *count)?;
            let is_common = count >= self.namespaces.len() - with;
            is_common.then(|| Arc::new(form.clone()))
        });
        majority.collect()
    }

    /// The deviations of the namespaces from what is expected.
    pub(super) fn compare(
        &self,
        expected: &[Arc<TableDef>],
        basis: Basis,
        dialect: Dialect,
    ) -> Result<Vec<Drifted>> {
        let mut changes: Vec<(&Read<'_>, String, Change)> = Vec::new();
        for read in &self.namespaces {
            for (table, mut change) in changes_of(expected, &read.tables, dialect)? {
                replace_invalid(&mut change, &read.invalid_indexes, dialect);
                changes.push((read, table, change));
            }
        }
        let of_subject = |table: &str, deviation: &Deviation| {
            let same = changes.iter().filter(|(_, name, change)| {
                let other = &change.deviation;
                name == table
                    && other.aspect == deviation.aspect
                    && other.subject == deviation.subject
            });
            let namespaces = same.clone().map(|(read, ..)| *read);
            let mut handles: Vec<_> = namespaces.map(|read| Arc::as_ptr(read.handle)).collect();
            handles.dedup();
            let equal = same.filter(|(_, _, change)| change.deviation == *deviation);
            (handles.len(), equal.count())
        };
        let mut drifted = Vec::with_capacity(changes.len());
        let mut counted: Vec<(&str, &Deviation, (usize, usize))> = Vec::new();
        for (read, table, change) in &changes {
            let known = counted
                .iter()
                .find(|(name, deviation, _)| name == table && **deviation == change.deviation);
            let (deviating, as_found) = match known {
                Some((_, _, counts)) => *counts,
                None => {
                    let counts = of_subject(table, &change.deviation);
                    counted.push((table, &change.deviation, counts));
                    counts
                }
            };
            drifted.push(Drifted {
                location: location(read.handle),
                version: self.versions.last().copied(),
                table: table.clone(),
                deviation: change.deviation.clone(),
                basis,
                namespaces: self.namespaces.len(),
                as_expected: self.namespaces.len() - deviating,
                as_found,
                statements: change.statements.clone(),
                advice: change.advice.clone(),
            });
        }
        Ok(drifted)
    }
}

/// The changes that bring the tables of a namespace to the expected ones, each with its table.
fn changes_of(
    expected: &[Arc<TableDef>],
    found: &[TableDef],
    dialect: Dialect,
) -> Result<Vec<(String, Change)>> {
    let mut changes = Vec::new();
    for table in expected {
        let own = found.iter().find(|own| own.name == table.name);
        if own == Some(table.as_ref()) {
            continue;
        }
        match Alteration::new(table, own, dialect) {
            Ok(alteration) => {
                let own = alteration.changes.into_iter();
                changes.extend(own.map(|change| (table.name.clone(), change)));
            }
            // A table that no statement of the library can create.
            Err(error) if own.is_none() => {
                let advice = error.message().to_owned();
                changes.push((table.name.clone(), whole(table, true, advice)));
            }
            Err(error) => return Err(error),
        }
    }
    let is_extra = |own: &&TableDef| expected.iter().all(|table| table.name != own.name);
    for table in found.iter().filter(is_extra) {
        let advice = "create it in a migration, or drop it when no program uses it";
        changes.push((table.name.clone(), whole(table, false, advice.to_owned())));
    }
    Ok(changes)
}

/// Drops an index before it is created, where a build of it was interrupted.
fn replace_invalid(change: &mut Change, invalid: &[String], dialect: Dialect) {
    let is_created = |name: &&String| {
        let quoted = quote(dialect, &Alias::new(name.as_str()).into_table_ref());
        let statement = change.statements.first();
        statement.is_some_and(|statement| statement.sql.contains(&format!(" {quoted} ON ")))
    };
    if let Some(name) = invalid.iter().find(is_created) {
        let drop = AlterStatement {
            sql: drop_index_concurrently(name),
            separate: true,
        };
        change.statements.insert(0, drop);
    }
}

/// The deviation of a table that only one side has.
fn whole(table: &TableDef, is_expected: bool, advice: String) -> Change {
    let name = Some(table.name.clone());
    let (expected, found) = if is_expected {
        (name, None)
    } else {
        (None, name)
    };
    Change {
        deviation: Deviation {
            aspect: Aspect::Table,
            subject: table.name.clone(),
            expected,
            found,
        },
        statements: Vec::new(),
        advice: Some(advice),
    }
}
