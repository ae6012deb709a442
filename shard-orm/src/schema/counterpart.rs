//! The tables of another kind of database that hold the same rows.
//!
//! Called by `reshard`. What a table has that the other database cannot hold is listed; nothing is left out.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::clause::{constraint_name, create_index, foreign_key};
use super::{
    CheckDef, Collation, ColumnDef, CreateTable, DefaultValue, ForeignKeyDef, IndexDef, IndexPart,
    ReferenceAction, TableDef, index_name,
};
use crate::backend::counterpart::{
    Crossing, can_number, fits_key, numbers_rows, references_are_inside,
    references_need_equal_types, sets_defaults, tells_capitals_apart,
};
use crate::backend::structure::Structure;
use crate::backend::{ColumnType, DataType, alter, canonical, ddl};
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

/// One table on its way.
struct Translation<'a> {
    table: &'a TableDef,
    all: &'a [TableDef],
    from: Dialect,
    to: Dialect,
    types: Option<&'a BTreeMap<String, String>>,
    unheld: &'a mut Vec<(String, String)>,
}

impl Translation<'_> {
    fn refuse(&mut self, what: &str, name: &str, reason: impl Into<String>) {
        let object = match what {
            "table" => format!("table `{name}`"),
            _ => format!("{what} `{name}` of table `{}`", self.table.name),
        };
        self.unheld.push((object, reason.into()));
    }

    fn table(mut self, names: &mut Names) -> TableDef {
        let table = self.table;
        if table.name.len() > self.to.capability().name_bytes {
            self.refuse(
                "table",
                &table.name,
                format!("has a name that is too long for {}; rename it", self.to),
            );
        }
        let columns = (0..table.columns.len()).map(|ordinal| self.column(ordinal));
        let columns = columns.collect();
        let mut own = TableDef::new(&table.name, columns);
        own.primary_key.clone_from(&table.primary_key);
        self.keys(&own);
        for index in &table.indexes {
            if self.holds_index(&own, index) {
                own.indexes.push(IndexDef {
                    name: names.index(table, index, self.to),
                    ..index.clone()
                });
            }
        }
        for key in &table.foreign_keys {
            own.foreign_keys.extend(self.foreign_key(key));
        }
        self.checks(&own);
        own
    }

    fn column(&mut self, ordinal: usize) -> ColumnDef {
        let (table, to) = (self.table, self.to);
        let column = &table.columns[ordinal];
        let name = &column.name;
        let checks: Vec<&str> = table
            .checks
            .iter()
            .map(|check| &*check.expression.text)
            .collect();
        let crossing = Crossing {
            from: self.from,
            to,
            column: name,
            found: &column.data_type,
            checks: &checks,
        };
        let wanted = self.types.and_then(|types| types.get(name));
        let wanted = wanted.and_then(|text| DataType::of_text(text));
        let data_type = match crossing.data_type(wanted.as_ref()) {
            Ok(data_type) => data_type,
            Err(reason) => {
                self.refuse("column", name, reason);
                DataType::known(ColumnType::Text)
            }
        };
        let mut own = ColumnDef::new(name, data_type);
        own.nullable = column.nullable && !table.primary_key.contains(&ordinal);
        own.identity = column.identity;
        if column.collation == Collation::Binary {
            own.collation = Collation::Binary;
        }
        if let Some(generated) = &column.generated {
            let reason = format!(
                "is computed by `{}`, in SQL of {}; make it a plain column, or drop it for the move",
                generated.expression.text, self.from
            );
            self.refuse("column", name, reason);
        }
        let like = |other: &&ColumnDef| other.name.to_lowercase() == name.to_lowercase();
        if !tells_capitals_apart(to) && table.columns.iter().filter(like).count() > 1 {
            let reason = format!(
                "differs from another one in capitals alone, which {to} does not tell apart; rename it"
            );
            self.refuse("column", name, reason);
        }
        if name.len() > to.capability().name_bytes {
            self.refuse(
                "column",
                name,
                format!("has a name that is too long for {to}; rename it"),
            );
        }
        match &column.default {
            None => {}
            Some(DefaultValue::Expression(sql)) if numbers_rows(sql) => own.identity = true,
            Some(DefaultValue::Expression(sql)) => match crossing.default(&own.data_type, sql) {
                Ok(default) => own.default = default.map(DefaultValue::Value),
                Err(reason) => self.refuse("column", name, reason),
            },
            Some(value) => own.default = Some(value.clone()),
        }
        let place = table.primary_key.iter().position(|at| *at == ordinal);
        if own.identity && !can_number(to, place, table.primary_key.len()) {
            let reason = format!(
                "numbers the rows without being the primary key, which {to} cannot; let the application number them, and \
                 drop the numbering"
            );
            self.refuse("column", name, reason);
        }
        own
    }

    /// What decides that two keys are one has to be the same at both ends.
    fn keys(&mut self, own: &TableDef) {
        let table = self.table;
        for ordinal in &table.primary_key {
            let is_exact = match own.columns[*ordinal].data_type.column_type() {
                Some(ColumnType::Json | ColumnType::F32 | ColumnType::F64) | None => false,
                Some(_) => true,
            };
            if !is_exact {
                let name = &table.columns[*ordinal].name;
                self.refuse("column", name, "is a part of the primary key, and its values have no exact order; use another key");
            }
        }
        let unique = table.indexes.iter().filter(|index| index.unique);
        let unique = unique.flat_map(|index| index.parts.iter().filter_map(IndexPart::column));
        let mut keys: Vec<usize> = table.primary_key.iter().copied().chain(unique).collect();
        keys.sort_unstable();
        keys.dedup();
        for ordinal in keys {
            let column = &table.columns[ordinal];
            if let Collation::Named(collation) = &column.collation {
                let reason = format!(
                    "is in a unique key, and its collation `{}` may take two texts for one that {} tells apart; make it {}",
                    collation.text,
                    self.to,
                    crate::backend::collation_by_bytes(self.from)
                );
                self.refuse("column", &column.name, reason);
            }
        }
        let types = table
            .primary_key
            .iter()
            .map(|at| &own.columns[*at].data_type);
        if !fits_key(self.to, types) {
            let reason = format!(
                "has a primary key that is too long for {}; give its texts a shorter length",
                self.to
            );
            self.refuse("table", &table.name, reason);
        }
    }

    /// Whether the other database can have an index.
    fn holds_index(&mut self, own: &TableDef, index: &IndexDef) -> bool {
        let name = &index.name;
        let is_plain =
            |part: &IndexPart| matches!(part, IndexPart::Column(_) | IndexPart::Descending(_));
        if index.condition.is_some() {
            self.refuse(
                "index",
                name,
                format!(
                    "has a condition, in SQL of {}; drop it for the move",
                    self.from
                ),
            );
        } else if index.definition.is_some() {
            self.refuse(
                "index",
                name,
                format!(
                    "is of a kind that {} alone has; drop it for the move",
                    self.from
                ),
            );
        } else if !index.parts.iter().all(is_plain) {
            let reason = "is on an expression, a part of a column, or in a collation of its own; drop it for the move";
            self.refuse("index", name, reason);
        } else {
            let ordinals = || index.parts.iter().filter_map(IndexPart::column);
            let is_json =
                |at: usize| own.columns[at].data_type.column_type() == Some(ColumnType::Json);
            if ordinals().any(is_json) {
                self.refuse(
                    "index",
                    name,
                    format!(
                        "is on JSON, which {} cannot index so; drop it for the move",
                        self.to
                    ),
                );
            } else if !fits_key(self.to, ordinals().map(|at| &own.columns[at].data_type)) {
                let reason = format!(
                    "is too long for {}; give its texts a shorter length, or drop it for the move",
                    self.to
                );
                self.refuse("index", name, reason);
            } else {
                return true;
            }
        }
        false
    }

    fn foreign_key(&mut self, key: &ForeignKeyDef) -> Option<ForeignKeyDef> {
        if key.schema.is_some() {
            let reason = "leads to a table of another namespace; drop it for the move";
            self.refuse("foreign key", &key.name, reason);
            return None;
        }
        let actions = [key.on_delete, key.on_update];
        if actions.contains(&ReferenceAction::SetDefault) && !sets_defaults(self.to) {
            let reason = format!(
                "sets columns to their defaults, which {} cannot; change its actions",
                self.to
            );
            self.refuse("foreign key", &key.name, reason);
            return None;
        }
        let other = self
            .all
            .iter()
            .find(|other| other.name.eq_ignore_ascii_case(&key.table));
        let Some(other) = other else {
            self.refuse(
                "foreign key",
                &key.name,
                "leads to a table that is not there; drop it",
            );
            return None;
        };
        let columns: Vec<&str> = key
            .columns
            .iter()
            .map(|at| &*self.table.columns[*at].name)
            .collect();
        let mut own = key.clone();
        own.name = constraint_name(&self.table.name, &columns, "fkey");
        own.table.clone_from(&other.name);
        if own.referenced.len() != own.columns.len() {
            let key = other
                .primary_key
                .iter()
                .map(|at| other.columns[*at].name.clone());
            own.referenced = key.collect();
        }
        Some(own)
    }

    /// The checks, but for those by which a database has a type of the library.
    fn checks(&mut self, own: &TableDef) {
        let of_types = own.columns.iter().filter_map(|column| {
            let plain = DataType::of_text(&column.data_type.to_text()?)?;
            let check = ddl::type_check(self.from, &column.name, &plain)?;
            Some(canonical::check(&ddl::text(self.from, &check)))
        });
        let of_types: Vec<String> = of_types.collect();
        for CheckDef { name, expression } in &self.table.checks {
            if !of_types.contains(&canonical::check(&expression.text)) {
                let name = name.as_deref().unwrap_or(&expression.text);
                self.refuse(
                    "check",
                    name,
                    format!("is written in SQL of {}; drop it for the move", self.from),
                );
            }
        }
    }
}
