//! The log of a table's changes, and the triggers that write it.

use sea_query::{Alias, ColumnDef, Expr, IntoTableRef as _, Table};

use super::{CHANNEL, ENTRY, TRANSACTION};
use crate::backend::ddl::exact_table;
use crate::backend::{quote, render_table};
use crate::dialect::Dialect;
use crate::error::{Error, Result};
use crate::model::ModelDef;
use crate::schema::column_like;

/// What the name of a log begins with.
const PREFIX: &str = "shard_orm_log_";
/// The longest name of a table (PostgreSQL).
const LONGEST: usize = 63;
/// The row of each table by which MySQL and MariaDB number the entries.
pub(super) const COUNTERS: &str = "shard_orm_counter";

/// The name of a table's log, and of its triggers.
pub(super) fn log(def: &ModelDef) -> Result<String> {
    let name = format!("{PREFIX}{}", def.table);
    if name.len() + "_truncate".len() <= LONGEST {
        return Ok(name);
    }
    Err(Error::unsupported(format!(
        "the name of table `{}` is too long for a log of its changes, `{name}`: it has {} bytes at \
         most; sync it by `full` or `criterion`",
        def.table,
        LONGEST - PREFIX.len() - "_truncate".len()
    )))
}

/// The statements that create the log and the triggers at a source, where they are not there yet.
pub(crate) fn statements(def: &'static ModelDef, dialect: Dialect) -> Result<Vec<String>> {
    let log = log(def)?;
    let names = Names {
        log: quoted(dialect, &log),
        table: quoted(dialect, def.table),
        entry: quoted(dialect, ENTRY),
        keys: def
            .primary_key
            .iter()
            .map(|ordinal| quoted(dialect, def.columns[*ordinal].name))
            .collect(),
    };
    let mut statements = vec![table(def, dialect, &log)];
    statements.extend(match dialect {
        Dialect::Postgres => postgres(def, &log, &names),
        Dialect::MySql => mysql(def, &log, &names),
        Dialect::Sqlite => sqlite(&log, &names),
    });
    Ok(statements)
}

/// The log: the number of an entry, and the primary key that has changed; all NULL when all rows may
/// have.
fn table(def: &'static ModelDef, dialect: Dialect, log: &str) -> String {
    let mut entry = ColumnDef::new(Alias::new(ENTRY));
    match dialect {
        Dialect::Postgres => entry.big_integer().extra("GENERATED ALWAYS AS IDENTITY"),
        Dialect::MySql => entry.big_integer().not_null(),
        Dialect::Sqlite => entry.integer().not_null().auto_increment(),
    };
    entry.primary_key();
    let mut create = Table::create();
    create.table(Alias::new(log)).if_not_exists().col(entry);
    if dialect == Dialect::Postgres {
        let mut transaction = ColumnDef::new(Alias::new(TRANSACTION));
        transaction
            .custom("xid8")
            .not_null()
            .default(Expr::cust("pg_current_xact_id()"));
        create.col(transaction);
    }
    for ordinal in def.primary_key {
        create.col(column_like(dialect, &def.table_def().columns[*ordinal]));
    }
    exact_table(dialect, &mut create, true);
    render_table(dialect, &create)
}

/// Identifiers as they stand in a statement.
struct Names {
    log: String,
    table: String,
    entry: String,
    keys: Vec<String>,
}

impl Names {
    /// `"a", "b"`, each after what stands before it.
    fn keys(&self, before: &str) -> String {
        let keys: Vec<String> = self
            .keys
            .iter()
            .map(|key| format!("{before}{key}"))
            .collect();
        keys.join(", ")
    }
}

fn quoted(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}

