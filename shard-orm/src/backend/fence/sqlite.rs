//! Fences of SQLite: everything in one transaction.
//!
//! A rename looks at all views and triggers, and fails at one that reads a table which does not exist.
//! So views are dropped before, and tombstones created afterwards; opening goes the other way.

use super::Fence;

/// The table that keeps the texts of the views and of their triggers.
fn kept_in(fence: &Fence<'_>) -> String {
    fence.quoted(&format!("{}_kept", fence.prefix()))
}

pub(super) fn close(fence: &Fence<'_>) -> Vec<String> {
    let kept = kept_in(fence);
    let mut statements = vec![
        format!(
            "CREATE TABLE IF NOT EXISTS {kept} (position INTEGER PRIMARY KEY, text TEXT NOT NULL)"
        ),
        format!("DELETE FROM {kept}"),
    ];
    if !fence.views.is_empty() {
        statements.push(format!(
            "INSERT INTO {kept} (text) SELECT sql FROM main.sqlite_schema WHERE type = 'view' ORDER BY rowid"
        ));
        statements.push(format!(
            "INSERT INTO {kept} (text) SELECT sql FROM main.sqlite_schema WHERE type = 'trigger' \
             AND tbl_name IN (SELECT name FROM main.sqlite_schema WHERE type = 'view') ORDER BY rowid"
        ));
    }
    let views = fence.views.iter().map(|name| fence.quoted(name));
    statements.extend(views.map(|view| format!("DROP VIEW IF EXISTS {view}")));
    statements.extend(fence.tables.iter().map(|name| {
        let (old, held) = (fence.quoted(name), fence.quoted(&fence.held(name)));
        format!("ALTER TABLE {old} RENAME TO {held}")
    }));
    let gone = fence.quoted(&format!("{}_gone", fence.prefix()));
    statements.extend(fence.buried().map(|name| {
        let name = fence.quoted(name);
        format!("CREATE VIEW {name} AS SELECT * FROM {gone}")
    }));
    statements
}

pub(super) fn open(fence: &Fence<'_>) -> Vec<String> {
    let mut statements: Vec<String> = fence
        .buried()
        .map(|name| format!("DROP VIEW IF EXISTS {}", fence.quoted(name)))
        .collect();
    statements.extend(fence.tables.iter().map(|name| {
        let (old, held) = (fence.quoted(name), fence.quoted(&fence.held(name)));
        format!("ALTER TABLE {held} RENAME TO {old}")
    }));
    statements
}

pub(super) fn kept(fence: &Fence<'_>) -> String {
    format!("SELECT text FROM {} ORDER BY position", kept_in(fence))
}

pub(super) fn clean(fence: &Fence<'_>) -> Vec<String> {
    vec![format!("DROP TABLE IF EXISTS {}", kept_in(fence))]
}
