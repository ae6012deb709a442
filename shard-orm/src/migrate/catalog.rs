//! The tables of namespaces, as their catalogs describe them.
//!
//! Read on connections of their own, on primaries: `drift` and `check_models` compare them.

use std::sync::Arc;
use std::time::Duration;

use sea_query::{Alias, IntoTableRef as _};

use super::history::SQLX_TABLE;
use super::session::Session;
use super::sessions::Sessions;
use crate::backend::inspect::{Catalog, question_about_all};
use crate::backend::migration::invalid_indexes;
use crate::backend::system_table::OWN;
use crate::backend::{Failure, Field as _, Row};
use crate::connect::NamespaceHandle;
use crate::error::Result;
use crate::plan::{Concurrency, ConcurrencyLimiter};
use crate::schema::TableDef;

/// The tables of a namespace.
pub(super) struct Tables {
    pub(super) tables: Vec<TableDef>,
    /// The indexes that an interrupted build has left.
    pub(super) invalid_indexes: Vec<String>,
}

/// How the tables of many namespaces are read.
pub(super) struct Reading<'r> {
    pub(super) lock_timeout: Duration,
    /// The number of namespaces on one server that are read concurrently.
    pub(super) per_server: usize,
    /// Called with each namespace that was read.
    pub(super) on_read: &'r (dyn Fn(&NamespaceHandle) + Sync),
}

impl Reading<'_> {
    /// The tables of namespaces, in their order.
    pub(super) async fn all(&self, handles: &[&Arc<NamespaceHandle>]) -> Vec<Result<Tables>> {
        let sessions = Sessions::new(self.lock_timeout);
        let mut limiter = ConcurrencyLimiter::new(Concurrency {
            most: usize::MAX,
            per_server: self.per_server,
        });
        for (number, handle) in handles.iter().enumerate() {
            let sessions = &sessions;
            let read = async move {
                let tables = tables_of(handle, sessions).await;
                (self.on_read)(handle);
                tables
            };
            limiter.push(number, handle, read);
        }
        let mut outcomes = Vec::new();
        while let Some(outcome) = limiter.next().await {
            outcomes.push(outcome);
        }
        drop(limiter);
        sessions.close().await;
        outcomes.sort_by_key(|(number, _)| *number);
        outcomes.into_iter().map(|(_, outcome)| outcome).collect()
    }
}

/// The tables of a namespace, and its indexes that are not valid.
async fn tables_of(handle: &Arc<NamespaceHandle>, sessions: &Sessions) -> Result<Tables> {
    let mut session = sessions.take(handle).await?;
    let read = async {
        Ok(Tables {
            tables: session.own_tables().await?,
            invalid_indexes: session.invalid_indexes().await?,
        })
    };
    match read.await {
        Ok(found) => {
            sessions.put(session).await;
            Ok(found)
        }
        Err::<_, Failure>(failure) => Err(failure.error),
    }
}

impl Session {
    /// The tables of the namespace that this session is in, as [`tables`](Self::tables).
    pub(super) async fn own_tables(&mut self) -> Result<Vec<TableDef>, Failure> {
        let handle = self.handle().clone();
        let namespace = &handle.namespace;
        let name = if handle.dialect().capability().file_per_namespace {
            None
        } else if namespace.is_sharded() || namespace.is_static() {
            Some(namespace.name().to_string())
        } else {
            self.namespace().await?
        };
        self.tables(name.as_deref()).await
    }

    /// The names of the indexes that an interrupted build has left in the namespace.
    pub(super) async fn invalid_indexes(&mut self) -> Result<Vec<String>, Failure> {
        let mut names = Vec::new();
        if let Some(text) = invalid_indexes(self.handle().dialect()) {
            let on_row = &mut |row: &Row<'_>| {
                names.push(String::read(row, 0)?);
                Ok(())
            };
            self.ask(text, &[], on_row).await?;
        }
        Ok(names)
    }

    /// The tables of this namespace, which the session has entered, by name; without those of this
    /// library and of sqlx, and without the name of the namespace in their expressions. Sends four
    /// statements.
    pub(super) async fn tables(
        &mut self,
        namespace: Option<&str>,
    ) -> Result<Vec<TableDef>, Failure> {
        let dialect = self.handle().dialect();
        // Every question names a table of the namespace that it is about.
        let any = match namespace {
            Some(name) => (Alias::new(name), Alias::new("any")).into_table_ref(),
            None => Alias::new("any").into_table_ref(),
        };
        let mut catalog = Catalog::new(dialect);
        for about in Catalog::QUESTIONS {
            let asked = question_about_all(dialect, &any, about).map_err(Failure::own)?;
            let add = &mut |row: &Row<'_>| catalog.add(about, row);
            self.ask(&asked.text, &asked.values, add).await?;
        }
        let mut tables = TableDef::of_catalog(catalog);
        tables.retain(|table| !table.name.starts_with(OWN) && table.name != SQLX_TABLE);
        Ok(match namespace {
            Some(name) => {
                let tables = tables.into_iter();
                tables.map(|table| table.in_no_namespace(name)).collect()
            }
            None => tables,
        })
    }
}
