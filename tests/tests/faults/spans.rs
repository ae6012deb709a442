//! The spans of `tracing`: one for each statement, without values.

use std::collections::BTreeMap;
use std::fmt;
use std::sync::{Arc, Mutex};

use futures_util::TryStreamExt as _;
use shard_orm::config::Server;
use shard_orm::prelude::*;
use shard_orm::{Cluster, Dialect};
use shard_orm_tests::listening::listen;
use shard_orm_tests::servers::pair;
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;
use tracing_subscriber::registry::LookupSpan;

use crate::fixture::{Backend, Fixture, Note, note, pool_of};

const VALUE: &str = "mark-of-a-value";
const PASSWORD: &str = "s3cr3t-pw";

type Fields = BTreeMap<&'static str, String>;

/// Keeps all calls, once they are done, and all words of spans and events.
#[derive(Debug, Clone, Default)]
struct Seen {
    calls: Arc<Mutex<Vec<Fields>>>,
    words: Arc<Mutex<String>>,
}

#[derive(Default)]
struct Collected(Fields);

impl Visit for Collected {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }

    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }
}

impl<S: Subscriber + for<'l> LookupSpan<'l>> Layer<S> for Seen {
    fn on_new_span(&self, attributes: &Attributes<'_>, id: &Id, context: Context<'_, S>) {
        let mut fields = Collected::default();
        attributes.record(&mut fields);
        self.hear(attributes.metadata().target(), &fields.0);
        context.span(id).unwrap().extensions_mut().insert(fields);
    }

    fn on_record(&self, id: &Id, record: &Record<'_>, context: Context<'_, S>) {
        let span = context.span(id).unwrap();
        let mut extensions = span.extensions_mut();
        let fields = extensions.get_mut::<Collected>().unwrap();
        record.record(fields);
        let metadata = span.metadata();
        self.hear(metadata.target(), &fields.0);
        // The last that is written down. A driver's own thread may keep the span open for longer.
        let done = fields.0.contains_key("rows") || fields.0.contains_key("error");
        if done && metadata.target() == "shard_orm" && metadata.name() == "call" {
            self.calls.lock().unwrap().push(fields.0.clone());
        }
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut fields = Collected::default();
        event.record(&mut fields);
        self.hear(event.metadata().target(), &fields.0);
    }
}

impl Seen {
    fn hear(&self, target: &str, fields: &Fields) {
        let line = format!("{target} {fields:?}\n");
        self.words.lock().unwrap().push_str(&line);
    }

    fn take(&self) -> Vec<Fields> {
        std::mem::take(&mut self.calls.lock().unwrap())
    }

    /// The one call since the last look.
    #[track_caller]
    fn one(&self) -> Fields {
        let mut calls = self.take();
        assert_eq!(calls.len(), 1, "{calls:?}");
        calls.remove(0)
    }
}

#[track_caller]
fn assert_call(call: &Fields, expected: &[(&str, &str)]) {
    for (field, value) in expected {
        assert_eq!(
            call.get(field).map(String::as_str),
            Some(*value),
            "{field}: {call:?}"
        );
    }
    let micros: u64 = call["micros"].parse().unwrap();
    assert!(micros < 20_000_000);
}

/// The port of a server's address.
fn port(url: &str) -> &str {
    let address = url.rsplit('@').next().unwrap();
    let address = address.split('/').next().unwrap();
    address.rsplit(':').next().unwrap()
}

fn marked(id: i64) -> Note {
    Note {
        text: format!("{VALUE}-{id}"),
        ..note(id)
    }
}

