//! A Redis server that is killed, restarted, protected by a password, or silent.

use std::sync::Arc;
use std::time::{Duration, Instant};

use shard_orm::ErrorKind;
use shard_orm::lock::{Guard, LockManager, RedisLocks};
use shard_orm_tests::relay::Relay;
use shard_orm_tests::secrets::assert_no_secret;
use shard_orm_tests::servers::{self, RedisServer};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

use crate::fixture::{LIMIT, LONG, acquire, is_lost};

const PASSWORD: &str = "s3cr3t-pw";

#[tokio::test]
async fn a_lock_is_lost_with_its_server_and_free_after_a_restart() {
    let ttl = Duration::from_secs(2);
    let mut server = RedisServer::start().await.unwrap();
    let locks = RedisLocks::connect(server.url()).await.unwrap();
    let locks: Arc<dyn LockManager> = Arc::new(locks);
    let guard = acquire(&locks, "task", ttl).await;
    server.kill9();
    let killed = Instant::now();
    is_lost(&guard).await;
    // Counted from before its last renewal, which was before this.
    assert!(killed.elapsed() < ttl, "{:?}", killed.elapsed());

    let error = Guard::acquire(Arc::clone(&locks), "task", ttl)
        .await
        .unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
    assert_eq!(
        guard.release().await.unwrap_err().kind(),
        ErrorKind::Unavailable
    );
    let error = RedisLocks::connect(server.url()).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");

    server.restart().await.unwrap();
    assert!(!locks.is_locked("task").await.unwrap());
    let guard = Guard::acquire(locks, "task", ttl).await.unwrap().unwrap();
    assert!(guard.release().await.unwrap());
}

#[tokio::test]
async fn a_lock_forgotten_by_its_server_is_lost() {
    let mut server = RedisServer::start().await.unwrap();
    let locks: Arc<dyn LockManager> = Arc::new(RedisLocks::new(server.url()).unwrap());
    let guard = acquire(&locks, "task", Duration::from_secs(10)).await;
    server.kill9();
    server.restart().await.unwrap();
    // Here two believe to hold it, until the first asks.
    let second = acquire(&locks, "task", LONG).await;
    is_lost(&guard).await;
    assert!(!guard.release().await.unwrap());
    assert!(second.release().await.unwrap());
}

#[tokio::test]
async fn a_silent_server_times_out_and_is_reconnected() {
    let url = servers::redis().await.unwrap();
    let relay = Relay::to(url).await;
    let limit = Duration::from_millis(200);
    let locks = RedisLocks::connect(&relay.url(url)).await.unwrap();
    let locks = locks.response_timeout(limit).connect_timeout(limit);
    relay.hang(true);
    for _ in 0..2 {
        let begun = Instant::now();
        let error = locks.is_locked("task").await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable, "{error}");
        assert!(error.to_string().contains("200ms"), "{error}");
        assert!(begun.elapsed() < LIMIT / 10, "{:?}", begun.elapsed());
    }
    relay.hang(false);
    let locks = locks.connect_timeout(LIMIT).response_timeout(LIMIT);
    assert!(!locks.is_locked("silent task").await.unwrap());
}

#[tokio::test]
async fn prefixes_separate_locks() {
    let url = servers::redis().await.unwrap();
    let prefix = |number: u32| format!("{}-{number}:", shard_orm::lock::Token::random());
    let one: Arc<dyn LockManager> = Arc::new(RedisLocks::new(url).unwrap().prefix(prefix(1)));
    let two: Arc<dyn LockManager> = Arc::new(RedisLocks::new(url).unwrap().prefix(prefix(2)));
    let _first = acquire(&one, "task", LONG).await;
    assert!(Guard::acquire(two, "task", LONG).await.unwrap().is_some());
}

/// Sends one inline command.
async fn tell(url: &str, command: &str) -> String {
    let address = url.strip_prefix("redis://").unwrap();
    let mut stream = TcpStream::connect(address).await.unwrap();
    let text = format!("{command}\r\nQUIT\r\n");
    stream.write_all(text.as_bytes()).await.unwrap();
    let mut reply = String::new();
    stream.read_to_string(&mut reply).await.unwrap();
    reply
}

#[tokio::test]
async fn a_login_is_checked_without_showing_its_password() {
    let server = RedisServer::start().await.unwrap();
    let open = server.url();
    let url = |login: &str| open.replace("redis://", &format!("redis://{login}@"));
    // Without a password on the server, the one that is given is refused or passed over.
    if let Err(error) = RedisLocks::connect(&url(&format!(":{PASSWORD}"))).await {
        assert_no_secret(&error);
    }
    tell(open, &format!("CONFIG SET requirepass {PASSWORD}")).await;

    let right = RedisLocks::connect(&url(&format!(":{PASSWORD}")))
        .await
        .unwrap();
    assert!(!format!("{right:?} {right:#?}").contains("s3cr3t"));
    let right: Arc<dyn LockManager> = Arc::new(right);
    let guard = acquire(&right, "task", LONG).await;
    assert!(!format!("{guard:?}").contains("s3cr3t"));
    assert!(guard.release().await.unwrap());

    for login in [
        format!(":{PASSWORD}-wrong"),
        format!("nobody:{PASSWORD}"),
        format!("{PASSWORD}:{PASSWORD}-wrong"),
    ] {
        let error = RedisLocks::connect(&url(&login)).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
        assert_no_secret(&error);
    }
    let error = RedisLocks::connect(open).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Configuration, "{error}");
    // The command in which the driver sends the login of this protocol is unknown: the server quotes it.
    tell(
        open,
        &format!("AUTH {PASSWORD}\r\nACL SETUSER default -hello"),
    )
    .await;
    let resp3 = format!("{}/?protocol=resp3", url(&format!(":{PASSWORD}")));
    if let Err(error) = RedisLocks::connect(&resp3).await {
        assert_no_secret(&error);
    }
}

#[tokio::test]
async fn an_invalid_url_is_refused_without_showing_it() {
    for url in [
        format!("redis://:{PASSWORD}@127.0.0.1:port"),
        format!("redis://:{PASSWORD}@127.0.0.1:99999"),
        format!("redis://:{PASSWORD}/x@127.0.0.1"),
        format!("redis://:{PASSWORD}@127.0.0.1/{PASSWORD}"),
        format!("redis://:{PASSWORD}@127.0.0.1/?protocol={PASSWORD}"),
        format!("redis:/:{PASSWORD}@127.0.0.1"),
        format!("http://:{PASSWORD}@127.0.0.1"),
        format!("redis://user:{PASSWORD}%zz%@[::"),
        PASSWORD.to_owned(),
        String::new(),
    ] {
        let error = RedisLocks::new(&url)
            .map(|locks| format!("{locks:?}"))
            .unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration, "{url}");
        assert_no_secret(&error);
    }
    let error = RedisLocks::new(&format!("rediss://:{PASSWORD}@127.0.0.1")).unwrap_err();
    assert!(
        matches!(
            error.kind(),
            ErrorKind::Unsupported | ErrorKind::Configuration
        ),
        "{error}"
    );
    assert_no_secret(&error);
}
