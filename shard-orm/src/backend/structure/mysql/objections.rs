//! What stands against the move of a database of MySQL or MariaDB.

use super::{quoted, rows, text};
use crate::backend::structure::{Objection, Scope};
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};

/// Subject, kind of object, name, detail.
const WITHIN: &str = "\
SELECT 'no key', 'table', t.TABLE_NAME, '' FROM information_schema.TABLES t WHERE t.TABLE_SCHEMA = DATABASE() \
AND t.TABLE_TYPE = 'BASE TABLE' AND NOT EXISTS (SELECT 1 FROM information_schema.STATISTICS s \
WHERE s.TABLE_SCHEMA = DATABASE() AND s.TABLE_NAME = t.TABLE_NAME AND s.INDEX_NAME = 'PRIMARY') \
UNION ALL SELECT 'engine', 'table', TABLE_NAME, ENGINE FROM information_schema.TABLES \
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE IN ('BASE TABLE', 'SYSTEM VERSIONED') AND ENGINE <> 'InnoDB' \
UNION ALL SELECT 'versioned', 'table', TABLE_NAME, '' FROM information_schema.TABLES \
WHERE TABLE_SCHEMA = DATABASE() AND TABLE_TYPE = 'SYSTEM VERSIONED' \
UNION ALL SELECT 'partitioned', 'table', TABLE_NAME, '' FROM information_schema.TABLES \
WHERE TABLE_SCHEMA = DATABASE() AND CREATE_OPTIONS LIKE '%partitioned%' \
UNION ALL SELECT 'kind', 'event', EVENT_NAME, '' FROM information_schema.EVENTS WHERE EVENT_SCHEMA = DATABASE() \
UNION ALL SELECT 'kind', LOWER(ROUTINE_TYPE), ROUTINE_NAME, '' FROM information_schema.ROUTINES \
WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE NOT IN ('FUNCTION', 'PROCEDURE') \
UNION ALL SELECT 'definer', 'view', TABLE_NAME, DEFINER FROM information_schema.VIEWS \
WHERE TABLE_SCHEMA = DATABASE() AND DEFINER <> CURRENT_USER() \
UNION ALL SELECT 'definer', 'trigger', TRIGGER_NAME, DEFINER FROM information_schema.TRIGGERS \
WHERE TRIGGER_SCHEMA = DATABASE() AND DEFINER <> CURRENT_USER() \
UNION ALL SELECT 'definer', LOWER(ROUTINE_TYPE), ROUTINE_NAME, DEFINER FROM information_schema.ROUTINES \
WHERE ROUTINE_SCHEMA = DATABASE() AND DEFINER <> CURRENT_USER()";

/// Direction, kind of the object that refers, its database and name, the database and name that it refers to.
const ACROSS: &str = "\
SELECT DISTINCT 'out', 'table', TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME \
FROM information_schema.KEY_COLUMN_USAGE WHERE TABLE_SCHEMA = DATABASE() AND REFERENCED_TABLE_SCHEMA <> DATABASE() \
UNION ALL SELECT DISTINCT 'in', 'table', TABLE_SCHEMA, TABLE_NAME, REFERENCED_TABLE_SCHEMA, REFERENCED_TABLE_NAME \
FROM information_schema.KEY_COLUMN_USAGE WHERE REFERENCED_TABLE_SCHEMA = DATABASE() AND TABLE_SCHEMA <> DATABASE() \
UNION ALL SELECT 'in', 'view', TABLE_SCHEMA, TABLE_NAME, DATABASE(), '' FROM information_schema.VIEWS \
WHERE TABLE_SCHEMA <> DATABASE() AND INSTR(VIEW_DEFINITION, CONCAT('`', REPLACE(DATABASE(), '`', '``'), '`.')) > 0 \
UNION ALL SELECT 'in', 'trigger', TRIGGER_SCHEMA, TRIGGER_NAME, DATABASE(), '' FROM information_schema.TRIGGERS \
WHERE TRIGGER_SCHEMA <> DATABASE() AND INSTR(REPLACE(ACTION_STATEMENT, '`', ''), CONCAT(DATABASE(), '.')) > 0 \
UNION ALL SELECT 'in', LOWER(ROUTINE_TYPE), ROUTINE_SCHEMA, ROUTINE_NAME, DATABASE(), '' \
FROM information_schema.ROUTINES \
WHERE ROUTINE_SCHEMA <> DATABASE() AND INSTR(REPLACE(ROUTINE_DEFINITION, '`', ''), CONCAT(DATABASE(), '.')) > 0";

/// The views and their texts.
const VIEWS: &str = "\
SELECT TABLE_NAME, VIEW_DEFINITION FROM information_schema.VIEWS WHERE TABLE_SCHEMA = DATABASE()";

