//! The SQL of a table's change log: its own columns, the triggers that write it, the order in which
//! it is read.
//!
//! Called by `replicate::capture`.
//!
//! An entry must not be skipped because its transaction committed late, after a later entry was read.
//! On PostgreSQL an entry holds the number of its transaction, and is *settled* when that is below the
//! oldest open one (`pg_snapshot_xmin`): all transactions below it are decided, and no further entry can
//! appear before it. On MySQL and MariaDB entries are numbered by a counter row that each transaction
//! locks until it commits, and SQLite has one writer: there the order of the numbers is that of the
//! commits.

use sea_query::{
    Alias, ColumnDef, Expr, ExprTrait as _, IntoTableRef as _, Query, SelectStatement, TableRef,
};

use super::quote;
use crate::dialect::Dialect;

/// The number of an entry.
pub(crate) const ENTRY: &str = "shard_orm_entry";
/// The number of the transaction that wrote it (PostgreSQL).
pub(crate) const TRANSACTION: &str = "shard_orm_transaction";
/// The channel on which PostgreSQL announces entries.
pub(crate) const CHANNEL: &str = "shard_orm_static";
/// The table of the counters that number the entries on MySQL and MariaDB, one row for each table.
pub(crate) const COUNTERS: &str = "shard_orm_counter";

/// A transaction below this number is decided.
const OLDEST_OPEN: &str = "pg_snapshot_xmin(pg_current_snapshot())";

/// Whether the transaction that a column names is decided.
pub(crate) fn is_decided(transaction: &'static str) -> Expr {
    Expr::col(transaction).lt(Expr::cust(OLDEST_OPEN))
}

/// The number of a transaction in the type of the columns that hold one.
pub(crate) fn transaction_number(transaction: u64) -> Expr {
    Expr::val(transaction.to_string()).cast_as("xid8")
}

/// The columns of a log beside the primary key of its table.
pub(crate) fn columns(dialect: Dialect) -> Vec<ColumnDef> {
    let mut entry = ColumnDef::new(Alias::new(ENTRY));
    match dialect {
        Dialect::Postgres => entry.big_integer().extra("GENERATED ALWAYS AS IDENTITY"),
        Dialect::MySql => entry.big_integer().not_null(),
        Dialect::Sqlite => entry.integer().not_null().auto_increment(),
    };
    entry.primary_key();
    let mut columns = vec![entry];
    if dialect.capability().transaction_numbers {
        let mut transaction = ColumnDef::new(Alias::new(TRANSACTION));
        transaction
            .custom("xid8")
            .not_null()
            .default(Expr::cust("pg_current_xact_id()"));
        columns.push(transaction);
    }
    columns
}

/// The columns by which a log is read in order.
pub(crate) const fn order(dialect: Dialect) -> &'static [&'static str] {
    match dialect {
        Dialect::Postgres => &[TRANSACTION, ENTRY],
        Dialect::MySql | Dialect::Sqlite => &[ENTRY],
    }
}

/// The entries after a mark, which is a transaction and an entry.
pub(crate) fn after(dialect: Dialect, transaction: u64, entry: i64) -> Expr {
    if !dialect.capability().transaction_numbers {
        return Expr::col(ENTRY).gt(entry);
    }
    let own = Expr::tuple([Expr::col(TRANSACTION), Expr::col(ENTRY)]);
    own.gt(Expr::tuple([
        transaction_number(transaction),
        Expr::val(entry),
    ]))
}

/// The mark of an entry, as a text and a number, and whether the entry is settled.
pub(crate) fn mark(dialect: Dialect) -> [Expr; 3] {
    let (transaction, settled) = if dialect.capability().transaction_numbers {
        (
            Expr::col(TRANSACTION).cast_as("text"),
            is_decided(TRANSACTION),
        )
    } else {
        (Expr::cust("'0'"), Expr::cust("1 = 1"))
    };
    [transaction, Expr::col(ENTRY), settled]
}

/// A query of the mark at which a log ends: changes committed earlier are visible to later reads of
/// the table, and changes committed later have an entry after it. It gives no row when the changes of
/// `table` are not captured.
pub(crate) fn end(
    dialect: Dialect,
    log: TableRef,
    counters: TableRef,
    table: &str,
) -> SelectStatement {
    let last = || Expr::col(ENTRY).max();
    let mut select = Query::select();
    match dialect {
        Dialect::Postgres => select
            .expr(Expr::cust(format!("CAST({OLDEST_OPEN} AS text)")))
            // Reads the log, so that a missing one is an error.
            .expr(Expr::cust_with_expr("COALESCE($1, 0) * 0", last()))
            .from(log),
        Dialect::Sqlite => select
            .expr(Expr::cust("'0'"))
            .expr(Expr::cust_with_expr("COALESCE(?, 0)", last()))
            .from(log),
        Dialect::MySql => select
            .expr(Expr::cust("'0'"))
            .column("entry")
            .from(counters)
            .and_where(Expr::col("table_name").eq(table)),
    };
    select
}

