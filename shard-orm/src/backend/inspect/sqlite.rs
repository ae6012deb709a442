//! The pragmas of SQLite, as functions that give rows.

use sea_query::Value;

use super::{About, Question};

/// A column's collation is told by the unique indexes alone. A hidden column of kind 2 or 3 is
/// generated.
const COLUMNS: &str = "\
SELECT c.name, c.type, c.`notnull` = 0 AND c.pk = 0, c.dflt_value IS NOT NULL, c.hidden > 1, \
(SELECT MAX(x.coll) FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x \
WHERE l.`unique` AND x.`key` AND x.name = c.name AND x.coll <> 'BINARY'), \
NULL, NULL, NULL, NULL, NULL, 1, (SELECT encoding FROM pragma_encoding) \
FROM pragma_table_xinfo(?1) c WHERE c.hidden <> 1 ORDER BY c.cid";

/// A primary key of one integer is the row's own number, and has no index.
const KEYS: &str = "\
SELECT '', 1, name FROM (SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk) \
UNION ALL \
SELECT index_name, 0, name FROM (SELECT l.name AS index_name, x.name AS name \
FROM pragma_index_list(?1) l, pragma_index_xinfo(l.name) x \
WHERE l.`unique` AND l.origin <> 'pk' AND x.`key` ORDER BY l.seq, x.seqno)";

/// A key that names no columns of the other table points to its primary key.
const FOREIGN_KEYS: &str = "\
SELECT 'foreign key ' || f.id, NULL, f.`table`, \
CASE WHEN lower(f.`table`) = lower(?1) THEN 2 ELSE 0 END AS direction, f.`from`, \
COALESCE(f.`to`, (SELECT p.name FROM pragma_table_info(f.`table`) p WHERE p.pk = f.seq + 1)), \
f.id AS id, f.seq AS seq \
FROM pragma_foreign_key_list(?1) f \
UNION ALL \
SELECT 'foreign key ' || f.id, NULL, m.name, 1, f.`from`, \
COALESCE(f.`to`, (SELECT p.name FROM pragma_table_info(?1) p WHERE p.pk = f.seq + 1)), f.id, f.seq \
FROM sqlite_schema m, pragma_foreign_key_list(m.name) f \
WHERE m.type = 'table' AND lower(f.`table`) = lower(?1) AND lower(m.name) <> lower(?1) \
ORDER BY direction, 3, id, seq";

pub(super) fn question(table: String, about: About) -> Question {
    let text = match about {
        About::Columns => COLUMNS,
        About::Keys => KEYS,
        About::ForeignKeys => FOREIGN_KEYS,
    };
    Question {
        text,
        values: vec![Value::String(Some(table))],
    }
}
