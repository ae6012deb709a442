WITH ns AS (SELECT oid, nspname FROM pg_namespace WHERE nspname = current_schema()),
rel AS (SELECT c.* FROM ns JOIN pg_class c ON c.relnamespace = ns.oid)
SELECT 'no key' AS what, 'table' AS kind, relname::text AS of, relname::text AS name, NULL::text AS detail FROM rel t WHERE relkind = 'r' AND NOT EXISTS (SELECT FROM pg_constraint k WHERE k.conrelid = t.oid AND k.contype = 'p')
UNION ALL SELECT CASE WHEN relkind IN ('m', 'f') THEN 'kind' ELSE 'partition' END, CASE relkind WHEN 'm' THEN 'materialized view' WHEN 'f' THEN 'foreign table' ELSE 'partitioned table' END, relname, relname, NULL FROM rel WHERE relkind IN ('p', 'm', 'f')
UNION ALL SELECT 'inherited', 'table', c.relname, c.relname, NULL FROM rel c WHERE relkind = 'r' AND NOT relispartition AND EXISTS (SELECT FROM pg_inherits h WHERE c.oid IN (h.inhrelid, h.inhparent))
UNION ALL SELECT 'partition', 'partition', relname, relname, NULL FROM rel WHERE relispartition AND relkind IN ('r', 'p')
UNION ALL SELECT 'unlogged', 'table', relname, relname, NULL FROM rel WHERE relkind = 'r' AND relpersistence <> 'p'
UNION ALL SELECT 'typed', 'table', relname, relname, NULL FROM rel WHERE relkind = 'r' AND reloftype <> 0
UNION ALL SELECT 'policies', 'table', relname, relname, NULL FROM rel t WHERE relkind = 'r' AND (relrowsecurity OR EXISTS (SELECT FROM pg_policy p WHERE p.polrelid = t.oid))
UNION ALL SELECT 'rule', 'rule', t.relname, r.rulename, t.relname::text FROM rel t JOIN pg_rewrite r ON r.ev_class = t.oid AND r.rulename <> '_RETURN'
UNION ALL SELECT 'not validated', 'constraint', t.relname, k.conname, t.relname::text FROM rel t JOIN pg_constraint k ON k.conrelid = t.oid WHERE NOT k.convalidated
UNION ALL SELECT 'not valid', 'index', t.relname, i.relname, t.relname::text FROM rel t JOIN pg_index x ON x.indrelid = t.oid AND NOT x.indisvalid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL SELECT 'published', 'table', t.relname, t.relname, p.pubname::text FROM rel t JOIN pg_publication_tables v ON v.tablename = t.relname AND v.schemaname = (SELECT nspname FROM ns) JOIN pg_publication p ON p.pubname = v.pubname WHERE t.relkind IN ('r', 'p')
UNION ALL SELECT 'kind', 'aggregate', p.proname, p.proname, NULL FROM ns JOIN pg_proc p ON p.pronamespace = ns.oid AND p.prokind = 'a'
UNION ALL SELECT 'kind', CASE typtype WHEN 'r' THEN 'range type' ELSE 'base type' END, typname, typname, NULL FROM ns JOIN pg_type t ON t.typnamespace = ns.oid WHERE typtype IN ('r', 'b', 'p') AND typcategory <> 'A'
UNION ALL SELECT 'kind', 'operator', oprname, oprname, NULL FROM ns JOIN pg_operator ON oprnamespace = ns.oid
UNION ALL SELECT 'kind', 'operator class', opcname, opcname, NULL FROM ns JOIN pg_opclass ON opcnamespace = ns.oid
UNION ALL SELECT 'kind', 'collation', collname, collname, NULL FROM ns JOIN pg_collation ON collnamespace = ns.oid
UNION ALL SELECT 'kind', 'conversion', conname, conname, NULL FROM ns JOIN pg_conversion ON connamespace = ns.oid
UNION ALL SELECT 'kind', 'text search configuration', cfgname, cfgname, NULL FROM ns JOIN pg_ts_config ON cfgnamespace = ns.oid
UNION ALL SELECT 'kind', 'text search dictionary', dictname, dictname, NULL FROM ns JOIN pg_ts_dict ON dictnamespace = ns.oid
UNION ALL SELECT 'kind', 'extension', e.extname, e.extname, NULL FROM ns JOIN pg_extension e ON e.extnamespace = ns.oid
UNION ALL SELECT 'owner', CASE relkind WHEN 'v' THEN 'view' WHEN 'S' THEN 'sequence' ELSE 'table' END, relname, relname, pg_get_userbyid(relowner)::text FROM rel WHERE relkind IN ('r', 'v', 'S') AND NOT pg_has_role(relowner, 'MEMBER')
UNION ALL SELECT 'owner', 'function', proname, proname, pg_get_userbyid(proowner)::text FROM ns JOIN pg_proc ON pronamespace = ns.oid WHERE NOT pg_has_role(proowner, 'MEMBER')
UNION ALL SELECT 'names itself', 'function', proname, proname, ns.nspname::text FROM ns JOIN pg_proc ON pronamespace = ns.oid WHERE prosrc ~ ('(^|[^[:alnum:]_$"])' || regexp_replace(ns.nspname, '([^[:alnum:]_])', '\\\1', 'g') || '\s*\.') OR strpos(prosrc, format('"%s"', ns.nspname)) > 0
