WITH ns AS (SELECT oid FROM pg_namespace WHERE nspname = current_schema()),
dependent AS (
SELECT d.*, CASE d.classid
WHEN 'pg_class'::regclass THEN (SELECT COALESCE(i.indrelid, c.oid) FROM pg_class c LEFT JOIN pg_index i ON i.indexrelid = c.oid WHERE c.oid = d.objid)
WHEN 'pg_attrdef'::regclass THEN (SELECT adrelid FROM pg_attrdef WHERE oid = d.objid)
WHEN 'pg_constraint'::regclass THEN (SELECT NULLIF(conrelid, 0) FROM pg_constraint WHERE oid = d.objid)
WHEN 'pg_rewrite'::regclass THEN (SELECT ev_class FROM pg_rewrite WHERE oid = d.objid)
WHEN 'pg_trigger'::regclass THEN (SELECT tgrelid FROM pg_trigger WHERE oid = d.objid)
WHEN 'pg_policy'::regclass THEN (SELECT polrelid FROM pg_policy WHERE oid = d.objid) END AS relation,
CASE d.classid WHEN 'pg_proc'::regclass THEN d.objid END AS routine,
CASE d.classid WHEN 'pg_type'::regclass THEN d.objid WHEN 'pg_constraint'::regclass THEN (SELECT NULLIF(contypid, 0) FROM pg_constraint WHERE oid = d.objid) END AS type
FROM pg_depend d WHERE d.deptype IN ('n', 'a') AND d.refclassid IN ('pg_class'::regclass, 'pg_proc'::regclass, 'pg_type'::regclass)),
pair AS (
SELECT COALESCE(c.relnamespace, p.pronamespace, t.typnamespace) AS from_ns, COALESCE(c.relname, p.proname, t.typname) AS from_name,
CASE WHEN p.oid IS NOT NULL THEN 'function' WHEN t.oid IS NOT NULL THEN 'type' WHEN c.relkind = 'v' THEN 'view' WHEN c.relkind = 'S' THEN 'sequence' ELSE 'table' END AS from_kind,
COALESCE(rc.relnamespace, rp.pronamespace, rt.typnamespace) AS to_ns, COALESCE(rc.relname, rp.proname, rt.typname) AS to_name,
d.refclassid, d.refobjid
FROM dependent d LEFT JOIN pg_class c ON c.oid = d.relation LEFT JOIN pg_proc p ON p.oid = d.routine LEFT JOIN pg_type t ON t.oid = d.type
LEFT JOIN pg_class rc ON d.refclassid = 'pg_class'::regclass AND rc.oid = d.refobjid
LEFT JOIN pg_proc rp ON d.refclassid = 'pg_proc'::regclass AND rp.oid = d.refobjid
LEFT JOIN pg_type rt ON d.refclassid = 'pg_type'::regclass AND rt.oid = d.refobjid)
SELECT DISTINCT CASE WHEN from_ns = ns.oid THEN 'leads out' ELSE 'depends from outside' END, from_kind,
from_name::text, from_ns::regnamespace::text, to_name::text, to_ns::regnamespace::text, t.nspname::text
FROM ns JOIN pair ON (from_ns = ns.oid) <> (to_ns = ns.oid) JOIN pg_namespace t ON t.oid = to_ns
WHERE t.nspname NOT LIKE 'pg\_%' AND t.nspname <> 'information_schema' AND from_ns::regnamespace::text NOT LIKE 'pg\_toast%'
AND NOT EXISTS (SELECT FROM pg_depend e WHERE e.classid = refclassid AND e.objid = refobjid AND e.deptype = 'e')
AND NOT EXISTS (SELECT FROM pg_type y JOIN pg_depend e ON e.classid = 'pg_type'::regclass AND e.objid = y.typelem AND e.deptype = 'e'
WHERE refclassid = 'pg_type'::regclass AND y.oid = refobjid)
AND NOT EXISTS (SELECT FROM pg_class i WHERE refclassid = 'pg_class'::regclass AND i.oid = refobjid AND i.relkind = 'i')
ORDER BY 1, 3, 5
