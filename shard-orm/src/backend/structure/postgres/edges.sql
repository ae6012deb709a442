WITH ns AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
item AS (
SELECT 'pg_class'::regclass AS class, c.oid, 'c' || c.oid AS key FROM ns JOIN pg_class c ON c.relnamespace = ns.oid WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f', 'S')
UNION ALL SELECT 'pg_class'::regclass, c.oid, 't' || c.reltype FROM ns JOIN pg_class c ON c.relnamespace = ns.oid WHERE c.relkind = 'c'
UNION ALL SELECT 'pg_class'::regclass, i.indexrelid, 'c' || i.indrelid FROM ns JOIN pg_class c ON c.relnamespace = ns.oid JOIN pg_index i ON i.indrelid = c.oid
UNION ALL SELECT 'pg_type'::regclass, t.oid, CASE WHEN c.relkind <> 'c' THEN 'c' || c.oid ELSE 't' || b.oid END
FROM ns JOIN pg_type t ON t.typnamespace = ns.oid LEFT JOIN pg_type e ON e.oid = t.typelem AND t.typcategory = 'A' JOIN pg_type b ON b.oid = COALESCE(e.oid, t.oid) LEFT JOIN pg_class c ON c.oid = b.typrelid
UNION ALL SELECT 'pg_proc'::regclass, p.oid, 'f' || p.oid FROM ns JOIN pg_proc p ON p.pronamespace = ns.oid
UNION ALL SELECT 'pg_attrdef'::regclass, d.oid, 'c' || d.adrelid FROM ns JOIN pg_class c ON c.relnamespace = ns.oid JOIN pg_attrdef d ON d.adrelid = c.oid
UNION ALL SELECT 'pg_constraint'::regclass, k.oid, CASE WHEN k.contypid <> 0 THEN 't' || k.contypid ELSE 'c' || k.conrelid END FROM ns JOIN pg_constraint k ON k.connamespace = ns.oid AND k.contype <> 'f'
UNION ALL SELECT 'pg_rewrite'::regclass, r.oid, 'c' || r.ev_class FROM ns JOIN pg_class c ON c.relnamespace = ns.oid JOIN pg_rewrite r ON r.ev_class = c.oid)
SELECT DISTINCT a.key, b.key FROM pg_depend d JOIN item a ON a.class = d.classid AND a.oid = d.objid JOIN item b ON b.class = d.refclassid AND b.oid = d.refobjid
WHERE a.key <> b.key AND NOT (a.class = 'pg_class'::regclass AND d.deptype IN ('a', 'i') AND (SELECT relkind FROM pg_class WHERE oid = a.oid) = 'S')
ORDER BY 1, 2
