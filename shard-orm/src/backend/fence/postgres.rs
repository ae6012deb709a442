//! Fences of PostgreSQL: everything in one transaction.

use super::{Fence, WAIT};

/// The trigger of each held table, and its function.
fn refusing(fence: &Fence<'_>) -> String {
    fence.quoted(&format!("{}_refuse", fence.prefix()))
}

pub(super) fn prepare(fence: &Fence<'_>) -> Vec<String> {
    let (function, job) = (refusing(fence), fence.job);
    vec![format!(
        "CREATE OR REPLACE FUNCTION {function}() RETURNS trigger LANGUAGE plpgsql AS $shard_orm$\n\
         BEGIN\n\
         IF current_setting('shard_orm.job', true) IS DISTINCT FROM '{job}' THEN\n\
         RAISE EXCEPTION 'the logical shard of this table has moved (job {job})' USING ERRCODE = '42P01';\n\
         END IF;\n\
         RETURN NULL;\n\
         END $shard_orm$"
    )]
}

pub(super) fn close(fence: &Fence<'_>) -> Vec<String> {
    let mut statements = vec![format!("SET LOCAL lock_timeout = {}", WAIT.as_millis())];
    let tables: Vec<String> = fence.tables.iter().map(|name| fence.quoted(name)).collect();
    if !tables.is_empty() {
        let tables = tables.join(", ");
        statements.push(format!("LOCK TABLE {tables} IN ACCESS EXCLUSIVE MODE"));
    }
    let rename = |kind: &str, name: &String| {
        let (old, held) = (fence.quoted(name), fence.quoted(&fence.held(name)));
        format!("ALTER {kind} {old} RENAME TO {held}")
    };
    statements.extend(fence.tables.iter().map(|name| rename("TABLE", name)));
    statements.extend(fence.views.iter().map(|name| rename("VIEW", name)));
    statements.extend(fence.sequences.iter().map(|name| rename("SEQUENCE", name)));
    // A type of this name has no rows, and no table of it can be created.
    statements.extend(fence.buried().map(|name| {
        let name = fence.quoted(name);
        format!("CREATE TYPE {name} AS (shard_orm_moved int4)")
    }));
    let refuse = refusing(fence);
    for name in fence.tables {
        let held = fence.quoted(&fence.held(name));
        statements.push(format!(
            "CREATE TRIGGER {refuse} BEFORE INSERT OR UPDATE OR DELETE OR TRUNCATE ON {held} \
             FOR EACH STATEMENT EXECUTE FUNCTION {refuse}()"
        ));
        statements.push(format!("ALTER TABLE {held} ENABLE ALWAYS TRIGGER {refuse}"));
    }
    statements
}

pub(super) fn unrefuse(fence: &Fence<'_>) -> Vec<String> {
    let refuse = refusing(fence);
    let held = fence
        .tables
        .iter()
        .map(|name| fence.quoted(&fence.held(name)));
    held.map(|held| format!("DROP TRIGGER IF EXISTS {refuse} ON {held}"))
        .collect()
}

pub(super) fn open(fence: &Fence<'_>) -> Vec<String> {
    let mut statements = Vec::new();
    statements.extend(fence.buried().map(|name| {
        let name = fence.quoted(name);
        format!("DROP TYPE IF EXISTS {name}")
    }));
    statements.extend(unrefuse(fence));
    let rename = |kind: &str, name: &String| {
        let (old, held) = (fence.quoted(name), fence.quoted(&fence.held(name)));
        format!("ALTER {kind} {held} RENAME TO {old}")
    };
    statements.extend(fence.tables.iter().map(|name| rename("TABLE", name)));
    statements.extend(fence.views.iter().map(|name| rename("VIEW", name)));
    statements.extend(fence.sequences.iter().map(|name| rename("SEQUENCE", name)));
    statements
}

pub(super) fn clean(fence: &Fence<'_>) -> Vec<String> {
    vec![format!(
        "DROP FUNCTION IF EXISTS {}() CASCADE",
        refusing(fence)
    )]
}
