//! Namespaces, their records, and the tables of models.

use std::collections::BTreeMap;
use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};
use sea_query::{Alias, ColumnDef, Expr, Query, Table};

use crate::backend::{create_namespace, render, render_table};
use crate::cluster::Cluster;
use crate::connect::{
    CLUSTER, GENERATION, GROUP, Lease, Place, Record, SHARD, TABLE, compare, read,
};

use crate::error::{Error, ErrorKind, Result};
use crate::id;
use crate::model::{Home, Model, ModelDef};
use crate::schema::CreateTable;
use crate::sync;

/// How many namespaces are made at the same time.
const CONCURRENCY: usize = 4;
/// How often a statement is sent again that met another client doing the same.
const ROUNDS: usize = 5;

/// Creates the namespaces of a cluster and the tables of models, where they are not there yet;
/// begun by [`Cluster::setup`].
///
/// For what it does not find it sends `CREATE SCHEMA` (PostgreSQL), `CREATE DATABASE` (MySQL and
/// MariaDB) or makes a file (SQLite), writes the record of the namespace, and sends the
/// `CREATE TABLE` and `CREATE INDEX` of the models, and of the tables of worker ids and sequences
/// where `[ids]` names a database for them. It changes nothing that is there, and may be
/// run by several processes at once. It works on primaries alone.
///
/// ```no_run
/// # use shard_orm::prelude::*;
/// # #[derive(ShardModel)]
/// # #[shard(group = "shop", table = "orders")]
/// # struct Order {
/// #     #[shard(primary_key)]
/// #     id: i64,
/// #     #[shard(key)]
/// #     user_id: i64,
/// # }
/// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
/// let report = cluster.setup().table::<Order>().run().await?;
/// println!("{} namespaces, {} tables", report.namespaces, report.tables);
/// # Ok(())
/// # }
/// ```
#[derive(Debug, Clone)]
#[must_use = "it is done by `run`"]
pub struct Setup {
    cluster: Cluster,
    defs: Vec<&'static ModelDef>,
}

/// What [`Setup::run`] made sure of.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct SetupReport {
    /// Namespaces of logical shards, found or made.
    pub namespaces: usize,
    /// Tables of models, found or made, over all namespaces.
    pub tables: usize,
}

impl Cluster {
    /// Begins to create the namespaces of all groups and the tables of models.
    pub fn setup(&self) -> Setup {
        Setup {
            cluster: self.clone(),
            defs: Vec::new(),
        }
    }
}

impl Setup {
    /// Creates the table of this model too: in each namespace of its group, or in its database; of
    /// a static model at its source, and in the static namespace of each server of its groups, which
    /// is made where it is not there.
    pub fn table<M: Model>(self) -> Self {
        self.table_of(M::def())
    }

    pub(crate) fn table_of(mut self, def: &'static ModelDef) -> Self {
        self.defs.push(def);
        self
    }

    /// Does it.
    ///
    /// # Errors
    /// [`Configuration`](ErrorKind::Configuration) when a namespace says that it is another
    /// shard's, or a model names a group or database that is not configured; otherwise what a
    /// server said. What was done until then stays, and the next run goes on from there.
    pub async fn run(self) -> Result<SetupReport> {
        let topology = self.cluster.topology();
        let mut report = SetupReport::default();
        for def in &self.defs {
            match def.home {
                Home::Sharded(group) | Home::Isolated(group) => {
                    self.cluster.places_of_group(group)?;
                }
                Home::Database(name) => {
                    let place = self.cluster.place_of_database(name)?;
                    in_database(&place, def).await?;
                    report.tables += 1;
                }
                Home::Static(_) => {
                    self.cluster.groups_of_static(def)?;
                }
            }
        }
        report.tables += self.statics().await?;
        for (place, create) in id::tables(&self.cluster)? {
            create_in_database(&place, &create).await?;
        }
        for group in topology.groups() {
            let defs: Vec<&'static ModelDef> = self
                .defs
                .iter()
                .copied()
                .filter(|def| {
                    matches!(def.home, Home::Sharded(name) | Home::Isolated(name)
                        if name == group.name())
                })
                .collect();
            let places = self.cluster.places_of_group(group.name())?;
            report.namespaces += places.len();
            report.tables += places.len() * defs.len();
            stream::iter(places.into_iter().map(|place| {
                let defs = &defs;
                async move {
                    let tables = defs
                        .iter()
                        .map(|def| CreateTable::new(def, place.dialect()));
                    in_namespace(&place, tables.collect::<Result<_>>()?)
                        .await
                        .map_err(|error| place.name_error(error))
                }
            }))
            .buffer_unordered(CONCURRENCY)
            .try_collect::<Vec<()>>()
            .await?;
        }
        Ok(report)
    }

