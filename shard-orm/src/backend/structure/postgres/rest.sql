WITH ns AS (SELECT oid, nspname, quote_ident(nspname) AS quoted FROM pg_namespace WHERE nspname = current_schema()),
rel AS (SELECT c.*, quote_ident(c.relname) AS quoted FROM ns JOIN pg_class c ON c.relnamespace = ns.oid),
kept AS (SELECT * FROM rel WHERE relkind = 'r')
SELECT 'column' AS step, t.relname::text AS of, a.attname::text AS name, format('ALTER TABLE %s ALTER COLUMN %I SET %s', t.quoted, a.attname, setting) AS text
FROM kept t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped JOIN pg_type y ON y.oid = a.atttypid
CROSS JOIN LATERAL (VALUES (CASE WHEN a.attstorage <> y.typstorage THEN 'STORAGE ' || CASE a.attstorage WHEN 'p' THEN 'PLAIN' WHEN 'e' THEN 'EXTERNAL' WHEN 'm' THEN 'MAIN' ELSE 'EXTENDED' END END),
('COMPRESSION ' || CASE to_jsonb(a) ->> 'attcompression' WHEN 'p' THEN 'pglz' WHEN 'l' THEN 'lz4' END),
(CASE WHEN a.attstattarget >= 0 THEN 'STATISTICS ' || a.attstattarget END),
('(' || array_to_string(a.attoptions, ', ') || ')')) AS of_column (setting) WHERE setting IS NOT NULL
UNION ALL SELECT 'view column', v.relname, a.attname, format('ALTER TABLE %s ALTER COLUMN %I SET DEFAULT %s', v.quoted, a.attname, pg_get_expr(e.adbin, e.adrelid))
FROM rel v JOIN pg_attrdef e ON e.adrelid = v.oid JOIN pg_attribute a ON a.attrelid = v.oid AND a.attnum = e.adnum WHERE v.relkind = 'v'
UNION ALL SELECT 'owned', t.relname, s.relname, format('ALTER SEQUENCE %s OWNED BY %s.%I', s.quoted, t.quoted, a.attname)
FROM rel s JOIN pg_depend d ON d.classid = 'pg_class'::regclass AND d.objid = s.oid AND d.deptype = 'a' AND d.refclassid = 'pg_class'::regclass
JOIN rel t ON t.oid = d.refobjid JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = d.refobjsubid WHERE s.relkind = 'S'
UNION ALL SELECT 'index', t.relname, i.relname, CASE WHEN k.oid IS NULL THEN pg_get_indexdef(i.oid, 0, true) ELSE format('ALTER TABLE %s ADD CONSTRAINT %I %s', t.quoted, k.conname, pg_get_constraintdef(k.oid)) END
FROM kept t JOIN pg_index x ON x.indrelid = t.oid AND NOT x.indisprimary JOIN pg_class i ON i.oid = x.indexrelid LEFT JOIN pg_constraint k ON k.conindid = i.oid AND k.conrelid = t.oid AND k.contype IN ('u', 'x')
UNION ALL SELECT 'index setting', t.relname, i.relname, format('ALTER INDEX %I ALTER COLUMN %s SET STATISTICS %s', i.relname, a.attnum, a.attstattarget)
FROM kept t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_attribute a ON a.attrelid = i.oid AND a.attstattarget >= 0
UNION ALL SELECT 'index setting', t.relname, i.relname, format('ALTER TABLE %s %s %I', t.quoted, word, i.relname)
FROM kept t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid CROSS JOIN LATERAL (VALUES (CASE WHEN x.indisclustered THEN 'CLUSTER ON' END), (CASE WHEN t.relreplident = 'i' AND x.indisreplident THEN 'REPLICA IDENTITY USING INDEX' END)) AS w (word) WHERE word IS NOT NULL
UNION ALL SELECT 'index setting', relname, relname, format('ALTER TABLE %s REPLICA IDENTITY %s', quoted, CASE relreplident WHEN 'f' THEN 'FULL' ELSE 'NOTHING' END) FROM kept WHERE relreplident IN ('f', 'n')
UNION ALL SELECT 'index setting', t.relname, s.stxname, 'CREATE STATISTICS ' || substr(pg_get_statisticsobjdef(s.oid), length('CREATE STATISTICS ' || ns.quoted || '.') + 1)
FROM ns JOIN pg_statistic_ext s ON s.stxnamespace = ns.oid JOIN kept t ON t.oid = s.stxrelid
UNION ALL SELECT 'foreign key', t.relname, k.conname, format('ALTER TABLE %s ADD CONSTRAINT %I %s NOT VALID', t.quoted, k.conname, pg_get_constraintdef(k.oid))
FROM kept t JOIN pg_constraint k ON k.conrelid = t.oid AND k.contype = 'f'
UNION ALL SELECT 'trigger', t.relname, g.tgname, pg_get_triggerdef(g.oid, true)
FROM rel t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal WHERE t.relkind IN ('r', 'v')
UNION ALL SELECT 'trigger state', t.relname, g.tgname, format('ALTER TABLE %s %s TRIGGER %I', t.quoted, CASE g.tgenabled WHEN 'D' THEN 'DISABLE' WHEN 'A' THEN 'ENABLE ALWAYS' ELSE 'ENABLE REPLICA' END, g.tgname)
FROM rel t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal AND g.tgenabled <> 'O' WHERE t.relkind IN ('r', 'v')
UNION ALL SELECT o.step, o.of, o.name, format('COMMENT ON %s IS %L', o.what, o.comment) FROM (
SELECT 'comment' AS step, relname::text AS of, relname::text AS name, format('%s %s', CASE relkind WHEN 'r' THEN 'TABLE' WHEN 'v' THEN 'VIEW' ELSE 'SEQUENCE' END, quoted) AS what, obj_description(oid, 'pg_class') AS comment FROM rel WHERE relkind IN ('r', 'v', 'S')
UNION ALL SELECT 'comment', t.relname, a.attname, format('COLUMN %s.%I', t.quoted, a.attname), col_description(t.oid, a.attnum) FROM rel t JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum > 0 AND NOT a.attisdropped WHERE t.relkind IN ('r', 'v', 'c')
UNION ALL SELECT 'index comment', t.relname, i.relname, format('INDEX %I', i.relname), obj_description(i.oid, 'pg_class') FROM kept t JOIN pg_index x ON x.indrelid = t.oid JOIN pg_class i ON i.oid = x.indexrelid
UNION ALL SELECT CASE k.contype WHEN 'f' THEN 'foreign key comment' ELSE 'index comment' END, t.relname, k.conname, format('CONSTRAINT %I ON %s', k.conname, t.quoted), obj_description(k.oid, 'pg_constraint') FROM kept t JOIN pg_constraint k ON k.conrelid = t.oid
UNION ALL SELECT 'index comment', t.relname, s.stxname, format('STATISTICS %I', s.stxname), obj_description(s.oid, 'pg_statistic_ext') FROM kept t JOIN pg_statistic_ext s ON s.stxrelid = t.oid JOIN ns ON ns.oid = s.stxnamespace
UNION ALL SELECT 'trigger comment', t.relname, g.tgname, format('TRIGGER %I ON %s', g.tgname, t.quoted), obj_description(g.oid, 'pg_trigger') FROM rel t JOIN pg_trigger g ON g.tgrelid = t.oid AND NOT g.tgisinternal
UNION ALL SELECT 'comment', p.proname, p.proname, format('ROUTINE %s', p.oid::regprocedure), obj_description(p.oid, 'pg_proc') FROM ns JOIN pg_proc p ON p.pronamespace = ns.oid
UNION ALL SELECT 'comment', y.typname, y.typname, format('%s %I', CASE y.typtype WHEN 'd' THEN 'DOMAIN' ELSE 'TYPE' END, y.typname), obj_description(y.oid, 'pg_type') FROM ns JOIN pg_type y ON y.typnamespace = ns.oid
) o WHERE o.comment IS NOT NULL
