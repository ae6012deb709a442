//! Statements on the tables of the catalog.

use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait as _, Query, QueryStatementWriter, SelectStatement};

use super::tables::{self, CATALOG, CATALOG_COLUMNS, CLUSTER, VERSION};
use crate::backend::{Args, Conn, Field as _, Row, Sql, now, render};
use crate::connect::{Lease, NamespaceHandle, ask, send, write};
use crate::error::{Error, ErrorKind, Result};

/// The catalog of a cluster in the database of `handle`. Each call takes a connection to its
/// primary.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Store<'a> {
    handle: &'a NamespaceHandle,
}

impl<'a> Store<'a> {
    /// Sends nothing.
    pub(crate) fn new(handle: &'a NamespaceHandle) -> Self {
        Self { handle }
    }

    pub(super) fn handle(&self) -> &'a NamespaceHandle {
        self.handle
    }

    /// Creates the tables, or upgrades those of an earlier version.
    pub(crate) async fn create_tables(self) -> Result<()> {
        self.handle.create_file()?;
        let found = self.version().await?;
        if found == Some(VERSION) {
            return Ok(());
        }
        let mut lease = self.writer().await?;
        for version in found.unwrap_or(0) + 1..=VERSION {
            for statement in tables::step(version, self.handle.dialect(), &self.handle.namespace) {
                send(&mut lease, &statement).await?;
            }
        }
        let [_, version, _] = CATALOG_COLUMNS;
        let mut update = Query::update();
        update
            .table(self.handle.namespace.own_table(CATALOG))
            .value(Alias::new(version), VERSION)
            .and_where(Expr::col(Alias::new(CLUSTER)).eq(&*self.handle.cluster));
        if write(self.handle, &mut lease, &update).await? > 0 {
            return Ok(());
        }
        let mut insert = Query::insert();
        insert
            .into_table(self.handle.namespace.own_table(CATALOG))
            .columns(CATALOG_COLUMNS.map(Alias::new))
            .values([
                Expr::val(&*self.handle.cluster),
                Expr::val(VERSION),
                now(self.handle.dialect()),
            ])
            .map_err(|source| Error::configuration("the catalog's row").with_source(source))?;
        match write(self.handle, &mut lease, &insert).await {
            // Another operator has done the same meanwhile.
            Err(error) if error.kind() == ErrorKind::Unique => Ok(()),
            outcome => outcome.map(|_| ()),
        }
    }

    /// The version of the tables; `None` if this cluster has no catalog here.
    ///
    /// # Errors
    /// `Unsupported` if they belong to a newer version of the library.
    pub(crate) async fn version(self) -> Result<Option<i64>> {
        let select = self.select(CATALOG, &CATALOG_COLUMNS);
        let read = |row: &Row<'_>| i64::read(row, 1);
        let found = match self.rows(&select, read).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => return Ok(None),
            rows => rows?.pop(),
        };
        match found {
            Some(version) if version > VERSION => Err(Error::new(
                ErrorKind::Unsupported,
                format!(
                    "the catalog's tables in database `{}` have version {version}, and this version \
                     of the library knows {VERSION}; use a newer version of the library",
                    self.handle.namespace.name()
                ),
            )),
            found => Ok(found),
        }
    }

    /// Selects all columns of a table, of this cluster's rows.
    pub(super) fn select(&self, table: &str, columns: &[&str]) -> SelectStatement {
        let mut select = Query::select();
        for column in columns {
            select.expr(Expr::col((Alias::new(table), Alias::new(*column))));
        }
        let cluster = Expr::col((Alias::new(table), Alias::new(CLUSTER)));
        select
            .from(self.handle.namespace.own_table(table))
            .and_where(cluster.eq(&*self.handle.cluster));
        select
    }

    /// The rows of a select, from the primary.
    pub(super) async fn rows<T: Send>(
        self,
        select: &SelectStatement,
        read: impl Fn(&Row<'_>) -> Result<T> + Send + Sync,
    ) -> Result<Vec<T>> {
        if !self.handle.has_file() {
            return Err(Error::new(
                ErrorKind::UndefinedTable,
                format!("database `{}` does not exist", self.handle.namespace.name()),
            ));
        }
        let mut lease = self.handle.for_primary_read().await?.lease;
        let (text, values) = render(self.handle.dialect(), select);
        let mut rows = Vec::new();
        ask(&mut lease, self.handle, text, &values.0, &mut |row| {
            rows.push(read(row)?);
            Ok(())
        })
        .await?;
        Ok(rows)
    }

    /// A write, and the number of affected rows.
    pub(super) async fn write(self, statement: &(impl QueryStatementWriter + Sync)) -> Result<u64> {
        let mut lease = self.writer().await?;
        write(self.handle, &mut lease, statement).await
    }

    /// As [`write`](Self::write), to a table that a catalog of an earlier version of this library lacks: it is upgraded.
    pub(super) async fn write_upgrading(
        self,
        statement: &(impl QueryStatementWriter + Sync),
    ) -> Result<u64> {
        match self.write(statement).await {
            Err(error) if error.kind() == ErrorKind::UndefinedTable => {
                self.create_tables().await?;
                self.write(statement).await
            }
            outcome => outcome,
        }
    }

    pub(super) async fn writer(self) -> Result<Lease> {
        Ok(self.handle.for_write().await?.lease)
    }

    /// How long a call may take that takes a connection and sends a few statements.
    pub(crate) async fn within<T>(
        limit: Duration,
        call: impl Future<Output = Result<T>>,
    ) -> Result<T> {
        tokio::time::timeout(limit, call).await.unwrap_or_else(|_| {
            Err(Error::new(
                ErrorKind::Timeout,
                format!("the catalog did not answer within {limit:?}"),
            ))
        })
    }
}

/// Runs a rendered statement within a transaction of the connection's own, and returns the number of
/// affected rows.
pub(super) async fn run(
    conn: &mut Conn,
    statement: &(impl QueryStatementWriter + Sync),
) -> Result<u64> {
    let dialect = conn.dialect();
    let (text, values) = render(dialect, statement);
    let mut args = Args::new(dialect)?;
    for value in &values.0 {
        args.push(value)?;
    }
    let sql = Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    let answer = conn.run(sql, args, &mut |_| Ok(())).await;
    answer.map_err(|failure| failure.error)
}
