//! Session tokens across processes and changes of the primary.

use std::time::Duration;

use shard_orm::Session;
use shard_orm::config::Server;
use shard_orm::prelude::*;

use crate::fixture::{Fixture, Note, SHARDS, answering, eventually, quick};
use crate::on::On;

on_each! {
    any rights:
    a_token_carries_a_session_into_another_process
    a_token_of_an_old_timeline_reads_from_the_primary_first
    a_replica_of_the_old_primary_serves_no_session_of_the_new_one
}

on_each! {
    an_invalid_token_is_refused
}

async fn write(on: &Session, user: i64, amount: i64) {
    let changed = Note::on(user).set(Note::AMOUNT, amount).update(on).await;
    assert_eq!(changed.unwrap(), 1);
}

async fn read(on: impl Executor<'_>, user: i64) -> i64 {
    let amount = Note::on(user).select(Note::AMOUNT);
    amount.one(on).await.unwrap()
}

/// The token, once it names a position.
async fn settled_token(session: &Session) -> String {
    eventually("the position of the write is known", async || {
        !session.token().contains(":-")
    })
    .await;
    session.token()
}

async fn a_token_carries_a_session_into_another_process(on: On) {
    let fixture = Fixture::new(on, 1).await;
    let patient = quick().max_lag(Duration::from_hours(1));
    let here = fixture.cluster(patient.clone()).await;
    let there = fixture.cluster(patient).await;
    fixture.nodes[1].pause_replay().await.unwrap();

    let session = here.session();
    assert_eq!(answering(&session, 1).await.unwrap(), fixture.port(1));
    write(&session, 1, 7).await;
    // Taken at once, before anyone knows the position.
    let early = there.resume_session(&session.token()).unwrap();
    let late = there
        .resume_session(&settled_token(&session).await)
        .unwrap();
    for session in [&early, &late] {
        for _ in 0..50 {
            assert_eq!(read(session, 1).await, 7);
        }
        assert_eq!(answering(session, 1).await.unwrap(), fixture.port(0));
        // Another logical shard was not written to.
        assert_eq!(answering(session, 2).await.unwrap(), fixture.port(1));
    }
    // As a read that knows of no write shows.
    assert_eq!(read(there.read_from(Read::Replica), 1).await, 0);

    fixture.nodes[1].resume_replay().await.unwrap();
    for session in [&early, &late] {
        eventually("the replica serves the session", async || {
            assert_eq!(read(session, 1).await, 7);
            answering(session, 1).await.unwrap() == fixture.port(1)
        })
        .await;
    }
}

async fn an_invalid_token_is_refused(on: On) {
    let fixture = Fixture::new(on, 1).await;
    let cluster = fixture.cluster(quick()).await;
    let session = cluster.session();
    write(&session, 1, 1).await;
    let token = settled_token(&session).await;
    let refused = |text: &str| {
        let error = cluster.resume_session(text).map(|_| ()).unwrap_err();
        assert_eq!(error.kind(), ErrorKind::InvalidToken, "{text}");
    };
    refused("");
    refused("a name");
    refused(&format!("x{token}"));
    refused(&format!("{token}~"));
    refused(&format!("{token}\u{e9}"));
    refused(&token.replace(":1:", ":one:"));
    refused(&token.replace("s1", "s9"));
    refused(&token.repeat(10_000));
    // Whatever else is done to it, it is refused, or is a token whose session works.
    for at in 0..token.len() {
        for text in [
            token[..at].to_owned(),
            format!("{}z{}", &token[..at], &token[at + 1..]),
        ] {
            match cluster.resume_session(&text) {
                Ok(session) => assert!(read(&session, 1).await <= 1),
                Err(error) => assert_eq!(error.kind(), ErrorKind::InvalidToken, "{text}"),
            }
        }
    }
    // A shard that there is not does no harm.
    let elsewhere = token.replace(":1:", ":999:");
    let session = cluster.resume_session(&elsewhere).unwrap();
    assert!(read(&session, 1).await <= 1);
    assert_eq!(
        cluster.resume_session(&session.token()).unwrap().token(),
        elsewhere
    );
}

