//! Rows that are found by a generated id alone.
//!
//! A snowflake holds the leading bits of its key's hash, and a group routed by the hash gives each
//! logical shard a range of hashes: a few logical shards are left, however often one was split.

use std::sync::Arc;

use futures_util::{StreamExt, TryStreamExt, stream};

use crate::backend::{Args, Row, Sql};
use crate::connect::Place;
use crate::dialect::Dialect;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::{Intent, Label, Operation, Rows, Site, Statement, Target, fixed_text, run_at};
use crate::model::{FindById, Id, ModelDef};
use crate::topology::Namespace;

/// How many servers, or files of SQLite, are asked at the same time.
const CONCURRENCY: usize = 8;

/// The row of an id, wherever it is.
pub(super) async fn find_by_id<M: FindById>(target: Target<'_>, id: &M::Id) -> Result<Option<M>> {
    let def = M::def();
    let cluster = target.cluster();
    let Some(hashes) = cluster.id_layout().hashes(M::snowflake(id)) else {
        return Ok(None);
    };
    let Some(places) = cluster.places_of_hashes(def.home_name(), &hashes)? else {
        return Err(no_hash(def));
    };
    let bind = |args: &mut Args| id.bind(args);
    let questions = questions(target, def, places)?;
    let found: Vec<Vec<M>> = stream::iter(questions.into_iter().map(|question| {
        let bind = &bind;
        async move {
            let mut sink = Rows::new(|row: &Row<'_>| M::read(row, 0));
            let statement = ById {
                def,
                places: &question,
                bind,
            };
            if let Some(site) = Site::of_several(question.iter().map(Arc::clone)) {
                run_at(target, site, Intent::Read, &statement, &mut sink).await?;
            }
            Ok::<_, Error>(sink.rows)
        }
    }))
    .buffered(CONCURRENCY)
    .try_collect()
    .await?;
    let mut rows = found.into_iter().flatten();
    let first = rows.next();
    match (&first, rows.next()) {
        (Some(first), Some(second)) => Err(twice(target, first, &second)),
        _ => Ok(first),
    }
}

/// One question to each server, or to each logical shard where several cannot be asked at once.
fn questions(
    target: Target<'_>,
    def: &ModelDef,
    places: Vec<Arc<Place>>,
) -> Result<Vec<Vec<Arc<Place>>>> {
    if let Target::Tx(tx) = target {
        let own = tx.place();
        if !places
            .iter()
            .all(|place| place.namespace.is_same_shard(&own.namespace))
        {
            return Err(elsewhere(def, own));
        }
        return Ok(vec![vec![Arc::clone(own)]]);
    }
    let mut questions: Vec<Vec<Arc<Place>>> = Vec::new();
    for place in places {
        let shared = questions.iter_mut().find(|question| {
            place.dialect() != Dialect::Sqlite
                && question
                    .first()
                    .is_some_and(|first| Arc::ptr_eq(&first.watch, &place.watch))
        });
        match shared {
            Some(question) => question.push(place),
            None => questions.push(vec![place]),
        }
    }
    Ok(questions)
}

/// `SELECT .. FROM a.t WHERE id = ? UNION ALL SELECT .. FROM b.t WHERE id = ?`.
struct ById<'a> {
    def: &'static ModelDef,
    places: &'a [Arc<Place>],
    bind: &'a (dyn Fn(&mut Args) -> Result<()> + Sync),
}

impl Statement for ById<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let text = |place: &'_ Arc<Place>| {
            Arc::clone(fixed_text(
                self.def,
                Operation::SelectById,
                &place.namespace,
            ))
        };
        let text = match self.places {
            [only] => text(only),
            several => {
                let all: Vec<Arc<str>> = several.iter().map(text).collect();
                all.join(" UNION ALL ").into()
            }
        };
        // PostgreSQL's `$1` is the same argument in each part.
        let arguments = match namespace.dialect() {
            Dialect::Postgres => 1,
            Dialect::Sqlite | Dialect::MySql => self.places.len(),
        };
        for _ in 0..arguments {
            (self.bind)(args)?;
        }
        Ok(Sql {
            text,
            // Rows of other ids ask for the same logical shards: there are few such texts.
            persistent: true,
            single: false,
        })
    }

    fn label(&self) -> Label {
        Label {
            verb: "select",
            table: self.def.table,
        }
    }
}

#[cold]
pub(super) fn not_found(def: &'static ModelDef) -> Error {
    Error::new(
        ErrorKind::NotFound,
        format!("no `{}` in table `{}` has this id", def.name, def.table),
    )
}

#[cold]
fn no_hash(def: &ModelDef) -> Error {
    Error::unsupported(format!(
        "a `{}` is not found by its id alone: group `{}` is not routed by the strategy \"hash\", of \
         which an id holds a part; name the key: `find(&cluster, key, id)`",
        def.name,
        def.home_name()
    ))
}

#[cold]
fn elsewhere(def: &ModelDef, own: &Place) -> Error {
    own.name_error(Error::new(
        ErrorKind::CrossShard,
        format!(
            "the `{}` of this id can be elsewhere than the transaction, which runs on {own}; look for \
             it before the transaction, or name the key: `find(&tx, key, id)`",
            def.name
        ),
    ))
}

#[cold]
fn twice<M: FindById>(target: Target<'_>, one: &M, other: &M) -> Error {
    let def = M::def();
    let place = |row: &M| {
        let place = row
            .routing_key()
            .and_then(|key| target.cluster().place_of_key(def.home_name(), &key));
        place.map_or_else(|_| "no shard".to_owned(), |place| place.to_string())
    };
    Error::new(
        ErrorKind::Unique,
        format!(
            "two rows of `{}` have this id, by their keys of {} and of {}; a generated id has one row: \
             find out which was written by hand",
            def.table,
            place(one),
            place(other)
        ),
    )
}
