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
use crate::exec::{Intent, Label, Operation, Rows, Statement, Target, fixed_text, run};
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
                namespaces: &question.namespaces,
                bind,
            };
            run(target, question.at, Intent::Read, &statement, &mut sink).await?;
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

/// What one server is asked.
struct Question {
    at: Arc<Place>,
    namespaces: Vec<Arc<Namespace>>,
}

/// One question to each server, or to each logical shard where several cannot be asked at once.
fn questions(target: Target<'_>, def: &ModelDef, places: Vec<Arc<Place>>) -> Result<Vec<Question>> {
    if let Target::Tx(tx) = target {
        let own = tx.place();
        if !places
            .iter()
            .all(|place| place.namespace.is_same_shard(&own.namespace))
        {
            return Err(elsewhere(def, own));
        }
        return Ok(vec![Question {
            namespaces: vec![Arc::clone(&own.namespace)],
            at: Arc::clone(own),
        }]);
    }
    // A session knows for each logical shard which replica holds its writes.
    let in_session = matches!(target, Target::Cluster { marks: Some(_), .. });
    let mut questions: Vec<Question> = Vec::new();
    for place in places {
        let namespace = Arc::clone(&place.namespace);
        // A namespace is looked at before its first statement, which has to be one of its own.
        let may_share = place.dialect() != Dialect::Sqlite && !in_session && place.is_found();
        let shared = questions.iter_mut().find(|question| {
            may_share && question.at.server == place.server && question.at.is_found()
        });
        match shared {
            Some(question) => question.namespaces.push(namespace),
            None => questions.push(Question {
                at: place,
                namespaces: vec![namespace],
            }),
        }
    }
    Ok(questions)
}

/// `SELECT .. FROM a.t WHERE id = ? UNION ALL SELECT .. FROM b.t WHERE id = ?`.
struct ById<'a> {
    def: &'static ModelDef,
    namespaces: &'a [Arc<Namespace>],
    bind: &'a (dyn Fn(&mut Args) -> Result<()> + Sync),
}

impl Statement for ById<'_> {
    fn prepare(&self, namespace: &Namespace, args: &mut Args) -> Result<Sql> {
        let text = |namespace| fixed_text(self.def, Operation::SelectById, namespace);
        let text = match self.namespaces {
            [only] => Arc::clone(text(only)),
            several => {
                let all: Vec<&str> = several.iter().map(|one| &**text(one)).collect();
                all.join(" UNION ALL ").into()
            }
        };
        // PostgreSQL's `$1` is the same argument in each part.
        let arguments = match namespace.dialect() {
            Dialect::Postgres => 1,
            Dialect::Sqlite | Dialect::MySql => self.namespaces.len(),
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
