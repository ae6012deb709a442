//! The pragmas of SQLite, as functions that give rows.

mod text;

use sea_query::Value;

pub(super) use self::text::{index, table};
use super::{About, Question};

/// A column's collation is told by the unique indexes alone. A hidden column of kind 2 or 3 is
/// generated.
const COLUMNS: &str = "\
SELECT c.name, c.type, c.`notnull` = 0 AND c.pk = 0, c.dflt_value IS NOT NULL, c.hidden > 1, \
(SELECT MAX(x.coll) FROM pragma_index_list(t.name) l, pragma_index_xinfo(l.name) x \
WHERE l.`unique` AND x.`key` AND x.name = c.name AND x.coll <> 'BINARY'), \
NULL, NULL, NULL, NULL, NULL, 1, (SELECT encoding FROM pragma_encoding), \
t.name, c.type, CASE WHEN c.hidden < 2 THEN c.dflt_value END, 0, NULL, c.hidden = 3, \
(SELECT m.sql FROM main.sqlite_schema m WHERE m.type = 'table' AND lower(m.name) = lower(t.name)), NULL \
FROM t, pragma_table_xinfo(t.name) c WHERE c.hidden <> 1 ORDER BY t.name, c.cid";

/// A primary key of one integer is the row's own number, and has no index. The indexes follow, or
/// the unique ones alone.
const INDEXES: &str = "\
SELECT '', 1, name, 1, of_table, NULL, NULL, NULL, pk, 0, NULL, NULL FROM (SELECT t.name AS of_table, p.name AS name, \
p.pk AS pk FROM t, pragma_table_info(t.name) p WHERE p.pk > 0 ORDER BY t.name, p.pk) \
UNION ALL \
SELECT index_name, 0, name, is_unique, of_table, NULL, NULL, sql, seqno, is_desc, NULL, NULL FROM (\
SELECT l.name AS index_name, x.name AS name, l.`unique` AS is_unique, t.name AS of_table, \
(SELECT m.sql FROM main.sqlite_schema m WHERE m.type = 'index' AND m.name = l.name) AS sql, \
x.seqno + 1 AS seqno, x.desc AS is_desc FROM t, pragma_index_list(t.name) l, pragma_index_xinfo(l.name) x \
WHERE l.origin <> 'pk' AND x.`key` AND (l.`unique` OR NOT ";

/// A key that names no columns of the other table points to its primary key.
const FOREIGN_KEYS: &str = "\
SELECT 'foreign key ' || f.id, NULL, f.`table`, \
CASE WHEN lower(f.`table`) = lower(t.name) THEN 2 ELSE 0 END AS direction, f.`from`, \
COALESCE(f.`to`, (SELECT p.name FROM pragma_table_info(f.`table`) p WHERE p.pk = f.seq + 1)), \
t.name AS of_table, f.on_delete, f.on_update, f.id AS id, f.seq AS seq \
FROM t, pragma_foreign_key_list(t.name) f \
UNION ALL \
SELECT 'foreign key ' || f.id, NULL, m.name, 1, f.`from`, \
COALESCE(f.`to`, (SELECT p.name FROM pragma_table_info(t.name) p WHERE p.pk = f.seq + 1)), \
t.name, f.on_delete, f.on_update, f.id, f.seq \
FROM t, sqlite_schema m, pragma_foreign_key_list(m.name) f \
WHERE m.type = 'table' AND lower(f.`table`) = lower(t.name) AND lower(m.name) <> lower(t.name) \
ORDER BY of_table, direction, 3, id, seq";

/// The question about one table, or about all tables of the file.
pub(super) fn question(table: Option<String>, about: About) -> Question {
    let tables = match table {
        Some(_) => "SELECT ?1",
        None => {
            "SELECT name FROM main.sqlite_schema WHERE type = 'table' AND ?1 IS NULL \
                 AND name NOT LIKE 'sqlite\\_%' ESCAPE '\\'"
        }
    };
    let indexes = |unique| format!("{INDEXES}{unique}) ORDER BY t.name, l.seq, x.seqno)");
    let asked = match about {
        About::Columns => COLUMNS.to_owned(),
        About::Keys => indexes(1),
        About::Indexes => indexes(0),
        About::ForeignKeys | About::OwnForeignKeys => FOREIGN_KEYS.to_owned(),
        // They stand in the texts of the tables alone.
        About::Checks => "SELECT name FROM t WHERE 0".to_owned(),
    };
    Question {
        text: format!("WITH t(name) AS ({tables}) {asked}"),
        values: vec![Value::String(table)],
    }
}