/// The statement that deletes so many entries, each by its own primary key, where a condition on a
/// range, or on a list of entries, would also look at those of open transactions and wait for their
/// end. So would a scan of the log, which the server prefers while that is short, unless it is told.
pub(crate) fn delete_by_key(dialect: Dialect, log: &TableRef, entries: usize) -> Option<String> {
    if dialect != Dialect::MySql {
        return None;
    }
    let log = quote(dialect, log);
    let entry = name(dialect, ENTRY);
    let given = vec!["SELECT CAST(? AS SIGNED) AS entry"; entries].join(" UNION ALL ");
    Some(format!(
        "DELETE own FROM ({given}) AS given STRAIGHT_JOIN {log} AS own FORCE INDEX (PRIMARY) ON \
         own.{entry} = given.entry"
    ))
}

fn name(dialect: Dialect, name: &str) -> String {
    quote(dialect, &Alias::new(name).into_table_ref())
}

/// The names in the statements of triggers.
struct Names<'a> {
    dialect: Dialect,
    /// The unquoted name of the log, which those of the triggers begin with.
    base: &'a str,
    log: String,
    table: String,
    /// The name of the table as a literal; quotes are doubled.
    literal: String,
    keys: Vec<String>,
}

impl Names<'_> {
    /// `"a", "b"`, each with this before it.
    fn keys(&self, before: &str) -> String {
        let keys = self.keys.iter().map(|key| format!("{before}{key}"));
        keys.collect::<Vec<_>>().join(", ")
    }

    /// A condition on the old and the new primary key, column by column.
    fn same(&self, operator: &str) -> String {
        let keys = self.keys.iter();
        let same = keys.map(|key| format!("OLD.{key} {operator} NEW.{key}"));
        same.collect::<Vec<_>>().join(" AND ")
    }

    /// A trigger for each row, of one kind of change.
    fn trigger(&self, event: &str, body: &str) -> String {
        let trigger = name(
            self.dialect,
            &format!("{}_{}", self.base, event.to_lowercase()),
        );
        let each = match self.dialect {
            Dialect::MySql => "FOR EACH ROW ",
            Dialect::Sqlite | Dialect::Postgres => "",
        };
        let table = &self.table;
        format!(
            "CREATE TRIGGER IF NOT EXISTS {trigger} AFTER {event} ON {table} {each}BEGIN {body} END"
        )
    }
}

/// The statements that create the triggers on `table`, where they do not exist yet; `log` and its
/// columns exist.
pub(crate) fn triggers(dialect: Dialect, log: &str, table: &str, keys: &[&str]) -> Vec<String> {
    let names = Names {
        dialect,
        base: log,
        log: name(dialect, log),
        table: name(dialect, table),
        literal: table.replace('\'', "''"),
        keys: keys.iter().map(|key| name(dialect, key)).collect(),
    };
    match dialect {
        Dialect::Postgres => postgres(&names),
        Dialect::MySql => mysql(&names),
        Dialect::Sqlite => sqlite(&names),
    }
}

fn postgres(names: &Names<'_>) -> Vec<String> {
    let Names {
        dialect,
        base,
        log: own,
        table,
        literal,
        ..
    } = names;
    let (transaction, entry) = (name(*dialect, TRANSACTION), name(*dialect, ENTRY));
    let index = name(*dialect, &format!("{base}_order"));
    let truncate = name(*dialect, &format!("{base}_truncate"));
    let (keys, old, new) = (names.keys(""), names.keys("OLD."), names.keys("NEW."));
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
             PERFORM pg_notify('{CHANNEL}', '{literal}');\n\
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

fn mysql(names: &Names<'_>) -> Vec<String> {
    let Names {
        dialect,
        log: own,
        literal,
        ..
    } = names;
    let (counters, entry) = (name(*dialect, COUNTERS), name(*dialect, ENTRY));
    let keys = names.keys("");
    // The row stays locked until the transaction ends: the next transaction waits, and all its entries
    // come after those of this one.
    let write = |values: &str, when: &str| {
        format!(
            "UPDATE {counters} SET entry = entry + 1 WHERE table_name = '{literal}'{when}; \
             INSERT INTO {own} ({entry}, {keys}) SELECT entry, {values} FROM {counters} WHERE \
             table_name = '{literal}'{when};"
        )
    };
    let (old, new) = (names.keys("OLD."), names.keys("NEW."));
    let moved = format!(" AND NOT ({})", names.same("<=>"));
    vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {counters} (table_name varchar(64) NOT NULL PRIMARY KEY, \
             entry bigint NOT NULL) ENGINE=InnoDB CHARACTER SET utf8mb4 COLLATE utf8mb4_bin"
        ),
        names.trigger("INSERT", &write(&new, "")),
        names.trigger("DELETE", &write(&old, "")),
        names.trigger(
            "UPDATE",
            &format!("{} {}", write(&old, ""), write(&new, &moved)),
        ),
        // Last: without its row a table counts as one that is not captured.
        format!("INSERT IGNORE INTO {counters} (table_name, entry) VALUES ('{literal}', 0)"),
    ]
}

fn sqlite(names: &Names<'_>) -> Vec<String> {
    let (own, keys) = (&names.log, names.keys(""));
    let (old, new) = (names.keys("OLD."), names.keys("NEW."));
    let write = |values: &str| format!("INSERT INTO {own} ({keys}) VALUES ({values});");
    let same = names.same("IS");
    vec![
        names.trigger("INSERT", &write(&new)),
        names.trigger("DELETE", &write(&old)),
        names.trigger(
            "UPDATE",
            &format!(
                "{} INSERT INTO {own} ({keys}) SELECT {new} WHERE NOT ({same});",
                write(&old)
            ),
        ),
    ]
}
