//! Mutual exclusion of two processes with every lock backend.

use std::sync::Arc;
use std::sync::Mutex;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Instant;

use futures_util::future::join_all;
use shard_orm::lock::{Guard, LockManager, Token};

use crate::fixture::{Fixture, Kind, LIMIT, LONG, acquire, cut, eventually, on};

async fn a_lock_excludes_others_until_its_release(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let (first, second) = (Token::random(), Token::random());
    assert!(!one.is_locked("task").await.unwrap());
    assert!(one.lock("task", &first, LONG).await.unwrap().is_some());
    for manager in [&one, &two] {
        assert!(manager.is_locked("task").await.unwrap());
        let taken = manager.lock("task", &second, LONG).await.unwrap();
        assert_eq!(taken, None);
    }
    assert!(one.ping("task", &first, LONG).await.unwrap());
    assert!(one.release("task", &first).await.unwrap());
    assert!(!two.is_locked("task").await.unwrap());
    assert!(!one.ping("task", &first, LONG).await.unwrap());
    assert!(!one.release("task", &first).await.unwrap());
    assert!(two.lock("task", &second, LONG).await.unwrap().is_some());
    assert!(one.is_locked("task").await.unwrap());
}

async fn the_wrong_token_neither_extends_nor_releases(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let (right, wrong) = (Token::random(), Token::random());
    assert!(one.lock("task", &right, LONG).await.unwrap().is_some());
    for manager in [&one, &two] {
        assert!(!manager.ping("task", &wrong, LONG).await.unwrap());
        assert!(!manager.release("task", &wrong).await.unwrap());
        // Nor does the right one of another key.
        assert!(!manager.ping("other", &right, LONG).await.unwrap());
        assert!(!manager.release("other", &right).await.unwrap());
    }
    assert!(two.is_locked("task").await.unwrap());
    assert!(one.ping("task", &right, LONG).await.unwrap());
}

async fn each_key_has_its_own_lock(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let long = "k".repeat(2_000);
    let keys = [
        "task",
        "Task",
        "task ",
        "",
        "täsk",
        "it's `quoted` \"twice\"\\",
        &long,
        &format!("{long}!"),
        &"日".repeat(255),
    ];
    let mut guards = Vec::new();
    for key in keys {
        let guard = Guard::acquire(Arc::clone(&one), key, LONG).await.unwrap();
        guards.push(guard.unwrap_or_else(|| panic!("{key:?} has the lock of another key")));
    }
    for key in keys {
        let second = Guard::acquire(Arc::clone(&two), key, LONG).await.unwrap();
        assert!(second.is_none(), "{key:?}");
    }
    for guard in guards {
        assert!(guard.release().await.unwrap());
    }
}

async fn a_dropped_guard_releases_its_lock(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let (one, two) = (fixture.manager().await, fixture.manager().await);
    let guard = acquire(&one, "task", LONG).await;
    assert!(guard.is_held());
    let none = Guard::acquire(Arc::clone(&two), "task", LONG).await;
    assert!(none.unwrap().is_none());
    drop(guard);
    assert!(acquire(&two, "task", LONG).await.is_held());
}

async fn a_cancelled_acquire_holds_nothing(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let two = fixture.manager().await;
    let begun = Instant::now();
    let (mut calls, mut polls) = (0, 1);
    loop {
        // Of its own each time, so that it is cancelled while it connects as well.
        let one = fixture.manager().await;
        let key = format!("task {calls}");
        calls += 1;
        match cut(Guard::acquire(one, &*key, LONG), polls).await {
            None => {
                polls += 1;
                drop(acquire(&two, &key, LONG).await);
            }
            // On a busy machine all can be there already when it is asked for.
            Some(guard) => assert!(guard.unwrap().unwrap().release().await.unwrap()),
        }
        if polls > 1 && calls > polls - 1 {
            break;
        }
        assert!(begun.elapsed() < LIMIT, "it was never cancelled");
    }
}

async fn one_of_fifty_tasks_holds_a_lock_at_a_time(kind: Kind) {
    const TASKS: u32 = 50;
    let fixture = Fixture::new(kind).await;
    let managers = join_all((0..5).map(|_| fixture.manager())).await;
    let inside = Arc::new(AtomicU32::new(0));
    let counter = Arc::new(AtomicU32::new(0));
    let fences = Arc::new(Mutex::new(Vec::new()));
    let tasks = managers.iter().cycle().take(TASKS as usize).map(|manager| {
        let (manager, inside) = (Arc::clone(manager), Arc::clone(&inside));
        let (counter, fences) = (Arc::clone(&counter), Arc::clone(&fences));
        tokio::spawn(async move {
            let guard = acquire(&manager, "task", LONG).await;
            assert_eq!(inside.fetch_add(1, Ordering::SeqCst), 0, "two are inside");
            // Two at once would lose a count.
            let seen = counter.load(Ordering::SeqCst);
            tokio::task::yield_now().await;
            counter.store(seen + 1, Ordering::SeqCst);
            fences.lock().unwrap().push(guard.fence());
            inside.fetch_sub(1, Ordering::SeqCst);
            assert!(guard.release().await.unwrap());
        })
    });
    for task in join_all(tasks).await {
        task.unwrap();
    }
    assert_eq!(counter.load(Ordering::SeqCst), TASKS);
    let fences = fences.lock().unwrap();
    let counts = fences.iter().all(Option::is_some) && fences.is_sorted_by(|a, b| a < b);
    assert!(counts || fences.iter().all(Option::is_none), "{fences:?}");
}

async fn a_lock_is_free_soon_after_its_holder_is_dropped_with_its_manager(kind: Kind) {
    let fixture = Fixture::new(kind).await;
    let two = fixture.manager().await;
    let one = fixture.manager().await;
    let guard = acquire(&one, "task", LONG).await;
    drop(one);
    drop(guard);
    eventually("the lock is free", async || {
        !two.is_locked("task").await.unwrap()
    })
    .await;
}

#[test]
fn a_manager_is_a_trait_object_with_debug_output() {
    fn shows(_: &dyn LockManager) {}
    let redis = shard_orm::lock::RedisLocks::new("redis://user:s3cr3t@127.0.0.1/3").unwrap();
    shows(&redis);
    let shown = format!("{redis:?}");
    assert!(shown.contains("127.0.0.1"), "{shown}");
    assert!(
        !shown.contains("s3cr3t") && !shown.contains("user"),
        "{shown}"
    );
}

on! { all =>
    a_lock_excludes_others_until_its_release
    the_wrong_token_neither_extends_nor_releases
    each_key_has_its_own_lock
    a_dropped_guard_releases_its_lock
    a_cancelled_acquire_holds_nothing
    one_of_fifty_tasks_holds_a_lock_at_a_time
    a_lock_is_free_soon_after_its_holder_is_dropped_with_its_manager
}
