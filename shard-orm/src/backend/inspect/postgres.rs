//! The catalog of PostgreSQL: its manual, "System Catalogs".

use sea_query::Value;

use super::{About, Question};

/// The modifier of a type holds its length or digits: `varchartypmodin` and `numerictypmodin` in
/// its sources. `default` stands for the collation of the database, which may be any.
const COLUMNS: &str = "\
SELECT a.attname::text, t.typname::text, (NOT a.attnotnull)::int::int8, \
(a.atthasdef OR a.attidentity <> '')::int::int8, (a.attgenerated <> '')::int::int8, \
c.collname::text, NULL::text, \
CASE WHEN t.typname IN ('varchar', 'bpchar') AND a.atttypmod > 4 THEN (a.atttypmod - 4)::int8 END, \
CASE WHEN t.typname = 'numeric' AND a.atttypmod > 4 THEN (((a.atttypmod - 4) >> 16) & 65535)::int8 END, \
CASE WHEN t.typname = 'numeric' AND a.atttypmod > 4 THEN ((a.atttypmod - 4) & 2047)::int8 END, \
CASE WHEN t.typname IN ('timestamp', 'timestamptz', 'time') THEN \
CASE WHEN a.atttypmod < 0 THEN 6 ELSE a.atttypmod END::int8 END, \
(t.typname <> 'citext' AND COALESCE(c.collisdeterministic, true))::int::int8, \
getdatabaseencoding()::text \
FROM pg_attribute a JOIN pg_type t ON t.oid = a.atttypid \
LEFT JOIN pg_collation c ON c.oid = a.attcollation \
WHERE a.attrelid = to_regclass($1) AND a.attnum > 0 AND NOT a.attisdropped ORDER BY a.attnum";

const KEYS: &str = "\
SELECT n.relname::text, i.indisprimary::int::int8, a.attname::text \
FROM pg_index i JOIN pg_class n ON n.oid = i.indexrelid \
CROSS JOIN LATERAL unnest(i.indkey) WITH ORDINALITY AS k (number, position) \
LEFT JOIN pg_attribute a ON a.attrelid = i.indrelid AND a.attnum = k.number AND k.number > 0 \
WHERE i.indrelid = to_regclass($1) AND i.indisunique AND k.position <= i.indnkeyatts \
ORDER BY n.relname, k.position";

const FOREIGN_KEYS: &str = "\
SELECT c.conname::text, CASE WHEN t.relnamespace = own.relnamespace THEN NULL ELSE n.nspname::text END, \
t.relname::text, \
(CASE WHEN c.conrelid = c.confrelid THEN 2 WHEN c.conrelid = own.oid THEN 0 ELSE 1 END)::int8, \
a.attname::text, b.attname::text \
FROM pg_class own JOIN pg_constraint c ON c.contype = 'f' AND own.oid IN (c.conrelid, c.confrelid) \
CROSS JOIN LATERAL unnest(c.conkey, c.confkey) WITH ORDINALITY AS k (pointing, pointed, position) \
JOIN pg_attribute a ON a.attrelid = c.conrelid AND a.attnum = k.pointing \
JOIN pg_attribute b ON b.attrelid = c.confrelid AND b.attnum = k.pointed \
JOIN pg_class t ON t.oid = CASE WHEN c.conrelid = own.oid THEN c.confrelid ELSE c.conrelid END \
JOIN pg_namespace n ON n.oid = t.relnamespace \
WHERE own.oid = to_regclass($1) ORDER BY 4, c.conname, c.oid, k.position";

pub(super) fn question(quoted: String, about: About) -> Question {
    let text = match about {
        About::Columns => COLUMNS,
        About::Keys => KEYS,
        About::ForeignKeys => FOREIGN_KEYS,
    };
    Question {
        text,
        values: vec![Value::String(Some(quoted))],
    }
}
