//! Tables made of the rows of a catalog.

use super::{
    CheckDef, ColumnDef, DefaultValue, ForeignKeyDef, GeneratedColumn, IndexDef, IndexPart,
    ReferenceAction, TableDef,
};
use crate::backend::inspect::{Catalog, IndexRow, PartRow};

impl TableDef {
    /// The tables that a catalog describes.
    pub(crate) fn of_catalog(catalog: Catalog) -> Vec<Self> {
        let mut tables: Vec<Self> = Vec::new();
        for row in catalog.columns {
            if tables.last().is_none_or(|table| table.name != row.table) {
                tables.push(Self::new(row.table, Vec::new()));
            }
            let mut column = ColumnDef::new(row.name, row.data_type);
            column.nullable = row.nullable;
            column.collation = row.collation;
            column.default = row.default.map(DefaultValue::Expression);
            column.identity = row.identity;
            column.generated = row
                .generated
                .map(|(expression, stored)| GeneratedColumn { expression, stored });
            if let Some(table) = tables.last_mut() {
                table.columns.push(column);
            }
        }
        for row in catalog.indexes {
            if let Some(table) = tables.iter_mut().find(|table| table.name == row.table) {
                table.add_index_part(row);
            }
        }
        let mut before: Option<(String, String)> = None;
        for row in catalog.foreign_keys {
            let Some(table) = tables.iter_mut().find(|table| table.name == row.table) else {
                continue;
            };
            let Some(ordinal) = table.ordinal(&row.column) else {
                continue;
            };
            let of = (row.table, row.name.clone());
            if before.as_ref() != Some(&of) {
                before = Some(of);
                table.foreign_keys.push(ForeignKeyDef {
                    name: row.name,
                    columns: Vec::new(),
                    schema: row.schema,
                    table: row.other,
                    referenced: Vec::new(),
                    on_delete: ReferenceAction::of_rule(&row.on_delete),
                    on_update: ReferenceAction::of_rule(&row.on_update),
                });
            }
            if let Some(key) = table.foreign_keys.last_mut() {
                key.columns.push(ordinal);
                key.referenced.extend(row.referenced);
            }
        }
        for (of, name, expression) in catalog.checks {
            if let Some(table) = tables.iter_mut().find(|table| table.name == of) {
                table.checks.push(CheckDef { name, expression });
            }
        }
        tables
    }

    fn add_index_part(&mut self, row: IndexRow) {
        let ordinal = |name: &str| self.ordinal(name);
        let part = match row.part {
            PartRow::Column(name, false) => ordinal(&name).map(IndexPart::Column),
            PartRow::Column(name, true) => ordinal(&name).map(IndexPart::Descending),
            PartRow::Prefix(name, length) => {
                ordinal(&name).map(|ordinal| IndexPart::Prefix(ordinal, length))
            }
            PartRow::Expression(expression) => Some(IndexPart::Expression(expression)),
        };
        let Some(part) = part else {
            return;
        };
        match (row.primary, part) {
            (true, IndexPart::Column(ordinal) | IndexPart::Descending(ordinal)) => {
                self.primary_key.push(ordinal);
            }
            (_, part) => match self.indexes.last_mut() {
                Some(index) if index.name == row.name => index.parts.push(part),
                _ => self.indexes.push(IndexDef {
                    name: row.name,
                    parts: vec![part],
                    unique: row.unique,
                    condition: row.condition,
                    definition: row.definition,
                }),
            },
        }
    }
}

impl ReferenceAction {
    /// Of a rule in the words of a database; PostgreSQL has a letter for each.
    fn of_rule(rule: &str) -> Self {
        match rule {
            "c" | "CASCADE" => Self::Cascade,
            "n" | "SET NULL" => Self::SetNull,
            "d" | "SET DEFAULT" => Self::SetDefault,
            _ => Self::Refuse,
        }
    }
}
