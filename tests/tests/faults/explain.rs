//! `explain` shows the statements that are sent.

use std::fmt;
use std::sync::{Arc, Mutex};

use shard_orm::config::Server;
use shard_orm::prelude::*;
use shard_orm::{
    Cluster,
    explain::{Explain, Merge},
};
use shard_orm_tests::listening::listen;
use tracing::field::{Field, Visit};
use tracing::{Event, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::Context;

use crate::fixture::{Backend, Fixture, LIMIT, Note, SHARDS, note_of, on, pool_of};

on! { [sqlite postgres mariadb] =>
    explain_matches_the_sent_statements
}

/// A server, and a text that was sent to it.
type Sent = (String, String);

/// Keeps the texts of all statements.
#[derive(Debug, Clone, Default)]
struct Listener(Arc<Mutex<Vec<Sent>>>);

#[derive(Default)]
struct Heard {
    server: String,
    sql: String,
}

impl Visit for Heard {
    fn record_debug(&mut self, _: &Field, _: &dyn fmt::Debug) {}

    fn record_str(&mut self, field: &Field, value: &str) {
        match field.name() {
            "server" => value.clone_into(&mut self.server),
            "sql" => value.clone_into(&mut self.sql),
            _ => {}
        }
    }
}

impl<S: Subscriber> Layer<S> for Listener {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if event.metadata().target() == "shard_orm::sql" {
            let mut heard = Heard::default();
            event.record(&mut heard);
            self.0.lock().unwrap().push((heard.server, heard.sql));
        }
    }
}

impl Listener {
    #[track_caller]
    fn expect(&self, explained: &Explain, what: &str) {
        let mut sent = std::mem::take(&mut *self.0.lock().unwrap());
        sent.sort();
        let planned = explained.statements.iter();
        let mut planned: Vec<Sent> = planned
            .map(|planned| (planned.server.clone(), planned.sql.clone()))
            .collect();
        planned.sort();
        assert!(!planned.is_empty(), "{what}");
        assert_eq!(planned, sent, "{what}");
        let text = explained.to_string();
        for (_, sql) in planned {
            assert!(text.contains(&sql), "{what}: {text}");
        }
    }
}

/// All on one thread, whose subscriber is this one.
async fn explain_matches_the_sent_statements(backend: Backend) {
    let fixture = Fixture::new(backend).await;
    let servers = [
        Server::new("a", fixture.url.clone()).shards(0..3),
        Server::new("b", fixture.url.clone()).shards(3..SHARDS),
    ];
    let config = fixture.config_of(servers, pool_of(4).acquire_timeout(LIMIT));
    let cluster = Cluster::connect(&config).await.unwrap();
    cluster.setup().table::<Note>().run().await.unwrap();
    for user in 0..i64::from(SHARDS) {
        note_of(user, 10 + user).insert(&cluster).await.unwrap();
    }
    let listener = Listener::default();
    let _here = listen(listener.clone());

    let top = Note::scatter()
        .filter(Note::AMOUNT.gt(0))
        .order_by(Note::AMOUNT.desc().nulls_last())
        .limit(2)
        .offset(1);
    let explained = top.clone().explain(&cluster).unwrap();
    assert_eq!(top.all(&cluster).await.unwrap().len(), 2);
    listener.expect(&explained, "an order");
    assert_eq!(
        explained.merge,
        Merge::Sorted {
            by: ["amount desc nulls last", "user_id", "id"]
                .map(str::to_owned)
                .into(),
            offset: 1,
            limit: Some(2),
        }
    );
    let shards: Vec<u32> = explained
        .statements
        .iter()
        .flat_map(|planned| planned.shards.iter().map(|id| id.shard))
        .collect();
    assert_eq!(shards, [0, 1, 2, 3]);
    assert!(
        explained
            .statements
            .iter()
            .all(|planned| planned.values >= 1)
    );
    let statements = match backend {
        Backend::Sqlite => 4,
        // Two shards and one of the first server, one of the second.
        _ => 3,
    };
    assert_eq!(explained.statements.len(), statements);

    let some = Note::on_each([0, 1, 3]).select(Note::ID);
    let explained = some.clone().explain(&cluster).unwrap();
    assert_eq!(some.all(&cluster).await.unwrap().len(), 3);
    listener.expect(&explained, "several keys");

    let one = Note::on(2).filter(Note::TEXT.starts_with("note"));
    let explained = one.clone().explain(&cluster).unwrap();
    assert_eq!(one.all(&cluster).await.unwrap().len(), 1);
    listener.expect(&explained, "one key");
    assert_eq!(explained.merge, Merge::Single);

    let change = |amount: i32| Note::on_each([0, 3]).set(Note::AMOUNT, amount);
    let explained = change(5).explain(&cluster).unwrap();
    assert_eq!(change(6).update(&cluster).await.unwrap(), 2);
    listener.expect(&explained, "an update");
    assert!(
        explained
            .statements
            .iter()
            .all(|planned| planned.read.is_none())
    );

    let everywhere = Note::scatter().set(Note::AMOUNT, 7);
    let explained = everywhere.explain(&cluster).unwrap();
    let everywhere = Note::scatter().set(Note::AMOUNT, 7);
    assert_eq!(
        everywhere.update_everywhere(&cluster).await.unwrap().len(),
        4
    );
    listener.expect(&explained, "an update of all");

    // Nothing was sent by explaining alone, and what is wrong is said.
    let refused = Note::scatter().order_by(Note::TEXT.asc()).explain(&cluster);
    assert_eq!(
        refused.unwrap_err().kind(),
        shard_orm::ErrorKind::Unsupported
    );
    assert!(listener.0.lock().unwrap().is_empty());
    let none: [i64; 0] = [];
    let nothing = Note::on_each(none).explain(&cluster).unwrap();
    assert_eq!(nothing.to_string(), "nothing is sent");
}
