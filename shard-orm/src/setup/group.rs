//! Creates one group's namespaces, with their records and tables.
//!
//! Called by `setup` once all groups match their servers.

use std::collections::BTreeSet;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use super::plan::Plan;
use super::{Setup, new_id};
use crate::connect::{Layout, NamespaceHandle, Record};
use crate::error::Result;
use crate::exec::{create_namespace_as, create_tables, names, write_layout};
use crate::model::ModelDef;
use crate::sync;
use crate::topology::Group;

/// The number of namespaces created concurrently.
const CONCURRENCY: usize = 4;

/// A group, its handles, and the plan for it.
pub(super) struct Planned<'t> {
    pub(super) group: &'t Group,
    pub(super) handles: Vec<Arc<NamespaceHandle>>,
    pub(super) statics: Vec<Arc<NamespaceHandle>>,
    pub(super) plan: Plan,
}

impl Setup {
    /// Creates the namespaces of a group and their tables, then marks the group as complete in
    /// their records.
    pub(super) async fn group(
        &self,
        planned: &Planned<'_>,
        defs: &[&'static ModelDef],
        copies: &[&'static ModelDef],
        databases: &str,
    ) -> Result<()> {
        let Planned {
            group,
            handles,
            statics,
            plan,
        } = planned;
        // Static tables come first: a connection to a SQLite file attaches only those that exist
        // when it is opened.
        let mut copied = Vec::new();
        if !copies.is_empty() || self.statics.contains(group.name()) {
            for (handle, known) in statics.iter().zip(&plan.statics) {
                let record = create_namespace_as(handle, known.as_ref(), None).await?;
                // System tables, in addition to those of the models.
                let all: Vec<_> = sync::tables_at_copy()
                    .into_iter()
                    .chain(copies.iter().copied())
                    .collect();
                let made = record.layout.as_ref().map_or("", |layout| &layout.tables);
                create_tables(handle, &all, made, false).await?;
                sync::complete_progress(handle).await?;
                copied.push((handle, record));
            }
        }
        // If several processes set up the group, the first namespace decides its id.
        let mut layout = Layout {
            group_id: plan.group_id.clone().unwrap_or_else(new_id),
            server: String::new(),
            logical_shards: group.logical_shards().into(),
            strategy: group.fingerprint().strategy.clone(),
            routing: group.fingerprint().routing.clone(),
            pins: group.fingerprint().pins.clone(),
            pinned_keys: String::new(),
            tables: String::new(),
            databases: databases.to_owned(),
            ready: false,
        };
        let mut handles = handles.iter().zip(&plan.shards);
        let mut made: Vec<(&Arc<NamespaceHandle>, Record)> = Vec::new();
        if let Some((handle, known)) = handles.next() {
            let (_, record) = self
                .shard_at(group, handle, known.as_ref(), &layout, defs)
                .await?;
            if let Some(found) = &record.layout {
                layout.group_id.clone_from(&found.group_id);
            }
            made.push((handle, record));
        }
        let layout = &layout;
        // Collected first: a closure kept by the future would have to be general over lifetimes.
        let others: Vec<_> = handles
            .map(|(handle, known)| self.shard_at(group, handle, known.as_ref(), layout, defs))
            .collect();
        let others: Vec<(&Arc<NamespaceHandle>, Record)> = stream::iter(others)
            .buffer_unordered(CONCURRENCY)
            .try_collect()
            .await?;
        made.extend(others);
        let made = made
            .into_iter()
            .map(|(handle, record)| (handle, record, defs));
        let copied = copied
            .into_iter()
            .map(|(handle, record)| (handle, record, copies));
        for (handle, record, defs) in made.chain(copied) {
            let ready = final_layout(group, handle, layout, &record, defs);
            if record.layout.as_ref() != Some(&ready) {
                write_layout(handle, &ready)
                    .await
                    .map_err(|error| handle.name_error(error))?;
            }
        }
        if plan.group_id.as_ref() != Some(&layout.group_id) {
            self.cluster.guard_of_group(group.name())?.forget_id();
        }
        Ok(())
    }

    /// Creates one namespace with its tables.
    async fn shard_at<'p>(
        &self,
        group: &Group,
        handle: &'p Arc<NamespaceHandle>,
        known: Option<&Record>,
        layout: &Layout,
        defs: &[&'static ModelDef],
    ) -> Result<(&'p Arc<NamespaceHandle>, Record)> {
        let mut layout = layout.clone();
        layout.server = handle.server.to_string();
        layout.pinned_keys = pinned_keys(group, handle.namespace.shard());
        let made = async {
            let record = create_namespace_as(handle, known, Some(&layout)).await?;
            let allowed = self.allowed.get(group.name());
            let anew =
                allowed.is_some_and(|allowed| allowed.missing.contains(&handle.namespace.shard()));
            let made = record.layout.as_ref().map_or("", |layout| &layout.tables);
            create_tables(handle, defs, made, anew).await?;
            Ok((handle, record))
        };
        made.await.map_err(|error| handle.name_error(error))
    }
}

/// The record of a namespace once the whole group exists.
fn final_layout(
    group: &Group,
    handle: &NamespaceHandle,
    layout: &Layout,
    record: &Record,
    defs: &[&'static ModelDef],
) -> Layout {
    let made_before = record.layout.as_ref().map_or("", |layout| &layout.tables);
    let tables: BTreeSet<&str> = names(made_before)
        .chain(defs.iter().map(|def| def.table))
        .collect();
    let mut ready = Layout {
        server: handle.server.to_string(),
        pinned_keys: pinned_keys(group, handle.namespace.shard()),
        tables: tables.iter().map(|table| format!("{table},")).collect(),
        ready: true,
        ..layout.clone()
    };
    // Another process may not know the newest routing yet.
    let known = record.layout.as_ref();
    if let Some(known) = known.filter(|known| group.fingerprint().accepts(&known.routing)) {
        ready.routing.clone_from(&known.routing);
        ready.strategy.clone_from(&known.strategy);
        ready.logical_shards = known.logical_shards;
    }
    if handle.namespace.is_static() {
        // No key is routed there.
        ready.pinned_keys.clear();
        ready.routing.clear();
        ready.pins.clear();
    }
    ready
}

/// The keys pinned to a logical shard, each followed by a comma.
fn pinned_keys(group: &Group, shard: u32) -> String {
    let pins = group.router().pins().iter();
    pins.filter(|(_, pinned)| *pinned == shard)
        .map(|(key, _)| format!("{key},"))
        .collect()
}
