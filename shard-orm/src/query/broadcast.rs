//! Raw SQL on every namespace or every server of a group.
//!
//! For administration; it does not belong to a model.

mod report;

use std::fmt;
use std::sync::Arc;

use sea_query::Value;
use sqlx::SqlSafeStr;

pub use self::report::{BroadcastReport, Outcome};
use super::raw::{Expanded, ReadRow, expand, qualified, read, refuse_empty};
use crate::backend::{Args, Field, Sql, signature, user_sql};
use crate::cluster::Cluster;
use crate::connect::NamespaceHandle;
use crate::error::{Error, Result};
use crate::exec::{Executor as _, Intent, Label, NoRows, Rows, Sink, Statement, run};
use crate::plan::{Concurrency, ConcurrencyLimiter, DeferredError};
use crate::topology::Namespace;

/// The default limits of concurrent statements.
const CONCURRENCY: Concurrency = Concurrency {
    most: 8,
    per_server: 2,
};

/// The targets of a raw SQL statement: each namespace of a group, or each of its servers; created
/// by [`Cluster::broadcast`].
#[derive(Debug, Clone)]
#[must_use = "a statement is sent when `execute` or `all` runs it"]
pub struct Broadcast {
    cluster: Cluster,
    group: String,
    each_server: bool,
}

/// A raw SQL statement for every namespace or every server of a group; created by
/// [`Cluster::broadcast`].
#[must_use = "a statement is sent when `execute` or `all` runs it"]
pub struct BroadcastQuery {
    to: Broadcast,
    text: Result<String, DeferredError>,
    values: Vec<Value>,
    concurrency: Concurrency,
    go_on: bool,
}

impl Cluster {
    /// Creates a statement that runs once on every namespace of a group, that is on each logical
    /// shard.
    ///
    /// A name in braces becomes the qualified name of that table in the namespace, as in
    /// [`RawQuery`](crate::query::RawQuery); `{orders.*}` is rejected, since the statement has no
    /// model. It goes to primaries, and is never sent twice to one of them. The outcome of each
    /// namespace is returned as data: see [`BroadcastReport`].
    ///
    /// ```
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// # }
    /// # #[cfg(feature = "testing")]
    /// # #[tokio::main(flavor = "current_thread")]
    /// # async fn main() -> shard_orm::Result<()> {
    /// # let cluster = shard_orm::testing::cluster::<Order>().await?;
    /// # let cluster = &cluster;
    /// // All or an error, which says where it was done and where it was not.
    /// cluster.broadcast("shop").sql("ANALYZE {orders}").execute().await?.into_result()?;
    ///
    /// // One after the other, past errors.
    /// let report = cluster
    ///     .broadcast("shop")
    ///     .sql("SELECT COUNT(*), MAX(id) FROM {orders}")
    ///     .in_order()
    ///     .go_on()
    ///     .all::<(i64, Option<i64>)>()
    ///     .await?;
    /// for outcome in &report.outcomes {
    ///     match &outcome.result {
    ///         Some(Ok(rows)) => println!("{}: {rows:?}", outcome.place()),
    ///         Some(Err(error)) => println!("{}: {error}", outcome.place()),
    ///         None => println!("{}: not begun", outcome.place()),
    ///     }
    /// }
    /// # assert!(report.is_done());
    /// # Ok(())
    /// # }
    /// # #[cfg(not(feature = "testing"))]
    /// # fn main() {}
    /// ```
    pub fn broadcast(&self, group: impl Into<String>) -> Broadcast {
        Broadcast {
            cluster: self.clone(),
            group: group.into(),
            each_server: false,
        }
    }
}

impl Broadcast {
    /// Runs the statement once on the primary of each server with logical shards of the group,
    /// instead of once in each namespace.
    ///
    /// For server-wide objects, such as settings, extensions and roles. It cannot name tables of a
    /// namespace, so braces are rejected. It is not supported on SQLite, which has no servers.
    pub fn each_server(mut self) -> Self {
        self.each_server = true;
        self
    }

