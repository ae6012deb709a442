//! The change capture of a move, for tables that are known by their descriptions.
//!
//! Called by `reshard`, for the source of a move, and for its target as soon as changes may have to flow back.

use std::sync::Arc;

use sea_query::Value;

use super::{
    ColumnDef, CreateTable, DefaultValue, ForeignKeyDef, IndexPart, ReferenceAction, TableDef,
};
use crate::backend::move_log::{self, Effect, Logged, Logs, Part, Reference};
use crate::backend::{ColumnType, DataType};
use crate::dialect::Dialect;
use crate::error::{Error, Result};

/// A table whose changes are logged.
#[derive(Debug, Clone)]
pub(crate) struct LoggedTable {
    pub(crate) def: Arc<TableDef>,
    /// The ordinals of the columns that the shard key is made of; none for a table that is moved as a whole.
    pub(crate) shard_key: Vec<usize>,
}

/// The description of the log of the table at a position, by which its entries are read: the id, whether the whole table
/// may have changed, the primary key, and the shard key before and after the change.
pub(crate) fn log_table(job: &str, position: usize, table: &LoggedTable) -> TableDef {
    let id = ColumnDef {
        identity: true,
        ..ColumnDef::new(move_log::ID, DataType::known(ColumnType::I64))
    };
    let whole = ColumnDef {
        default: Some(DefaultValue::Value(Value::Int(Some(0)))),
        ..ColumnDef::new(move_log::WHOLE, DataType::known(ColumnType::I32))
    };
    let mut columns = vec![id, whole];
    let key = table.def.primary_key.iter().enumerate();
    columns.extend(key.map(|(at, ordinal)| table.value(*ordinal, move_log::key(at))));
    for name in [move_log::before, move_log::after] {
        let shard_key = table.shard_key.iter().enumerate();
        columns.extend(shard_key.map(|(at, ordinal)| table.value(*ordinal, name(at))));
    }
    let mut log = TableDef::new(move_log::log_name(job, position), columns);
    log.primary_key = vec![0];
    log
}

/// The statements that create the logs and triggers of a job, where they do not exist yet. The session's namespace is that
/// of the tables.
///
/// # Errors
/// [`Unsupported`](crate::ErrorKind::Unsupported) for a table without a primary key, or one that was read from another kind
/// of database.
pub(crate) fn install(dialect: Dialect, job: &str, tables: &[LoggedTable]) -> Result<Vec<String>> {
    let mut statements = Vec::new();
    for (position, table) in tables.iter().enumerate() {
        if table.def.primary_key.is_empty() {
            return Err(Error::unsupported(format!(
                "table `{}` has no primary key, so that its changes cannot be logged; add one",
                table.def.name
            )));
        }
        let log = log_table(job, position, table);
        let columns = log.columns[2..].iter().map(|column| column.name.clone());
        let columns: Vec<String> = columns.collect();
        match move_log::create_untyped(dialect, &log.name, &columns) {
            Some(create) => statements.push(create),
            None => statements.extend(CreateTable::new(&Arc::new(log), dialect)?.statements()),
        }
        if let Some(name) = move_log::guard_name(dialect, job, position) {
            let guard = Arc::new(guard_table(name, table));
            statements.extend(CreateTable::new(&guard, dialect)?.statements());
        }
    }
    let logs = Logs {
        dialect,
        job,
        tables: tables.iter().map(LoggedTable::logged).collect(),
        references: references(tables),
    };
    statements.extend(move_log::triggers(&logs));
    Ok(statements)
}

/// The statements that remove the logs and triggers of a job, whatever exists of them, and whatever the tables are named
/// now.
pub(crate) fn remove(dialect: Dialect, job: &str, tables: usize) -> Vec<String> {
    move_log::remove(dialect, job, tables)
}

/// The statements that remove the triggers of a job, and leave its logs: a statement of MySQL or MariaDB that began
/// before may still look for one.
pub(crate) fn silence(dialect: Dialect, job: &str, tables: usize) -> Vec<String> {
    move_log::silence(dialect, job, tables)
}

