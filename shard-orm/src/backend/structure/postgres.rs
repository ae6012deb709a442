//! The structure of a schema of PostgreSQL, from its catalog: its manual, "System Catalogs".
//!
//! The catalog's functions write the statements. While they do, the search path is the schema alone, so that they
//! qualify the names of all other schemas, and none of this one.

mod objections;
mod order;

use std::collections::BTreeSet;

use self::order::{Item, Kind, ordered};
use super::{Attached, Scope, Sequence, Structure, View, quoted, rows, text};
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind};

/// Types, sequences, functions, tables and views: kind, key, name, statement.
const ITEMS: &str = include_str!("postgres/items.sql");
/// The dependencies between them: the key of one, and the key of another that it uses.
const EDGES: &str = include_str!("postgres/edges.sql");
/// The statements that follow them: step, table, name, statement.
const REST: &str = include_str!("postgres/rest.sql");
/// Owners and privileges: step, table, name, statement, account.
const GRANTS: &str = include_str!("postgres/grants.sql");

/// One snapshot, and a search path that ends with it. The name of the schema comes first.
const BEGIN: &str = "BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY; SELECT current_schema()::text, \
                     set_config('search_path', quote_ident(current_schema()), true)";

pub(super) async fn read(conn: &mut Conn, scope: &Scope<'_>) -> Result<Structure, Failure> {
    let begun = rows(conn, BEGIN).await?;
    let schema = begun.first().and_then(|row| row.first()).cloned().flatten();
    let outcome = match schema {
        Some(schema) => of_schema(conn, scope, &schema).await,
        None => Err(Failure::own(Error::new(
            ErrorKind::UndefinedTable,
            "the session's schema does not exist, so that nothing can be read of it; create it, or \
             set the search path to another one",
        ))),
    };
    match outcome {
        Err(failure) if failure.lost => Err(failure),
        outcome => conn.batch("ROLLBACK").await.and(outcome),
    }
}

async fn of_schema(conn: &mut Conn, scope: &Scope<'_>, schema: &str) -> Result<Structure, Failure> {
    let mut structure = Structure::empty(Dialect::Postgres);
    let items = items(conn, scope, schema).await?;
    let edges = rows(conn, EDGES).await?;
    let edges: Vec<(&str, &str)> = edges
        .iter()
        .map(|row| (text(row, 0), text(row, 1)))
        .collect();
    let (needed, others) = ordered(&items, &edges);
    // The bodies of functions may name tables that are created later.
    const UNCHECKED: &str = "SET check_function_bodies = off";
    const CHECKED: &str = "SET check_function_bodies = on";
    let create = |items: &[&Item]| {
        let statements = items.iter().map(|item| item.create.clone());
        // A column creates the sequence of its identity.
        let mut statements: Vec<String> = statements.filter(|text| !text.is_empty()).collect();
        if items.iter().any(|item| item.kind == Kind::Function) {
            statements.insert(0, UNCHECKED.to_owned());
            statements.push(CHECKED.to_owned());
        }
        statements
    };
    structure.create = create(&needed);
    structure.programs = create(&others);
    for item in needed.iter().chain(&others) {
        let name = item.name.clone();
        match item.kind {
            Kind::Table => structure.tables.push(name),
            Kind::View => structure.views.push(View {
                name,
                create: item.create.clone(),
            }),
            Kind::Sequence(owned) => structure.sequences.push(Sequence { name, owned }),
            Kind::Type | Kind::Function => {}
        }
    }
    structure.tables.sort();
    structure.sequences.sort_by(|a, b| a.name.cmp(&b.name));
    add_rest(&mut structure, &rows(conn, REST).await?, scope);
    add_grants(&mut structure, &rows(conn, GRANTS).await?, scope);
    structure.objections = objections::read(conn, scope).await?;
    Ok(structure)
}

async fn items(conn: &mut Conn, scope: &Scope<'_>, schema: &str) -> Result<Vec<Item>, Failure> {
    let found = rows(conn, ITEMS).await?;
    let items = found.iter().filter_map(|row| {
        let (kind, name, create) = (Kind::of(text(row, 0))?, text(row, 2), text(row, 3));
        let create = match kind {
            Kind::Function => with_search_path(create, schema, scope.target),
            _ => create.to_owned(),
        };
        (scope.includes)(name).then(|| Item {
            kind,
            key: text(row, 1).to_owned(),
            name: name.to_owned(),
            create,
        })
    });
    Ok(items.collect())
}

