//! Generated ids: filled in by verbs that return the row, refused by the others.

use std::collections::HashSet;

use futures_util::future::join_all;
use shard_orm::config::Ids;
use shard_orm::id::Layout;
use shard_orm::prelude::*;
use shard_orm::route::mix64;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{DATABASE, Fixture};
use uuid::Uuid;

use crate::kind;

mod find_by_id;
mod lease;
mod table;

#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ShardField)]
struct NoteId(i64);

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "notes")]
#[shard(unique(user_id, title))]
struct Note {
    #[shard(primary_key, generate = "snowflake")]
    id: NoteId,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 64)]
    title: String,
    text: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "events")]
struct Event {
    #[shard(primary_key, key)]
    user_id: i64,
    #[shard(primary_key, generate = "uuid_v7")]
    id: Uuid,
    what: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "visits")]
struct Visit {
    #[shard(primary_key, generate = "nanosecond")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

/// Its id is its shard key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "accounts")]
struct Account {
    #[shard(primary_key, key, generate = "snowflake")]
    id: i64,
    #[shard(unique, length = 64)]
    email: String,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "runs")]
struct Run {
    #[shard(primary_key, generate = "snowflake")]
    id: i64,
    done: bool,
}

fn note(user_id: i64, title: &str) -> Note {
    Note {
        id: NoteId(0),
        user_id,
        title: title.to_owned(),
        text: String::new(),
    }
}

const BY_TITLE: (
    shard_orm::Column<Note, i64>,
    shard_orm::Column<Note, String>,
) = (Note::USER_ID, Note::TITLE);

