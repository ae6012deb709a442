//! The processes that use a cluster: one row each, renewed by a heartbeat.

use std::time::{Duration, SystemTime};

use sea_query::{Alias, Expr, ExprTrait as _, OnConflict, Order, Query};

use super::revision::{number, time};
use super::session::Store;
use super::table_use::TableUse;
use super::tables::{CLUSTER, PROCESS, PROCESS_COLUMNS, TABLE_USE};
use crate::backend::{Field as _, Row, now};
use crate::error::{Error, ErrorKind, Result};

/// The silence after which a process is no longer taken for a living one.
pub(crate) const SILENCE: Duration = Duration::from_mins(1);
/// How long the row of a process is kept that reports no more.
const FORGOTTEN: Duration = Duration::from_hours(24);

/// A process that uses the cluster.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Process {
    /// A random id, drawn when the process opened the cluster.
    pub id: String,
    /// The configured name.
    pub name: String,
    /// The machine.
    pub host: String,
    /// The process id on that machine.
    pub pid: u32,
    /// The version of this library.
    pub version: String,
    /// The epoch of the topology that it uses.
    pub epoch: u64,
    /// When it opened the cluster.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339_of"))]
    pub started_at: SystemTime,
    /// How long ago it reported last, by the clock of the catalog's database.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::seconds_of"))]
    pub silent_for: Duration,
    /// The tables of the models that it has registered.
    #[cfg_attr(feature = "serde", serde(skip_serializing_if = "Vec::is_empty"))]
    pub tables: Vec<TableUse>,
}

impl Process {
    /// Whether it has reported within the last minute: six of its heartbeats, unless their interval is
    /// set.
    #[must_use]
    pub fn is_living(&self) -> bool {
        self.silent_for <= SILENCE
    }
}

/// What a process reports of itself.
#[derive(Debug)]
pub(crate) struct Heartbeat {
    id: String,
    name: String,
    host: String,
}

impl Heartbeat {
    pub(super) fn id(&self) -> &str {
        &self.id
    }

    /// With the name of the executable unless one is given.
    pub(crate) fn new(name: Option<&str>) -> Self {
        let random = crate::random::random;
        let executable = || {
            let path = std::env::current_exe().ok()?;
            Some(path.file_stem()?.to_string_lossy().into_owned())
        };
        let name = name.map(str::to_owned).or_else(executable);
        Self {
            id: format!("{:016x}", random()),
            name: cut(name.unwrap_or_default()),
            host: cut(host()),
        }
    }
}

impl Store<'_> {
    /// Reports that this process is alive, and which epoch it uses.
    pub(crate) async fn report(self, process: &Heartbeat, epoch: u64) -> Result<()> {
        let handle = self.handle();
        let now = || now(handle.dialect());
        let [_, process_id, .., epoch_column, _, seen_at] = PROCESS_COLUMNS;
        let mut conflict = OnConflict::columns([CLUSTER, process_id].map(Alias::new));
        conflict.update_columns([epoch_column, seen_at].map(Alias::new));
        let mut insert = Query::insert();
        insert
            .into_table(handle.namespace.own_table(PROCESS))
            .columns(PROCESS_COLUMNS.map(Alias::new))
            .values([
                Expr::val(&*handle.cluster),
                Expr::val(process.id.as_str()),
                Expr::val(process.name.as_str()),
                Expr::val(process.host.as_str()),
                Expr::val(i64::from(std::process::id())),
                Expr::val(env!("CARGO_PKG_VERSION")),
                Expr::val(epoch.cast_signed()),
                now(),
                now(),
            ])
            .map_err(|source| Error::configuration("a process").with_source(source))?
            .on_conflict(conflict);
        self.write(&insert).await.map(|_| ())
    }

    /// Removes the row of a process that closes its cluster, and those of processes that have not
    /// reported for a day.
    pub(crate) async fn forget(self, process: &Heartbeat) -> Result<()> {
        let handle = self.handle();
        let column = |name: &str| Expr::col(Alias::new(name));
        let [_, process_id, .., seen_at] = PROCESS_COLUMNS;
        let kept = i64::try_from(FORGOTTEN.as_millis()).unwrap_or(i64::MAX);
        let is_silent = column(seen_at).lt(now(handle.dialect()).sub(kept));
        let mut delete = Query::delete();
        delete
            .from_table(handle.namespace.own_table(PROCESS))
            .and_where(column(CLUSTER).eq(&*handle.cluster))
            .and_where(column(process_id).eq(process.id.as_str()).or(is_silent));
        self.write(&delete).await?;
        #[cfg(feature = "metrics")]
        self.forget_rows(super::tables::STATISTICS).await?;
        self.forget_rows(TABLE_USE).await
    }

    /// Removes the rows of processes that are gone from a table that has one for each.
    async fn forget_rows(self, table: &str) -> Result<()> {
        let handle = self.handle();
        let column = |name: &str| Expr::col(Alias::new(name.to_owned()));
        let [_, process_id, ..] = PROCESS_COLUMNS;
        let mut known = Query::select();
        known
            .column(Alias::new(process_id))
            .from(handle.namespace.own_table(PROCESS))
            .and_where(column(CLUSTER).eq(&*handle.cluster));
        let mut delete = Query::delete();
        delete
            .from_table(handle.namespace.own_table(table))
            .and_where(column(CLUSTER).eq(&*handle.cluster))
            .and_where(column(process_id).not_in_subquery(known));
        match self.write(&delete).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(()),
            outcome => outcome.map(drop),
        }
    }

    /// The processes, those that reported last first.
    pub(crate) async fn processes(self) -> Result<Vec<Process>> {
        let handle = self.handle();
        let [.., seen_at] = PROCESS_COLUMNS;
        let column = || Expr::col((Alias::new(PROCESS), Alias::new(seen_at)));
        let mut select = self.select(PROCESS, &PROCESS_COLUMNS);
        select
            .expr(now(handle.dialect()).sub(column()))
            .order_by_expr(column(), Order::Desc);
        let mut processes = self.rows(&select, read).await?;
        for (id, tables) in self.table_uses().await? {
            let mut own = processes.iter_mut();
            if let Some(process) = own.find(|process| process.id == id) {
                process.tables = tables;
            }
        }
        Ok(processes)
    }
}

fn read(row: &Row<'_>) -> Result<Process> {
    let pid = i64::read(row, 4)?;
    let silent = u64::try_from(i64::read(row, 9)?).unwrap_or(0);
    Ok(Process {
        id: String::read(row, 1)?,
        name: String::read(row, 2)?,
        host: String::read(row, 3)?,
        pid: u32::try_from(pid).unwrap_or(0),
        version: String::read(row, 5)?,
        epoch: number(row, 6)?,
        started_at: time(i64::read(row, 7)?),
        silent_for: Duration::from_millis(silent),
        tables: Vec::new(),
    })
}

/// The name of this machine; empty where the system does not tell.
fn host() -> String {
    #[cfg(target_os = "linux")]
    {
        let name = rustix::system::uname();
        name.nodename().to_string_lossy().into_owned()
    }
    #[cfg(not(target_os = "linux"))]
    {
        std::env::var("HOSTNAME")
            .or_else(|_| std::env::var("COMPUTERNAME"))
            .unwrap_or_default()
    }
}

fn cut(name: String) -> String {
    if name.len() <= 255 {
        return name;
    }
    name.chars().take(255).collect()
}
