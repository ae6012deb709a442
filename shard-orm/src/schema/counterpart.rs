//! The tables of another kind of database that hold the same rows.
//!
//! Called by `reshard`. What a table has that the other database cannot hold is listed; nothing is left out.

mod translation;

use std::collections::BTreeMap;
use std::sync::Arc;

use self::translation::Translation;
use super::clause::{constraint_name, create_index, foreign_key};
use super::{CreateTable, IndexDef, IndexPart, TableDef, index_name};
use crate::backend::counterpart::{
    references_are_inside, references_need_equal_types, tells_capitals_apart,
};
use crate::backend::structure::Structure;
use crate::backend::{alter, ddl};
use crate::dialect::Dialect;
use crate::error::Result;

/// The types of the columns of tables, as texts, where they are decided.
pub(crate) type Types = BTreeMap<String, BTreeMap<String, String>>;

/// The tables of one namespace in another kind of database.
#[derive(Debug)]
pub(crate) struct Counterparts {
    pub(crate) tables: Vec<Arc<TableDef>>,
    /// What cannot be held: the object, and why it cannot, with what to do.
    pub(crate) unheld: Vec<(String, String)>,
}

impl Counterparts {
    /// The counterparts of the tables of a namespace. `types` are those that models say.
    pub(crate) fn of(tables: &[TableDef], from: Dialect, to: Dialect, types: &Types) -> Self {
        let mut own = Self {
            tables: Vec::new(),
            unheld: Vec::new(),
        };
        let mut names = Names::new(tables, to);
        for table in tables {
            let translated = Translation {
                table,
                all: tables,
                from,
                to,
                types: types.get(&table.name),
                unheld: &mut own.unheld,
            };
            let translated = translated.table(&mut names);
            own.tables.push(Arc::new(translated));
        }
        own.unheld.extend(unequal_references(&own.tables, to));
        for twice in names.twice {
            let reason = format!(
                "differs from another one in capitals alone, which {to} does not tell apart; rename it"
            );
            own.unheld.push((format!("table `{twice}`"), reason));
        }
        own
    }

    /// The types of all columns, as texts.
    pub(crate) fn types(&self) -> Types {
        let types = self.tables.iter().map(|table| {
            let columns = table
                .columns
                .iter()
                .filter_map(|column| Some((column.name.clone(), column.data_type.to_text()?)));
            (table.name.clone(), columns.collect())
        });
        types.collect()
    }
}

/// The foreign keys between columns of types that the database does not compare.
fn unequal_references(tables: &[Arc<TableDef>], to: Dialect) -> Vec<(String, String)> {
    let mut unequal = Vec::new();
    if !references_need_equal_types(to) {
        return unequal;
    }
    for table in tables {
        for key in &table.foreign_keys {
            let other = tables.iter().find(|other| other.name == key.table);
            let type_of = |name: &String| other?.column(name)?.data_type.column_type();
            let is_equal = key
                .columns
                .iter()
                .zip(&key.referenced)
                .all(|(at, name)| table.columns[*at].data_type.column_type() == type_of(name));
            if !is_equal {
                let object = format!("foreign key `{}` of table `{}`", key.name, table.name);
                let reason = format!(
                    "is between columns of different types, which {to} does not take; make them the same"
                );
                unequal.push((object, reason));
            }
        }
    }
    unequal
}

/// The statements that create tables, in the stages of a move.
///
/// # Errors
/// If a table has what its database does not: one that [`Counterparts`] list.
pub(crate) fn structure_of(tables: &[Arc<TableDef>], dialect: Dialect) -> Result<Structure> {
    let mut structure = Structure::empty(dialect);
    for table in tables {
        let mut alone = TableDef {
            indexes: Vec::new(),
            ..(**table).clone()
        };
        if !references_are_inside(dialect) {
            alone.foreign_keys.clear();
        }
        // An index needs a limit of length, which its column has from the beginning.
        for (ordinal, column) in alone.columns.iter_mut().enumerate() {
            if table.is_in_key(ordinal) {
                column.data_type = ddl::of_index(dialect, &column.data_type);
            }
        }
        structure.tables.push(table.name.clone());
        let create = CreateTable::new(&Arc::new(alone), dialect)?;
        structure.create.extend(create.statements());
        let indexes = table.indexes.iter();
        let indexes = indexes.map(|index| create_index(table, index, dialect, None, false));
        structure.indexes.extend(indexes);
        if references_are_inside(dialect) {
            continue;
        }
        for key in &table.foreign_keys {
            let create = foreign_key(table, key, dialect, None, Some(&key.name));
            let mut steps =
                alter::add_foreign_key(dialect, &table.name, &key.name, &create).into_iter();
            structure
                .foreign_keys
                .extend(steps.next().map(|step| step.sql));
            structure.validate.extend(steps.map(|step| step.sql));
        }
    }
    structure.tables.sort();
    Ok(structure)
}

impl TableDef {
    /// Whether a column is in an index, or in one that a foreign key needs.
    pub(crate) fn is_in_key(&self, ordinal: usize) -> bool {
        let mut keys = self.foreign_keys.iter();
        self.is_indexed(ordinal) || keys.any(|key| key.columns.contains(&ordinal))
    }
}

/// The names of tables and indexes that are taken: each is used once in a namespace.
struct Names {
    taken: Vec<String>,
    twice: Vec<String>,
}

impl Names {
    fn new(tables: &[TableDef], to: Dialect) -> Self {
        let mut own = Self {
            taken: Vec::new(),
            twice: Vec::new(),
        };
        for table in tables {
            let name = table.name.to_lowercase();
            if own.taken.contains(&name) && !tells_capitals_apart(to) {
                own.twice.push(table.name.clone());
            }
            own.taken.push(name);
        }
        own
    }

    /// Its own name for an index, or one that is made of its columns, if that is taken or reserved.
    fn index(&mut self, table: &TableDef, index: &IndexDef, to: Dialect) -> String {
        let columns = index.parts.iter().filter_map(IndexPart::column);
        let columns: Vec<&str> = columns.map(|at| &*table.columns[at].name).collect();
        let is_free = |own: &Self, name: &str| !own.taken.contains(&name.to_lowercase());
        let longest = to.capability().name_bytes;
        let mut name = index.name.clone();
        if ddl::is_reserved(&name) || name.len() > longest || !is_free(self, &name) {
            name = index_name(&table.name, &columns, index.unique);
        }
        let mut number = 2;
        while !is_free(self, &name) {
            let kind = format!("{}_{number}", if index.unique { "unique" } else { "index" });
            name = constraint_name(&table.name, &columns, &kind);
            number += 1;
        }
        self.taken.push(name.to_lowercase());
        name
    }
}
