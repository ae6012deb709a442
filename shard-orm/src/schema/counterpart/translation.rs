//! One table on its way to another kind of database.

use std::collections::BTreeMap;

use super::Names;
use crate::backend::counterpart::{
    Crossing, can_number, fits_key, has_one_form, numbers_rows, sets_defaults, tells_capitals_apart,
};
use crate::backend::{ColumnType, DataType, canonical, ddl};
use crate::dialect::Dialect;
use crate::schema::clause::constraint_name;
use crate::schema::{
    CheckDef, Collation, ColumnDef, DefaultValue, ForeignKeyDef, IndexDef, IndexPart,
    ReferenceAction, TableDef,
};

/// A table, and what is needed to know its counterpart.
pub(super) struct Translation<'a> {
    pub(super) table: &'a TableDef,
    pub(super) all: &'a [TableDef],
    pub(super) from: Dialect,
    pub(super) to: Dialect,
    pub(super) types: Option<&'a BTreeMap<String, String>>,
    pub(super) unheld: &'a mut Vec<(String, String)>,
}

impl Translation<'_> {
    fn refuse(&mut self, what: &str, name: &str, reason: impl Into<String>) {
        let object = match what {
            "table" => format!("table `{name}`"),
            _ => format!("{what} `{name}` of table `{}`", self.table.name),
        };
        self.unheld.push((object, reason.into()));
    }

    pub(super) fn table(mut self, names: &mut Names) -> TableDef {
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
            let is_one = |dialect: Dialect| {
                let of = own.columns[ordinal].data_type.column_type();
                of.is_none_or(|of| has_one_form(dialect, of))
            };
            if !is_one(self.from) || !is_one(self.to) {
                let reason = "is in a unique key, and is a text on SQLite, where one time or decimal may have several \
                              texts; drop the key for the move";
                self.refuse("column", &column.name, reason);
            }
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