behaviours! { (Note, Event, Visit, Account, Run);
    async fn insert_generates_only_missing_ids(fixture: &Fixture) {
        let key = fixture.key();
        let filled = note(key, "a").insert(&fixture.cluster).await.unwrap();
        assert!(filled.id.0 > 0);
        assert_eq!(Note::get(&fixture.cluster, key, filled.id).await.unwrap(), filled);
        let given = Note { id: NoteId(fixture.id()), ..note(key, "b") };
        assert_eq!(given.clone().insert(&fixture.cluster).await.unwrap(), given);
    }

    async fn snowflakes_contain_worker_and_shard_bits(fixture: &Fixture) {
        for key in [fixture.key(), -fixture.key()] {
            let id = note(key, "a").insert(&fixture.cluster).await.unwrap().id;
            let parts = fixture.cluster.id_layout().parts(id.0).unwrap();
            assert_eq!(parts.worker, 1);
            assert_eq!(u64::from(parts.shard_bits), mix64(key.cast_unsigned()) >> 56);
        }
    }

    async fn insert_many_generates_rising_ids_in_row_order(fixture: &Fixture) {
        let key = fixture.key();
        let mut rows: Vec<Note> = (0..300).map(|n| note(key + n % 7, &format!("{key} {n}"))).collect();
        rows[5].id = NoteId(fixture.id());
        let given = rows[5].id;
        let inserted = Note::insert_many(&fixture.cluster, rows).await.unwrap();
        assert_eq!(inserted[5].id, given);
        let made: Vec<NoteId> = inserted.iter().map(|row| row.id).filter(|id| *id != given).collect();
        assert!(made.is_sorted_by(|a, b| a < b));
        for row in inserted.into_iter().step_by(50) {
            assert_eq!(Note::get(&fixture.cluster, row.user_id, row.id).await.unwrap(), row);
        }
    }

    async fn ids_are_generated_in_a_transaction(fixture: &Fixture) {
        let key = fixture.key();
        let tx = fixture.cluster.begin(Note::shard(key)).await.unwrap();
        let row = note(key, "a").insert(&tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(Note::get(&fixture.cluster, key, row.id).await.unwrap(), row);
    }

    async fn verbs_that_cannot_return_the_id_refuse_a_missing_one(fixture: &Fixture) {
        let key = fixture.key();
        let row = note(key, "a");
        for error in [
            row.save(&fixture.cluster).await.unwrap_err(),
            row.upsert(&fixture.cluster, BY_TITLE).await.unwrap_err(),
            row.upsert_only(&fixture.cluster, BY_TITLE, Note::TEXT).await.unwrap_err(),
        ] {
            assert_eq!(error.kind(), ErrorKind::Unsupported);
            assert!(error.to_string().contains("; use `"), "{error}");
        }
        assert_eq!(Note::on(key).count(&fixture.cluster).await.unwrap(), 0);
        let row = Note { id: NoteId(fixture.id()), ..row };
        row.save(&fixture.cluster).await.unwrap();
        row.upsert(&fixture.cluster, BY_TITLE).await.unwrap();
        assert_eq!(Note::on(key).all(&fixture.cluster).await.unwrap(), [row]);
    }

    async fn get_or_create_generates_the_id(fixture: &Fixture) {
        let key = fixture.key();
        let (created, new) = note(key, "a").get_or_create(&fixture.cluster, BY_TITLE).await.unwrap();
        assert!(new && created.id.0 > 0);
        let again = note(key, "a").get_or_create(&fixture.cluster, BY_TITLE).await.unwrap();
        assert_eq!(again, (created, false));
    }

    async fn update_or_create_generates_the_id_only_on_insert(fixture: &Fixture) {
        let key = fixture.key();
        let (created, new) = note(key, "a").update_or_create(&fixture.cluster, BY_TITLE).await.unwrap();
        assert!(new && created.id.0 > 0);
        let changed = Note { text: "new".into(), ..note(key, "a") };
        let (updated, new) = changed.update_or_create(&fixture.cluster, BY_TITLE).await.unwrap();
        assert_eq!((updated.id, updated.text.as_str(), new), (created.id, "new", false));
    }

    async fn rows_without_an_id_are_not_looked_up_by_it(fixture: &Fixture) {
        let row = note(fixture.key(), "a");
        let got = row.clone().get_or_create(&fixture.cluster, Note::ID).await;
        assert_eq!(kind(got), ErrorKind::Unsupported);
        let updated = row.update_or_create(&fixture.cluster, Note::ID).await;
        assert_eq!(kind(updated), ErrorKind::Unsupported);
    }

    async fn a_generated_shard_key_routes_the_row(fixture: &Fixture) {
        let email = format!("{}@example.org", fixture.key());
        let account = Account { id: 0, email }.insert(&fixture.cluster).await.unwrap();
        assert!(account.id > 0);
        assert_eq!(Account::get(&fixture.cluster, account.id, ()).await.unwrap(), account);
        let rows = (0..20).map(|n| Account { id: 0, email: format!("{} {n}", account.email) });
        for row in Account::insert_many(&fixture.cluster, rows.collect()).await.unwrap() {
            assert_eq!(Account::get(&fixture.cluster, row.id, ()).await.unwrap(), row);
        }
    }

    async fn uuids_of_version_7_rise(fixture: &Fixture) {
        let key = fixture.key();
        let events = (0..100).map(|n| Event { user_id: key, id: Uuid::nil(), what: n.to_string() });
        let events = Event::insert_many(&fixture.cluster, events.collect()).await.unwrap();
        assert!(events.is_sorted_by(|a, b| a.id < b.id));
        assert!(events.iter().all(|event| event.id.get_version_num() == 7));
        let first = &events[0];
        assert_eq!(Event::get(&fixture.cluster, key, first.id).await.unwrap(), *first);
        let ordered = Event::on(key).order_by(Event::ID).all(&fixture.cluster).await.unwrap();
        assert_eq!(ordered, events);
    }

    async fn nanosecond_ids_hold_the_key_modulo_1024(fixture: &Fixture) {
        let key = fixture.key();
        let visits = (0..100).map(|_| Visit { id: 0, user_id: key });
        let visits = Visit::insert_many(&fixture.cluster, visits.collect()).await.unwrap();
        assert!(visits.is_sorted_by(|a, b| a.id < b.id));
        assert!(visits.iter().all(|visit| (visit.id >> 3) & 1_023 == key & 1_023));
    }

    async fn an_isolated_model_has_ids_without_shard_bits(fixture: &Fixture) {
        let run = Run { id: 0, done: true }.insert(&fixture.cluster, 0).await.unwrap();
        let parts = fixture.cluster.id_layout().parts(run.id).unwrap();
        assert_eq!(parts.shard_bits, 0);
        assert_eq!(Run::get(&fixture.cluster, 0, run.id).await.unwrap(), run);
    }

    async fn ids_of_concurrent_inserts_differ(fixture: &Fixture) {
        let inserts = (0..60).map(|n| note(fixture.key(), &n.to_string()).insert(&fixture.cluster));
        let ids: HashSet<NoteId> = join_all(inserts).await.into_iter().map(|row| row.unwrap().id).collect();
        assert_eq!(ids.len(), 60);
    }
}

behaviours! { (Note), 2 shards on 1 servers, |options| options.ids(Ids::new());
    async fn a_missing_worker_error_names_the_configuration(fixture: &Fixture) {
        let error = note(fixture.key(), "a").insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("[ids] worker"), "{error}");
        let given = Note { id: NoteId(1), ..note(fixture.key(), "a") };
        given.insert(&fixture.cluster).await.unwrap();
    }
}

behaviours! { (Note), 2 shards on 1 servers, |options| options.ids(Ids::new().worker(9).bits(10, 4, 8));
    async fn id_widths_come_from_the_configuration(fixture: &Fixture) {
        let key = fixture.key();
        let id = note(key, "a").insert(&fixture.cluster).await.unwrap().id;
        assert_eq!(fixture.cluster.id_layout(), Layout::new(10, 4, 8).unwrap());
        assert_eq!(fixture.cluster.id_layout().parts(id.0).unwrap().worker, 9);
        assert!(Note::find_by_id(&fixture.cluster, id).await.unwrap().is_some());
        // A second cluster of this process with the same worker goes on with the same numbers.
        let second = fixture.another_process().await;
        let next = note(key, "b").insert(&second).await.unwrap().id;
        let last = note(key, "c").insert(&fixture.cluster).await.unwrap().id;
        assert!(id < next && next < last);
    }

    async fn a_closed_cluster_generates_no_ids(fixture: &Fixture) {
        let second = fixture.another_process().await;
        second.close().await;
        let error = note(fixture.key(), "a").insert(&second).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}
