//! Triggers of MySQL and MariaDB, for each row.
//!
//! A cascade fires no triggers, so the keys of the rows that it will change are logged before, by the trigger of the row
//! that it begins at. They are read with shared locks: at REPEATABLE READ, nobody inserts further rows below them until the
//! transaction ends. The statements name the children: after a rename of these, a deletion fails until the triggers are
//! removed. At READ COMMITTED, a row that another transaction inserts below a row of the cascade, between the read
//! and the cascade, is deleted without an entry; a comparison of the tables finds it.
//!
//! MariaDB notes when a trigger's creation began, and takes a prepared statement that it has checked later for one that
//! knows the trigger. A statement that was checked while the creation waited for its lock does not know it, and would fail
//! at each execution: "table doesn't exist", of a log that it has not opened. So the clock of the session is ahead while
//! triggers are created.

use std::collections::{BTreeMap, BTreeSet};

use super::cascade::{Cascades, Event, Step};
use super::{Logs, Names, name};

/// Sets the clock of the session ahead on MariaDB, and right again; does nothing on MySQL.
const AHEAD: &str = "SET @so_ahead = 1 /*M! , timestamp = UNIX_TIMESTAMP() + 3600 */";
const RIGHT: &str = "SET @so_ahead = 0 /*M! , timestamp = DEFAULT */";

pub(super) fn triggers(
    names: &Names,
    position: usize,
    logs: &Logs<'_>,
    cascades: &Cascades<'_>,
) -> Vec<String> {
    let table = &names.table;
    let trigger = |event: &str, body: &[String]| {
        let own = names.object(&event.to_lowercase().replace(' ', "_"));
        let event = match event.starts_with("BEFORE") {
            true => event.to_owned(),
            false => format!("AFTER {event}"),
        };
        let body = body.join("; ");
        format!(
            "CREATE TRIGGER IF NOT EXISTS {own} {event} ON {table} FOR EACH ROW BEGIN {body}; END"
        )
    };
    let (insert, delete) = (names.append(false, true), names.append(true, false));
    let update = names.append(true, true);
    let inserted = names.values("NEW", None, Some("NEW"));
    let deleted = names.values("OLD", Some("OLD"), None);
    let updated = names.values("NEW", Some("OLD"), Some("NEW"));
    let same = names.same_key("OLD", "<=>", "NEW");
    let mut statements = vec![
        AHEAD.to_owned(),
        trigger("INSERT", &[format!("{insert} VALUES ({inserted})")]),
        trigger("DELETE", &[format!("{delete} VALUES ({deleted})")]),
        trigger(
            "UPDATE",
            &[
                format!("{update} VALUES ({updated})"),
                format!("IF NOT ({same}) THEN {delete} VALUES ({deleted}); END IF"),
            ],
        ),
    ];
    for (event, events) in [
        ("BEFORE DELETE", cascades.of_deletion(position)),
        ("BEFORE UPDATE", cascades.of_change(position)),
    ] {
        let body = appends(logs, &events, event == "BEFORE UPDATE");
        if !body.is_empty() {
            statements.push(trigger(event, &body));
        }
    }
    statements.push(RIGHT.to_owned());
    statements
}

/// One statement for each table that the events reach, after those that set its variables.
fn appends(
    logs: &Logs<'_>,
    events: &BTreeMap<Event<'_>, BTreeSet<Step<'_>>>,
    is_update: bool,
) -> Vec<String> {
    let query = query(logs, events, is_update);
    let reached: BTreeSet<usize> = events.keys().map(|event| event.table).collect();
    let statements = reached.into_iter().map(|table| {
        let of = &logs.tables[table];
        let append = Names::of(logs, table, of).append(true, false);
        let sources = events
            .keys()
            .enumerate()
            .filter(|(_, event)| event.table == table);
        let sources = sources.map(|(number, _)| {
            let needed = needed(logs, table);
            let found = |column: &&str| {
                let at = needed
                    .iter()
                    .position(|one| one == column)
                    .unwrap_or_default();
                alias(number, at)
            };
            let values: Vec<String> = of.key.iter().chain(&of.shard_key).map(found).collect();
            let (first, values) = (&values[0], values.join(", "));
            format!("SELECT {values} FROM so WHERE {first} IS NOT NULL")
        });
        let sources = sources.collect::<Vec<_>>().join(" UNION ");
        format!("{append} WITH RECURSIVE so AS ({query}) {sources}")
    });
    let statements: Vec<String> = statements.collect();
    let begun = events.values().flatten().filter(|step| step.from.is_none());
    let begun: BTreeSet<usize> = begun.map(|step| step.reference).collect();
    let variables = begun.iter().flat_map(|at| variables(logs, *at, is_update));
    let mut body: Vec<String> = variables.collect();
    if is_update && !statements.is_empty() {
        // Most updates change no key.
        let changed = begun
            .iter()
            .map(|at| changed(*at))
            .collect::<Vec<_>>()
            .join(" OR ");
        let statements = statements.join("; ");
        body.push(format!("IF {changed} THEN {statements}; END IF"));
    } else {
        body.extend(statements);
    }
    body
}

