//! Routines, views and triggers of a database of MySQL or MariaDB.
//!
//! A definer is left out, so that the account that creates them becomes it: others are objected to. Modes and collation
//! of the session in which they were created belong to them, and are set again.

use super::{quoted, rows, shown, text};
use crate::backend::lexer::verbatim;
use crate::backend::scratch::without_namespace;
use crate::backend::script::{Token, statements};
use crate::backend::structure::{Attached, Scope, View};
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;

/// The routines: name, kind, modes, collation.
const ROUTINES: &str = "\
SELECT ROUTINE_NAME, ROUTINE_TYPE, SQL_MODE, COLLATION_CONNECTION FROM information_schema.ROUTINES \
WHERE ROUTINE_SCHEMA = DATABASE() AND ROUTINE_TYPE IN ('FUNCTION', 'PROCEDURE') ORDER BY ROUTINE_TYPE, ROUTINE_NAME";

/// The triggers in the order in which they fire: name, time, event, table, body, modes, collation.
const TRIGGERS: &str = "\
SELECT TRIGGER_NAME, ACTION_TIMING, EVENT_MANIPULATION, EVENT_OBJECT_TABLE, ACTION_STATEMENT, SQL_MODE, \
COLLATION_CONNECTION FROM information_schema.TRIGGERS WHERE TRIGGER_SCHEMA = DATABASE() \
ORDER BY EVENT_OBJECT_TABLE, EVENT_MANIPULATION, ACTION_TIMING, ACTION_ORDER";

const KEEP: &str = "SET @shard_orm_sql_mode = @@SESSION.sql_mode, @shard_orm_collation = @@SESSION.collation_connection";
const RESTORE: &str = "SET SESSION sql_mode = @shard_orm_sql_mode, SESSION collation_connection = @shard_orm_collation";

/// The triggers of a database.
pub(super) struct Triggers {
    pub(super) statements: Vec<String>,
    pub(super) attached: Vec<Attached>,
}

pub(super) async fn routines(
    conn: &mut Conn,
    scope: &Scope<'_>,
    database: &str,
) -> Result<Vec<String>, Failure> {
    let mut created = Vec::new();
    for row in rows(conn, ROUTINES).await? {
        let name = text(&row, 0);
        if (scope.includes)(name) {
            let create = shown(conn, text(&row, 1), name, 2, database).await?;
            let create = without_definer(&create);
            created.push((text(&row, 2).to_owned(), text(&row, 3).to_owned(), create));
        }
    }
    Ok(in_their_sessions(created))
}

pub(super) async fn triggers(
    conn: &mut Conn,
    scope: &Scope<'_>,
    database: &str,
) -> Result<Triggers, Failure> {
    let (mut created, mut attached) = (Vec::new(), Vec::new());
    for row in rows(conn, TRIGGERS).await? {
        let (name, table) = (text(&row, 0), text(&row, 3));
        if (scope.includes)(name) && (scope.includes)(table) {
            let body = without_namespace(Dialect::MySql, text(&row, 4), database);
            let create = format!(
                "CREATE TRIGGER {} {} {} ON {} FOR EACH ROW {body}",
                quoted(Dialect::MySql, name),
                text(&row, 1),
                text(&row, 2),
                quoted(Dialect::MySql, table)
            );
            created.push((text(&row, 5).to_owned(), text(&row, 6).to_owned(), create));
            attached.push(Attached::Trigger {
                table: table.to_owned(),
                name: name.to_owned(),
            });
        }
    }
    Ok(Triggers {
        statements: in_their_sessions(created),
        attached,
    })
}

/// Views, each after those that its text names.
pub(super) async fn views(
    conn: &mut Conn,
    names: &[String],
    database: &str,
) -> Result<Vec<View>, Failure> {
    let mut open = Vec::new();
    for name in names {
        let create = shown(conn, "VIEW", name, 1, database).await?;
        let create = without_definer(&create);
        open.push((name.clone(), create));
    }
    let mut views: Vec<View> = Vec::new();
    while !open.is_empty() {
        let is_free = |(name, create): &(String, String)| {
            let tokens = statements(Dialect::MySql, create);
            let mut tokens = tokens.iter().flat_map(|statement| &statement.tokens);
            !tokens.any(|token| {
                let is_other = |(other, _): &(String, String)| {
                    other != name && matches!(token, Token::Name(word) if word == other)
                };
                open.iter().any(is_other)
            })
        };
        // A name may also be that of a column: views that seem to name each other keep the order of their names.
        let at = open.iter().position(is_free).unwrap_or_default();
        let (name, create) = open.remove(at);
        views.push(View { name, create });
    }
    Ok(views)
}

/// The statements, each with modes and collation, between two that keep and restore those of the session.
fn in_their_sessions(created: Vec<(String, String, String)>) -> Vec<String> {
    if created.is_empty() {
        return Vec::new();
    }
    let mut statements = vec![KEEP.to_owned()];
    for (modes, collation, create) in created {
        // Names of modes and collations need no escapes.
        statements.push(format!(
            "SET SESSION sql_mode = '{modes}', SESSION collation_connection = '{collation}'"
        ));
        statements.push(create);
    }
    statements.push(RESTORE.to_owned());
    statements
}

/// A statement without ``DEFINER=`user`@`host` ``.
fn without_definer(create: &str) -> String {
    let Some((before, mut rest)) = create.split_once("DEFINER=") else {
        return create.to_owned();
    };
    // An account consists of two names, or of one that is a role.
    let mut before_rest = before.len() + "DEFINER=".len();
    while rest.starts_with(['`', '@', '\'', '"']) {
        let length = match rest.starts_with('@') {
            true => 1,
            false => verbatim(Dialect::MySql, &create[..before_rest], rest),
        };
        before_rest += length;
        rest = &rest[length..];
    }
    format!("{before}{}", rest.trim_start())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_definer_is_left_out_whatever_its_name_is() {
        for (create, expected) in [
            (
                "CREATE DEFINER=`a b``@c`@`%` FUNCTION `f`() x",
                "CREATE FUNCTION `f`() x",
            ),
            (
                "CREATE ALGORITHM=UNDEFINED DEFINER=`r` SQL SECURITY DEFINER VIEW `v` AS select 1",
                "CREATE ALGORITHM=UNDEFINED SQL SECURITY DEFINER VIEW `v` AS select 1",
            ),
            ("CREATE VIEW `v` AS select 1", "CREATE VIEW `v` AS select 1"),
        ] {
            assert_eq!(without_definer(create), expected);
        }
    }
}
