WITH ns AS (SELECT oid, quote_ident(nspname) AS quoted FROM pg_namespace WHERE nspname = current_schema())
SELECT 'type', 't' || t.oid, t.typname::text, CASE t.typtype
WHEN 'e' THEN format('CREATE TYPE %I AS ENUM (%s)', t.typname, (SELECT string_agg(quote_literal(enumlabel), ', ' ORDER BY enumsortorder) FROM pg_enum WHERE enumtypid = t.oid))
WHEN 'd' THEN format('CREATE DOMAIN %I AS %s%s%s%s%s', t.typname, format_type(t.typbasetype, t.typtypmod),
(SELECT ' COLLATE ' || t.typcollation::regcollation FROM pg_type b WHERE b.oid = t.typbasetype AND b.typcollation <> t.typcollation),
' DEFAULT ' || pg_get_expr(t.typdefaultbin, 0), CASE WHEN t.typnotnull THEN ' NOT NULL' END,
(SELECT string_agg(format(' CONSTRAINT %I %s', conname, pg_get_constraintdef(k.oid)), '' ORDER BY conname) FROM pg_constraint k WHERE k.contypid = t.oid AND k.contype = 'c'))
ELSE format('CREATE TYPE %I AS (%s)', t.typname, (SELECT string_agg(format('%I %s', attname, format_type(atttypid, atttypmod)) || COALESCE((SELECT ' COLLATE ' || attcollation::regcollation FROM pg_type b WHERE b.oid = atttypid AND b.typcollation <> attcollation), ''), ', ' ORDER BY attnum) FROM pg_attribute WHERE attrelid = t.typrelid AND attnum > 0 AND NOT attisdropped))
END
FROM ns JOIN pg_type t ON t.typnamespace = ns.oid LEFT JOIN pg_class c ON c.oid = t.typrelid
WHERE t.typtype IN ('e', 'd') OR (t.typtype = 'c' AND c.relkind = 'c')
UNION ALL
SELECT CASE owned.by WHEN 'a' THEN 'owned sequence' WHEN 'i' THEN 'identity' ELSE 'sequence' END, 'c' || c.oid, c.relname::text,
CASE WHEN owned.by IS DISTINCT FROM 'i' THEN format('CREATE SEQUENCE %I AS %s %s', c.relname, format_type(s.seqtypid, NULL), options.text) END
FROM ns JOIN pg_class c ON c.relnamespace = ns.oid JOIN pg_sequence s ON s.seqrelid = c.oid
CROSS JOIN LATERAL (SELECT format('START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s', s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END) AS text) options
LEFT JOIN LATERAL (SELECT d.deptype AS by FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i')
AND d.refclassid = 'pg_class'::regclass LIMIT 1) owned ON true
UNION ALL
SELECT 'function', 'f' || p.oid, p.proname::text, format('CREATE %s %s', kind.word, substr(def.text, length(format('CREATE OR REPLACE %s %s.', kind.word, ns.quoted)) + 1))
FROM ns JOIN pg_proc p ON p.pronamespace = ns.oid
CROSS JOIN LATERAL (SELECT CASE p.prokind WHEN 'p' THEN 'PROCEDURE' ELSE 'FUNCTION' END AS word) kind
CROSS JOIN LATERAL (SELECT pg_get_functiondef(p.oid) AS text WHERE p.prokind <> 'a') def
UNION ALL
SELECT 'table', 'c' || c.oid, c.relname::text, format('CREATE TABLE %I (%s)%s', c.relname, parts.text, ' WITH (' || options.text || ')')
FROM ns JOIN pg_class c ON c.relnamespace = ns.oid LEFT JOIN pg_class toast ON toast.oid = c.reltoastrelid
CROSS JOIN LATERAL (SELECT string_agg(part, ', ') AS text FROM (SELECT part FROM (
SELECT 0 AS kind, a.attnum AS place, ''::name AS name, concat(quote_ident(a.attname), ' ', format_type(a.atttypid, a.atttypmod),
(SELECT ' COLLATE ' || a.attcollation::regcollation FROM pg_type y WHERE y.oid = a.atttypid AND y.typcollation <> a.attcollation),
CASE WHEN a.attidentity <> '' THEN format(' GENERATED %s AS IDENTITY (SEQUENCE NAME %I START WITH %s INCREMENT BY %s MINVALUE %s MAXVALUE %s CACHE %s%s)', CASE a.attidentity WHEN 'a' THEN 'ALWAYS' ELSE 'BY DEFAULT' END, q.relname, s.seqstart, s.seqincrement, s.seqmin, s.seqmax, s.seqcache, CASE WHEN s.seqcycle THEN ' CYCLE' END)
WHEN a.attgenerated <> '' THEN format(' GENERATED ALWAYS AS (%s)%s', pg_get_expr(e.adbin, e.adrelid), CASE a.attgenerated WHEN 's' THEN ' STORED' END)
ELSE ' DEFAULT ' || pg_get_expr(e.adbin, e.adrelid) END, CASE WHEN a.attnotnull THEN ' NOT NULL' END) AS part
FROM pg_attribute a LEFT JOIN pg_attrdef e ON e.adrelid = a.attrelid AND e.adnum = a.attnum
LEFT JOIN pg_depend d ON d.refclassid = 'pg_class'::regclass AND d.refobjid = a.attrelid AND d.refobjsubid = a.attnum AND d.classid = 'pg_class'::regclass AND d.deptype = 'i' AND a.attidentity <> ''
LEFT JOIN pg_class q ON q.oid = d.objid LEFT JOIN pg_sequence s ON s.seqrelid = q.oid
WHERE a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped
UNION ALL SELECT CASE k.contype WHEN 'p' THEN 1 ELSE 2 END, 0, k.conname, format('CONSTRAINT %I %s', k.conname, pg_get_constraintdef(k.oid))
FROM pg_constraint k WHERE k.conrelid = c.oid AND k.contype IN ('p', 'c')) all_parts ORDER BY kind, place, name) parts) parts
LEFT JOIN LATERAL (SELECT string_agg(option, ', ') AS text FROM (SELECT unnest(c.reloptions) AS option UNION ALL SELECT 'toast.' || unnest(toast.reloptions)) o) options ON true
WHERE c.relkind = 'r'
UNION ALL
SELECT 'view', 'c' || c.oid, c.relname::text, format('CREATE VIEW %I%s AS %s', c.relname, ' WITH (' || array_to_string(c.reloptions, ', ') || ')', btrim(pg_get_viewdef(c.oid), ' ;'))
FROM ns JOIN pg_class c ON c.relnamespace = ns.oid WHERE c.relkind = 'v'
ORDER BY 1, 3, 4
