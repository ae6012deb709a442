//! The digest of rows as a server computes it: the SQL of the encoding, the hash and the sums that the
//! head of `replicate::digest` defines.
//!
//! Called by `replicate::digest`.

use sea_query::{Alias, Expr, IntoTableRef as _, SelectStatement};

use super::{ColumnType, integer_type, quote};
use crate::dialect::Dialect;

/// The MD5 of a row in the SQL of one database.
pub(crate) struct RowHash {
    dialect: Dialect,
    /// The texts of the columns with their names, where a subquery computes them, so that each is
    /// computed once.
    texts: Vec<(String, String)>,
    /// The hash: on PostgreSQL 128 bits, on MySQL hexadecimal digits.
    hash: String,
}

impl RowHash {
    /// The hash of a row of these columns; `None` where only the library can encode it, as a type that it
    /// does not know.
    pub(crate) fn new<'c>(
        dialect: Dialect,
        columns: impl Iterator<Item = (&'c str, Option<ColumnType>)>,
    ) -> Option<Self> {
        let name = |name: &str| quote(dialect, &Alias::new(name).into_table_ref());
        let (mut texts, mut encoded) = (Vec::new(), Vec::new());
        for (ordinal, (column, column_type)) in columns.enumerate() {
            let column_type = column_type?;
            match dialect {
                Dialect::Sqlite => return None,
                Dialect::Postgres => {
                    let text = format!("text_{ordinal}");
                    encoded.push(format!(
                        "(CASE WHEN {text} IS NULL THEN '-' ELSE octet_length({text}) || ':' || {text} END)"
                    ));
                    texts.push((text, postgres(column_type, &name(column))?));
                }
                // A subquery would be kept in a temporary table, which costs more than it saves.
                Dialect::MySql => encoded.push(mysql(column_type, &name(column))?),
            }
        }
        let hash = match dialect {
            Dialect::MySql => format!("MD5(CONCAT({}))", encoded.join(", ")),
            _ => format!("('x' || md5({}))::bit(128)", encoded.join(" || ")),
        };
        Some(Self {
            dialect,
            texts,
            hash,
        })
    }

    /// For each part: its number, its rows, the rows that have a hash, and the sums of the four words
    /// of their hashes. `rows` selects the rows and nothing of them yet.
    pub(crate) fn sums(&self, mut rows: SelectStatement, part: Expr) -> SelectStatement {
        rows.expr_as(part, "part");
        if !self.texts.is_empty() {
            for (name, text) in &self.texts {
                rows.expr_as(Expr::cust(text.clone()), Alias::new(name));
            }
            self.materialize(&mut rows);
            let mut hashed = SelectStatement::new();
            hashed.column("part").from_subquery(rows, "texts");
            rows = hashed;
        }
        rows.expr_as(Expr::cust(self.hash.clone()), "row_hash");
        self.materialize(&mut rows);
        let integer = integer_type(self.dialect);
        let mut sums = SelectStatement::new();
        sums.expr(Expr::cust(format!("CAST(part AS {integer})")))
            .expr(Expr::cust("COUNT(*)"))
            .expr(Expr::cust("COUNT(row_hash)"));
        for word in 0..4 {
            sums.expr(Expr::cust(match self.dialect {
                Dialect::MySql => format!(
                    "CAST(COALESCE(SUM(CAST(CONV(SUBSTRING(row_hash, {}, 8), 16, 10) AS UNSIGNED)), 0) \
                     AS CHAR)",
                    word * 8 + 1
                ),
                Dialect::Postgres | Dialect::Sqlite => format!(
                    "CAST(COALESCE(SUM(substring(row_hash FROM {} FOR 32)::bigint), 0) AS text)",
                    word * 32 + 1
                ),
            }));
        }
        sums.from_subquery(rows, "hashed").group_by_col("part");
        sums
    }

    /// Keeps a subquery from being merged into the outer query, which would compute its columns anew
    /// for each use.
    fn materialize(&self, rows: &mut SelectStatement) {
        match self.dialect {
            Dialect::MySql => rows.limit(u64::MAX),
            Dialect::Postgres | Dialect::Sqlite => rows.offset(0),
        };
    }
}

/// The text of a column's value; NULL for NULL.
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
