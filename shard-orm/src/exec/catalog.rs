//! The tables of a namespace, read from the catalog of its database.
//!
//! Called by users, and where a table does not fit what it is used for.

use std::sync::Arc;

use super::run::{Intent, run};
use super::statement::{Label, Sink, Statement};
use super::target::Target;
use crate::backend::inspect::{About, Catalog, question, question_about_all};
use crate::backend::{Args, Row, Sql};
use crate::cluster::{Address, Cluster};
use crate::connect::NamespaceHandle;
use crate::definition::ModelDef;
use crate::error::{Error, ErrorKind, Result};
use crate::schema::TableDef;
use crate::topology::{Namespace, Read};

/// The tables that are asked about.
#[derive(Clone, Copy)]
pub(super) enum Tables<'a> {
    /// The one of a model, or its copy on the same server.
    OfModel(&'static ModelDef),
    /// The one of this name.
    Named(&'a str),
    All,
}

/// One question to a catalog.
pub(super) struct Ask<'a>(pub(super) Tables<'a>, pub(super) About);

impl Statement for Ask<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let dialect = namespace.dialect();
        let asked = match self.0 {
            Tables::OfModel(def) => question(dialect, &namespace.table_of(def), self.1),
            Tables::Named(name) => question(dialect, &namespace.table(name), self.1),
            Tables::All => question_about_all(dialect, &namespace.table("any"), self.1),
        }?;
        asked.values.iter().try_for_each(|value| args.push(value))?;
        Ok(Sql {
            text: asked.text.into(),
            persistent: false,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "inspect",
            table: match self.0 {
                Tables::OfModel(def) => def.table,
                Tables::Named(name) => name,
                Tables::All => "",
            },
        }
    }
}

/// The answers to one question.
struct Answers<'c>(&'c mut Catalog, About);

impl Sink for Answers<'_> {
    fn row(&mut self, row: &Row<'_>) -> Result<()> {
        self.0.add(self.1, row)
    }

    fn reset(&mut self) {
        self.0.forget(self.1);
    }
}

/// A replica that lags shows an older table.
fn primary(cluster: &Cluster) -> Target<'_> {
    Target::Cluster {
        cluster,
        read: Some(Read::Primary),
        marks: None,
    }
}

async fn read(
    target: Target<'_>,
    handle: &Arc<NamespaceHandle>,
    tables: Tables<'_>,
) -> Result<Vec<TableDef>> {
    let mut catalog = Catalog::new(handle.dialect());
    for about in Catalog::QUESTIONS {
        let ask = Ask(tables, about);
        let mut answers = Answers(&mut catalog, about);
        run(target, Arc::clone(handle), Intent::Read, &ask, &mut answers).await?;
    }
    Ok(TableDef::of_catalog(catalog))
}

/// The tables of a namespace.
#[cfg(feature = "migrate")]
pub(crate) async fn tables_of(
    cluster: &Cluster,
    handle: &Arc<NamespaceHandle>,
) -> Result<Vec<TableDef>> {
    read(primary(cluster), handle, Tables::All).await
}

impl Cluster {
    /// Reads the description of a table from the catalog of its database. Sends four statements.
    ///
    /// ```
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> shard_orm::Result<()> {
    /// # use shard_orm::model::Model as _;
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # let cluster = shard_orm::testing::cluster::<Order>().await?;
    /// let address = Order::shard(42);
    /// let found = cluster.read_table(&address, "orders").await?;
    /// let difference = Order::def().table_def().difference(&found, Dialect::Sqlite)?;
    /// assert!(difference.is_empty(), "{difference}");
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    ///
    /// # Errors
    /// [`UndefinedTable`](ErrorKind::UndefinedTable) when there is no such table.
    pub async fn read_table(&self, at: &Address, table: &str) -> Result<TableDef> {
        let handle = self.handle(at)?;
        let tables = read(primary(self), &handle, Tables::Named(table)).await?;
        tables.into_iter().next().ok_or_else(|| {
            Error::new(
                ErrorKind::UndefinedTable,
                format!("table `{table}` does not exist at {handle}; check its name"),
            )
        })
    }

    /// Reads the descriptions of all tables of a namespace, by name. Sends four statements, however
    /// many tables there are.
    ///
    /// # Errors
    /// When the address is unknown, or the server is unavailable.
    pub async fn read_tables(&self, at: &Address) -> Result<Vec<TableDef>> {
        let handle = self.handle(at)?;
        read(primary(self), &handle, Tables::All).await
    }
}