async fn a_token_of_an_old_timeline_reads_from_the_primary_first(on: On) {
    let mut fixture = Fixture::new(on, 2).await;
    let before = fixture.cluster(quick()).await;
    let session = before.session();
    write(&session, 1, 7).await;
    let token = settled_token(&session).await;
    before.close().await;
    fixture.nodes[2]
        .has_all_of(&fixture.nodes[0])
        .await
        .unwrap();
    if on.is_postgres() {
        // A new primary of PostgreSQL writes at once: the replica must not have it before it is asked for.
        fixture.nodes[2].pause_replay().await.unwrap();
    }
    fixture.switch_over(0, 1).await;
    fixture.follow(2, 1).await;

    let after = fixture.cluster(quick()).await;
    let session = after.resume_session(&token).unwrap();
    assert_eq!(answering(&session, 1).await.unwrap(), fixture.port(1));
    assert_eq!(read(&session, 1).await, 7);
    // The new primary writes a history of its own, and is looked at before and after it begins to.
    after.check_health().await;
    assert_eq!(answering(&session, 1).await.unwrap(), fixture.port(1));
    Note::on(2)
        .set(Note::AMOUNT, 1)
        .update(&after)
        .await
        .unwrap();
    fixture.nodes[2].resume_replay().await.unwrap();
    fixture.nodes[2]
        .has_all_of(&fixture.nodes[1])
        .await
        .unwrap();
    if on.is_postgres() {
        // Without rights to statistics a standby's timeline is seen by its restart points alone.
        fixture.nodes[1].run("CHECKPOINT").await.unwrap();
        fixture.nodes[2]
            .has_all_of(&fixture.nodes[1])
            .await
            .unwrap();
        fixture.nodes[2].run("CHECKPOINT").await.unwrap();
    }
    eventually("the replica serves the session", async || {
        assert_eq!(read(&session, 1).await, 7);
        answering(&session, 1).await.unwrap() == fixture.port(2)
    })
    .await;
}

async fn a_replica_of_the_old_primary_serves_no_session_of_the_new_one(on: On) {
    let mut fixture = Fixture::new(on, 2).await;
    fixture.nodes[1].promote().await.unwrap();
    // The old one goes on: by numbers alone, its replica is far ahead of the new primary.
    for shard in 0..SHARDS {
        let sql = format!("UPDATE shop_{shard}.notes SET amount = amount - 1");
        for _ in 0..20 {
            fixture.run_at(0, &sql).await;
        }
    }
    fixture.nodes[2]
        .has_all_of(&fixture.nodes[0])
        .await
        .unwrap();

    let server = Server::new("a", fixture.url(1)).replica(fixture.url(2));
    let patient = quick().max_lag(Duration::from_hours(1));
    let cluster = fixture.cluster_at(server.clone(), patient.clone()).await;
    let other = fixture.cluster_at(server, patient).await;
    assert_eq!(
        answering(cluster.read_from(Read::Replica), 1)
            .await
            .unwrap(),
        fixture.port(2)
    );
    let session = cluster.session();
    for round in 1..=200 {
        write(&session, 1, round).await;
        assert_eq!(read(&session, 1).await, round);
        let restored = other.resume_session(&session.token()).unwrap();
        assert_eq!(read(&restored, 1).await, round);
    }
    let restored = other
        .resume_session(&settled_token(&session).await)
        .unwrap();
    for _ in 0..20 {
        cluster.check_health().await;
        other.check_health().await;
        assert_eq!(answering(&session, 1).await.unwrap(), fixture.port(1));
        assert_eq!(answering(&restored, 1).await.unwrap(), fixture.port(1));
    }
    assert_eq!(read(cluster.read_from(Read::Replica), 1).await, -20);
}
