//! The values that sequences, identity columns and row numbers have reached.
//!
//! They are set at the target when nothing is written at the source any more: in the form of the database, or, between
//! kinds of databases, as the numbers that columns give next.

use super::{Structure, quoted, rows, text};
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;

/// The number of sequences that one statement reads.
const PER_STATEMENT: usize = 200;

/// What a sequence, identity column or row number has reached.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Counter {
    /// The table or sequence.
    name: String,
    value: i128,
    /// The statements that set one of the same name to the value.
    statements: Vec<String>,
}

impl Counter {
    fn new(name: &str, value: &str, statements: Vec<String>) -> Self {
        Self {
            name: name.to_owned(),
            value: value.parse().unwrap_or(i128::MAX),
            statements,
        }
    }
}

/// The statements that set the counters to the highest values that they have in one of several namespaces.
pub(crate) fn highest(counters: Vec<Vec<Counter>>) -> Vec<String> {
    let mut highest: Vec<Counter> = Vec::new();
    for counter in counters.into_iter().flatten() {
        match highest.iter_mut().find(|own| own.name == counter.name) {
            Some(own) if own.value >= counter.value => {}
            Some(own) => *own = counter,
            None => highest.push(counter),
        }
    }
    let statements = highest.into_iter().map(|counter| counter.statements);
    statements.flatten().collect()
}

/// Reads the counters of the session's namespace, with the statements that set those of another one to the same
/// values. `present` gives the name that a table or sequence has now in the session's namespace; the statements contain
/// the names of the structure.
///
/// # Errors
/// When a statement fails.
pub(crate) async fn counters(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<Counter>, Failure> {
    match structure.dialect {
        Dialect::Postgres => postgres(conn, structure, present).await,
        Dialect::MySql => mysql(conn, structure, present).await,
        Dialect::Sqlite => sqlite(conn, structure, present).await,
    }
}

fn literal(text: &str) -> String {
    format!("'{}'", text.replace('\'', "''"))
}

/// A column by which the database numbers the rows of a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Numbered {
    pub(crate) table: String,
    pub(crate) column: String,
}

/// Reads the numbers that columns give next, as counters of the database in which they are set. `present` is as in
/// [`counters`].
///
/// # Errors
/// When a statement fails.
pub(crate) async fn numbering(
    conn: &mut Conn,
    numbered: &[Numbered],
    present: &(dyn Fn(&str) -> String + Sync),
    to: Dialect,
) -> Result<Vec<Counter>, Failure> {
    let mut counters = Vec::new();
    for Numbered { table, column } in numbered {
        let next = match conn.dialect() {
            Dialect::Postgres => next_of_postgres(conn, &present(table), column).await?,
            Dialect::MySql => next_of_mysql(conn, &present(table)).await?,
            Dialect::Sqlite => next_of_sqlite(conn, &present(table)).await?,
        };
        if let Some(next) = next {
            let statements = starting_at(to, table, column, next);
            counters.push(Counter::new(table, &next.to_string(), statements));
        }
    }
    Ok(counters)
}

/// The statements that let a column give this number next.
fn starting_at(to: Dialect, table: &str, column: &str, next: i128) -> Vec<String> {
    let name = quoted(to, table);
    match to {
        Dialect::Postgres => vec![format!(
            "SELECT pg_catalog.setval(pg_get_serial_sequence({}, {}), {next}, false)",
            literal(&name),
            literal(column)
        )],
        Dialect::MySql => vec![format!("ALTER TABLE {name} AUTO_INCREMENT = {next}")],
        Dialect::Sqlite => in_sqlite_sequence(table, &(next - 1).to_string()),
    }
}

async fn next_of_postgres(
    conn: &mut Conn,
    table: &str,
    column: &str,
) -> Result<Option<i128>, Failure> {
    let (name, column) = (quoted(Dialect::Postgres, table), literal(column));
    let asked = format!(
        "SELECT pg_get_serial_sequence({}, {column})",
        literal(&name)
    );
    let found = rows(conn, &asked).await?;
    let sequence = found.first().map_or("", |row| text(row, 0));
    if sequence.is_empty() {
        return Ok(None);
    }
    let read = format!(
        "SELECT CASE WHEN is_called THEN last_value + 1 ELSE last_value END FROM {sequence}"
    );
    let found = rows(conn, &read).await?;
    Ok(found.first().and_then(|row| text(row, 0).parse().ok()))
}

