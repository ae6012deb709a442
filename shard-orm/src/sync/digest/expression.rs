//! The encoding of a row by a server, as an expression of its SQL.

use sea_query::{Alias, IntoTableRef as _};

use crate::backend::{ColumnType, quote};
use crate::dialect::Dialect;
use crate::model::ModelDef;

/// How a server hashes rows.
pub(super) enum RowHash {
    /// By one expression.
    Whole(String),
    /// By the texts of the columns, which a query of its own makes, so that each is made once: here
    /// with their names, and the expression of the hash that has these names.
    OfTexts(Vec<(String, String)>, String),
}

/// The MD5 of a row in the SQL of `dialect`: of PostgreSQL as 128 bits, of MySQL as hexadecimal digits.
/// `None` where only the library can encode it.
pub(super) fn row_hash(dialect: Dialect, def: &ModelDef) -> Option<RowHash> {
    let name = |name: &str| quote(dialect, &Alias::new(name).into_table_ref());
    match dialect {
        Dialect::Sqlite => None,
        Dialect::Postgres => {
            let mut texts = Vec::with_capacity(def.columns.len());
            let mut encoded = Vec::with_capacity(def.columns.len());
            for (ordinal, column) in def.columns.iter().enumerate() {
                let text = format!("text_{ordinal}");
                encoded.push(format!(
                    "(CASE WHEN {text} IS NULL THEN '-' ELSE octet_length({text}) || ':' || {text} END)"
                ));
                texts.push((text, postgres(column.column_type, &name(column.name))?));
            }
            let hash = format!("('x' || md5({}))::bit(128)", encoded.join(" || "));
            Some(RowHash::OfTexts(texts, hash))
        }
        // A query of its own would be kept in a temporary table, which costs more than it saves.
        Dialect::MySql => {
            let columns = def.columns.iter();
            let encoded: Option<Vec<String>> = columns
                .map(|column| mysql(column.column_type, &name(column.name)))
                .collect();
            Some(RowHash::Whole(format!(
                "MD5(CONCAT({}))",
                encoded?.join(", ")
            )))
        }
    }
}

/// The text of a column's value; NULL of NULL.
fn postgres(column_type: ColumnType, name: &str) -> Option<String> {
    // The binary form of a time is a 64-bit integer of microseconds, which no setting changes, and
    // whose digits no older version rounds: PostgreSQL's `timestamp.c`, `timestamptz_send`.
    let micros = |send: &str| format!("('x' || encode({send}({name}), 'hex'))::bit(64)::bigint");
    // From 2000-01-01, where PostgreSQL's count begins, to 1970-01-01.
    let since_1970 = |send: &str| format!("({} + 946684800000000)::text", micros(send));
    Some(match column_type {
        ColumnType::Bool => {
            format!("(CASE WHEN {name} THEN '1' WHEN {name} IS NULL THEN NULL ELSE '0' END)")
        }
        ColumnType::I8
        | ColumnType::I16
        | ColumnType::I32
        | ColumnType::I64
        | ColumnType::U8
        | ColumnType::U16
        | ColumnType::U32
        | ColumnType::U64 => format!("{name}::text"),
        ColumnType::F32 | ColumnType::F64 => {
            let bits = format!("encode(float8send({name}::float8 + 0), 'hex')");
            let nan = "'7ff8000000000000'";
            format!("(CASE WHEN {name} = 'NaN' THEN {nan} ELSE {bits} END)")
        }
        ColumnType::Decimal | ColumnType::ScaledDecimal => {
            trimmed(&format!("{name}::text"), "strpos")
        }
        // A varchar's or char's own type would be kept by `||`.
        ColumnType::Text => format!("{name}::text"),
        ColumnType::Bytes => format!("encode({name}, 'hex')"),
        ColumnType::Uuid => format!("encode(uuid_send({name}), 'hex')"),
        ColumnType::TimestampUtc => since_1970("timestamptz_send"),
        ColumnType::Timestamp => since_1970("timestamp_send"),
        ColumnType::Date => format!("({name} - DATE '1970-01-01')::text"),
        ColumnType::Time => format!("({})::text", micros("time_send")),
        ColumnType::Json => return None,
    })
}

fn mysql(column_type: ColumnType, name: &str) -> Option<String> {
    let counted = |text: String| format!("CONCAT(OCTET_LENGTH({text}), ':', {text})");
    // A sum has no ZEROFILL.
    let number = || format!("CAST({name} + 0 AS CHAR)");
    let present = match column_type {
        ColumnType::Bool => format!("CONCAT('1:', IF({name}, '1', '0'))"),
        ColumnType::I8
        | ColumnType::I16
        | ColumnType::I32
        | ColumnType::I64
        | ColumnType::U8
        | ColumnType::U16
        | ColumnType::U32
        | ColumnType::U64 => counted(number()),
        // There is no cast to the bits of a double. The binary form of a point holds them: a byte
        // and four for its kind, then x, its lowest byte first.
        ColumnType::F32 | ColumnType::F64 => format!(
            "CONCAT('16:', LOWER(HEX(REVERSE(SUBSTRING(ST_AsBinary(POINT({name} + 0e0, 0)), 6, 8)))))"
        ),
        ColumnType::Decimal | ColumnType::ScaledDecimal => counted(trimmed(&number(), "INSTR")),
        // As bytes: columns of different collations do not mix.
        ColumnType::Text => counted(format!("CAST(CONVERT({name} USING utf8mb4) AS BINARY)")),
        ColumnType::Bytes | ColumnType::Uuid => {
            format!("CONCAT(OCTET_LENGTH({name}) * 2, ':', LOWER(HEX({name})))")
        }
        ColumnType::TimestampUtc | ColumnType::Timestamp => counted(format!(
            "CAST(TIMESTAMPDIFF(MICROSECOND, '1970-01-01 00:00:00', {name}) AS CHAR)"
        )),
        ColumnType::Date => counted(format!("CAST(TO_DAYS({name}) - 719528 AS CHAR)")),
        ColumnType::Time => counted(format!(
            "CAST(((HOUR({name}) * 60 + MINUTE({name})) * 60 + SECOND({name})) * 1000000 \
             + MICROSECOND({name}) AS CHAR)"
        )),
        ColumnType::Json => return None,
    };
    // Not COALESCE: a text that is longer than `max_allowed_packet` becomes NULL, and would pass
    // for a NULL of the column. So the whole row becomes NULL, which is noticed.
    Some(format!("IF({name} IS NULL, '-', {present})"))
}

/// A decimal without the zeros at the end of its fraction.
fn trimmed(text: &str, position: &str) -> String {
    let cut = format!("TRIM(TRAILING '.' FROM TRIM(TRAILING '0' FROM {text}))");
    format!("(CASE WHEN {position}({text}, '.') > 0 THEN {cut} ELSE {text} END)")
}
