//! A silent server, and lost responses.

use std::time::{Duration, Instant};

use shard_orm::lock::{Guard, Token};
use shard_orm_tests::relay::Relay;

use crate::fixture::{Fixture, Kind, LIMIT, LONG, acquire, is_lost, on};

async fn a_holder_without_responses_loses_its_lock_before_another_takes_it(kind: Kind) {
    let ttl = Duration::from_secs(3);
    let fixture = Fixture::new(kind).await;
    let relay = Relay::to(&fixture.url).await;
    let (one, two) = (
        fixture.manager_at(&relay.url(&fixture.url)).await,
        fixture.manager().await,
    );
    let guard = acquire(&one, "task", ttl).await;
    relay.hang(true);
    let waiting = tokio::spawn(async move {
        let second = acquire(&two, "task", LONG).await;
        (second, Instant::now())
    });
    is_lost(&guard).await;
    let known = Instant::now();
    let (second, taken) = waiting.await.unwrap();
    assert!(known < taken, "{:?} late", known - taken);
    relay.hang(false);
    let released = tokio::time::timeout(LIMIT, guard.release()).await.unwrap();
    assert!(matches!(released, Ok(false) | Err(_)), "{released:?}");
    assert!(second.is_held());
}

async fn a_holder_with_a_lost_connection_keeps_its_lock_or_reports_its_loss(kind: Kind) {
    let ttl = Duration::from_secs(3);
    let fixture = Fixture::new(kind).await;
    let relay = Relay::to(&fixture.url).await;
    let (one, two) = (
        fixture.manager_at(&relay.url(&fixture.url)).await,
        fixture.manager().await,
    );
    let guard = acquire(&one, "task", ttl).await;
    relay.lead_to(&fixture.url).await;
    let begun = Instant::now();
    // Beyond its time, so that it has been renewed or ended.
    while begun.elapsed() < ttl * 3 / 2 {
        let taken = two.lock("task", &Token::random(), LONG).await;
        if taken.unwrap().is_some() {
            is_lost(&guard).await;
            return;
        }
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    assert!(guard.is_held());
    assert!(guard.release().await.unwrap());
}

async fn a_lock_with_a_lost_response_expires(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let relay = Relay::to(&fixture.url).await;
    let (one, two) = (
        fixture.manager_at(&relay.url(&fixture.url)).await,
        fixture.manager().await,
    );
    // Connected, so that the answer which is lost is that of a taking.
    drop(acquire(&one, "other", LONG).await);
    relay.lose_answers(true);
    let ttl = Duration::from_secs(2);
    let taken = Guard::acquire(one, "task", ttl).await;
    assert!(taken.is_err(), "{taken:?}");
    let second = acquire(&two, "task", LONG).await;
    assert!(second.release().await.unwrap());
}

on! { over_the_network =>
    a_holder_without_responses_loses_its_lock_before_another_takes_it
    a_holder_with_a_lost_connection_keeps_its_lock_or_reports_its_loss
    a_lock_with_a_lost_response_expires
}