/// The query for the rows of all events. A row of it has the columns of one event, and NULL in those of the others: MariaDB
/// does not find all rows of several queries that refer to each other.
fn query(
    logs: &Logs<'_>,
    events: &BTreeMap<Event<'_>, BTreeSet<Step<'_>>>,
    is_update: bool,
) -> String {
    let numbers: BTreeMap<&Event<'_>, usize> = events.keys().zip(0..).collect();
    let table = |event: &Event<'_>| name(logs.dialect, logs.tables[event.table].name);
    // No row, for the types of the columns.
    let (mut columns, mut joins) = (Vec::new(), Vec::new());
    for (event, number) in &numbers {
        for (at, column) in needed(logs, event.table).iter().enumerate() {
            let (column, alias) = (name(logs.dialect, column), alias(*number, at));
            columns.push(format!("t{number}.{column} AS {alias}"));
        }
        joins.push(format!(" LEFT JOIN {} AS t{number} ON 1 = 0", table(event)));
    }
    let columns = columns.join(", ");
    let joins = joins.concat();
    let types = format!("(SELECT {columns} FROM (SELECT 1 AS one) AS one{joins} WHERE 1 = 0)");
    // The recursion begins at the parts that come first.
    let (mut first, mut further) = (vec![types], Vec::new());
    for (event, steps) in events {
        let columns = numbers.iter().flat_map(|(other, number)| {
            let needed = needed(logs, other.table).into_iter();
            needed.map(|column| match *number == numbers[event] {
                true => format!("t.{}", name(logs.dialect, column)),
                false => "NULL".to_owned(),
            })
        });
        let columns = columns.collect::<Vec<_>>().join(", ");
        let table = table(event);
        for step in steps {
            let on = condition(logs, step, &numbers);
            match &step.from {
                None => {
                    let changes = match is_update {
                        true => format!(" AND {}", changed(step.reference)),
                        false => String::new(),
                    };
                    first.push(format!(
                        "(SELECT {columns} FROM {table} AS t WHERE {on}{changes} LOCK IN SHARE MODE)"
                    ));
                }
                Some(_) => further.push(format!(
                    "(SELECT {columns} FROM so JOIN {table} AS t ON {on} LOCK IN SHARE MODE)"
                )),
            }
        }
    }
    first.extend(further);
    first.join(" UNION ")
}

/// The condition on a row that refers to the row from which a step begins.
fn condition(logs: &Logs<'_>, step: &Step<'_>, numbers: &BTreeMap<&Event<'_>, usize>) -> String {
    let reference = &logs.references[step.reference];
    let pairs = reference
        .columns
        .iter()
        .zip(&reference.referenced)
        .enumerate();
    let pairs = pairs.map(|(at, (child, parent))| {
        let parent = match &step.from {
            None => variable(step.reference, at),
            Some(from) => {
                let needed = needed(logs, from.table);
                let at = needed
                    .iter()
                    .position(|one| one == parent)
                    .unwrap_or_default();
                format!("so.{}", alias(numbers[from], at))
            }
        };
        format!("t.{} = {parent}", name(logs.dialect, child))
    });
    pairs.collect::<Vec<_>>().join(" AND ")
}

/// The name of a column of an event in the query.
fn alias(event: usize, column: usize) -> String {
    format!("so_{event}_{column}")
}

/// The columns of a table that a log or a further step needs.
fn needed<'a>(logs: &'a Logs<'_>, table: usize) -> Vec<&'a str> {
    let of = &logs.tables[table];
    let referenced = logs
        .references
        .iter()
        .filter(|reference| reference.parent == table);
    let referenced = referenced.flat_map(|reference| &reference.referenced);
    let all = of.key.iter().chain(&of.shard_key).chain(referenced);
    let all: BTreeSet<&str> = all.copied().collect();
    all.into_iter().collect()
}

/// The variable with a column of the old row to which a foreign key refers.
fn variable(reference: usize, column: usize) -> String {
    format!("@so_{reference}_{column}")
}

/// The variable that tells whether the columns change to which a foreign key refers.
fn changed(reference: usize) -> String {
    format!("@so_{reference}_changes")
}

/// The statements that set the variables of a foreign key to the row of the trigger.
fn variables(logs: &Logs<'_>, reference: usize, is_update: bool) -> Vec<String> {
    let columns = logs.references[reference].referenced.iter();
    let columns: Vec<String> = columns.map(|column| name(logs.dialect, column)).collect();
    let mut statements: Vec<String> = Vec::new();
    for (at, column) in columns.iter().enumerate() {
        statements.push(format!("SET {} = OLD.{column}", variable(reference, at)));
    }
    if is_update {
        // Another form of an equal text changes the children too.
        let same = columns
            .iter()
            .map(|column| format!("CAST(OLD.{column} AS BINARY) <=> CAST(NEW.{column} AS BINARY)"));
        let same = same.collect::<Vec<_>>().join(" AND ");
        statements.push(format!("SET {} = NOT ({same})", changed(reference)));
    }
    statements
}