/// The other databases.
const DATABASES: &str = "\
SELECT SCHEMA_NAME FROM information_schema.SCHEMATA WHERE SCHEMA_NAME NOT IN \
(DATABASE(), 'information_schema', 'performance_schema', 'mysql', 'sys')";

pub(super) fn no_database() -> Failure {
    Failure::own(Error::new(
        ErrorKind::UndefinedTable,
        "the session's database does not exist, so that nothing can be read of it; create it, or run \
         `USE` with another one",
    ))
}

/// What the text of a table tells.
pub(super) fn of_text(table: &str, create: &str) -> Option<Objection> {
    create.contains(" DATA DIRECTORY='").then(|| {
        Objection::new(
            "table",
            table,
            "keeps its rows in a folder of this server",
            "rebuild it without `DATA DIRECTORY`",
        )
    })
}

pub(super) async fn read(conn: &mut Conn, scope: &Scope<'_>) -> Result<Vec<Objection>, Failure> {
    let mut objections = Vec::new();
    for row in rows(conn, WITHIN).await? {
        let name = text(&row, 2);
        if (scope.includes)(name) {
            objections.extend(within(text(&row, 0), text(&row, 1), name, text(&row, 3)));
        }
    }
    let leads_out = |kind: &str, name: &str, other: &str| {
        Objection::new(
            kind,
            name,
            format!("uses `{other}`, which is neither in the namespace nor a static table"),
            "move what it uses into the namespace, make it a static table, or drop the dependency",
        )
    };
    for row in rows(conn, ACROSS).await? {
        let (kind, database, name) = (text(&row, 1), text(&row, 2), text(&row, 3));
        let (other, table) = (text(&row, 4), text(&row, 5));
        if text(&row, 0) == "in" && (scope.includes)(table) {
            objections.push(Objection::new(
                kind,
                &format!("{database}.{name}"),
                "depends on the namespace from outside, and would stay behind",
                "drop it, or move it into the namespace",
            ));
        } else if text(&row, 0) == "out" && scope.statics != Some(other) && (scope.includes)(name) {
            objections.push(leads_out(kind, name, &format!("{other}.{table}")));
        }
    }
    let others = rows(conn, DATABASES).await?;
    for row in rows(conn, VIEWS).await? {
        let (name, definition) = (text(&row, 0), text(&row, 1));
        let columns = format!("SHOW COLUMNS FROM {}", quoted(Dialect::MySql, name));
        match rows(conn, &columns).await {
            Err(failure) if failure.lost => return Err(failure),
            Err(_) if (scope.includes)(name) => {
                objections.extend(within("broken", "view", name, ""))
            }
            _ => {}
        }
        let names = |other: &&str| definition.contains(&format!("`{}`.", other.replace('`', "``")));
        let databases = others.iter().map(|row| text(row, 0));
        // A view qualifies columns by their table, which may be named like a database.
        let is_database = |other: &&str| {
            let other = other.replace('`', "``");
            let qualified = [
                format!("from `{other}`."),
                format!("join `{other}`."),
                format!("(`{other}`."),
            ];
            qualified.iter().any(|words| definition.contains(words))
        };
        for other in databases.filter(names).filter(is_database) {
            if scope.statics != Some(other) && (scope.includes)(name) {
                objections.push(leads_out("view", name, other));
            }
        }
    }
    Ok(objections)
}

fn within(subject: &str, kind: &str, name: &str, detail: &str) -> Option<Objection> {
    let (reason, advice) = match subject {
        "no key" => return Some(Objection::no_primary_key(name)),
        "engine" => (
            format!("is of the engine {detail}, whose writes do not end with their transaction"),
            "run `ALTER TABLE .. ENGINE = InnoDB`",
        ),
        "versioned" => (
            "is system-versioned, and the copy would lose its history".to_owned(),
            "run `ALTER TABLE .. DROP SYSTEM VERSIONING`",
        ),
        "partitioned" => (
            "is partitioned, which moves do not carry".to_owned(),
            "run `ALTER TABLE .. REMOVE PARTITIONING`",
        ),
        "broken" => (
            "is broken: it reads a table, column or function that does not exist, or its definer may not".to_owned(),
            "repair or drop it",
        ),
        "definer" => (
            format!("has the definer `{detail}`, which is not the account of the move"),
            "create it again with this account, or move with that one",
        ),
        "kind" => (
            "is of a kind that moves do not carry".to_owned(),
            "drop it, and create it at the target after the move",
        ),
        _ => return None,
    };
    Some(Objection::new(kind, name, reason, advice))
}