    /// Creates the tables of static models: at their sources, and on each server of their groups.
    /// Gives how many there are.
    async fn statics(&self) -> Result<usize> {
        let mut tables = 0;
        // By group, what its servers hold.
        let mut held: BTreeMap<Arc<str>, Vec<&'static ModelDef>> = BTreeMap::new();
        for def in &self.defs {
            let Home::Static(copied) = def.home else {
                continue;
            };
            if let Some(source) = copied.source {
                let place = self.cluster.place_of_database(source)?;
                in_database(&place, def).await?;
                for own in sync::tables_at_source() {
                    in_database(&place, own).await?;
                }
                let mut lease = place.writer()?.acquire().await?;
                for statement in sync::statements_at_source(def, place.dialect())? {
                    send(&mut lease, &statement).await?;
                }
                tables += 1;
            }
            for group in self.cluster.groups_of_static(def)? {
                held.entry(group).or_default().push(def);
            }
        }
        for (group, defs) in held {
            for place in self.cluster.static_places(&group)? {
                let own = sync::tables_at_copy();
                let own = own
                    .iter()
                    .chain(&defs)
                    .map(|def| CreateTable::new(def, place.dialect()));
                // Tables of the library's own stand beside those of the models.
                in_namespace(&place, own.collect::<Result<Vec<_>>>()?).await?;
                tables += defs.len();
            }
        }
        Ok(tables)
    }
}

/// Creates a table of the library's own in a named database; of SQLite its file before it.
pub(crate) async fn create_in_database(place: &Place, create: &str) -> Result<()> {
    place.create_file()?;
    let mut lease = place.writer()?.acquire().await?;
    send(&mut lease, create).await
}

async fn in_database(place: &Arc<Place>, def: &'static ModelDef) -> Result<()> {
    place.create_file()?;
    let mut lease = place.writer()?.acquire().await?;
    let table = CreateTable::new(def, place.dialect())?;
    for statement in table.statements() {
        send(&mut lease, &statement).await?;
    }
    Ok(())
}

/// Makes a namespace of a group with its record, and these tables in it.
async fn in_namespace(place: &Arc<Place>, tables: Vec<CreateTable>) -> Result<()> {
    place.create_file()?;
    let mut lease = place.writer()?.acquire().await?;
    if let Some(create) = create_namespace(place.dialect(), place.namespace.name()) {
        send(&mut lease, &create).await?;
    }
    record(place, &mut lease).await?;
    for table in tables {
        let table = table.in_namespace(&**place.namespace.name());
        for statement in table.statements() {
            send(&mut lease, &statement).await?;
        }
    }
    Ok(())
}

/// Writes the record of a namespace that has none, and checks that of one that has.
async fn record(place: &Place, lease: &mut Lease) -> Result<()> {
    if let Some(found) = read(place, lease).await? {
        return compare(place, lease.label(), &found);
    }
    let text = |name: &str| {
        let mut column = ColumnDef::new(Alias::new(name));
        column.string_len(255).not_null();
        column
    };
    let number = |name: &str| {
        let mut column = ColumnDef::new(Alias::new(name));
        column.big_integer().not_null();
        column
    };
    let mut create = Table::create();
    create
        .table(place.namespace.own_table(TABLE))
        .if_not_exists()
        .col(text(CLUSTER))
        .col(text(GROUP))
        .col(number(SHARD).primary_key())
        .col(number(GENERATION));
    send(lease, &render_table(place.dialect(), &create)).await?;

    let expected = Record::expected(place);
    let mut insert = Query::insert();
    insert
        .into_table(place.namespace.own_table(TABLE))
        .columns([CLUSTER, GROUP, SHARD, GENERATION].map(Alias::new))
        .values([
            Expr::val(expected.cluster),
            Expr::val(expected.group),
            Expr::val(expected.shard),
            Expr::val(expected.generation),
        ])
        .map_err(|source| Error::configuration("a namespace's record").with_source(source))?;
    let (text, values) = render(place.dialect(), &insert);
    let mut args = crate::backend::Args::new(place.dialect())?;
    for value in &values.0 {
        args.push(value)?;
    }
    let sql = crate::backend::Sql {
        text: text.into(),
        persistent: false,
        single: false,
    };
    match lease.conn()?.run(sql, args, &mut |_| Ok(())).await {
        Ok(_) => lease.settle(),
        // Another process has written it meanwhile.
        Err(failure) if failure.error.kind() == ErrorKind::Unique => lease.settle(),
        Err(failure) => return Err(failure.error),
    }
    match read(place, lease).await? {
        Some(found) => compare(place, lease.label(), &found),
        None => Err(Error::configuration("a namespace's record was not kept")),
    }
}

/// Sends a DDL statement. `IF NOT EXISTS` does not keep two clients apart on every database: the
/// one that comes second is refused, and finds the thing made when it asks again.
async fn send(lease: &mut Lease, statement: &str) -> Result<()> {
    let mut round = 1;
    loop {
        match lease.conn()?.batch(statement).await {
            Ok(()) => {
                lease.settle();
                return Ok(());
            }
            Err(failure) if failure.lost => {
                lease.lost();
                return Err(failure.error);
            }
            Err(failure) => {
                lease.settle();
                let kind = failure.error.kind();
                let met = matches!(
                    kind,
                    ErrorKind::Unique
                        | ErrorKind::Database
                        | ErrorKind::Deadlock
                        | ErrorKind::Serialization
                );
                if !met || round == ROUNDS {
                    return Err(failure.error);
                }
                round += 1;
            }
        }
    }
}
