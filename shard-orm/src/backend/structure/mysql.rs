//! The structure of a database of MySQL or MariaDB: what `SHOW CREATE` tells, taken apart.

mod objections;
mod programs;
mod table;

pub(super) use self::table::Parts;
use super::{Attached, Scope, Sequence, Structure, View, quoted, rows, text};
use crate::backend::scratch::without_namespace;
use crate::backend::{Conn, Failure};
use crate::dialect::Dialect;

/// The session's modes are restored at the end: some of them change the form of what is shown.
const BEGIN: &str = "SET @shard_orm_sql_mode = @@SESSION.sql_mode, SESSION sql_mode = '', \
                     SESSION sql_quote_show_create = 1";
const END: &str = "SET SESSION sql_mode = @shard_orm_sql_mode";

/// The database, its character set and collation.
const DATABASE: &str = "\
SELECT SCHEMA_NAME, DEFAULT_CHARACTER_SET_NAME, DEFAULT_COLLATION_NAME FROM information_schema.SCHEMATA \
WHERE SCHEMA_NAME = DATABASE()";

/// What is in it: name, kind.
const TABLES: &str = "\
SELECT TABLE_NAME, TABLE_TYPE FROM information_schema.TABLES WHERE TABLE_SCHEMA = DATABASE() ORDER BY TABLE_NAME";

/// What is granted on the database: account, privileges, whether they may be passed on. Patterns of names lead to other
/// databases too, and are left to them.
const GRANTS_ON_DATABASE: &str = "\
SELECT GRANTEE, GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE SEPARATOR ', '), MAX(IS_GRANTABLE) \
FROM information_schema.SCHEMA_PRIVILEGES \
WHERE TABLE_SCHEMA IN (DATABASE(), REPLACE(REPLACE(DATABASE(), '_', '\\\\_'), '%', '\\\\%')) \
AND PRIVILEGE_TYPE <> 'USAGE' AND GRANTEE <> CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') \
GROUP BY GRANTEE ORDER BY GRANTEE";

/// What is granted on its tables and their columns: account, table, privileges, whether they may be passed on.
const GRANTS_ON_TABLES: &str = "\
SELECT GRANTEE, TABLE_NAME, GROUP_CONCAT(PRIVILEGE_TYPE ORDER BY PRIVILEGE_TYPE SEPARATOR ', '), MAX(IS_GRANTABLE) \
FROM (SELECT GRANTEE, TABLE_NAME, PRIVILEGE_TYPE, IS_GRANTABLE FROM information_schema.TABLE_PRIVILEGES \
WHERE TABLE_SCHEMA = DATABASE() UNION ALL \
SELECT GRANTEE, TABLE_NAME, CONCAT(PRIVILEGE_TYPE, ' (`', REPLACE(COLUMN_NAME, '`', '``'), '`)'), IS_GRANTABLE \
FROM information_schema.COLUMN_PRIVILEGES WHERE TABLE_SCHEMA = DATABASE()) granted \
WHERE PRIVILEGE_TYPE <> 'USAGE' AND GRANTEE <> CONCAT('''', REPLACE(CURRENT_USER(), '@', '''@'''), '''') \
GROUP BY GRANTEE, TABLE_NAME ORDER BY GRANTEE, TABLE_NAME";

pub(super) async fn read(conn: &mut Conn, scope: &Scope<'_>) -> Result<Structure, Failure> {
    conn.batch(BEGIN).await?;
    match of_database(conn, scope).await {
        Err(failure) if failure.lost => Err(failure),
        outcome => conn.batch(END).await.and(outcome),
    }
}

