//! Surveys the namespaces on the servers of a group, over dedicated connections.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use sea_query::Value;
use tokio::time::timeout;

use super::{Guard, ServerAccess};
use crate::backend::{Args, Conn, Failure, Field, Opener, Session, Sql};
use crate::backend::{identity_of_server, namespaces_with_table};
use crate::connect::record::{self, Record, State, TABLE, read_record};
use crate::error::{Error, ErrorKind, Result};

/// The namespaces on all servers of a group.
pub(crate) struct Survey {
    /// In the order of the configuration.
    pub(crate) servers: Vec<SurveyedServer>,
}

/// The namespaces on one server, or the error that prevented the survey.
pub(crate) struct SurveyedServer {
    pub(crate) server: Arc<str>,
    /// The name in messages.
    pub(crate) label: String,
    pub(crate) outcome: Result<ServerContents>,
}

/// The namespaces on one server.
pub(crate) struct ServerContents {
    /// Equal if two configured servers are the same server.
    pub(crate) identity: String,
    /// The namespaces with a record that belong to this group, or are expected by the topology.
    pub(crate) records: Vec<Finding>,
}

/// A namespace and its record.
#[derive(Debug, Clone)]
pub(crate) struct Finding {
    pub(crate) namespace: String,
    pub(crate) record: Record,
}

impl Survey {
    /// All active namespaces on the servers that answered; servers configured twice count once.
    pub(crate) fn findings(&self) -> impl Iterator<Item = (&SurveyedServer, &Finding)> {
        self.servers
            .iter()
            .enumerate()
            .filter(|(position, server)| {
                let identity = server.identity();
                identity.is_some()
                    && self.servers[..*position]
                        .iter()
                        .all(|earlier| earlier.identity() != identity)
            })
            .flat_map(|(_, server)| {
                let held = server.outcome.iter().flat_map(|held| &held.records);
                let active = held.filter(|found| found.record.state() == State::Active);
                active.map(move |found| (server, found))
            })
    }
}

impl SurveyedServer {
    pub(crate) fn identity(&self) -> Option<&str> {
        self.outcome.as_ref().ok().map(|held| &*held.identity)
    }

    /// The namespaces on this server.
    ///
    /// # Errors
    /// The error that prevented the survey, with the server's name.
    pub(crate) fn outcome(&self) -> Result<&ServerContents> {
        self.outcome.as_ref().map_err(|error| {
            Error::new(
                error.kind(),
                format!(
                    "cannot list the namespaces on server `{}` ({}): {}",
                    self.server,
                    self.label,
                    error.message()
                ),
            )
        })
    }
}

/// Surveys one server, at the endpoint that is thought to take writes.
pub(super) async fn survey_server(guard: &Guard, server: &ServerAccess) -> SurveyedServer {
    let (session, label) = &server.endpoints[server.health.last_primary()];
    let outcome = match &server.folder {
        Some(folder) => survey_files(session, server, folder).await,
        None => survey_network(guard, server, session).await,
    };
    SurveyedServer {
        server: Arc::clone(&server.name),
        label: label.clone(),
        outcome,
    }
}

async fn open(session: &Session, server: &ServerAccess) -> Result<Conn> {
    let opener = Opener::new(session.clone())?;
    match timeout(server.connect_timeout, opener.open()).await {
        Ok(opened) => opened,
        Err(_) => Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "no connection within {:?}; check that the server is running and reachable",
                server.connect_timeout
            ),
        )),
    }
}

async fn survey_network(
    guard: &Guard,
    server: &ServerAccess,
    session: &Session,
) -> Result<ServerContents> {
    let mut conn = open(session, server).await?;
    let held = read_network(guard, server, &mut conn).await;
    match held {
        Ok(held) => {
            conn.close().await;
            Ok(held)
        }
        Err(failure) => Err(failure.error),
    }
}

