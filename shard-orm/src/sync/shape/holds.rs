//! Which types of the databases hold a model's column, and which pairs of them lose something.

use crate::backend::ColumnType;
use crate::backend::inspect::ColumnShape;
use crate::dialect::Dialect;
use crate::model::ColumnDef;
use crate::sync::table::TableAt;

/// A column as it is kept somewhere.
#[derive(Clone, Copy)]
pub(super) struct Kept<'a> {
    dialect: Dialect,
    shape: &'a ColumnShape,
}

impl<'a> Kept<'a> {
    pub(super) fn of(table: &TableAt<'_>, shape: &'a ColumnShape) -> Self {
        Self {
            dialect: table.dialect(),
            shape,
        }
    }

    /// The name of the type without length and sign.
    fn base(self) -> &'a str {
        base(self.shape)
    }
}

fn base(shape: &ColumnShape) -> &str {
    let name = shape.type_name.as_str();
    name.split(['(', ' ']).next().unwrap_or(name)
}

/// The types that hold a column there, in words; the first is the one that `cluster.setup()` makes.
pub(super) fn expected(column: ColumnType, dialect: Dialect) -> &'static str {
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
pub(crate) fn holds(
    column: ColumnType,
    dialect: Dialect,
    shape: &ColumnShape,
) -> Option<&'static str> {
    let is_held = match dialect {
        Dialect::Postgres => postgres(column, base(shape)),
        Dialect::MySql => mysql(column, shape),
        Dialect::Sqlite => sqlite(column, &shape.type_name),
    };
    (!is_held).then(|| expected(column, dialect))
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
        Type::Decimal => name == "numeric",
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
        Type::Decimal => name == "decimal",
        // MariaDB's JSON is a text.
        Type::Json => matches!(name, "json" | "longtext"),
    }
}

/// By the affinity of the declared type: "Datatypes In SQLite", 3.1. One that makes numbers of
/// texts would change decimals, and one that makes texts of numbers is read as neither.
fn sqlite(column: ColumnType, declared: &str) -> bool {
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

/// The digits that a decimal of the model has at most, before and after its point.
const DECIMAL: (i64, i64) = (29, 28);
/// What `cluster.setup()` gives an indexed text on MySQL.
const INDEXED_LENGTH: i64 = 255;

/// What the copy would lose of what the source keeps.
pub(super) fn loses(
    column: &ColumnDef,
    (source, copy): (Kept<'_>, Kept<'_>),
    indexed: bool,
) -> Option<String> {
    let (there, here) = (source.shape, copy.shape);
    let pair = format!(
        "is `{}` at the source and `{}` at the copy",
        there.type_name, here.type_name
    );
    let make = expected(column.column_type, copy.dialect);
    match column.column_type {
        ColumnType::F64 if copy.base() == "float" && source.base() != "float" => {
            Some(format!("{pair}, which halves its digits; make it {make}"))
        }
        ColumnType::TimestampUtc | ColumnType::Timestamp | ColumnType::Time => {
            let digits = |shape: &ColumnShape| shape.fraction.unwrap_or(6);
            if digits(here) < digits(there) {
                return Some(format!(
                    "{pair}, which keeps {} digits of a second of {}; make it {make}",
                    digits(here),
                    digits(there)
                ));
            }
            let short =
                |side: Kept<'_>| side.dialect == Dialect::MySql && side.base() == "timestamp";
            (short(copy) && !short(source))
                .then(|| format!("{pair}, which holds no time before 1970; make it {make}"))
        }
        ColumnType::Decimal => {
            let digits = |shape: &ColumnShape| match (shape.precision, shape.scale) {
                (Some(precision), Some(scale)) => {
                    ((precision - scale).min(DECIMAL.0), scale.min(DECIMAL.1))
                }
                _ => DECIMAL,
            };
            let (there, here) = (digits(there), digits(here));
            (here.0 < there.0 || here.1 < there.1).then(|| {
                format!(
                    "{pair}, which keeps {} digits before the point and {} after it of {} and {}; \
                     make it {make}",
                    here.0, here.1, there.0, there.1
                )
            })
        }
        ColumnType::Text => text(column, (source, copy), indexed, &pair),
        ColumnType::Bytes => shorter(column, (source, copy), indexed)
            .map(|length| format!("{pair}, which cuts at {length} bytes; make it {make}")),
        _ => None,
    }
}

fn text(
    column: &ColumnDef,
    (source, copy): (Kept<'_>, Kept<'_>),
    indexed: bool,
    pair: &str,
) -> Option<String> {
    let charset = copy.shape.charset.as_deref();
    if copy.dialect == Dialect::MySql
        && charset != Some("utf8mb4")
        && source.shape.charset.as_deref() != charset
    {
        return Some(format!(
            "is in {} at the copy, which does not hold every character; make it utf8mb4",
            charset.unwrap_or("no character set")
        ));
    }
    let length = shorter(column, (source, copy), indexed)?;
    let make = expected(column.column_type, copy.dialect);
    Some(format!(
        "{pair}, which holds {length} characters; make it as long as at the source, or {make}"
    ))
}

/// The length of the copy's column, when it is less than the source's and than what the model's own
/// table would have.
fn shorter(column: &ColumnDef, (source, copy): (Kept<'_>, Kept<'_>), indexed: bool) -> Option<i64> {
    let here = copy.shape.length?;
    let there = source.shape.length.unwrap_or(i64::MAX);
    let by_model = column
        .length
        .map(i64::from)
        .or((indexed && copy.dialect == Dialect::MySql).then_some(INDEXED_LENGTH))
        .unwrap_or(i64::MAX);
    // The longest of MySQL's texts and blobs counts in bytes, 2^32 of them.
    (here < there.min(by_model).min(i64::from(u32::MAX))).then_some(here)
}
