//! Decides which copies can be brought up to date without their models, by what the application has
//! recorded about them.
//!
//! Called before each sync; a run compares the record again when it starts.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::future::join_all;

use super::{CopyProgress, SyncOptions, copies_at, source_of};
use crate::cluster::{Address, Cluster};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::tables_at;
use crate::model::CopyId;
use crate::replicate::{Declaration, Mode, log_name, without_stamp};
use crate::schema::TableDef;
use crate::sync::{DescribedCopy, Synced};

/// Why a table is not copied without its model.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[cfg_attr(
    feature = "serde",
    derive(serde::Serialize),
    serde(rename_all = "snake_case")
)]
#[non_exhaustive]
pub enum Refusal {
    /// The application copies it with hooks.
    HasHooks,
    /// No application has recorded whether hooks take part.
    NotRecorded,
}

/// A table that is not copied without its model.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct RefusedTable {
    /// The table.
    pub table: String,
    /// The group whose servers hold the copies.
    pub group: String,
    /// Why.
    pub reason: Refusal,
    /// The reason in words.
    pub message: String,
    /// What to do.
    pub advice: String,
}

impl RefusedTable {
    fn new(group: &str, table: &str, reason: Refusal) -> Self {
        let (message, advice) = match reason {
            Refusal::HasHooks => (
                format!(
                    "the application copies table `{table}` of group `{group}` with hooks, which only \
                     it knows"
                ),
                "sync it in the application; `--without-hooks` copies all rows as they are at the \
                 source, over what the hooks have left out or changed",
            ),
            Refusal::NotRecorded => (
                format!(
                    "it is not recorded whether the application copies table `{table}` of group \
                     `{group}` with hooks: it has not synced it yet, or only with an earlier version"
                ),
                "sync it in the application once, or use `--without-hooks` if its model has no \
                 `transmit_hooks`",
            ),
        };
        Self {
            table: table.to_owned(),
            group: group.to_owned(),
            reason,
            message,
            advice: advice.to_owned(),
        }
    }
}

/// What a sync without models does.
pub(super) struct Planned {
    pub(super) copies: Vec<DescribedCopy>,
    /// Copies of tables whose source cannot be read.
    pub(super) failed: Vec<Synced>,
    pub(super) refused: Vec<RefusedTable>,
}

/// The static tables on one server.
struct Server {
    handle: Arc<NamespaceHandle>,
    /// The copies with progress, and all tables; `None` if the server cannot be asked.
    found: Option<(Vec<CopyProgress>, BTreeSet<String>)>,
}

impl Server {
    fn copy(&self, table: &str) -> Option<&CopyProgress> {
        let (copies, _) = self.found.as_ref()?;
        copies.iter().find(|copy| copy.table == table)
    }

    /// Whether it holds a copy; one that cannot be asked is expected to.
    fn holds(&self, table: &str) -> bool {
        let found = self.found.as_ref();
        found.is_none_or(|(_, tables)| tables.contains(table))
    }
}

/// The copies of one table on the servers of a group.
struct Copies<'s> {
    group: &'s str,
    table: &'s str,
    servers: Vec<&'s Server>,
}

/// Decides what a sync does.
///
/// # Errors
/// As [`sync_copies`](super::sync_copies).
pub(super) async fn plan(cluster: &Cluster, options: &SyncOptions) -> Result<Planned> {
    if let Some(source) = &options.source {
        source_of(cluster, Some(source))?;
    }
    let groups = servers(cluster).await?;
    let mut planned = Planned {
        copies: Vec::new(),
        failed: Vec::new(),
        refused: Vec::new(),
    };
    let mut missing: BTreeSet<&str> = options.tables.iter().map(String::as_str).collect();
    for (group, servers) in &groups {
        for table in tables(servers, options) {
            missing.remove(&*table);
            let servers = servers.iter().filter(|server| server.holds(&table));
            let copies = Copies {
                group,
                table: &table,
                servers: servers.collect(),
            };
            copies.plan(cluster, options, &mut planned).await?;
        }
    }
    match missing.first() {
        None => Ok(planned),
        Some(table) => Err(Error::new(
            ErrorKind::NotFound,
            format!(
                "no server has a copy of a static table `{table}`; `sync status` lists those that \
                 there are"
            ),
        )),
    }
}

/// The servers of each group.
///
/// # Errors
/// The error of a server, if none of its group can be asked.
async fn servers(cluster: &Cluster) -> Result<BTreeMap<String, Vec<Server>>> {
    let topology = cluster.topology();
    let mut groups = BTreeMap::new();
    for group in topology.groups() {
        let handles = cluster.static_handles(group.name())?;
        let asked = handles.into_iter().map(|handle| async move {
            let found = async {
                if !handle.has_file() {
                    return Ok((Vec::new(), BTreeSet::new()));
                }
                Ok((copies_at(&handle).await?, tables_at(&handle).await?))
            };
            let found = found.await;
            (handle, found)
        });
        let (mut servers, mut failed) = (Vec::new(), None);
        for (handle, found) in join_all(asked).await {
            let found = found.map_err(|error| failed = Some(error)).ok();
            servers.push(Server { handle, found });
        }
        match failed {
            Some(error) if servers.iter().all(|server| server.found.is_none()) => {
                return Err(error);
            }
            _ => drop(groups.insert(group.name().to_owned(), servers)),
        }
    }
    Ok(groups)
}