/// A table that stays empty, and refers to the primary key of another one.
fn guard_table(name: String, table: &LoggedTable) -> TableDef {
    let key = &table.def.primary_key;
    let columns = key.iter().enumerate().map(|(at, ordinal)| ColumnDef {
        nullable: false,
        ..table.value(*ordinal, move_log::key(at))
    });
    let mut guard = TableDef::new(name, columns.collect());
    guard.primary_key = (0..key.len()).collect();
    let referenced = key.iter().map(|ordinal| table.name_of(*ordinal).to_owned());
    guard.foreign_keys.push(ForeignKeyDef {
        name: guard.name.clone(),
        columns: guard.primary_key.clone(),
        schema: None,
        table: table.def.name.clone(),
        referenced: referenced.collect(),
        on_delete: ReferenceAction::Refuse,
        on_update: ReferenceAction::Refuse,
    });
    guard
}

/// The foreign keys between the tables.
fn references(tables: &[LoggedTable]) -> Vec<Reference<'_>> {
    let position = |name: &str| {
        let exact = tables.iter().position(|table| table.def.name == name);
        let like = |table: &LoggedTable| table.def.name.eq_ignore_ascii_case(name);
        exact.or_else(|| tables.iter().position(like))
    };
    let mut references = Vec::new();
    for (child, table) in tables.iter().enumerate() {
        for key in table
            .def
            .foreign_keys
            .iter()
            .filter(|key| key.schema.is_none())
        {
            let Some(parent) = position(&key.table) else {
                continue;
            };
            let on_delete = match key.on_delete {
                ReferenceAction::Refuse => None,
                ReferenceAction::Cascade => Some(Effect::Deletes),
                ReferenceAction::SetNull | ReferenceAction::SetDefault => Some(Effect::Changes),
            };
            references.push(Reference {
                child,
                parent,
                columns: key
                    .columns
                    .iter()
                    .map(|ordinal| table.name_of(*ordinal))
                    .collect(),
                referenced: key.referenced.iter().map(String::as_str).collect(),
                on_delete,
                on_update: key.on_update != ReferenceAction::Refuse,
            });
        }
    }
    references
}

impl LoggedTable {
    fn name_of(&self, ordinal: usize) -> &str {
        &self.def.columns[ordinal].name
    }

    /// A column that holds values of one of the table, or NULL.
    fn value(&self, ordinal: usize, name: String) -> ColumnDef {
        let of = &self.def.columns[ordinal];
        ColumnDef {
            nullable: true,
            collation: of.collation.clone(),
            ..ColumnDef::new(name, of.data_type.clone())
        }
    }

    fn logged(&self) -> Logged<'_> {
        let names = |ordinals: &[usize]| ordinals.iter().map(|at| self.name_of(*at)).collect();
        let key = self
            .def
            .primary_key
            .iter()
            .map(|at| Part::Column(self.name_of(*at)));
        // The trigger after a write logs the key of its row anyway, though not the shard key of one that it replaces.
        let mut unique: Vec<Vec<Part<'_>>> = Vec::new();
        if !self.shard_key.is_empty() {
            unique.push(key.collect());
        }
        for index in self.def.indexes.iter().filter(|index| index.unique) {
            let parts = index.parts.iter().map(|part| match part {
                IndexPart::Expression(expression) => Part::Expression(&expression.text),
                IndexPart::Column(at) | IndexPart::Descending(at) | IndexPart::Prefix(at, _) => {
                    Part::Column(self.name_of(*at))
                }
            });
            unique.push(parts.collect());
        }
        Logged {
            name: &self.def.name,
            columns: self
                .def
                .columns
                .iter()
                .map(|column| &*column.name)
                .collect(),
            key: names(&self.def.primary_key),
            shard_key: names(&self.shard_key),
            unique,
        }
    }
}
