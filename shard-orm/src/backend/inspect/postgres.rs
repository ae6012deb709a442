//! The catalog of PostgreSQL: its manual, "System Catalogs".

use sea_query::Value;

use super::{About, Question};

/// The modifier of a type holds its length or digits: `varchartypmodin` and `numerictypmodin` in
/// its sources. `default` stands for the collation of the database, which may be any.
const COLUMNS: &str = "\
SELECT a.attname::text, y.typname::text, (NOT a.attnotnull)::int::int8, \
(a.atthasdef OR a.attidentity <> '')::int::int8, (a.attgenerated <> '')::int::int8, \
c.collname::text, NULL::text, \
CASE WHEN y.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN (a.atttypmod - 4)::int8 END, \
CASE WHEN y.typname = 'numeric' AND a.atttypmod > 4 THEN (((a.atttypmod - 4) >> 16) & 65535)::int8 END, \
CASE WHEN y.typname = 'numeric' AND a.atttypmod > 4 THEN ((a.atttypmod - 4) & 2047)::int8 END, \
CASE WHEN y.typname IN ('timestamp', 'timestamptz', 'time') THEN \
CASE WHEN a.atttypmod < 0 THEN 6 ELSE a.atttypmod END::int8 END, \
(y.typname <> 'citext' AND COALESCE(c.collisdeterministic, true))::int::int8, \
getdatabaseencoding()::text, \
t.relname::text, format_type(a.atttypid, a.atttypmod), \
CASE WHEN a.attgenerated = '' THEN pg_get_expr(d.adbin, d.adrelid) END, \
(a.attidentity <> '' OR COALESCE(pg_get_expr(d.adbin, d.adrelid) LIKE 'nextval(%', false))::int::int8, \
CASE WHEN a.attgenerated <> '' THEN pg_get_expr(d.adbin, d.adrelid) END, \
(a.attgenerated = 's')::int::int8, NULL::text, \
c.collnamespace::regnamespace::text || '.' || quote_ident(c.collname) \
FROM t JOIN pg_attribute a ON a.attrelid = t.oid JOIN pg_type y ON y.oid = a.atttypid \
LEFT JOIN pg_collation c ON c.oid = a.attcollation \
LEFT JOIN pg_attrdef d ON d.adrelid = a.attrelid AND d.adnum = a.attnum \
WHERE a.attnum > 0 AND NOT a.attisdropped ORDER BY t.relname, a.attnum";

/// Indexes, or the unique ones alone. A bit of `indoption` stands for DESC, and the next one for
/// NULLS FIRST. An index that columns, expressions and a condition do not describe has the rest of
/// its definition from the method on: another method, operator class, collation or order of NULLs,
/// an expression that descends, further columns, storage options.
const INDEXES: &str = "\
SELECT n.relname::text, i.indisprimary::int::int8, a.attname::text, i.indisunique::int::int8, \
t.relname::text, CASE WHEN k.number = 0 THEN pg_get_indexdef(i.indexrelid, k.position::int, true) END, \
pg_get_expr(i.indpred, i.indrelid), NULL::text, k.position, \
(i.indoption[k.position::int - 1] & 1)::int8, NULL::int8, \
CASE WHEN NOT i.indisprimary AND (n.relam <> (SELECT oid FROM pg_am WHERE amname = 'btree') \
OR i.indnkeyatts < i.indnatts OR n.reloptions IS NOT NULL \
OR pg_get_indexdef(i.indexrelid) LIKE '% NULLS NOT DISTINCT%' \
OR EXISTS (SELECT FROM generate_series(0, i.indnkeyatts - 1) AS p (at) \
JOIN pg_opclass o ON o.oid = i.indclass[p.at] \
LEFT JOIN pg_attribute b ON b.attrelid = i.indrelid AND b.attnum = i.indkey[p.at] AND b.attnum > 0 \
WHERE NOT o.opcdefault OR i.indoption[p.at] IN (1, 2) OR (b.attnum IS NULL AND i.indoption[p.at] <> 0) \
OR (i.indcollation[p.at] <> b.attcollation AND i.indcollation[p.at] <> 0))) \
THEN substr(pg_get_indexdef(i.indexrelid), strpos(pg_get_indexdef(i.indexrelid), ' USING ') + 7) END \
FROM t JOIN pg_index i ON i.indrelid = t.oid JOIN pg_class n ON n.oid = i.indexrelid \
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position) \
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0 \
WHERE (i.indisunique OR NOT ";

const FOREIGN_KEYS: &str = "\
SELECT c.conname::text, CASE WHEN o.relnamespace = t.relnamespace THEN NULL ELSE n.nspname::text END, \
o.relname::text, \
(CASE WHEN c.conrelid = c.confrelid THEN 2 WHEN c.conrelid = t.oid THEN 0 ELSE 1 END)::int8, \
a.attname::text, b.attname::text, t.relname::text, c.confdeltype::text, c.confupdtype::text \
FROM t JOIN pg_constraint c ON c.contype = 'f' AND t.oid IN (c.conrelid, c.confrelid) \
CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (pointing, pointed, position) \
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.pointing \
JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.pointed \
JOIN pg_class o ON o.oid = CASE WHEN c.conrelid = t.oid THEN c.confrelid ELSE c.conrelid END \
JOIN pg_namespace n ON n.oid = o.relnamespace \
ORDER BY t.relname, 4, c.conname, c.oid, k.position";

const CHECKS: &str = "\
SELECT t.relname::text, c.conname::text, pg_get_expr(c.conbin, c.conrelid) \
FROM t JOIN pg_constraint c ON c.conrelid = t.oid AND c.contype = 'c' ORDER BY 1, 2";

/// The tables that are asked about; the argument is a quoted name.
const ONE: &str = "oid = to_regclass($1)";
const ALL: &str = "relnamespace = to_regnamespace(COALESCE($1, quote_ident(current_schema()))) \
AND relkind IN ('r', 'p') AND NOT relispartition";

/// The question about one table, or about all tables of a schema.
pub(super) fn question(name: Option<String>, one: bool, about: About) -> Question {
    let tables = if one { ONE } else { ALL };
    // An interrupted build leaves an index that no query uses.
    let indexes = |unique| {
        format!(
            "{INDEXES}{unique}) AND (i.indisvalid OR {unique}) AND k.position <= i.indnkeyatts \
             ORDER BY t.relname, n.relname, k.position"
        )
    };
    let asked = match about {
        About::Columns => COLUMNS.to_owned(),
        About::Keys => indexes(true),
        About::Indexes => indexes(false),
        About::ForeignKeys | About::OwnForeignKeys => FOREIGN_KEYS.to_owned(),
        About::Checks => CHECKS.to_owned(),
    };
    Question {
        text: format!(
            "WITH t AS (SELECT oid, relname, relnamespace FROM pg_class WHERE {tables}) {asked}"
        ),
        values: vec![Value::String(name)],
    }
}
