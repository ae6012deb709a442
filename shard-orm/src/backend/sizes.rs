//! Queries for the sizes of namespaces: estimates from the catalogs, and exact counts.
//!
//! Sent by `admin`. The library's own tables (`shard_orm_..`) count as bytes, not as rows.

use sea_query::Value;

use crate::dialect::Dialect;

/// The query for the sizes of all namespaces of a server, by its catalogs. Its argument is their
/// names, joined by commas. It returns, for each that exists: its name, the number of tables, that
/// of all relations, and estimates of the rows and bytes. `None` for SQLite, where a namespace is a
/// file.
///
/// It locks no table, so it does not wait for one that is being altered.
pub(crate) fn sizes_of_namespaces(dialect: Dialect) -> Option<&'static str> {
    match dialect {
        Dialect::Sqlite => None,
        // The pages of a table are known once it was vacuumed or analyzed; until then only the
        // statistics know its rows.
        Dialect::Postgres => Some(
            "SELECT n.nspname::text, \
             count(*) FILTER (WHERE c.relkind IN ('r', 'p', 'f') AND NOT c.relispartition \
             AND c.relname NOT LIKE 'shard\\_orm\\_%'), \
             count(c.oid), \
             COALESCE(sum(CASE WHEN c.relpages = 0 THEN pg_stat_get_live_tuples(c.oid) \
             ELSE GREATEST(c.reltuples, 0) END) FILTER (WHERE c.relkind IN ('r', 'm') \
             AND c.relname NOT LIKE 'shard\\_orm\\_%'), 0)::int8, \
             CASE WHEN bool_or(c.relkind IN ('r', 'm') AND c.relpages = 0 \
             AND pg_stat_get_live_tuples(c.oid) > 0) THEN NULL \
             ELSE COALESCE(sum(c.relpages::int8 + COALESCE(t.relpages, 0)), 0)::int8 \
             * current_setting('block_size')::int8 END \
             FROM pg_namespace n LEFT JOIN pg_class c ON c.relnamespace = n.oid \
             LEFT JOIN pg_class t ON t.oid = c.reltoastrelid \
             WHERE n.nspname = ANY (string_to_array($1, ',')) GROUP BY 1",
        ),
        // One argument for both parts.
        Dialect::MySql => Some(
            "SELECT name, CAST(SUM(tables) AS SIGNED), CAST(SUM(tables) AS SIGNED), \
             CAST(SUM(number_of_rows) AS SIGNED), CAST(SUM(bytes) AS SIGNED) FROM (\
             SELECT CAST(SCHEMA_NAME AS CHAR) AS name, 0 AS tables, 0 AS number_of_rows, 0 AS bytes \
             FROM information_schema.SCHEMATA, (SELECT ? AS names) AS asked \
             WHERE FIND_IN_SET(SCHEMA_NAME, names) \
             UNION ALL SELECT CAST(TABLE_SCHEMA AS CHAR), \
             CASE WHEN TABLE_NAME LIKE 'shard\\_orm\\_%' THEN 0 ELSE 1 END, \
             CASE WHEN TABLE_NAME LIKE 'shard\\_orm\\_%' THEN 0 ELSE COALESCE(TABLE_ROWS, 0) END, \
             COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) \
             FROM information_schema.TABLES \
             WHERE FIND_IN_SET(TABLE_SCHEMA, ?) AND TABLE_TYPE = 'BASE TABLE') AS parts \
             GROUP BY name",
        ),
    }
}

/// The number of arguments of [`sizes_of_namespaces`], all of which are the names.
pub(crate) fn arguments_of_sizes(dialect: Dialect) -> usize {
    match dialect {
        Dialect::Sqlite => 0,
        Dialect::Postgres => 1,
        Dialect::MySql => 2,
    }
}

/// The query for the tables of a namespace by the catalogs, and its arguments: the name of each, and estimates of its rows
/// and of its bytes with indexes, where they are known. On SQLite, neither is known without reading the tables.
///
/// It locks no table.
pub(crate) fn sizes_of_tables(dialect: Dialect, namespace: &str) -> (&'static str, Vec<Value>) {
    let text = match dialect {
        Dialect::Sqlite => {
            "SELECT name, NULL, NULL FROM main.sqlite_schema \
             WHERE type = 'table' AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
        Dialect::Postgres => {
            "SELECT c.relname::text, \
             CASE WHEN c.relpages = 0 THEN pg_stat_get_live_tuples(c.oid) \
             ELSE GREATEST(c.reltuples, 0)::int8 END, \
             CASE WHEN c.relpages = 0 AND pg_stat_get_live_tuples(c.oid) > 0 THEN NULL \
             ELSE (c.relpages::int8 + COALESCE(t.relpages, 0) + COALESCE((SELECT sum(i.relpages) \
             FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid WHERE x.indrelid = c.oid), 0))::int8 \
             * current_setting('block_size')::int8 END \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             LEFT JOIN pg_class t ON t.oid = c.reltoastrelid \
             WHERE n.nspname = $1 AND c.relkind IN ('r', 'm')"
        }
        Dialect::MySql => {
            "SELECT CAST(TABLE_NAME AS CHAR), CAST(TABLE_ROWS AS SIGNED), \
             CAST(COALESCE(DATA_LENGTH, 0) + COALESCE(INDEX_LENGTH, 0) AS SIGNED) \
             FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_TYPE = 'BASE TABLE'"
        }
    };
    let arguments = match dialect {
        Dialect::Sqlite => Vec::new(),
        Dialect::Postgres | Dialect::MySql => vec![Value::from(namespace)],
    };
    (text, arguments)
}

/// The query for the exact number of rows of these tables of a namespace, whose names are quoted, and
/// for its bytes where the database counts them exactly. It returns one row of two numbers.
pub(crate) fn exact_size(dialect: Dialect, namespace: &str, tables: &[String]) -> String {
    let counts: Vec<String> = tables
        .iter()
        .map(|table| format!("(SELECT count(*) FROM {table})"))
        .collect();
    let rows = if counts.is_empty() {
        "0".to_owned()
    } else {
        counts.join(" + ")
    };
    match dialect {
        Dialect::Sqlite => format!("SELECT {rows}, NULL"),
        Dialect::Postgres => format!(
            "SELECT ({rows})::int8, (SELECT COALESCE(sum(pg_total_relation_size(c.oid)), 0)::int8 \
             FROM pg_class c JOIN pg_namespace n ON n.oid = c.relnamespace \
             WHERE n.nspname = '{}' AND c.relkind IN ('r', 'm'))",
            namespace.replace('\'', "''")
        ),
        Dialect::MySql => format!("SELECT CAST({rows} AS SIGNED), CAST(NULL AS SIGNED)"),
    }
}
