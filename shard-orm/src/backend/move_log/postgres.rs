//! Triggers of PostgreSQL: one for each statement, which sees all its rows.

use super::Names;

/// The function, and a trigger for each kind of statement. They fire whatever `session_replication_role` is. The function
/// finds its log whatever the search path of the writer is, who needs no rights on it and cannot hide it by a temporary
/// table.
pub(super) fn triggers(names: &Names) -> Vec<String> {
    let function = super::name(names.dialect, &names.base);
    let (table, base) = (&names.table, &names.base);
    let literal = base.replace('\'', "''");
    let inserted = names.values("so_new", None, Some("so_new"));
    let deleted = names.values("so_old", Some("so_old"), None);
    let updated = names.values("so_new", Some("so_old"), Some("so_new"));
    let (insert, delete) = (names.append(false, true), names.append(true, false));
    let update = names.append(true, true);
    let same = names.same_key("so_old", "=", "so_new");
    let log = &names.log;
    let mut statements = vec![
        format!(
            "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER SET search_path \
             FROM CURRENT AS $shard_orm$\n\
             BEGIN\n\
             IF TG_OP = 'INSERT' THEN\n\
             {insert} SELECT {inserted} FROM so_new;\n\
             ELSIF TG_OP = 'DELETE' THEN\n\
             {delete} SELECT {deleted} FROM so_old;\n\
             ELSIF TG_OP = 'TRUNCATE' THEN\n\
             INSERT INTO {log} (whole) VALUES (1);\n\
             ELSE\n\
             {update} SELECT {updated} FROM so_new LEFT JOIN so_old ON {same};\n\
             {delete} SELECT {deleted} FROM so_old WHERE NOT EXISTS (SELECT FROM so_new WHERE {same});\n\
             END IF;\n\
             RETURN NULL;\n\
             END $shard_orm$"
        ),
        format!(
            "DO $shard_orm$ BEGIN EXECUTE format('ALTER FUNCTION %I.%I() SET search_path = %I, pg_temp', \
             current_schema(), '{literal}', current_schema()); END $shard_orm$"
        ),
    ];
    for (event, rows) in [
        ("INSERT", " REFERENCING NEW TABLE AS so_new"),
        (
            "UPDATE",
            " REFERENCING OLD TABLE AS so_old NEW TABLE AS so_new",
        ),
        ("DELETE", " REFERENCING OLD TABLE AS so_old"),
        ("TRUNCATE", ""),
    ] {
        let trigger = names.object(&event.to_lowercase());
        statements.push(format!(
            "CREATE OR REPLACE TRIGGER {trigger} AFTER {event} ON {table}{rows} FOR EACH STATEMENT EXECUTE FUNCTION \
             {function}()"
        ));
        statements.push(format!(
            "ALTER TABLE {table} ENABLE ALWAYS TRIGGER {trigger}"
        ));
    }
    statements
}
