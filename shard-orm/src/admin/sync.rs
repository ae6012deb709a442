//! The progress of the copies of static tables, as it is recorded next to them, and their comparison
//! with their sources. Needs no models.

mod options;
mod plan;
mod run;

pub use self::options::{SyncEvent, SyncOptions};
pub use self::plan::{Refusal, RefusedTable};
pub use self::run::{CopiesSupervised, CopiesSynced, supervise_copies, sync_copies};

use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures_util::future::join_all;
use futures_util::{StreamExt as _, stream};
use sea_query::{Alias, Expr, Func, Query, SelectStatement};

use crate::backend::{Field, Row, now, render};
use crate::cluster::{Address, Cluster, names};
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Executor as _, ask};
use crate::model::CopyId;
use crate::replicate::{
    BLOCKED_TABLE, Comparison, Declaration, PROGRESS_TABLE, TableAt, select_declared, verify,
    without_stamp,
};
use crate::sync::Verified;

/// The number of copies that are compared at a time.
const COMPARED: usize = 8;

/// The progress of one copy of a static table.
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct CopyProgress {
    /// The table.
    pub table: String,
    /// The group.
    pub group: String,
    /// The server that holds the copy.
    pub server: String,
    /// How it learns of changes: `capture`, `criterion` (a watermark column) or `full`. If hooks
    /// select the rows of the copy, a fingerprint of their selection follows; if an operator has copied
    /// it although hooks may take part, `:without-hooks` follows.
    pub mode: String,
    /// When it last caught up with its source, by the clock of the copy.
    #[cfg_attr(feature = "serde", serde(serialize_with = "crate::units::rfc_3339"))]
    pub caught_up_at: Option<SystemTime>,
    /// How long ago that was.
    #[cfg_attr(
        feature = "serde",
        serde(
            rename = "caught_up_seconds_ago",
            serialize_with = "crate::units::seconds"
        )
    )]
    pub caught_up_ago: Option<Duration>,
    /// The rows that all runs have written or deleted.
    pub rows_changed: u64,
    /// The rows that are deleted at the source and stay, since others refer to them.
    pub blocked: u64,
    /// Why the last run failed.
    pub problem: Option<String>,
    /// Whether hooks of the application take part; `None` if no application has recorded it.
    pub hooks: Option<bool>,
    /// The named database of the source, as the application has recorded it.
    pub source: Option<String>,
    /// The watermark column, as the application has recorded it.
    pub criterion: Option<String>,
}

impl CopyProgress {
    /// Whether hooks select the rows, by the fingerprint of their selection.
    fn is_selection(&self) -> bool {
        self.mode.contains(' ')
    }

    fn declared(&self) -> Option<Declaration> {
        Some(Declaration {
            hooks: self.hooks?,
            source: self.source.clone().unwrap_or_default(),
            criterion: self.criterion.clone(),
        })
    }
}

/// The progress of the copies on all servers, by group, server and table. Sends two statements to
/// each server.
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// for copy in shard_orm::admin::sync_status(cluster).await? {
///     println!("{} on {}: {:?}", copy.table, copy.server, copy.caught_up_ago);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// The error of the first server that cannot be asked. One without static tables has no copies.
pub async fn sync_status(cluster: &Cluster) -> Result<Vec<CopyProgress>> {
    let mut handles = Vec::new();
    for group in cluster.topology().groups() {
        handles.extend(cluster.static_handles(group.name())?);
    }
    let mut copies = Vec::new();
    for found in join_all(handles.iter().map(copies_at)).await {
        copies.extend(found?);
    }
    Ok(copies)
}

/// Compares the copies of static tables with their source, row by row, and changes nothing. The
/// tables are described by the catalog of the source.
///
/// `source` is the named database of the source; `None` if the configuration has only one. `tables`
/// limits the comparison to some tables; if it is empty, all that have a copy are compared.
///
/// A row that is written meanwhile, or that a copy does not have yet, is a difference: verify when
/// nothing is written, or repeat it. A copy whose rows are selected or changed by hooks is not
/// compared, since only the application knows them: see
/// [`StaticSync::verify`](crate::sync::StaticSync::verify).
///
/// ```
/// # async fn run(cluster: &shard_orm::Cluster) -> shard_orm::Result<()> {
/// for verified in shard_orm::admin::verify_copies(cluster, Some("default"), &[]).await? {
///     println!("{}: {:?}", verified.copy, verified.result);
/// }
/// # Ok(())
/// # }
/// ```
///
/// # Errors
/// [`Configuration`](ErrorKind::Configuration) if the source is unknown or not named;
/// [`NotFound`](ErrorKind::NotFound) if there is no copy of one of `tables`; otherwise the error of
/// a server that cannot be asked for its copies. The error of a copy is in the result.
pub async fn verify_copies(
    cluster: &Cluster,
    source: Option<&str>,
    tables: &[String],
) -> Result<Vec<Verified>> {
    let source = Address::database_named(&source_of(cluster, source)?);
    let mut copies = sync_status(cluster).await?;
    for table in tables {
        if !copies.iter().any(|copy| copy.table == *table) {
            return Err(Error::new(
                ErrorKind::NotFound,
                format!(
                    "no server has a copy of a static table `{table}`; `sync status` lists those \
                     that there are"
                ),
            ));
        }
    }
    copies.retain(|copy| tables.is_empty() || tables.contains(&copy.table));
    let mut verified: Vec<Verified> = stream::iter(copies)
        .map(|copy| {
            let source = &source;
            async move {
                Verified {
                    result: compare(cluster, source, &copy).await,
                    copy: CopyId {
                        table: copy.table,
                        group: copy.group,
                        server: copy.server,
                    },
                }
            }
        })
        .buffer_unordered(COMPARED)
        .collect()
        .await;
    verified.sort_by(|one, other| one.copy.cmp(&other.copy));
    Ok(verified)
}

