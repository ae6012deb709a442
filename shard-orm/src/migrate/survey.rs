//! The versions in all namespaces, read with one statement per server.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use futures_util::StreamExt as _;
use futures_util::future::{join, join_all};
use futures_util::stream;
use sea_query::{Expr, UnionType};

use super::history::{self, Entry, SQLX_TABLE, TABLE, literal};
use crate::backend::migration::About;
use crate::backend::{Conn, Failure, Field, Row, namespaces_with_table, render};
use crate::connect::{NamespaceHandle, TABLE as RECORD};
use crate::error::{ErrorKind, Result};

/// The namespaces that one statement reads. PostgreSQL locks their tables and indexes, of which its
/// lock table holds several thousand.
const NAMESPACES: usize = 512;
/// The number of SQLite files that are read concurrently.
const FILES: usize = 8;

/// The versions in one namespace.
#[derive(Debug, Clone, Default)]
pub(super) struct Found {
    /// Whether the namespace exists, as far as that is known: it has a table of versions, or a file.
    pub(super) exists: bool,
    /// Whether it has the table of versions.
    pub(super) table: bool,
    /// By version. Those of sqlx, if it has no table of versions.
    pub(super) entries: BTreeMap<i64, Entry>,
}

/// Reads the versions in namespaces, in their order. A server that does not answer gives an error for
/// each of its namespaces.
pub(super) async fn survey(handles: &[Arc<NamespaceHandle>]) -> Vec<Result<Found>> {
    let mut servers: BTreeMap<(&str, bool), Vec<usize>> = BTreeMap::new();
    let mut files = Vec::new();
    for (position, handle) in handles.iter().enumerate() {
        if handle.dialect().capability().file_per_namespace {
            files.push(position);
        } else {
            // Named databases have connections of their own.
            let shared = handle.namespace.is_sharded() || handle.namespace.is_static();
            servers
                .entry((&handle.server, shared))
                .or_default()
                .push(position);
        }
    }
    let of_servers = join_all(servers.into_values().map(|positions| async move {
        let own: Vec<&Arc<NamespaceHandle>> = positions
            .iter()
            .map(|position| &handles[*position])
            .collect();
        let outcome = of_server(&own).await;
        let position = positions.iter().enumerate();
        let found = position.map(|(at, position)| (*position, of_one(&outcome, at)));
        found.collect::<Vec<_>>()
    }));
    let of_files = stream::iter(files)
        .map(|position| async move { (position, of_file(&handles[position]).await) })
        .buffer_unordered(FILES)
        .collect::<Vec<_>>();
    let (of_servers, of_files) = join(of_servers, of_files).await;
    let mut all = of_servers
        .into_iter()
        .flatten()
        .chain(of_files)
        .collect::<Vec<_>>();
    all.sort_by_key(|(position, _)| *position);
    let names = all.into_iter().zip(handles);
    names
        .map(|((_, found), handle)| found.map_err(|error| handle.name_error(error)))
        .collect()
}

fn of_one(outcome: &Result<Vec<Found>>, at: usize) -> Result<Found> {
    match outcome {
        Ok(found) => Ok(found.get(at).cloned().unwrap_or_default()),
        Err(error) => Err(crate::Error::new(error.kind(), error.message().to_owned())),
    }
}

/// The versions in namespaces that share the connections of one server.
async fn of_server(handles: &[&Arc<NamespaceHandle>]) -> Result<Vec<Found>> {
    let Some(first) = handles.first() else {
        return Ok(Vec::new());
    };
    let mut may_repeat = true;
    loop {
        let mut found = vec![Found::default(); handles.len()];
        // A run reads twice, and the server knows the tables of the session by then.
        let mut lease = first.writer()?.acquire().await?;
        let read = of_connection(lease.conn()?, handles, &mut found).await;
        let is_lost = read.as_ref().is_err_and(|failure| failure.lost);
        match lease.finish(read) {
            // The connection was idle while its server was started anew.
            Err(_) if is_lost && std::mem::take(&mut may_repeat) => {}
            outcome => return outcome.map(|()| found),
        }
    }
}

async fn of_connection(
    conn: &mut Conn,
    handles: &[&Arc<NamespaceHandle>],
    found: &mut [Found],
) -> Result<(), Failure> {
    let all: Vec<usize> = (0..handles.len()).collect();
    match entries(conn, handles, &all, found).await {
        Err(failure) if is_undefined(&failure) => {}
        outcome => return outcome,
    }
    // A namespace lacks the table: the catalog tells which have it.
    for one in found.iter_mut() {
        *one = Found::default();
    }
    let versioned = with_table(conn, TABLE, handles).await?;
    entries(conn, handles, &versioned, found).await?;
    let has_table: BTreeSet<usize> = versioned.into_iter().collect();
    for position in with_table(conn, RECORD, handles).await? {
        found[position].exists = true;
    }
    let of_sqlx = with_table(conn, SQLX_TABLE, handles).await?;
    for position in of_sqlx
        .into_iter()
        .filter(|position| !has_table.contains(position))
    {
        let handle = handles[position];
        let select = history::select_sqlx(&handle.namespace, 0);
        let (text, values) = render(handle.dialect(), &select);
        let one = &mut found[position];
        conn.ask(&text, &values.0, &mut |row| {
            let entry = history::read_sqlx(row, handle.dialect())?;
            one.entries.insert(entry.version, entry);
            Ok(())
        })
        .await?;
    }
    Ok(())
}

