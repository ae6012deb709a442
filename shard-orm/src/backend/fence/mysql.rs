//! Fences of MySQL and MariaDB: one `RENAME TABLE` of all tables, their tombstones, and the record.
//!
//! The record in its other state waits in a table whose name ends with the token. Whoever takes over a
//! job drops or renames that table: a statement of the former runner names a table that is gone, and
//! fails as a whole, whenever it comes.

use std::time::Duration;

use super::{Fence, WAIT};

/// How long a rename may take for each name, in addition: each is written to the disk.
const PER_NAME: Duration = Duration::from_millis(4);
/// How long one may take at most.
const LONGEST: Duration = Duration::from_secs(5);

/// Whether the namespace is prepared to be closed under this token.
pub(super) fn is_prepared(fence: &Fence<'_>, others: &[String]) -> bool {
    others.contains(&closed_record(fence, fence.token))
}

/// The record of the closed namespace, while it is open.
fn closed_record(fence: &Fence<'_>, token: u64) -> String {
    format!("{}_f{token}", fence.prefix())
}

/// The record of the open namespace, while it is closed.
fn open_record(fence: &Fence<'_>, token: u64) -> String {
    format!("{}_a{token}", fence.prefix())
}

/// A tombstone, while the namespace is open. The token keeps runners apart.
fn tombstone(fence: &Fence<'_>, name: &str) -> String {
    format!("{}_t{}", fence.held(name), fence.token)
}

/// What the tombstones read, which never exists when they are used.
fn gone(fence: &Fence<'_>) -> String {
    format!("{}_gone{}", fence.prefix(), fence.token)
}

pub(super) fn prepare(fence: &Fence<'_>) -> Vec<String> {
    let record = fence.quoted(fence.record);
    let closed = fence.quoted(&closed_record(fence, fence.token));
    let gone = fence.quoted(&gone(fence));
    let Fence { job, token, .. } = fence;
    let mut statements = vec![
        format!("CREATE TABLE IF NOT EXISTS {closed} LIKE {record}"),
        format!("REPLACE INTO {closed} SELECT * FROM {record}"),
        format!("UPDATE {closed} SET state = 'fenced', job = '{job}', token = {token}"),
        format!("CREATE TABLE IF NOT EXISTS {gone} (moved int)"),
    ];
    statements.extend(fence.tables.iter().map(|name| {
        let tombstone = fence.quoted(&tombstone(fence, name));
        format!("CREATE OR REPLACE VIEW {tombstone} AS SELECT moved FROM {gone}")
    }));
    statements.push(format!("DROP TABLE {gone}"));
    statements
}

/// A rename of all that is bounded in time where the server can do it: by twice as much in each attempt, since neither
/// a wait for locks can be bounded by itself, nor is it known how long the renames take.
fn rename(fence: &Fence<'_>, pairs: &[(String, String)], tried: u32) -> Vec<String> {
    let names = u32::try_from(pairs.len()).unwrap_or(u32::MAX);
    let limit = PER_NAME.saturating_mul(names).saturating_add(WAIT);
    let limit = limit.saturating_mul(1 << tried.min(10)).min(LONGEST);
    let limit = limit.as_secs_f64();
    let pairs = pairs.iter();
    let pairs = pairs.map(|(from, to)| format!("{} TO {}", fence.quoted(from), fence.quoted(to)));
    let pairs = pairs.collect::<Vec<_>>().join(", ");
    vec![format!(
        "/*M!100300 SET STATEMENT max_statement_time = {limit} FOR */ RENAME TABLE {pairs}"
    )]
}

pub(super) fn close(fence: &Fence<'_>, tried: u32) -> Vec<String> {
    let record = fence.record.to_owned();
    let mut pairs = vec![
        (record.clone(), open_record(fence, fence.token)),
        (closed_record(fence, fence.token), record),
    ];
    for name in fence.tables {
        pairs.push((name.clone(), fence.held(name)));
        pairs.push((tombstone(fence, name), name.clone()));
    }
    let sequences = fence.sequences.iter();
    pairs.extend(sequences.map(|name| (name.clone(), fence.held(name))));
    rename(fence, &pairs, tried)
}

/// Gives the record of the open namespace another name and its name again.
pub(super) fn marked(fence: &Fence<'_>) -> Vec<String> {
    let own = fence.quoted(&open_record(fence, fence.token));
    let other = fence.quoted(&format!("{}_marked", fence.prefix()));
    vec![format!("{own} TO {other}"), format!("{other} TO {own}")]
}

pub(super) fn open(fence: &Fence<'_>) -> Vec<String> {
    let record = fence.record.to_owned();
    let mut pairs = vec![
        (record.clone(), closed_record(fence, fence.token)),
        (open_record(fence, fence.token), record),
    ];
    for name in fence.tables {
        pairs.push((name.clone(), tombstone(fence, name)));
        pairs.push((fence.held(name), name.clone()));
    }
    let sequences = fence.sequences.iter();
    pairs.extend(sequences.map(|name| (fence.held(name), name.clone())));
    // Nobody waits for what is closed.
    rename(fence, &pairs, u32::MAX)
}

/// The tokens of the tables whose names begin so.
fn tokens(others: &[String], start: &str) -> Vec<u64> {
    let rest = others.iter().filter_map(|name| name.strip_prefix(start));
    rest.filter_map(|token| token.parse().ok()).collect()
}

pub(super) fn raise(fence: &Fence<'_>, others: &[String], closed: bool) -> Vec<String> {
    let Fence { job, token, .. } = fence;
    let mut statements = Vec::new();
    for old in tokens(others, &closed_record(fence, 0)[..fence.prefix().len() + 2]) {
        // While the namespace is closed, this is left of an earlier preparation.
        let old = fence.quoted(&closed_record(fence, old));
        statements.push(format!("DROP TABLE IF EXISTS {old}"));
    }
    if closed {
        for old in tokens(others, &open_record(fence, 0)[..fence.prefix().len() + 2]) {
            let (old, own) = (open_record(fence, old), open_record(fence, *token));
            if old != own {
                let (old, own) = (fence.quoted(&old), fence.quoted(&own));
                statements.push(format!("RENAME TABLE {old} TO {own}"));
            }
        }
        let own = fence.quoted(&open_record(fence, *token));
        statements.push(format!(
            "UPDATE {own} SET state = 'active', job = '{job}', token = {token}"
        ));
    }
    statements
}

pub(super) fn clean(fence: &Fence<'_>, others: &[String]) -> Vec<String> {
    let mut statements = Vec::new();
    let start = format!("{}_", fence.prefix());
    for name in others {
        let Some(rest) = name.strip_prefix(&start) else {
            continue;
        };
        let quoted = fence.quoted(name);
        let is_number = |text: &str| text.parse::<u64>().is_ok();
        let is_record = rest.starts_with(['a', 'f']) && is_number(&rest[1..]);
        let is_gone = rest.strip_prefix("gone").is_some_and(is_number);
        let parts = rest.split_once("_t");
        if is_record || is_gone {
            statements.push(format!("DROP TABLE IF EXISTS {quoted}"));
        } else if parts.is_some_and(|(number, token)| is_number(number) && is_number(token)) {
            statements.push(format!("DROP VIEW IF EXISTS {quoted}"));
        }
    }
    statements
}
