//! One table at one place: a side of a comparison.
//!
//! Users make one of a model (`sync`); a run makes one of each end.

use std::fmt;
use std::sync::Arc;

use sea_query::{SelectStatement, TableRef, Value};

use super::keys::cells;
use super::subset::Subset;
use crate::backend::{Args, Row, Sql, quote, render};
use crate::connect::NamespaceHandle;
use crate::dialect::Dialect;
use crate::error::Result;
use crate::exec::{Intent, Label, Sink, Statement, Target, run};
use crate::schema::TableDef;
use crate::topology::{Namespace, Read};

/// The maximum number of values in a statement that a connection keeps prepared.
const KEPT: usize = 8;

/// A table at one place.
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
    table: Arc<TableDef>,
    /// It belongs to the static tables of the server, even where the place is a logical shard.
    is_static: bool,
    /// The part of it that is compared; `None` for all of it.
    subset: Option<&'e Subset>,
}

impl<'e> TableAt<'e> {
    /// A table at a place.
    pub(crate) fn new(
        target: Target<'e>,
        handle: Arc<NamespaceHandle>,
        table: Arc<TableDef>,
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
            table,
            is_static: false,
            subset: None,
        }
    }

    /// The table of this name among the static tables of the server.
    pub(crate) fn of_statics(mut self, is_static: bool) -> Self {
        self.is_static = is_static;
        self
    }

    /// Only what a copy holds of it, in its form there.
    pub(crate) fn holding(mut self, subset: Option<&'e Subset>) -> Self {
        self.subset = subset;
        self
    }

    /// Whether rows are compared in another form than that on the server.
    pub(crate) fn changes_rows(&self) -> bool {
        self.subset.is_some_and(Subset::changes_rows)
    }

    /// Leaves out the rows that are not compared.
    pub(crate) fn narrow(&self, select: &mut SelectStatement) {
        let condition = self.subset.and_then(Subset::condition);
        select.and_where_option(condition.cloned());
    }

    /// The values of a row that holds all columns of the table in their order.
    pub(crate) fn cells(&self, row: &Row<'_>) -> Result<Vec<Value>> {
        let cells = cells(self.def(), row)?;
        match self.subset {
            Some(subset) => subset.at_copy(cells),
            None => Ok(cells),
        }
    }

    pub(crate) fn def(&self) -> &TableDef {
        &self.table
    }

    pub(crate) fn name(&self) -> &str {
        &self.table.name
    }

    pub(crate) fn table(&self) -> &Arc<TableDef> {
        &self.table
    }

    pub(crate) fn dialect(&self) -> Dialect {
        self.handle.dialect()
    }

    /// The name of the table as a statement in this namespace spells it.
    pub(crate) fn reference(&self, namespace: &Namespace) -> TableRef {
        let name = self.name();
        match namespace.static_table(name) {
            Some(table) if self.is_static => table,
            _ => namespace.table(name),
        }
    }

    /// Sends a read that is built for the namespace to which it goes.
    pub(crate) async fn ask(
        &self,
        verb: &'static str,
        build: &(dyn Fn(&TableRef) -> SelectStatement + Sync),
        sink: &mut dyn Sink,
    ) -> Result<()> {
        let statement = Built {
            table: self,
            verb,
            build,
        };
        self.send(&statement, sink).await
    }

    /// Sends a read.
    pub(crate) async fn send(&self, statement: &dyn Statement, sink: &mut dyn Sink) -> Result<()> {
        let handle = Arc::clone(&self.handle);
        run(self.target, handle, Intent::Read, statement, sink)
            .await
            .map(|_| ())
    }

    /// The name of the table and of its place, for messages.
    fn described(&self) -> String {
        let quoted = quote(self.dialect(), &self.reference(&self.handle.namespace));
        format!("{quoted} of {} ({})", self.handle, self.dialect())
    }
}

impl fmt::Display for TableAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.described())
    }
}

impl fmt::Debug for TableAt<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "TableAt({})", self.described())
    }
}

/// A read that is built by sea-query.
struct Built<'a> {
    table: &'a TableAt<'a>,
    verb: &'static str,
    build: &'a (dyn Fn(&TableRef) -> SelectStatement + Sync),
}

impl Statement for Built<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let select = (self.build)(&self.table.reference(namespace));
        let (text, values) = render(namespace.dialect(), &select);
        for value in &values.0 {
            args.push(value)?;
        }
        Ok(Sql {
            text: text.into(),
            // Texts differ by the number of ranges and bounds. The many long ones are not kept prepared:
            // they would displace others.
            persistent: values.0.len() <= KEPT,
            single: false,
        })
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: self.verb,
            table: self.table.name(),
        }
    }
}