    /// Sets the statement.
    ///
    /// The text is a literal, or one that the caller asserts with [`sqlx::AssertSqlSafe`] to
    /// contain no external input. Placeholders are those of a [`RawQuery`](crate::query::RawQuery).
    /// Without arguments, it is sent unprepared, since databases cannot prepare all statements.
    pub fn sql(self, text: impl SqlSafeStr) -> BroadcastQuery {
        BroadcastQuery {
            to: self,
            text: Ok(text.into_sql_str().as_str().to_owned()),
            values: Vec::new(),
            concurrency: CONCURRENCY,
            go_on: false,
        }
    }
}

impl BroadcastQuery {
    /// Binds the next argument, with the type of the value.
    #[allow(clippy::needless_pass_by_value)] // As every other value that a builder takes.
    pub fn bind(mut self, value: impl Field) -> Self {
        match Args::value(|args| value.bind(args)) {
            Ok(value) => self.values.push(value),
            Err(error) => self.text = Err(error.into()),
        }
        self
    }

    /// Runs the statements one after the other, in the order of the shard numbers.
    pub fn in_order(self) -> Self {
        self.parallel(1)
    }

    /// Limits the number of concurrent statements; 8 by default. [`per_server`](Self::per_server)
    /// limits them for each server.
    pub fn parallel(mut self, statements: usize) -> Self {
        self.concurrency.most = statements.max(1);
        self
    }

    /// Limits the number of concurrent statements for each server; 2 by default, and never more
    /// than its pool has connections.
    pub fn per_server(mut self, statements: usize) -> Self {
        self.concurrency.per_server = statements.max(1);
        self
    }

    /// Starts no further statements after an error. This is the default. Running statements are
    /// awaited, since writes are not abandoned half-way.
    pub fn stop_at_first_error(mut self) -> Self {
        self.go_on = false;
        self
    }

    /// Runs the statement everywhere, even after errors.
    pub fn go_on(mut self) -> Self {
        self.go_on = true;
        self
    }

    /// Runs the statement, and returns the number of changed rows for each target.
    ///
    /// If the future is dropped early, no further statements are started, and the connections of
    /// running ones are closed. A server may still complete a statement that it has received. A
    /// [`Session`](crate::Session) does not track these writes.
    ///
    /// # Errors
    /// Only errors found before anything is sent:
    /// [`Configuration`](crate::ErrorKind::Configuration) for an unknown group;
    /// [`Unsupported`](crate::ErrorKind::Unsupported) for braces that name no table, and for
    /// [`each_server`](Broadcast::each_server) on SQLite. Errors of a target are in the report.
    pub async fn execute(self) -> Result<BroadcastReport<u64>> {
        let call = Call::new(self)?;
        let outcomes = call
            .each(async |handle: Arc<NamespaceHandle>| call.ask(&handle, &mut NoRows).await)
            .await;
        Ok(outcomes)
    }

    /// Runs the statement, and returns its rows for each target.
    ///
    /// # Errors
    /// As [`execute`](Self::execute). If a result has other columns than `T`, the report contains
    /// [`Decode`](crate::ErrorKind::Decode), although the statement was executed.
    pub async fn all<T: ReadRow>(self) -> Result<BroadcastReport<Vec<T>>> {
        let call = Call::new(self)?;
        let outcomes = call
            .each(async |handle: Arc<NamespaceHandle>| {
                let mut sink = Rows::new(read::<T>);
                call.ask(&handle, &mut sink).await?;
                Ok(sink.rows)
            })
            .await;
        Ok(outcomes)
    }
}

impl fmt::Debug for BroadcastQuery {
    /// Shows no values: arguments are user data.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BroadcastQuery")
            .field("to", &self.to)
            .field("concurrency", &self.concurrency)
            .field("go_on", &self.go_on)
            .finish_non_exhaustive()
    }
}