/// All on one thread, whose subscriber is this one.
async fn spans_name_the_destination_and_no_values(backend: Backend) {
    // Unheard: the statements that set up replication hold its password.
    let pair = match backend {
        Backend::Sqlite => None,
        Backend::Postgres => Some(pair(Dialect::Postgres).await.unwrap()),
        Backend::MariaDb => Some(pair(Dialect::MySql).await.unwrap()),
    };
    let seen = Seen::default();
    let _here = listen(seen.clone());
    let fixture = match (backend, &pair) {
        (Backend::Postgres, Some(pair)) => Fixture::at_postgres(pair.primary.url()),
        (Backend::MariaDb, Some(pair)) => Fixture::at_mariadb(pair.primary.url()).await,
        _ => Fixture::new(backend).await,
    };
    fixture.set_up().await;
    let url = match backend {
        // Trusted whatever the password.
        Backend::Postgres => fixture
            .url
            .replace("postgres@", &format!("postgres:{PASSWORD}@")),
        _ => fixture.url.clone(),
    };
    let server = match &pair {
        None => Server::new("first", url),
        Some(pair) => {
            let replica = url.replace(port(pair.primary.url()), port(pair.replica.url()));
            Server::new("first", url).replica(replica)
        }
    };
    let cluster = Cluster::connect(&fixture.config_at(server, pool_of(2)))
        .await
        .unwrap();
    seen.take();

    marked(1).insert(&cluster).await.unwrap();
    let place = [
        ("group", "shop"),
        ("shard", "0"),
        ("server", "first"),
        ("table", "notes"),
    ];
    let call = seen.one();
    assert_call(&call, &place);
    assert_call(
        &call,
        &[("verb", "insert"), ("role", "primary"), ("rows", "1")],
    );

    marked(2).insert(&cluster).await.unwrap();
    seen.take();
    let both = Note::on(0).filter(Note::TEXT.starts_with(VALUE));
    assert_eq!(both.all(&cluster).await.unwrap().len(), 2);
    let call = seen.one();
    assert_call(&call, &place);
    assert_call(
        &call,
        &[("verb", "select"), ("role", "primary"), ("rows", "2")],
    );

    if let Some(pair) = &pair {
        pair.replica.has_all_of(&pair.primary).await.unwrap();
        Note::get(cluster.read_from(Read::Replica), 0, 1)
            .await
            .unwrap();
        assert_call(&seen.one(), &[("role", "replica"), ("rows", "1")]);
    }

    Note::on_each([0, 1, 2]).count(&cluster).await.unwrap();
    let mut shards: Vec<String> = seen
        .take()
        .into_iter()
        .map(|mut call| call.remove("shard").unwrap())
        .collect();
    shards.sort();
    // A server is asked once for all its logical shards, and named by the first; a file by itself.
    let expected: &[&str] = match pair {
        Some(_) => &["0", "2"],
        None => &["0", "1", "2"],
    };
    assert_eq!(shards, expected);

    let all: Vec<Note> = Note::on(0).stream(&cluster).try_collect().await.unwrap();
    assert_eq!(all.len(), 2);
    assert_call(
        &seen.one(),
        &[("verb", "select"), ("role", "primary"), ("rows", "2")],
    );

    let tx = cluster.begin(Note::shard(0)).await.unwrap();
    seen.take();
    let changed = Note::on(0)
        .filter(Note::TEXT.eq(format!("{VALUE}-1")))
        .set(Note::TEXT, format!("{VALUE}-changed"))
        .update(&tx)
        .await
        .unwrap();
    assert_eq!(changed, 1);
    let call = seen.one();
    assert_call(&call, &place);
    assert_call(
        &call,
        &[("verb", "update"), ("role", "primary"), ("rows", "1")],
    );
    tx.commit().await.unwrap();
    seen.take();

    // A database's own message quotes the value.
    let error = marked(2).insert(&cluster).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    let call = seen.one();
    assert_call(&call, &[("error", "unique constraint")]);
    assert!(!call.contains_key("rows"));
    let placeholder = if backend == Backend::Postgres {
        "$1"
    } else {
        "?"
    };
    let sql = format!("SELECT id FROM {{notes}} WHERE text = {placeholder}");
    let found: Vec<i64> = Note::on_shard_of(0)
        .sql(sqlx::AssertSqlSafe(sql))
        .bind(format!("{VALUE}-2"))
        .all(&cluster)
        .await
        .unwrap();
    assert_eq!(found, [2]);
    assert_call(&seen.one(), &[("verb", "sql"), ("rows", "1")]);
    cluster.close().await;
    Note::get(&cluster, 0, 1).await.unwrap_err();

    let words = seen.words.lock().unwrap();
    for secret in [VALUE, PASSWORD, "app-secret"] {
        let line = words.lines().find(|line| line.contains(secret));
        assert_eq!(line, None, "`{secret}` shows");
    }
    assert!(words.contains("shard_orm"), "nothing was heard");
}

#[tokio::test(flavor = "current_thread")]
async fn on_sqlite() {
    spans_name_the_destination_and_no_values(Backend::Sqlite).await;
}

#[tokio::test(flavor = "current_thread")]
async fn on_postgres() {
    spans_name_the_destination_and_no_values(Backend::Postgres).await;
}

#[tokio::test(flavor = "current_thread")]
async fn on_mariadb() {
    spans_name_the_destination_and_no_values(Backend::MariaDb).await;
}

#[tokio::test(flavor = "current_thread")]
async fn spans_of_the_caller_are_unchanged() {
    use tracing::Instrument as _;

    let seen = Seen::default();
    let fixture = Fixture::new(Backend::Sqlite).await;
    let cluster = fixture.cluster(pool_of(1)).await;
    let _here = listen(seen.clone());
    let own = tracing::info_span!(target: "program", "request", role = tracing::field::Empty);
    async {
        let tx = cluster.begin(Note::shard(0)).await.unwrap();
        tx.commit().await.unwrap();
        let all: Vec<Note> = Note::on(0).stream(&cluster).try_collect().await.unwrap();
        assert!(all.is_empty());
    }
    .instrument(own)
    .await;
    let words = seen.words.lock().unwrap();
    let own = words.lines().find(|line| line.starts_with("program"));
    assert_eq!(own, Some("program {}"), "{words}");
    assert!(!words.contains("program {\"role\""), "{words}");
}
