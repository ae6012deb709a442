//! What stands against the move of a schema of PostgreSQL.

use crate::backend::structure::{Objection, Scope, rows, text};
use crate::backend::{Conn, Failure};

/// What one schema tells: subject, kind of object, table or object, name, detail.
const WITHIN: &str = include_str!("objections.sql");
/// Dependencies between the schema and others: direction, kind of the dependent object, its name and schema, the name
/// and schema of what it depends on, the latter also without quotes.
const ACROSS: &str = include_str!("across.sql");

pub(super) async fn read(conn: &mut Conn, scope: &Scope<'_>) -> Result<Vec<Objection>, Failure> {
    let mut objections = Vec::new();
    for row in rows(conn, WITHIN).await? {
        let (of, name) = (text(&row, 2), text(&row, 3));
        if (scope.includes)(of) && (scope.includes)(name) {
            objections.extend(within(
                text(&row, 0),
                text(&row, 1),
                of,
                name,
                text(&row, 4),
            ));
        }
    }
    for row in rows(conn, ACROSS).await? {
        let (kind, name, to) = (text(&row, 1), text(&row, 2), text(&row, 4));
        let other = format!("`{}.{to}`", text(&row, 5));
        if text(&row, 0) == "leads out" {
            let is_static = scope.statics == Some(text(&row, 6));
            if (scope.includes)(name) && !is_static {
                objections.push(Objection::new(
                    kind,
                    name,
                    format!("uses {other}, which is neither in the namespace nor a static table"),
                    "move what it uses into the namespace, make it a static table, or drop the dependency",
                ));
            }
        } else if (scope.includes)(to) {
            objections.push(Objection::new(
                kind,
                &format!("{}.{name}", text(&row, 3)),
                format!("depends on `{to}` from outside of the namespace, and would stay behind"),
                "drop it, or move it into the namespace",
            ));
        }
    }
    objections.sort();
    objections.dedup();
    Ok(objections)
}

fn within(subject: &str, kind: &str, of: &str, name: &str, detail: &str) -> Option<Objection> {
    let (reason, advice) = match subject {
        "no key" => return Some(Objection::no_primary_key(name)),
        "partition" => (
            "is partitioned, which moves do not carry".to_owned(),
            "replace it by a table without partitions",
        ),
        "inherited" => (
            "takes part in inheritance, which moves do not carry".to_owned(),
            "end it by `ALTER TABLE .. NO INHERIT`",
        ),
        "unlogged" => (
            "is unlogged: a crash empties it, and the copy would keep its rows".to_owned(),
            "run `ALTER TABLE .. SET LOGGED`",
        ),
        "typed" => (
            "is a table of a type, which moves do not carry".to_owned(),
            "run `ALTER TABLE .. NOT OF`",
        ),
        "policies" => (
            "has row security, which moves do not carry".to_owned(),
            "drop its policies and run `ALTER TABLE .. DISABLE ROW LEVEL SECURITY`",
        ),
        "rule" => (
            format!("rewrites statements on `{of}`, which moves do not carry"),
            "replace it by a trigger",
        ),
        "not validated" => (
            format!("of table `{of}` has not been validated: rows may violate it"),
            "run `ALTER TABLE .. VALIDATE CONSTRAINT`",
        ),
        "not valid" => (
            format!("of table `{of}` is not valid, as after an interrupted build"),
            "run `REINDEX INDEX`, or drop it",
        ),
        "published" => (
            format!(
                "is published by `{detail}`, whose subscribers would miss the changes after the move"
            ),
            "take it out of the publication, and let the subscribers follow the new place",
        ),
        "kind" => (
            "is of a kind that moves do not carry".to_owned(),
            "move it to another schema, such as `public`, or drop it",
        ),
        "owner" => (
            format!("belongs to `{detail}`, and this account is not a member of that role"),
            "move with an account that is",
        ),
        "names itself" => (
            format!("names its own schema, `{detail}`, and would lead back to the old place"),
            "leave the schema out of the names, and give the function a search path by `SET search_path FROM CURRENT`",
        ),
        _ => return None,
    };
    Some(Objection::new(kind, name, reason, advice))
}