/// A call, after the checks that need no database.
struct Call {
    cluster: Cluster,
    handles: Vec<Arc<NamespaceHandle>>,
    statement: Told,
    concurrency: Concurrency,
    go_on: bool,
}

impl Call {
    fn new(query: BroadcastQuery) -> Result<Self> {
        let Broadcast {
            cluster,
            group,
            each_server,
        } = query.to;
        let mut handles = cluster.handles_of_group(&group)?;
        let statement = Told {
            text: query.text.map_err(Error::from)?,
            values: query.values,
            each_server,
        };
        if let Some(first) = handles.first() {
            refuse_empty(&statement.text(&first.namespace)?.text)?;
        }
        if each_server {
            for handle in &handles {
                handle.dialect().capability().servers.require()?;
            }
            let mut first_of: Vec<Arc<NamespaceHandle>> = Vec::new();
            handles.retain(|handle| {
                let new = !first_of
                    .iter()
                    .any(|known| Arc::ptr_eq(&known.health, &handle.health));
                if new {
                    first_of.push(Arc::clone(handle));
                }
                new
            });
        }
        Ok(Self {
            cluster,
            handles,
            statement,
            concurrency: query.concurrency,
            go_on: query.go_on,
        })
    }

    /// Asks all targets, and returns their outcomes in order.
    async fn each<T: Send, F>(&self, ask: impl Fn(Arc<NamespaceHandle>) -> F) -> BroadcastReport<T>
    where
        F: Future<Output = Result<T>> + Send,
    {
        let mut limiter = ConcurrencyLimiter::new(self.concurrency);
        for (number, handle) in self.handles.iter().enumerate() {
            limiter.push(number, handle, ask(Arc::clone(handle)));
        }
        let mut outcomes: Vec<Outcome<T>> = self
            .handles
            .iter()
            .map(|handle| Outcome {
                server: handle.server.to_string(),
                shard: (!self.statement.each_server).then(|| handle.shard_id()),
                result: None,
            })
            .collect();
        while let Some((number, result)) = limiter.next().await {
            if result.is_err() && !self.go_on {
                limiter.begin_no_more();
            }
            outcomes[number].result = Some(result);
        }
        BroadcastReport { outcomes }
    }

    async fn ask(&self, handle: &Arc<NamespaceHandle>, sink: &mut dyn Sink) -> Result<u64> {
        let target = (&self.cluster).target();
        run(
            target,
            Arc::clone(handle),
            Intent::Write,
            &self.statement,
            sink,
        )
        .await
        .map_err(|error| {
            if self.statement.each_server {
                error.on_server(&handle.server)
            } else {
                error
            }
        })
    }
}

/// The statement, for whichever namespace it is sent to.
struct Told {
    text: String,
    values: Vec<Value>,
    each_server: bool,
}

impl Told {
    fn text(&self, namespace: &Namespace) -> Result<Expanded> {
        let bound = self.values.len();
        expand(namespace.dialect(), &self.text, bound, |name| {
            if self.each_server {
                Err(Error::unsupported(format!(
                    "`{{{name}}}` in the SQL names a table of a namespace, and the statement is \
                     one for each server: leave out `each_server`, or write `{{{{` for a brace"
                )))
            } else {
                qualified(None, name, namespace)
            }
        })
    }
}

impl Statement for Told {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let Expanded {
            mut text,
            arguments,
        } = self.text(namespace)?;
        if self.values.is_empty() {
            *args = Args::unprepared();
        }
        for argument in arguments {
            args.push(&self.values[argument])?;
        }
        text.push_str(&signature(namespace.dialect(), &self.values));
        // Not kept in any case.
        let (text, _) = user_sql(namespace.dialect(), text);
        Ok(Sql {
            text,
            // Sent once to each namespace: a plan that is kept would only take the place of another.
            persistent: false,
            single: false,
        })
    }

    fn is_refused_whole(&self) -> bool {
        false
    }

    fn label(&self) -> Label<'_> {
        Label {
            verb: "broadcast",
            table: "",
        }
    }
}