async fn read_network(
    guard: &Guard,
    server: &ServerAccess,
    conn: &mut Conn,
) -> Result<ServerContents, Failure> {
    let dialect = conn.dialect();
    let mut identity = String::new();
    if let Some(text) = identity_of_server(dialect) {
        ask(conn, text, &[], &mut |row| {
            identity = row.0.unwrap_or_default();
        })
        .await?;
    }
    let mut names: Vec<String> = Vec::new();
    // The comment of a record's table names its group, so records of other groups need not be read.
    let own = comment(&guard.cluster, &guard.group);
    if let Some(text) = namespaces_with_table(dialect) {
        let table = Value::String(Some(TABLE.to_owned()));
        ask(conn, text, &[table], &mut |(name, comment)| {
            let name = name.unwrap_or_default();
            let unnamed = comment.as_ref().is_none_or(|comment| comment.is_empty());
            let expected = server.namespaces.iter().any(|one| **one == *name);
            if unnamed || expected || comment.as_ref() == Some(&own) {
                names.push(name);
            }
        })
        .await?;
    }
    let mut records = Vec::new();
    for namespace in names {
        let table = record::table_of(dialect, &namespace);
        if let Some(record) = read_record(conn, &table).await? {
            records.push(Finding { namespace, record });
        }
    }
    Ok(ServerContents { identity, records })
}

/// The comment of a record's table, on databases with comments.
pub(crate) fn comment(cluster: &str, group: &str) -> String {
    format!("{cluster}/{group}")
}

/// Reads rows of one or two text columns.
async fn ask(
    conn: &mut Conn,
    text: &'static str,
    values: &[Value],
    found: &mut (dyn FnMut((Option<String>, Option<String>)) + Send),
) -> Result<(), Failure> {
    let mut args = Args::new(conn.dialect()).map_err(Failure::own)?;
    for value in values {
        args.push(value).map_err(Failure::own)?;
    }
    let sql = Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    let two = !values.is_empty();
    conn.run(sql, args, &mut |row| {
        let second = if two { Option::read(row, 1)? } else { None };
        found((Option::read(row, 0)?, second));
        Ok(())
    })
    .await?;
    Ok(())
}

/// The files of a folder; each is a namespace.
async fn survey_files(
    session: &Session,
    server: &ServerAccess,
    folder: &Path,
) -> Result<ServerContents> {
    let identity = match std::fs::canonicalize(folder) {
        Ok(path) => path.display().to_string(),
        // Created with the first namespace.
        Err(_) => {
            return Ok(ServerContents {
                identity: folder.display().to_string(),
                records: Vec::new(),
            });
        }
    };
    let is_expected = |name: &str| server.namespaces.iter().any(|one| **one == *name);
    let mut records = Vec::new();
    for (namespace, file) in files(folder)? {
        let mut session = session.clone();
        session.file = Some(file);
        session.read_only = true;
        let record = match survey_file(&session, server, &namespace).await {
            // A file of another kind that happens to end in `.db`.
            Err(error) if error.kind() == ErrorKind::Database && !is_expected(&namespace) => None,
            outcome => outcome?,
        };
        if let Some(record) = record {
            records.push(Finding { namespace, record });
        }
    }
    Ok(ServerContents { identity, records })
}

async fn survey_file(
    session: &Session,
    server: &ServerAccess,
    namespace: &str,
) -> Result<Option<Record>> {
    let mut conn = open(session, server).await?;
    let table = record::table_of(session.dialect, namespace);
    let record = read_record(&mut conn, &table).await;
    conn.close().await;
    record.map_err(|failure| failure.error)
}

fn files(folder: &Path) -> Result<Vec<(String, PathBuf)>> {
    let unreadable = |source| {
        Error::configuration(format!("cannot read the folder {}", folder.display()))
            .with_source(source)
    };
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).map_err(unreadable)? {
        let path = entry.map_err(unreadable)?.path();
        let is_database = path.extension().is_some_and(|extension| extension == "db");
        let name = path.file_stem().and_then(|stem| stem.to_str());
        if let (true, Some(name)) = (is_database, name) {
            files.push((name.to_owned(), path));
        }
    }
    files.sort_unstable();
    Ok(files)
}
