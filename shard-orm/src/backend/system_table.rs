//! `CREATE TABLE` of the library's own tables.
//!
//! Called by `catalog`, `id`, `lock` and `migrate`.

use sea_query::{Alias, ColumnDef, Index, IntoTableRef, Table};

use super::ddl::exact_table;
use super::{big_integer, long_text, render_table, short_text};
use crate::dialect::Dialect;

/// The prefix of the library's own tables.
pub(crate) const OWN: &str = "shard_orm_";

/// The type of a column of such a table.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Kind {
    Integer,
    /// Up to 255 characters.
    Text,
    /// Text of any length, which cannot be in a key.
    LongText,
}

/// The statement that creates such a table unless it exists. The first column is its primary key.
pub(crate) fn create_table(
    dialect: Dialect,
    table: impl IntoTableRef,
    columns: &[(&str, Kind)],
) -> String {
    create_table_by(dialect, table, columns, 1)
}

/// As [`create_table`], with a primary key of the first columns, as many as `key`.
pub(crate) fn create_table_by(
    dialect: Dialect,
    table: impl IntoTableRef,
    columns: &[(&str, Kind)],
    key: usize,
) -> String {
    let mut create = Table::create();
    create.table(table).if_not_exists();
    for (name, kind) in columns {
        let column_type = match kind {
            Kind::Integer => big_integer(dialect),
            Kind::Text => short_text(dialect),
            Kind::LongText => long_text(dialect),
        };
        let mut column = ColumnDef::new_with_type(Alias::new(*name), column_type);
        column.not_null();
        if key == 1 && *name == columns[0].0 {
            column.primary_key();
        }
        create.col(column);
    }
    if key > 1 {
        let mut index = Index::create();
        for (name, _) in columns.iter().take(key) {
            index.col(Alias::new(*name));
        }
        create.primary_key(&mut index);
    }
    exact_table(dialect, &mut create, true);
    render_table(dialect, &create)
}
