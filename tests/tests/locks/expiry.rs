//! A lock expires after its TTL, unless it is renewed.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shard_orm::lock::{Guard, Token};

use crate::fixture::{Fixture, Kind, LIMIT, LONG, cut, eventually, on};

async fn a_lock_expires_without_renewal(kind: Kind) {
    let ttl = Duration::from_secs(1);
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let (first, second) = (Token::random(), Token::random());
    let begun = Instant::now();
    assert!(one.lock("task", &first, ttl).await.unwrap().is_some());
    eventually("another can take it", async || {
        two.lock("task", &second, LONG).await.unwrap().is_some()
    })
    .await;
    assert!(begun.elapsed() >= ttl, "{:?}", begun.elapsed());
    assert!(!one.ping("task", &first, ttl).await.unwrap());
    assert!(!one.release("task", &first).await.unwrap());
    assert!(two.ping("task", &second, LONG).await.unwrap());
}

async fn a_ping_extends_a_lock(kind: Kind) {
    let ttl = Duration::from_secs(3);
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let token = Token::random();
    let begun = Instant::now();
    assert!(one.lock("task", &token, ttl).await.unwrap().is_some());
    assert!(one.ping("task", &token, LONG).await.unwrap());
    // It would be free by then.
    while begun.elapsed() < ttl * 3 / 2 {
        let other = two.lock("task", &Token::random(), ttl).await;
        assert_eq!(other.unwrap(), None);
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(one.ping("task", &token, ttl).await.unwrap());
}

async fn a_guard_renews_its_lock(kind: Kind) {
    let ttl = Duration::from_secs(3);
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let guard = Guard::acquire(one, "task", ttl).await.unwrap().unwrap();
    let begun = Instant::now();
    while begun.elapsed() < ttl * 2 {
        assert!(guard.is_held());
        let other = Guard::acquire(Arc::clone(&two), "task", ttl).await;
        assert!(other.unwrap().is_none());
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    assert!(guard.release().await.unwrap());
}

async fn a_cancelled_lock_call_expires(kind: Kind) {
    let ttl = Duration::from_secs(1);
    let fixture = Fixture::new(kind).await;
    let two = fixture.manager().await;
    let begun = Instant::now();
    let mut called = Vec::new();
    let mut polls = 1;
    loop {
        // Of its own each time, so that it is cancelled while it connects as well.
        let one = fixture.manager().await;
        let key = format!("task {}", called.len());
        let token = Token::random();
        let answer = cut(one.lock(&key, &token, ttl), polls).await;
        called.push((one, key, token));
        match answer {
            None => polls += 1,
            // On a busy machine all can be there already when it is asked for.
            Some(taken) => assert!(taken.unwrap().is_some()),
        }
        if polls > 1 && called.len() > polls as usize - 1 {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "it was never cancelled");
    }
    for (one, key, token) in called {
        eventually("another can take it", async || {
            let taken = two.lock(&key, &Token::random(), LONG).await;
            taken.unwrap().is_some()
        })
        .await;
        assert!(!one.ping(&key, &token, ttl).await.unwrap());
    }
}

on! { all =>
    a_lock_expires_without_renewal
    a_ping_extends_a_lock
    a_guard_renews_its_lock
    a_cancelled_lock_call_expires
}