/// A function whose own search path names the target in place of the source.
fn with_search_path(create: &str, source: &str, target: &str) -> String {
    let literal = |name: &str| format!("'{}'", name.replace('\'', "''"));
    let mut in_header = true;
    let lines = create.split('\n').map(|line| {
        in_header &= !line.starts_with("AS ") && !line.starts_with("BEGIN ATOMIC");
        match line
            .strip_prefix(" SET search_path TO ")
            .filter(|_| in_header)
        {
            Some(path) => {
                let names = path.split(", ").map(|name| match name == literal(source) {
                    true => literal(target),
                    false => name.to_owned(),
                });
                format!(
                    " SET search_path TO {}",
                    names.collect::<Vec<_>>().join(", ")
                )
            }
            None => line.to_owned(),
        }
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The steps of `rest.sql`, in the order in which they run.
fn add_rest(structure: &mut Structure, found: &[Vec<Option<String>>], scope: &Scope<'_>) {
    let is_included = |row: &&Vec<Option<String>>| {
        let step = text(row, 0);
        let is_named = step.starts_with("trigger") || step == "owned";
        (scope.includes)(text(row, 1)) && (!is_named || (scope.includes)(text(row, 2)))
    };
    let of_step = |step: &str| {
        let rows = found.iter().filter(move |row| text(row, 0) == step);
        let mut rows: Vec<&Vec<Option<String>>> = rows.filter(is_included).collect();
        rows.sort();
        rows
    };
    let statements = |step: &str| -> Vec<String> {
        let rows = of_step(step).into_iter();
        rows.map(|row| text(row, 3).to_owned()).collect()
    };
    structure.create.extend(statements("column"));
    structure.create.extend(statements("owned"));
    for step in ["index", "index setting", "index comment"] {
        structure.indexes.extend(statements(step));
    }
    for row in of_step("foreign key") {
        let (table, name) = (text(row, 1).to_owned(), text(row, 2).to_owned());
        structure.foreign_keys.push(text(row, 3).to_owned());
        structure.validate.push(format!(
            "ALTER TABLE {} VALIDATE CONSTRAINT {}",
            quoted(Dialect::Postgres, &table),
            quoted(Dialect::Postgres, &name)
        ));
        structure
            .attached
            .push(Attached::ForeignKey { table, name });
    }
    structure
        .foreign_keys
        .extend(statements("foreign key comment"));
    structure.programs.extend(statements("view column"));
    structure.programs.extend(statements("comment"));
    for row in of_step("trigger") {
        let (table, name) = (text(row, 1).to_owned(), text(row, 2).to_owned());
        structure.attached.push(Attached::Trigger { table, name });
    }
    for step in ["trigger", "trigger state", "trigger comment"] {
        structure.triggers.extend(statements(step));
    }
}

fn add_grants(structure: &mut Structure, found: &[Vec<Option<String>>], scope: &Scope<'_>) {
    let target = quoted(Dialect::Postgres, scope.target);
    let mut accounts = BTreeSet::new();
    for step in ["owner", "revoke", "grant", "namespace"] {
        let mut rows: Vec<&Vec<Option<String>>> =
            found.iter().filter(|row| text(row, 0) == step).collect();
        rows.sort();
        for row in rows {
            let is_of_namespace = step == "namespace";
            let is_included = (scope.includes)(text(row, 1)) && (scope.includes)(text(row, 2));
            if !is_of_namespace && !is_included {
                continue;
            }
            let statement = match is_of_namespace {
                true => text(row, 3).replacen(" SCHEMA %s ", &format!(" SCHEMA {target} "), 1),
                false => text(row, 3).to_owned(),
            };
            structure.privileges.push(statement);
            accounts.extend(row.get(4).cloned().flatten());
        }
    }
    structure.accounts = accounts.into_iter().collect();
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_search_path_of_a_function_leads_to_the_target() {
        let create = "CREATE FUNCTION f()\n SET search_path TO 'a b', 'public'\nAS $function$\n SET \
                      search_path TO 'a b'\n$function$";
        let expected = "CREATE FUNCTION f()\n SET search_path TO 'c', 'public'\nAS $function$\n SET \
                        search_path TO 'a b'\n$function$";
        assert_eq!(with_search_path(create, "a b", "c"), expected);
    }
}