async fn next_of_mysql(conn: &mut Conn, table: &str) -> Result<Option<i128>, Failure> {
    let shown = format!("SHOW CREATE TABLE {}", quoted(Dialect::MySql, table));
    let shown = rows(conn, &shown).await?;
    let create = shown.first().map_or("", |row| text(row, 1));
    #[cfg(feature = "mysql")]
    let next = super::mysql::Parts::of(table, create).counter;
    #[cfg(not(feature = "mysql"))]
    let next = Some(create).filter(|_| false);
    Ok(next.and_then(|next| next.parse().ok()))
}

async fn next_of_sqlite(conn: &mut Conn, table: &str) -> Result<Option<i128>, Failure> {
    if rows(conn, HAS_SEQUENCES).await?.is_empty() {
        return Ok(None);
    }
    let name = literal(table);
    let read =
        format!("SELECT seq + 1 FROM main.sqlite_sequence WHERE lower(name) = lower({name})");
    let found = rows(conn, &read).await?;
    Ok(found.first().and_then(|row| text(row, 0).parse().ok()))
}

/// Whether a file has the table of its row numbers.
const HAS_SEQUENCES: &str = "SELECT 1 FROM main.sqlite_schema WHERE name = 'sqlite_sequence'";

/// The statements that set the highest row number of a table.
fn in_sqlite_sequence(table: &str, value: &str) -> Vec<String> {
    let name = literal(table);
    let update =
        format!("UPDATE sqlite_sequence SET seq = {value} WHERE lower(name) = lower({name})");
    let insert = format!(
        "INSERT INTO sqlite_sequence (name, seq) SELECT {name}, {value} WHERE NOT EXISTS \
         (SELECT 1 FROM sqlite_sequence WHERE lower(name) = lower({name}))"
    );
    vec![update, insert]
}

/// The row of a sequence tells more than `pg_sequences`: whether its value was given out.
async fn postgres(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<Counter>, Failure> {
    let mut counters = Vec::new();
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
            let value = text(row, 1);
            let set = format!(
                "SELECT pg_catalog.setval({}, {value}, {is_called})",
                literal(&structure.quoted(&sequence.name)),
            );
            counters.push(Counter::new(&sequence.name, value, vec![set]));
        }
    }
    Ok(counters)
}

async fn mysql(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<Counter>, Failure> {
    let mut counters = Vec::new();
    #[cfg(feature = "mysql")]
    for table in &structure.tables {
        let now = structure.quoted(&present(table));
        // `information_schema.TABLES` tells a value of its cache.
        let shown = rows(conn, &format!("SHOW CREATE TABLE {now}")).await?;
        let create = shown.first().map_or("", |row| text(row, 1));
        if let Some(next) = super::mysql::Parts::of(table, create).counter {
            let quoted = structure.quoted(table);
            let set = format!("ALTER TABLE {quoted} AUTO_INCREMENT = {next}");
            counters.push(Counter::new(table, &next, vec![set]));
        }
    }
    for sequence in &structure.sequences {
        let now = structure.quoted(&present(&sequence.name));
        let read = format!("SELECT next_not_cached_value, cycle_count FROM {now}");
        for row in rows(conn, &read).await? {
            let name = structure.quoted(&sequence.name);
            let (next, round) = (text(&row, 0), text(&row, 1));
            // The value is the next one, in the same round.
            let set = format!("SELECT SETVAL({name}, {next}, 0, {round})");
            counters.push(Counter::new(&sequence.name, next, vec![set]));
        }
    }
    Ok(counters)
}

/// A table has a row in `sqlite_sequence` once a row was inserted into it.
async fn sqlite(
    conn: &mut Conn,
    structure: &Structure,
    present: &(dyn Fn(&str) -> String + Sync),
) -> Result<Vec<Counter>, Failure> {
    if rows(conn, HAS_SEQUENCES).await?.is_empty() {
        return Ok(Vec::new());
    }
    let found = rows(conn, "SELECT name, seq FROM main.sqlite_sequence").await?;
    let mut counters = Vec::new();
    for table in &structure.tables {
        let now = present(table);
        let value = found
            .iter()
            .find(|row| text(row, 0).eq_ignore_ascii_case(&now));
        if let Some(value) = value.map(|row| text(row, 1)) {
            let statements = in_sqlite_sequence(table, value);
            counters.push(Counter::new(table, value, statements));
        }
    }
    Ok(counters)
}