async fn of_database(conn: &mut Conn, scope: &Scope<'_>) -> Result<Structure, Failure> {
    let mut structure = Structure::empty(Dialect::MySql);
    let found = rows(conn, DATABASE).await?;
    let Some(database) = found.first() else {
        return Err(objections::no_database());
    };
    let name = text(database, 0).to_owned();
    // For the tables and routines that are created later; the statements name their own.
    structure.create.push(format!(
        "ALTER DATABASE {} CHARACTER SET {} COLLATE {}",
        quoted(Dialect::MySql, scope.target),
        text(database, 1),
        text(database, 2)
    ));
    let mut views = Vec::new();
    let mut tables = Vec::new();
    for row in rows(conn, TABLES).await? {
        let object = text(&row, 0).to_owned();
        if !(scope.includes)(&object) {
            continue;
        }
        match text(&row, 1) {
            "VIEW" => views.push(object),
            "SEQUENCE" => {
                let create = shown(conn, "SEQUENCE", &object, 1, &name).await?;
                structure.create.push(create);
                let owned = false;
                structure.sequences.push(Sequence {
                    name: object,
                    owned,
                });
            }
            _ => tables.push(object),
        }
    }
    for table in tables {
        let create = shown(conn, "TABLE", &table, 1, &name).await?;
        let parts = Parts::of(&table, &create);
        structure
            .objections
            .extend(objections::of_text(&table, &parts.create));
        structure.create.push(parts.create);
        structure.indexes.extend(parts.indexes);
        for (key, statement) in parts.foreign_keys {
            structure.foreign_keys.push(statement);
            structure.attached.push(Attached::ForeignKey {
                table: table.clone(),
                name: key,
            });
        }
        structure.tables.push(table);
    }
    structure.tables.sort();
    structure.programs = programs::routines(conn, scope, &name).await?;
    structure.views = programs::views(conn, &views, &name).await?;
    let created: Vec<String> = structure
        .views
        .iter()
        .map(|View { create, .. }| create.clone())
        .collect();
    structure.programs.extend(created);
    let triggers = programs::triggers(conn, scope, &name).await?;
    structure.triggers = triggers.statements;
    structure.attached.extend(triggers.attached);
    add_grants(conn, &mut structure, scope).await?;
    structure
        .objections
        .extend(objections::read(conn, scope).await?);
    structure.objections.sort();
    structure.objections.dedup();
    Ok(structure)
}

/// The statement in a column of `SHOW CREATE`, without the name of the database.
async fn shown(
    conn: &mut Conn,
    kind: &str,
    name: &str,
    column: usize,
    database: &str,
) -> Result<String, Failure> {
    let statement = format!("SHOW CREATE {kind} {}", quoted(Dialect::MySql, name));
    let found = rows(conn, &statement).await?;
    let create = found.first().map_or("", |row| text(row, column));
    Ok(without_namespace(Dialect::MySql, create, database))
}

async fn add_grants(
    conn: &mut Conn,
    structure: &mut Structure,
    scope: &Scope<'_>,
) -> Result<(), Failure> {
    let option = |text: &str| match text {
        "YES" => " WITH GRANT OPTION",
        _ => "",
    };
    // `_` and `%` in the name of a database stand for any characters.
    let pattern = scope.target.replace('\\', "\\\\");
    let pattern = pattern.replace('_', "\\_").replace('%', "\\%");
    let database = quoted(Dialect::MySql, &pattern);
    for row in rows(conn, GRANTS_ON_DATABASE).await? {
        let (account, rights) = (text(&row, 0), text(&row, 1));
        let option = option(text(&row, 2));
        structure.accounts.push(account.to_owned());
        structure.privileges.push(format!(
            "GRANT {rights} ON {database}.* TO {account}{option}"
        ));
    }
    for row in rows(conn, GRANTS_ON_TABLES).await? {
        let (account, table, rights) = (text(&row, 0), text(&row, 1), text(&row, 2));
        let option = option(text(&row, 3));
        if (scope.includes)(table) {
            let table = quoted(Dialect::MySql, table);
            structure.accounts.push(account.to_owned());
            structure.privileges.push(format!(
                "GRANT {rights} ON TABLE {table} TO {account}{option}"
            ));
        }
    }
    structure.accounts.sort();
    structure.accounts.dedup();
    Ok(())
}
