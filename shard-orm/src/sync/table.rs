//! One table at one place: a side of a comparison.

use std::fmt;
use std::sync::Arc;

use sea_query::{SelectStatement, Value};

use crate::backend::{Args, Row, Sql, quote, render};
use crate::cluster::Address;
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Executor, Intent, Label, Sink, Statement, Target, run};
use crate::model::{Model, ModelDef};
use crate::record::Collection;
use crate::topology::{Namespace, Read};

/// The most values of a statement whose text is kept by a connection.
const KEPT: usize = 8;

/// A model's table at one place.
///
/// ```no_run
/// use shard_orm::prelude::*;
/// use shard_orm::sync::{TableAt, verify};
///
/// #[derive(ShardModel)]
/// #[shard(database = "default", table = "airlines")]
/// struct Airline {
///     #[shard(primary_key)]
///     code: String,
///     name: String,
/// }
///
/// # async fn run(old: &Cluster, new: &Cluster) -> shard_orm::Result<()> {
/// let source = TableAt::of::<Airline>(old, &Airline::database())?;
/// let copy = TableAt::of::<Airline>(new, &Airline::database())?;
/// let found = verify(&source, &copy).await?;
/// assert!(found.is_equal(), "{found}");
/// # Ok(())
/// # }
/// ```
#[derive(Clone)]
pub struct TableAt<'e> {
    target: Target<'e>,
    handle: Arc<NamespaceHandle>,
    def: &'static ModelDef,
    /// What is compared of it; all, unless it is said.
    collection: Option<&'e Collection>,
}

impl<'e> TableAt<'e> {
    /// The table of a model at an address, as `Order::shard(key)` or `Setting::database()`.
    ///
    /// It is read from the primary, whatever the policy of the group says, unless `on` is
    /// [`Cluster::read_from`](crate::Cluster::read_from): a replica that lags shows an older table.
    ///
    /// # Errors
    /// When the address is unknown, or elsewhere than the transaction.
    pub fn of<M: Model>(on: impl Executor<'e>, at: &Address) -> Result<Self> {
        let target = on.target();
        let handle = target.handle(M::def(), at)?;
        Ok(Self::new(target, handle, M::def()))
    }

    /// The table of `def` at a place.
    pub(crate) fn new(
        target: Target<'e>,
        handle: Arc<NamespaceHandle>,
        def: &'static ModelDef,
    ) -> Self {
        let target = match target {
            Target::Cluster {
                read: None,
                marks: None,
                ..
            } => target.reading(Some(Read::Primary)),
            chosen => chosen,
        };
        Self {
            target,
            handle,
            def,
            collection: None,
        }
    }

    /// Only what a copy holds of it, and as it is there.
    pub(super) fn collecting(mut self, collection: Option<&'e Collection>) -> Self {
        self.collection = collection;
        self
    }

    /// Whether its rows are compared otherwise than its server has them.
    pub(super) fn changes_rows(&self) -> bool {
        self.collection.is_some_and(Collection::changes_rows)
    }

    /// Leaves out the rows that are not compared.
    pub(super) fn narrow(&self, select: &mut SelectStatement) {
        let condition = self.collection.and_then(Collection::condition);
        select.and_where_option(condition.cloned());
    }

    /// The values of a row that holds all columns of the model in their order.
    pub(super) fn cells(&self, row: &Row<'_>) -> Result<Vec<Value>> {
        let columns = self.def.columns.iter().enumerate();
        let cells = columns
            .map(|(ordinal, column)| column.read(row, ordinal))
            .collect::<Result<Vec<Value>>>()?;
        match self.collection {
            Some(collection) => collection.at_copy(cells),
            None => Ok(cells),
        }
    }

    pub(super) fn def(&self) -> &'static ModelDef {
        self.def
    }

    pub(super) fn dialect(&self) -> Dialect {
        self.handle.dialect()
    }

    /// Sends a read that is built for the namespace to which it goes.
    pub(super) async fn ask(
        &self,
        verb: &'static str,
        build: &(dyn Fn(&Namespace) -> SelectStatement + Sync),
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let statement = Built {
            label: Label {
                verb,
                table: self.def.table,
            },
            build,
        };
        self.send(&statement, sink).await
    }

    /// Sends a read.
    pub(super) async fn send(&self, statement: &dyn Statement, sink: &mut dyn Sink) -> Result<()> {
        let handle = Arc::clone(&self.handle);
        run(self.target, handle, Intent::Read, statement, sink)
            .await
            .map(|_| ())
    }

    /// Adds what the table is called there to the words of an error.
    pub(super) fn name(&self) -> String {
        let table = self.handle.namespace.table_of(self.def);
        let quoted = quote(self.dialect(), &table);
        format!("{quoted} of {} ({})", self.handle, self.dialect())
    }
}

impl fmt::Display for TableAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name())
    }
}

impl fmt::Debug for TableAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableAt({})", self.name())
    }
}

/// A read of sea-query's.
struct Built<'a> {
    label: Label<'a>,
    build: &'a (dyn Fn(&Namespace) -> SelectStatement + Sync),
}

impl Statement for Built<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let (text, values) = render(namespace.dialect(), &(self.build)(namespace));
        for value in &values.0 {
            args.push(value)?;
        }
        Ok(Sql {
            text: text.into(),
            // Texts differ by the number of ranges and bounds. The many of them are not kept, since
            // they would take the place of others.
            persistent: values.0.len() <= KEPT,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        self.label
    }
}