/// The named database of the source.
fn source_of(cluster: &Cluster, name: Option<&str>) -> Result<Arc<str>> {
    let topology = cluster.topology();
    let databases = topology.databases();
    let name = match (name, databases) {
        (Some(name), _) => name,
        (None, [only]) => &**only.name(),
        (None, _) => {
            return Err(Error::configuration(format!(
                "name the database of the source; the configuration has {}",
                names(databases.iter().map(|database| &**database.name()))
            )));
        }
    };
    cluster.handle_of_database(name)?;
    Ok(name.into())
}

async fn compare(cluster: &Cluster, source: &Address, copy: &CopyProgress) -> Result<Comparison> {
    if copy.is_selection() {
        return Err(Error::unsupported(
            "hooks select the rows of this copy, and only the application knows them; verify it \
             there with `StaticSync::of::<..>(&cluster).verify()`",
        ));
    }
    let table = cluster.read_table(source, &copy.table).await?;
    let table = Arc::new(without_stamp(table));
    let at = |handle: Arc<NamespaceHandle>, is_static| {
        TableAt::new(cluster.target(), handle, Arc::clone(&table)).of_statics(is_static)
    };
    let source = at(cluster.handle(source)?, false);
    let copy = at(cluster.statics_of_server(&copy.group, &copy.server)?, true);
    verify(&source, &copy).await
}

/// The copies on one server, by table.
pub(super) async fn copies_at(handle: &Arc<NamespaceHandle>) -> Result<Vec<CopyProgress>> {
    if !handle.has_file() {
        return Ok(Vec::new());
    }
    let mut copies = Vec::new();
    // Tables of earlier versions lack the columns of declarations.
    for declared in [true, false] {
        let mut progress = Query::select();
        progress
            .columns(["table_name", "mode", "level_at", "rows_changed", "problem"].map(Alias::new))
            .expr(now(handle.dialect()))
            .from(handle.namespace.own_table(PROGRESS_TABLE))
            .order_by(Alias::new("table_name"), sea_query::Order::Asc);
        if declared {
            select_declared(&mut progress);
        }
        let mut add = |row: &Row<'_>| {
            copies.push(copy(handle, row, declared)?);
            Ok(())
        };
        if read(handle, &progress, &mut add).await? {
            break;
        }
    }
    if copies.is_empty() {
        return Ok(copies);
    }
    let mut blocked = Query::select();
    blocked
        .column(Alias::new("table_name"))
        .expr(Func::count(Expr::col(Alias::new("row_key"))))
        .from(handle.namespace.own_table(BLOCKED_TABLE))
        .group_by_col(Alias::new("table_name"));
    read(handle, &blocked, &mut |row| {
        let (table, rows) = (String::read(row, 0)?, i64::read(row, 1)?);
        if let Some(copy) = copies.iter_mut().find(|copy| copy.table == table) {
            copy.blocked = u64::try_from(rows).unwrap_or_default();
        }
        Ok(())
    })
    .await?;
    Ok(copies)
}

fn copy(handle: &NamespaceHandle, row: &Row<'_>, declared: bool) -> Result<CopyProgress> {
    let declared = match declared {
        true => Declaration::read(row, 6)?,
        false => None,
    };
    let caught_up = Option::<i64>::read(row, 2)?.and_then(|at| u64::try_from(at).ok());
    let now = u64::try_from(i64::read(row, 5)?).unwrap_or_default();
    Ok(CopyProgress {
        table: String::read(row, 0)?,
        group: handle.namespace.group().to_string(),
        server: handle.server.to_string(),
        mode: String::read(row, 1)?,
        caught_up_at: caught_up.map(|at| UNIX_EPOCH + Duration::from_millis(at)),
        caught_up_ago: caught_up.map(|at| Duration::from_millis(now.saturating_sub(at))),
        rows_changed: u64::try_from(i64::read(row, 3)?).unwrap_or_default(),
        blocked: 0,
        problem: Option::read(row, 4)?,
        hooks: declared.as_ref().map(|declared| declared.hooks),
        source: declared.as_ref().map(|declared| declared.source.clone()),
        criterion: declared.and_then(|declared| declared.criterion),
    })
}

/// Reads rows of a table of the library's own at the primary; `false` if it, or one of the columns, does
/// not exist.
async fn read(
    handle: &Arc<NamespaceHandle>,
    select: &SelectStatement,
    on_row: &mut (dyn FnMut(&Row<'_>) -> Result<()> + Send),
) -> Result<bool> {
    let (text, values) = render(handle.dialect(), select);
    let mut lease = handle.writer()?.acquire().await?;
    match ask(&mut lease, handle, text, &values.0, on_row).await {
        Err(error) if error.kind() == ErrorKind::UndefinedTable => Ok(false),
        outcome => outcome.map(|_| true),
    }
    .map_err(|error| named(handle, error))
}

fn named(handle: &NamespaceHandle, error: Error) -> Error {
    Error::new(error.kind(), format!("{handle}: {}", error.message())).with_source(error)
}
