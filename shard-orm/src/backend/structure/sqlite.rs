//! The structure of a file of SQLite: the texts of its schema, as they are kept.

use super::{Attached, Objection, Scope, Structure, View, quoted, rows, text};
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;

/// Everything but what SQLite creates by itself: kind, name, table, text. A shadow table belongs to a virtual one.
const SCHEMA: &str = "\
SELECT m.type, m.name, m.tbl_name, m.sql FROM main.sqlite_schema m \
WHERE m.sql IS NOT NULL AND m.name NOT LIKE 'sqlite\\_%' ESCAPE '\\' \
AND NOT EXISTS (SELECT 1 FROM pragma_table_list l WHERE l.schema = 'main' AND l.name = m.name AND l.type = 'shadow') \
ORDER BY m.rowid";

/// The columns of the primary keys that take NULL: table, column.
const NULLABLE: &str = "\
SELECT m.name, c.name FROM main.sqlite_schema m, pragma_table_info(m.name) c \
WHERE m.type = 'table' AND c.pk > 0 AND NOT c.`notnull` \
AND NOT (upper(c.type) = 'INTEGER' AND (SELECT count(*) FROM pragma_table_info(m.name) k WHERE k.pk > 0) = 1) \
AND EXISTS (SELECT 1 FROM pragma_table_list l WHERE l.schema = 'main' AND l.name = m.name AND l.type = 'table' AND NOT l.wr)";

/// The tables without a primary key.
const WITHOUT_KEY: &str = "\
SELECT m.name FROM main.sqlite_schema m WHERE m.type = 'table' \
AND NOT EXISTS (SELECT 1 FROM pragma_table_info(m.name) c WHERE c.pk > 0)";

pub(super) async fn read(conn: &mut Conn, scope: &Scope<'_>) -> Result<Structure, Failure> {
    let mut structure = Structure::empty(Dialect::Sqlite);
    for row in rows(conn, SCHEMA).await? {
        let (name, table) = (text(&row, 1).to_owned(), text(&row, 2).to_owned());
        let create = text(&row, 3).to_owned();
        if !(scope.includes)(&name) || !(scope.includes)(&table) {
            continue;
        }
        match text(&row, 0) {
            "table" if is_virtual(&create) => structure.objections.push(Objection::new(
                "virtual table",
                &name,
                "keeps its rows by itself, so that they cannot be copied",
                "drop it before the move, and create it again afterwards",
            )),
            "table" => {
                structure.tables.push(name);
                structure.create.push(create);
            }
            "index" => structure.indexes.push(create),
            "view" => {
                structure.programs.push(create.clone());
                structure.views.push(View { name, create });
            }
            "trigger" => {
                structure.triggers.push(create);
                structure.attached.push(Attached::Trigger { table, name });
            }
            _ => {}
        }
    }
    for row in rows(conn, WITHOUT_KEY).await? {
        if structure.tables.iter().any(|table| table == text(&row, 0)) {
            structure
                .objections
                .push(Objection::no_primary_key(text(&row, 0)));
        }
    }
    for row in rows(conn, NULLABLE).await? {
        let (table, column) = (text(&row, 0), text(&row, 1));
        if !structure.tables.iter().any(|name| name == table) {
            continue;
        }
        let (from, key) = (
            quoted(Dialect::Sqlite, table),
            quoted(Dialect::Sqlite, column),
        );
        let null = format!("SELECT 1 FROM main.{from} WHERE {key} IS NULL LIMIT 1");
        if !rows(conn, &null).await?.is_empty() {
            structure.objections.push(Objection::new(
                "table",
                table,
                format!("has rows whose primary key is NULL in column `{column}`, which no key identifies"),
                "give them a value",
            ));
        }
    }
    structure.tables.sort();
    structure.objections.sort();
    structure.objections.dedup();
    Ok(structure)
}

fn is_virtual(create: &str) -> bool {
    let mut words = create.split_whitespace();
    words.next();
    words
        .next()
        .is_some_and(|word| word.eq_ignore_ascii_case("virtual"))
}
