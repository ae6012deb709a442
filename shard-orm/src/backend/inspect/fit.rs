//! Which types of the databases hold a model's column.
//!
//! Asked where a row could not be read, by `setup`, and where copies are compared.

use super::ColumnShape;
use crate::backend::ColumnType;
use crate::dialect::Dialect;

/// The name of a type without length and sign.
pub(crate) fn base(shape: &ColumnShape) -> &str {
    let name = shape.type_name.as_str();
    name.split(['(', ' ']).next().unwrap_or(name)
}

/// The types that hold a column there, in words; the first is the one that `cluster.setup()` makes.
pub(crate) fn expected(column: ColumnType, dialect: Dialect) -> &'static str {
    use ColumnType as Type;
    match dialect {
        Dialect::Postgres => match column {
            Type::Bool => "`boolean`",
            Type::I8 | Type::I16 | Type::U8 => "`smallint`",
            Type::I32 | Type::U16 => "`integer`",
            Type::I64 | Type::U32 | Type::U64 => "`bigint`",
            Type::F32 => "`real`",
            Type::F64 => "`double precision`",
            Type::Text => "`text` or `varchar`",
            Type::Bytes => "`bytea`",
            Type::TimestampUtc => "`timestamptz`",
            Type::Timestamp => "`timestamp`",
            Type::Date => "`date`",
            Type::Time => "`time`",
            Type::Uuid => "`uuid`",
            Type::Decimal => "`numeric`",
            Type::ScaledDecimal => "`numeric`, with the model's digits",
            Type::Json => "`jsonb` or `json`",
        },
        Dialect::MySql => match column {
            Type::Bool => "`boolean`",
            Type::I8 => "`tinyint`",
            Type::I16 => "`smallint`",
            Type::I32 => "`int`",
            Type::I64 => "`bigint`",
            Type::U8 => "`tinyint unsigned`",
            Type::U16 => "`smallint unsigned`",
            Type::U32 => "`int unsigned`",
            Type::U64 => "`bigint unsigned`",
            Type::F32 => "`float`",
            Type::F64 => "`double`",
            Type::Text => "`longtext` or `varchar`, in utf8mb4",
            Type::Bytes => "`longblob` or `varbinary`",
            Type::TimestampUtc | Type::Timestamp => "`datetime(6)`",
            Type::Date => "`date`",
            Type::Time => "`time(6)`",
            Type::Uuid => "`binary(16)`",
            Type::Decimal => "`decimal(57, 28)`",
            Type::ScaledDecimal => "`decimal`, with the model's digits",
            Type::Json => "`json`",
        },
        Dialect::Sqlite => match column {
            Type::F32 | Type::F64 => "`REAL`",
            Type::Bytes | Type::Uuid => "`BLOB`",
            Type::Text
            | Type::TimestampUtc
            | Type::Timestamp
            | Type::Date
            | Type::Time
            | Type::Decimal
            | Type::Json => "`TEXT`",
            _ => "`INTEGER`",
        },
    }
}

/// `None` when a column of the model can be read from and written to this one; else the type that
/// it should have.
pub(crate) fn unfit(
    column: ColumnType,
    dialect: Dialect,
    shape: &ColumnShape,
) -> Option<&'static str> {
    let is_held = match dialect {
        Dialect::Postgres => postgres(column, base(shape)),
        Dialect::MySql => mysql(column, shape),
        Dialect::Sqlite => is_held_by_affinity(column, &shape.type_name),
    };
    (!is_held).then(|| expected(column, dialect))
}

/// As [`unfit`], of numbers alone, and of a float that keeps half of a field's digits too: these are
/// the columns that take a write and then cannot be read, or have rounded it.
pub(crate) fn unfit_number(
    column: ColumnType,
    dialect: Dialect,
    shape: &ColumnShape,
) -> Option<&'static str> {
    use ColumnType as Type;
    match column {
        Type::F64 if base(shape) == "float" => Some(expected(column, dialect)),
        Type::I8
        | Type::I16
        | Type::I32
        | Type::I64
        | Type::U8
        | Type::U16
        | Type::U32
        | Type::U64
        | Type::F32
        | Type::F64
        | Type::Decimal
        | Type::ScaledDecimal => unfit(column, dialect, shape),
        _ => None,
    }
}