fn postgres(def: &ModelDef, log: &str, names: &Names) -> Vec<String> {
    let Names {
        log: own,
        table,
        entry,
        ..
    } = names;
    let dialect = Dialect::Postgres;
    let transaction = quoted(dialect, TRANSACTION);
    let index = quoted(dialect, &format!("{log}_order"));
    let truncate = quoted(dialect, &format!("{log}_truncate"));
    let (keys, old, new) = (names.keys(""), names.keys("OLD."), names.keys("NEW."));
    // Literals hold names that the derive has checked, and quotes are doubled in them.
    let payload = def.table.replace('\'', "''");
    vec![
        format!("CREATE INDEX IF NOT EXISTS {index} ON {own} ({transaction}, {entry})"),
        // Writers of the table need no rights on its log, and find it whatever their search path.
        format!(
            "CREATE OR REPLACE FUNCTION {own}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER \
             SET search_path FROM CURRENT AS $shard_orm$\n\
             BEGIN\n\
             IF TG_OP = 'TRUNCATE' THEN\n\
             INSERT INTO {own} DEFAULT VALUES;\n\
             ELSE\n\
             IF TG_OP <> 'INSERT' THEN\n\
             INSERT INTO {own} ({keys}) VALUES ({old});\n\
             END IF;\n\
             IF TG_OP = 'INSERT' OR (TG_OP = 'UPDATE' AND ROW({old}) IS DISTINCT FROM ROW({new})) THEN\n\
             INSERT INTO {own} ({keys}) VALUES ({new});\n\
             END IF;\n\
             END IF;\n\
             PERFORM pg_notify('{CHANNEL}', '{payload}');\n\
             RETURN NULL;\n\
             END $shard_orm$"
        ),
        format!(
            "CREATE OR REPLACE TRIGGER {own} AFTER INSERT OR UPDATE OR DELETE ON {table} FOR EACH \
             ROW EXECUTE FUNCTION {own}()"
        ),
        format!(
            "CREATE OR REPLACE TRIGGER {truncate} AFTER TRUNCATE ON {table} FOR EACH STATEMENT \
             EXECUTE FUNCTION {own}()"
        ),
    ]
}

fn mysql(def: &ModelDef, log: &str, names: &Names) -> Vec<String> {
    let Names {
        log: own,
        table,
        entry,
        ..
    } = names;
    let dialect = Dialect::MySql;
    let counters = quoted(dialect, COUNTERS);
    let keys = names.keys("");
    let name = def.table.replace('\'', "''");
    // The row stays locked until the transaction ends: the next one waits, and its entries come
    // after those of this one in every respect.
    let write = |values: &str, when: &str| {
        format!(
            "UPDATE {counters} SET entry = entry + 1 WHERE table_name = '{name}'{when}; \
             INSERT INTO {own} ({entry}, {keys}) SELECT entry, {values} FROM {counters} WHERE \
             table_name = '{name}'{when};"
        )
    };
    let (old, new) = (names.keys("OLD."), names.keys("NEW."));
    let same: Vec<String> = names
        .keys
        .iter()
        .map(|key| format!("OLD.{key} <=> NEW.{key}"))
        .collect();
    let moved = format!(" AND NOT ({})", same.join(" AND "));
    let trigger = |event: &str, body: String| {
        let name = quoted(dialect, &format!("{log}_{}", event.to_lowercase()));
        format!(
            "CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} FOR EACH ROW BEGIN {body} \
             END"
        )
    };
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {counters} (table_name varchar(64) NOT NULL PRIMARY KEY, \
             entry bigint NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        ),
        trigger("INSERT", write(&new, "")),
        trigger("DELETE", write(&old, "")),
        trigger(
            "UPDATE",
            format!("{} {}", write(&old, ""), write(&new, &moved)),
        ), // Last: without its row a table counts as one that is not captured.
        format!("INSERT IGNORE INTO {counters} (table_name, entry) VALUES ('{name}', 0)"),
    ]
}

fn sqlite(log: &str, names: &Names) -> Vec<String> {
    let Names {
        log: own, table, ..
    } = names;
    let keys = names.keys("");
    let (old, new) = (names.keys("OLD."), names.keys("NEW."));
    let same: Vec<String> = names
        .keys
        .iter()
        .map(|key| format!("OLD.{key} IS NEW.{key}"))
        .collect();
    let trigger = |event: &str, body: String| {
        let name = quoted(Dialect::Sqlite, &format!("{log}_{}", event.to_lowercase()));
        format!("CREATE TRIGGER IF NOT EXISTS {name} AFTER {event} ON {table} BEGIN {body} END")
    };
    let write = |values: &str| format!("INSERT INTO {own} ({keys}) VALUES ({values});");
    vec![
        trigger("INSERT", write(&new)),
        trigger("DELETE", write(&old)),
        trigger(
            "UPDATE",
            format!(
                "{} INSERT INTO {own} ({keys}) SELECT {new} WHERE NOT ({});",
                write(&old),
                same.join(" AND ")
            ),
        ),
    ]
}
