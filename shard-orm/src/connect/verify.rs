//! Verifies the record of a namespace against the topology, before the first statement.
//!
//! Done once per namespace and endpoint. Detects a server that holds another shard, and a
//! configuration that routes keys differently, before anything is read or written.

use super::confirm::Confirmed;
use super::record::{Layout, Record, STATICS, State, read_record};
use super::{Lease, NamespaceHandle};
use crate::error::{Error, ErrorKind, Result};
use crate::topology::Fingerprint;

/// Reads the record of a namespace and compares it with the topology. A named database has no
/// record. `confirmed` says whether the topology is the latest.
pub(super) async fn verify(
    handle: &NamespaceHandle,
    lease: &mut Lease,
    confirmed: &Confirmed,
) -> Result<()> {
    let Some(guard) = &handle.guard else {
        return Ok(());
    };
    let Some(found) = read(handle, lease).await? else {
        let shard = Record::expected(handle).shard;
        let name = handle.namespace.name();
        return Err(guard.missing(shard, name, lease.label()).await);
    };
    compare(handle, lease.label(), &found)?;
    confirmed.check(handle, lease.label(), &found)?;
    let Some(layout) = &found.layout else {
        tracing::warn!(
            target: "shard_orm",
            namespace = &**handle.namespace.name(),
            "the record of the namespace is of an earlier version and lacks the layout of the \
             group; run `setup` to complete it"
        );
        return Ok(());
    };
    let name = handle.namespace.name();
    guard.check_id(&layout.group_id, name, lease.label())?;
    if found.shard != STATICS {
        check_layout(&guard.fingerprint(), name, lease.label(), layout)?;
    }
    if *layout.server != *handle.server {
        guard
            .check_server(&handle.server, &found, &layout.server, name)
            .await?;
    }
    Ok(())
}

/// Refuses a namespace that does not serve its logical shard, or does so no more.
fn check_state(handle: &NamespaceHandle, label: &str, found: &Record) -> Result<()> {
    let what = match found.state() {
        State::Active => return Ok(()),
        State::Incoming => "is being filled by a move, and serves nobody yet",
        State::Fenced | State::Moved => "has moved to another server",
        State::Dead => "was the target of a move that was aborted",
    };
    Err(Error::new(
        ErrorKind::ShardMoved,
        format!(
            "namespace `{}` on {label} {what} (its record is `{}`)",
            handle.namespace.name(),
            found.state().name(),
        ),
    ))
}

/// Compares the routing of keys.
fn check_layout(own: &Fingerprint, name: &str, label: &str, found: &Layout) -> Result<()> {
    if !found.ready {
        return Err(Error::new(
            ErrorKind::UndefinedTable,
            format!(
                "namespace `{name}` on {label} is being set up, or its setup was interrupted; \
                 complete `cluster.setup()`"
            ),
        ));
    }
    if !own.accepts(&found.routing) {
        return Err(Error::configuration(format!(
            "namespace `{name}` on {label} was set up with {}, but the configuration has {}, which \
             would route keys to the wrong shards; restore the former",
            described(found.logical_shards, &found.strategy),
            described(own.logical_shards.into(), &own.strategy),
        )));
    }
    if found.pins != own.pins {
        return Err(Error::configuration(format!(
            "namespace `{name}` on {label} was set up with other pins than the configuration has: \
             a key that is pinned now may have rows elsewhere; restore the former pins, or check \
             and accept the new ones with `cluster.setup().accept_pins(..)`; \
             `cluster.setup().check()` lists the difference"
        )));
    }
    Ok(())
}

/// The number of logical shards and the strategy, as written in a configuration file.
pub(crate) fn described(logical_shards: i64, strategy: &str) -> String {
    format!("`logical_shards = {logical_shards}` and `strategy = {strategy}`")
}

/// Compares the identity of the namespace, and checks that it is active.
///
/// # Errors
/// `Configuration` if the record belongs to another cluster, group, logical shard or generation;
/// `ShardMoved` if it does not serve its logical shard.
pub(crate) fn compare(handle: &NamespaceHandle, label: &str, found: &Record) -> Result<()> {
    let expected = Record::expected(handle);
    if found.is_of_same(&expected) {
        return check_state(handle, label, found);
    }
    let what = if found.cluster == expected.cluster && found.group == expected.group {
        "correct the servers or their shards in the configuration"
    } else {
        "it belongs to another application or environment: correct the URL of the server, or \
         choose another cluster name (`name`), group or `namespace` template"
    };
    Err(Error::configuration(format!(
        "the record of namespace `{}` on {label} is for {found}, but the configuration expects \
         {expected} there; {what}",
        handle.namespace.name(),
    )))
}

/// Reads the record on the primary, on a connection that is idle or outside of the pool: the caller
/// may hold the pool's only one. `None` as for [`read`].
pub(crate) async fn read_beside(handle: &NamespaceHandle) -> Result<Option<Record>> {
    if !handle.has_file() {
        return Ok(None);
    }
    let endpoint = handle.writer()?;
    if let Some(mut lease) = endpoint.idle() {
        let found = read(handle, &mut lease).await;
        if !lease.is_lost() {
            return found;
        }
    }
    let mut conn = endpoint.open_dedicated().await?;
    let table = handle.namespace.own_table(super::TABLE);
    let found = read_record(&mut conn, &table).await;
    conn.close().await;
    found.map_err(|failure| failure.error)
}

/// Reads the record; `None` if the namespace or the table does not exist, or the table is empty.
pub(crate) async fn read(handle: &NamespaceHandle, lease: &mut Lease) -> Result<Option<Record>> {
    let table = handle.namespace.own_table(super::TABLE);
    let found = read_record(lease.conn()?, &table).await;
    lease.finish(found)
}
