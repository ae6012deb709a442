//! The encoding of a row by a server, as an expression of its SQL.

use sea_query::{Alias, IntoTableRef as _};

use crate::backend::{ColumnType, quote};
use crate::dialect::Dialect;
use crate::model::ModelDef;

/// The MD5 of a row as an expression in the SQL of `dialect`; `None` where only the library can
/// encode it.
pub(super) fn row_hash(dialect: Dialect, def: &ModelDef) -> Option<String> {
    let encoded: Option<Vec<String>> = def
        .columns
        .iter()
        .map(|column| {
            let name = quote(dialect, &Alias::new(column.name).into_table_ref());
            match dialect {
                Dialect::Sqlite => None,
                Dialect::Postgres => postgres(column.column_type, &name),
                Dialect::MySql => mysql(column.column_type, &name),
            }
        })
        .collect();
    let encoded = encoded?;
    Some(match dialect {
        Dialect::Postgres => format!("md5({})", encoded.join(" || ")),
        Dialect::Sqlite | Dialect::MySql => format!("MD5(CONCAT({}))", encoded.join(", ")),
    })
}

fn postgres(column_type: ColumnType, name: &str) -> Option<String> {
    let counted = |text: String| format!("octet_length({text}) || ':' || {text}");
    // The binary form of a time is a 64-bit integer of microseconds, which no setting changes, and
    // whose digits no older version rounds: PostgreSQL's `timestamp.c`, `timestamptz_send`.
    let micros = |send: &str| format!("('x' || encode({send}({name}), 'hex'))::bit(64)::bigint");
    // From 2000-01-01, where PostgreSQL's count begins, to 1970-01-01.
    let since_1970 = |send: &str| format!("({} + 946684800000000)", micros(send));
    let present = match column_type {
        ColumnType::Bool => format!("'1:' || (CASE WHEN {name} THEN '1' ELSE '0' END)"),
        ColumnType::I8
        | ColumnType::I16
        | ColumnType::I32
        | ColumnType::I64
        | ColumnType::U8
        | ColumnType::U16
        | ColumnType::U32
        | ColumnType::U64 => counted(format!("{name}::text")),
        ColumnType::F32 | ColumnType::F64 => {
            let bits = format!("encode(float8send({name}::float8 + 0), 'hex')");
            let nan = "'7ff8000000000000'";
            format!("'16:' || (CASE WHEN {name} = 'NaN' THEN {nan} ELSE {bits} END)")
        }
        ColumnType::Decimal => counted(trimmed(&format!("{name}::text"), "strpos")),
        // A varchar's or char's own type would be kept by `||`.
        ColumnType::Text => counted(format!("{name}::text")),
        ColumnType::Bytes => format!("octet_length({name}) * 2 || ':' || encode({name}, 'hex')"),
        ColumnType::Uuid => format!("'32:' || encode(uuid_send({name}), 'hex')"),
        ColumnType::TimestampUtc => counted(format!("{}::text", since_1970("timestamptz_send"))),
        ColumnType::Timestamp => counted(format!("{}::text", since_1970("timestamp_send"))),
        ColumnType::Date => counted(format!("({name} - DATE '1970-01-01')::text")),
        ColumnType::Time => counted(format!("({})::text", micros("time_send"))),
        ColumnType::Json => return None,
    };
    Some(format!(
        "(CASE WHEN {name} IS NULL THEN '-' ELSE {present} END)"
    ))
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
        ColumnType::Decimal => counted(trimmed(&number(), "INSTR")),
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
