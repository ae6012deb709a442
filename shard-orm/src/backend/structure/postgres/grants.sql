WITH ns AS (SELECT oid, nspacl, nspowner FROM pg_namespace WHERE nspname = current_schema()),
object AS (
SELECT CASE relkind WHEN 'S' THEN 'SEQUENCE' ELSE 'TABLE' END AS kind, relname AS name, relname AS of, quote_ident(relname) AS quoted, relacl AS acl, relowner AS owner,
(relkind = 'S' AND EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid AND d.deptype IN ('a', 'i'))) AS is_part FROM ns JOIN pg_class c ON c.relnamespace = ns.oid WHERE relkind IN ('r', 'v', 'S')
UNION ALL SELECT 'ROUTINE', proname, proname, p.oid::regprocedure::text, proacl, proowner, false FROM ns JOIN pg_proc p ON p.pronamespace = ns.oid WHERE prokind <> 'a'
UNION ALL SELECT 'TYPE', typname, typname, quote_ident(typname), typacl, typowner, false FROM ns JOIN pg_type t ON t.typnamespace = ns.oid WHERE typtype IN ('d', 'e') OR (typtype = 'c' AND EXISTS (SELECT FROM pg_class c WHERE c.oid = typrelid AND c.relkind = 'c')))
SELECT 'owner', of::text, name::text, format('ALTER %s %s OWNER TO %I', kind, quoted, a.rolname), a.rolname::text FROM object JOIN pg_roles a ON a.oid = owner WHERE a.rolname <> current_user AND NOT is_part
UNION ALL SELECT 'revoke', of, name, format('REVOKE ALL ON %s %s FROM PUBLIC', kind, quoted), NULL FROM object WHERE acl IS NOT NULL AND kind IN ('ROUTINE', 'TYPE')
UNION ALL SELECT 'grant', of, name, format('GRANT %s ON %s %s TO %s%s', string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type), kind, quoted, COALESCE(quote_ident(a.rolname), 'PUBLIC'), CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END), a.rolname
FROM object CROSS JOIN LATERAL aclexplode(acl) g LEFT JOIN pg_roles a ON a.oid = g.grantee WHERE g.grantee <> owner GROUP BY of, name, kind, quoted, a.rolname, g.is_grantable
UNION ALL SELECT 'grant', c.relname, c.relname, format('GRANT %s (%I) ON TABLE %I TO %s%s', g.privilege_type, t.attname, c.relname, COALESCE(quote_ident(a.rolname), 'PUBLIC'), CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END), a.rolname
FROM ns JOIN pg_class c ON c.relnamespace = ns.oid JOIN pg_attribute t ON t.attrelid = c.oid CROSS JOIN LATERAL aclexplode(t.attacl) g LEFT JOIN pg_roles a ON a.oid = g.grantee WHERE c.relkind IN ('r', 'v') AND NOT t.attisdropped
UNION ALL SELECT 'namespace', NULL, NULL, format('GRANT %s ON SCHEMA %%s TO %s%s', string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type), COALESCE(quote_ident(a.rolname), 'PUBLIC'), CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END), a.rolname
FROM ns CROSS JOIN LATERAL aclexplode(nspacl) g LEFT JOIN pg_roles a ON a.oid = g.grantee WHERE g.grantee <> nspowner GROUP BY a.rolname, g.is_grantable
UNION ALL SELECT 'namespace', NULL, NULL, format('ALTER DEFAULT PRIVILEGES%s IN SCHEMA %%s GRANT %s ON %s TO %s%s', CASE WHEN o.rolname <> current_user THEN format(' FOR ROLE %I', o.rolname) END, string_agg(g.privilege_type, ', ' ORDER BY g.privilege_type), CASE d.defaclobjtype WHEN 'r' THEN 'TABLES' WHEN 'S' THEN 'SEQUENCES' WHEN 'f' THEN 'ROUTINES' ELSE 'TYPES' END, COALESCE(quote_ident(a.rolname), 'PUBLIC'), CASE WHEN g.is_grantable THEN ' WITH GRANT OPTION' END), a.rolname
FROM ns JOIN pg_default_acl d ON d.defaclnamespace = ns.oid JOIN pg_roles o ON o.oid = d.defaclrole CROSS JOIN LATERAL aclexplode(d.defaclacl) g LEFT JOIN pg_roles a ON a.oid = g.grantee GROUP BY o.rolname, d.defaclobjtype, a.rolname, g.is_grantable
ORDER BY 2, 3
