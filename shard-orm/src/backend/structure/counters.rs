//! The values that sequences, identity columns and row numbers have reached.
//!
//! They are set at the target when nothing is written at the source any more.

use super::{Structure, rows, text};
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;

/// The number of sequences that one statement reads.
const PER_STATEMENT: usize = 200;

/// Reads the counters of the session's namespace, and returns the statements that set those of another one to the same
/// values. `present` gives the name that a table or sequence has now in the session's namespace; the statements contain
/// the names of the structure.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn counters(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<String>, Failure> {
    match structure.dialect {
        Dialect::Postgres => postgres(conn, structure, present).await,
        Dialect::MySql => mysql(conn, structure, present).await,
        Dialect::Sqlite => sqlite(conn, structure, present).await,
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// The row of a sequence tells more than `pg_sequences`: whether its value was given out.
async fn postgres(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<String>, Failure> {
    let mut statements = Vec::new();
    for some in structure.sequences.chunks(PER_STATEMENT) {
        let reads = some.iter().enumerate().map(|(at, sequence)| {
            let name = structure.quoted(&present(&sequence.name));
            format!("SELECT {at} AS at, last_value, is_called FROM {name}")
        });
        let reads = reads.collect::<Vec<_>>().join(" UNION ALL ");
        for (row, sequence) in rows(conn, &format!("{reads} ORDER BY at"))
            .await?
            .iter()
            .zip(some)
        {
            let is_called = if text(row, 2) == "t" { "true" } else { "false" };
            statements.push(format!(
                "SELECT pg_catalog.setval({}, {}, {is_called})",
                literal(&structure.quoted(&sequence.name)),
                text(row, 1)
            ));
        }
    }
    Ok(statements)
}

async fn mysql(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<String>, Failure> {
    let mut statements = Vec::new();
    #[cfg(feature = "mysql")]
    for table in &structure.tables {
        let now = structure.quoted(&present(table));
        // `information_schema.TABLES` tells a value of its cache.
        let shown = rows(conn, &format!("SHOW CREATE TABLE {now}")).await?;
        let create = shown.first().map_or("", |row| text(row, 1));
        if let Some(next) = super::mysql::Parts::of(table, create).counter {
            let table = structure.quoted(table);
            statements.push(format!("ALTER TABLE {table} AUTO_INCREMENT = {next}"));
        }
    }
    for sequence in &structure.sequences {
        let now = structure.quoted(&present(&sequence.name));
        let read = format!("SELECT next_not_cached_value, cycle_count FROM {now}");
        for row in rows(conn, &read).await? {
            let name = structure.quoted(&sequence.name);
            let (next, round) = (text(&row, 0), text(&row, 1));
            // The value is the next one, in the same round.
            statements.push(format!("SELECT SETVAL({name}, {next}, 0, {round})"));
        }
    }
    Ok(statements)
}

/// A table has a row in `sqlite_sequence` once a row was inserted into it.
async fn sqlite(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<String>, Failure> {
    const EXISTS: &str = "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'";
    if rows(conn, EXISTS).await?.is_empty() {
        return Ok(Vec::new());
    }
    let found = rows(conn, "SELECT name, seq FROM main.sqlite_sequence").await?;
    let mut statements = Vec::new();
    for table in &structure.tables {
        let now = present(table);
        let value = found
            .iter()
            .find(|row| text(row, 0).eq_ignore_ascii_case(&now));
        if let Some(value) = value.map(|row| text(row, 1)) {
            let name = literal(table);
            statements.push(format!(
                "UPDATE sqlite_sequence SET seq = {value} WHERE lower(name) = lower({name})"
            ));
            statements.push(format!(
                "INSERT INTO sqlite_sequence (name, seq) SELECT {name}, {value} WHERE NOT EXISTS \
                 (SELECT 1 FROM sqlite_sequence WHERE lower(name) = lower({name}))"
            ));
        }
    }
    Ok(statements)
}
