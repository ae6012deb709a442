//! The type of a column in a catalog, as one that all databases have where it is one.

use super::{ColumnShape, base};
use crate::backend::codec::is_enabled;
use crate::backend::{ColumnType, DataType, Digits, OpaqueForm, SqlFragment};
use crate::dialect::Dialect;

/// The type of a column that is declared so.
pub(super) fn data_type(dialect: Dialect, shape: &ColumnShape, declared: String) -> DataType {
    let declared = SqlFragment {
        dialect,
        text: declared,
    };
    let (known, form) = match dialect {
        Dialect::Postgres => (postgres(shape), OpaqueForm::Text),
        Dialect::MySql => (mysql(shape), opaque_of_mysql(base(shape))),
        Dialect::Sqlite => (sqlite(&shape.type_name), OpaqueForm::Dynamic),
    };
    let known = known.filter(|column_type| is_enabled(*column_type));
    let is_decimal = matches!(known, Some(ColumnType::Decimal | ColumnType::ScaledDecimal));
    let digits = digits(shape).filter(|_| is_decimal);
    let length = shape.length.and_then(|length| u32::try_from(length).ok());
    match known {
        Some(column_type) => DataType::Known {
            column_type: digits.map_or(column_type, Digits::column_type),
            // The longest texts and byte strings have a limit that no value reaches.
            length: length.filter(|length| {
                *length < u32::MAX && matches!(column_type, ColumnType::Text | ColumnType::Bytes)
            }),
            digits,
            declared: Some(declared),
        },
        None => DataType::Opaque { declared, form },
    }
}

/// The digits of a decimal, if a `Decimal` holds them all.
fn digits(shape: &ColumnShape) -> Option<Digits> {
    let precision = u8::try_from(shape.precision?).ok()?;
    let scale = u8::try_from(shape.scale?).ok()?;
    ((1..=28).contains(&precision) && scale <= precision).then(|| Digits::new(precision, scale))
}

fn postgres(shape: &ColumnShape) -> Option<ColumnType> {
    Some(match shape.type_name.as_str() {
        "bool" => ColumnType::Bool,
        "int2" => ColumnType::I16,
        "int4" => ColumnType::I32,
        "int8" => ColumnType::I64,
        "float4" => ColumnType::F32,
        "float8" => ColumnType::F64,
        "text" | "varchar" => ColumnType::Text,
        "bytea" => ColumnType::Bytes,
        "timestamptz" => ColumnType::TimestampUtc,
        "timestamp" => ColumnType::Timestamp,
        "date" => ColumnType::Date,
        "time" => ColumnType::Time,
        "uuid" => ColumnType::Uuid,
        "numeric" if shape.precision.is_none() || digits(shape).is_some() => ColumnType::Decimal,
        "json" | "jsonb" => ColumnType::Json,
        _ => return None,
    })
}

fn mysql(shape: &ColumnShape) -> Option<ColumnType> {
    let unsigned = shape.type_name.contains("unsigned");
    Some(match (base(shape), unsigned) {
        ("tinyint", false) => ColumnType::I8,
        ("tinyint", true) => ColumnType::U8,
        ("smallint", false) => ColumnType::I16,
        ("smallint", true) => ColumnType::U16,
        ("mediumint" | "int", false) => ColumnType::I32,
        ("mediumint" | "int", true) => ColumnType::U32,
        ("bigint", false) => ColumnType::I64,
        ("bigint", true) => ColumnType::U64,
        ("float", _) => ColumnType::F32,
        ("double", _) => ColumnType::F64,
        ("char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext", _) => {
            ColumnType::Text
        }
        ("binary" | "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob", _) => {
            ColumnType::Bytes
        }
        ("datetime", _) => ColumnType::Timestamp,
        ("timestamp", _) => ColumnType::TimestampUtc,
        ("date", _) => ColumnType::Date,
        ("time", _) => ColumnType::Time,
        // What a model makes without digits, and what has as many as a `Decimal`.
        ("decimal", _)
            if (shape.precision, shape.scale) == (Some(57), Some(28))
                || digits(shape).is_some() =>
        {
            ColumnType::Decimal
        }
        ("json", _) => ColumnType::Json,
        _ => return None,
    })
}

/// A bit string and a shape are bytes; the others have a text.
fn opaque_of_mysql(base: &str) -> OpaqueForm {
    match base {
        "bit" | "geometry" | "point" | "linestring" | "polygon" | "multipoint"
        | "multilinestring" | "multipolygon" | "geometrycollection" => OpaqueForm::Binary,
        _ => OpaqueForm::Text,
    }
}

fn sqlite(declared: &str) -> Option<ColumnType> {
    Some(match declared {
        "int" | "integer" => ColumnType::I64,
        "real" => ColumnType::F64,
        "text" => ColumnType::Text,
        "blob" => ColumnType::Bytes,
        _ => return None,
    })
}