/// The tables that are asked for: those with progress on one of the servers, or also others if they are
/// named.
fn tables(servers: &[Server], options: &SyncOptions) -> BTreeSet<String> {
    let found = servers.iter().filter_map(|server| server.found.as_ref());
    if options.tables.is_empty() {
        let copies = found.flat_map(|(copies, _)| copies);
        return copies.map(|copy| copy.table.clone()).collect();
    }
    let named = options.tables.iter();
    let named = named.filter(|name| found.clone().any(|(_, tables)| tables.contains(*name)));
    named.cloned().collect()
}

impl Copies<'_> {
    async fn plan(
        &self,
        cluster: &Cluster,
        options: &SyncOptions,
        planned: &mut Planned,
    ) -> Result<()> {
        let declared = self.declared();
        if let (Some(wanted), Some(declared)) = (&options.source, &declared)
            && *wanted != declared.source
        {
            if options.tables.is_empty() {
                return Ok(());
            }
            return Err(Error::configuration(format!(
                "table `{}` of group `{}` is copied from database `{}`, as the application has \
                 recorded, and not from `{wanted}`",
                self.table, self.group, declared.source
            )));
        }
        if let Some(reason) = self.refusal().filter(|_| !options.without_hooks) {
            let refused = RefusedTable::new(self.group, self.table, reason);
            planned.refused.push(refused);
            return Ok(());
        }
        let source = declared.as_ref().map(|declared| &*declared.source);
        let source = source_of(cluster, source.or(options.source.as_deref()))?;
        match self.described(cluster, &source, declared.as_ref()).await {
            Ok(copies) => planned.copies.extend(copies),
            Err(error) => {
                for server in &self.servers {
                    planned.failed.push(Synced {
                        copy: self.id(server),
                        result: Err(Error::new(error.kind(), error.message().to_owned())),
                    });
                }
            }
        }
        Ok(())
    }

    /// The rows of progress.
    fn recorded(&self) -> impl Iterator<Item = &CopyProgress> {
        let servers = self.servers.iter();
        servers.filter_map(|server| server.copy(self.table))
    }

    /// What the application has recorded about the table. A copy that was added since has no record yet.
    fn declared(&self) -> Option<Declaration> {
        self.recorded().find_map(CopyProgress::declared)
    }

    fn refusal(&self) -> Option<Refusal> {
        let has_hooks = |copy: &CopyProgress| copy.hooks == Some(true) || copy.is_selection();
        if self.recorded().any(has_hooks) {
            return Some(Refusal::HasHooks);
        }
        self.declared().is_none().then_some(Refusal::NotRecorded)
    }

    async fn described(
        &self,
        cluster: &Cluster,
        source: &Arc<str>,
        declared: Option<&Declaration>,
    ) -> Result<Vec<DescribedCopy>> {
        let address = Address::database_named(source);
        let table = without_stamp(cluster.read_table(&address, self.table).await?);
        let criterion = declared.and_then(|declared| declared.criterion.as_deref());
        let watermark = criterion.and_then(|column| table.ordinal(column));
        let table = Arc::new(table);
        let mut copies = Vec::new();
        for server in &self.servers {
            let own = server.copy(self.table);
            copies.push(DescribedCopy {
                mode: self.mode(cluster, source, &table, watermark, own).await?,
                table: Arc::clone(&table),
                source: Arc::clone(source),
                watermark,
                without_hooks: self.refusal().is_some(),
                declared: match &server.found {
                    Some(_) => own.and_then(CopyProgress::declared),
                    None => declared.cloned(),
                },
                group: self.group.into(),
                server: Arc::clone(&server.handle.server),
            });
        }
        Ok(copies)
    }

    /// The mode of the last run of the copy, or of another one of the table.
    async fn mode(
        &self,
        cluster: &Cluster,
        source: &Arc<str>,
        table: &TableDef,
        watermark: Option<usize>,
        own: Option<&CopyProgress>,
    ) -> Result<Mode> {
        let recorded = own.or_else(|| self.recorded().next());
        match recorded.and_then(|copy| Mode::of_stored_name(&copy.mode)) {
            Some(Mode::Incremental) if watermark.is_none() => {}
            Some(mode) => return Ok(mode),
            None => {}
        }
        let handle = cluster.handle_of_database(source)?;
        let log = log_name(&table.name);
        Ok(match log {
            Ok(log) if tables_at(&handle).await?.contains(&log) => Mode::Capture,
            _ => Mode::Full,
        })
    }

    fn id(&self, server: &Server) -> CopyId {
        CopyId {
            table: self.table.to_owned(),
            group: self.group.to_owned(),
            server: server.handle.server.to_string(),
        }
    }
}