/// The positions of the namespaces that have a table of this name.
async fn with_table(
    conn: &mut Conn,
    table: &str,
    handles: &[&Arc<NamespaceHandle>],
) -> Result<Vec<usize>, Failure> {
    let dialect = conn.dialect();
    let is_database =
        |handle: &NamespaceHandle| !handle.namespace.is_sharded() && !handle.namespace.is_static();
    let mut names = BTreeSet::new();
    if let Some(text) = namespaces_with_table(dialect) {
        conn.ask(text, &[table.into()], &mut |row| {
            names.insert(String::read(row, 0)?);
            Ok(())
        })
        .await?;
    }
    let mut positions = Vec::new();
    for (position, handle) in handles.iter().enumerate() {
        let has = if is_database(handle) {
            // Its schema or database is named by its address.
            let about = About::Table(table);
            let mut found = false;
            if let Some((text, values)) = about.question(dialect, None) {
                conn.ask(&text, &values, &mut |_| {
                    found = true;
                    Ok(())
                })
                .await?;
            }
            found
        } else {
            names.contains(&**handle.namespace.name())
        };
        if has {
            positions.push(position);
        }
    }
    Ok(positions)
}

/// Reads the tables of versions of these namespaces.
async fn entries(
    conn: &mut Conn,
    handles: &[&Arc<NamespaceHandle>],
    positions: &[usize],
    found: &mut [Found],
) -> Result<(), Failure> {
    for chunk in positions.chunks(NAMESPACES) {
        for position in chunk {
            found[*position].exists = true;
            found[*position].table = true;
        }
        let selects = chunk.iter().map(|position| {
            let mark = i64::try_from(*position).unwrap_or(i64::MAX);
            (&handles[*position].namespace, mark)
        });
        let on_row = &mut |row: &Row<'_>| {
            let position = usize::try_from(i64::read(row, 0)?).unwrap_or(usize::MAX);
            let entry = Entry::read(row, 1)?;
            if let Some(one) = found.get_mut(position) {
                one.entries.insert(entry.version, entry);
            }
            Ok(())
        };
        let dialect = conn.dialect();
        if dialect.capability().statement_lists {
            // The planner takes three times as long for a union of hundreds of tables.
            let texts = selects.map(|(namespace, mark)| {
                render(dialect, &history::select(namespace, literal(mark))).0
            });
            let text = texts.collect::<Vec<_>>().join(";\n");
            conn.list(text, on_row).await?;
            continue;
        }
        let mut selects =
            selects.map(|(namespace, mark)| history::select(namespace, Expr::val(mark)));
        let Some(mut all) = selects.next() else {
            continue;
        };
        for select in selects {
            all.union(UnionType::All, select);
        }
        let (text, values) = render(dialect, &all);
        conn.ask(&text, &values.0, on_row).await?;
    }
    Ok(())
}

async fn of_file(handle: &Arc<NamespaceHandle>) -> Result<Found> {
    if !handle.has_file() {
        return Ok(Found::default());
    }
    let mut found = vec![Found {
        exists: true,
        ..Found::default()
    }];
    let mut conn = handle.writer()?.open_dedicated().await?;
    let handles = [handle];
    let read = match entries(&mut conn, &handles, &[0], &mut found).await {
        Err(failure) if is_undefined(&failure) => {
            found[0] = Found {
                exists: true,
                ..Found::default()
            };
            let select = history::select_sqlx(&handle.namespace, 0);
            let (text, values) = render(handle.dialect(), &select);
            let asked = conn
                .ask(&text, &values.0, &mut |row| {
                    let entry = history::read_sqlx(row, handle.dialect())?;
                    found[0].entries.insert(entry.version, entry);
                    Ok(())
                })
                .await;
            match asked {
                Err(failure) if is_undefined(&failure) => Ok(()),
                outcome => outcome.map(drop),
            }
        }
        outcome => outcome,
    };
    read.map_err(|failure| failure.error)?;
    conn.close().await;
    Ok(found.pop().unwrap_or_default())
}

fn is_undefined(failure: &Failure) -> bool {
    !failure.lost && failure.error.kind() == ErrorKind::UndefinedTable
}
