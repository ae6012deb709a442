//! Columns of many rows as array arguments, which PostgreSQL alone takes.
//!
//! Called for statements that insert or update many rows at once. The arguments are bound by
//! [`Args::array`](super::Args::array).

use sea_query::{Alias, IntoTableRef as _, TableRef};

use super::{ColumnType, quote};
use crate::dialect::Dialect;

/// `INSERT INTO t (..) SELECT * FROM UNNEST($1::bigint[], $2::text[], ..)`.
///
/// Written by hand: sea-query counts the asterisk as one column and refuses it.
pub(crate) fn insert_arrays(
    table: &TableRef,
    columns: impl Iterator<Item = (Alias, ColumnType)>,
) -> String {
    let (names, arrays): (Vec<String>, Vec<String>) = (1..)
        .zip(columns)
        .map(|(number, (name, column_type))| {
            let name = quote(Dialect::Postgres, &name.into_table_ref());
            (name, format!("${number}::{}[]", element_type(column_type)))
        })
        .unzip();
    format!(
        "INSERT INTO {} ({}) SELECT * FROM UNNEST({})",
        quote(Dialect::Postgres, table),
        names.join(", "),
        arrays.join(", ")
    )
}

/// The type of the elements of a column's array.
pub(crate) fn element_type(column_type: ColumnType) -> &'static str {
    match column_type {
        ColumnType::Bool => "bool",
        ColumnType::I8 | ColumnType::I16 | ColumnType::U8 => "int2",
        ColumnType::I32 | ColumnType::U16 => "int4",
        ColumnType::I64 | ColumnType::U32 | ColumnType::U64 => "int8",
        ColumnType::F32 => "float4",
        ColumnType::F64 => "float8",
        ColumnType::Text => "text",
        ColumnType::Bytes => "bytea",
        ColumnType::TimestampUtc => "timestamptz",
        ColumnType::Timestamp => "timestamp",
        ColumnType::Date => "date",
        ColumnType::Time => "time",
        ColumnType::Uuid => "uuid",
        ColumnType::Decimal | ColumnType::ScaledDecimal => "numeric",
        ColumnType::Json => "jsonb",
    }
}