/// The driver takes no other type, not even a wider one.
fn postgres(column: ColumnType, name: &str) -> bool {
    use ColumnType as Type;
    match column {
        Type::Bool => name == "bool",
        Type::I8 | Type::I16 | Type::U8 => name == "int2",
        Type::I32 | Type::U16 => name == "int4",
        Type::I64 | Type::U32 | Type::U64 => name == "int8",
        Type::F32 => name == "float4",
        Type::F64 => name == "float8",
        // A `char` is filled up with spaces.
        Type::Text => matches!(name, "text" | "varchar" | "citext"),
        Type::Bytes => name == "bytea",
        Type::TimestampUtc => name == "timestamptz",
        Type::Timestamp => name == "timestamp",
        Type::Date => name == "date",
        Type::Time => name == "time",
        Type::Uuid => name == "uuid",
        Type::Decimal | Type::ScaledDecimal => name == "numeric",
        Type::Json => matches!(name, "jsonb" | "json"),
    }
}

fn mysql(column: ColumnType, shape: &ColumnShape) -> bool {
    use ColumnType as Type;
    let name = base(shape);
    let unsigned = shape.type_name.contains("unsigned");
    let width = match name {
        "tinyint" => 1,
        "smallint" => 2,
        "mediumint" => 3,
        "int" => 4,
        "bigint" => 8,
        _ => 0,
    };
    match column {
        Type::Bool => name == "tinyint",
        Type::I8 => width >= 1 && !unsigned,
        Type::I16 => width >= 2 && !unsigned,
        Type::I32 => width >= 4 && !unsigned,
        Type::I64 => width >= 8 && !unsigned,
        Type::U8 => width >= 1 && unsigned,
        Type::U16 => width >= 2 && unsigned,
        Type::U32 => width >= 4 && unsigned,
        Type::U64 => width >= 8 && unsigned,
        Type::F32 | Type::F64 => matches!(name, "float" | "double"),
        Type::Text => matches!(
            name,
            "char" | "varchar" | "tinytext" | "text" | "mediumtext" | "longtext" | "enum"
        ),
        Type::Bytes => matches!(
            name,
            "varbinary" | "tinyblob" | "blob" | "mediumblob" | "longblob"
        ),
        Type::TimestampUtc => matches!(name, "datetime" | "timestamp"),
        Type::Timestamp => name == "datetime",
        Type::Date => name == "date",
        Type::Time => name == "time",
        Type::Uuid => name == "binary" && shape.length == Some(16),
        Type::Decimal | Type::ScaledDecimal => name == "decimal",
        // MariaDB's JSON is a text.
        Type::Json => matches!(name, "json" | "longtext"),
    }
}

/// By the affinity of the declared type: "Datatypes In SQLite", 3.1. One that makes numbers of
/// texts would change decimals, and one that makes texts of numbers is read as neither.
pub(crate) fn is_held_by_affinity(column: ColumnType, declared: &str) -> bool {
    let has = |words: &[&str]| words.iter().any(|word| declared.contains(word));
    let affinity = if has(&["int"]) {
        "INTEGER"
    } else if has(&["char", "clob", "text"]) {
        "TEXT"
    } else if has(&["blob"]) || declared.is_empty() || declared == "any" {
        "BLOB"
    } else if has(&["real", "floa", "doub"]) {
        "REAL"
    } else {
        "NUMERIC"
    };
    match expected(column, Dialect::Sqlite) {
        "`INTEGER`" => affinity == "INTEGER" || declared == "boolean",
        "`REAL`" => affinity == "REAL",
        "`BLOB`" => affinity == "BLOB",
        _ => affinity == "TEXT",
    }
}
