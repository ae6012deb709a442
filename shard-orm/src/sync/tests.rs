//! The fencing token keeps an outdated run from committing.

#![allow(clippy::unwrap_used)]

use super::task::Task;
use crate::record::Transmitted;
use crate::replicate::{Change, Claim, CopyWriter, Declaration, Mark, Position, Progress, Started};
use crate::testing::{TestCluster, cluster};
use crate::{Error, ErrorKind, ShardModel, StaticModel};

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "rates")]
struct Rate {
    #[static_model(primary_key)]
    id: i64,
    value: i64,
}

#[derive(Debug, ShardModel)]
#[shard(group = "shop", table = "orders")]
#[allow(dead_code)]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

async fn made() -> (TestCluster, Task) {
    let cluster = cluster::<(Order, Rate)>().await.unwrap();
    let task = Task::of(&cluster, Transmitted::of::<Rate>())
        .unwrap()
        .remove(0);
    (cluster, task)
}

async fn start(progress: &Progress, mode: &str) -> crate::Result<Started> {
    let declared = Declaration {
        hooks: false,
        source: "default".to_owned(),
        criterion: None,
    };
    progress.start(mode, &Claim::Declares(declared)).await
}

/// A run that has started, as it writes to the copy.
async fn started(task: &Task) -> CopyWriter {
    let progress = task.progress().unwrap();
    let token = start(&progress, "capture").await.unwrap().token;
    CopyWriter {
        progress,
        token,
        self_references: [].into(),
        is_cyclic: false,
        observer: None,
    }
}

fn put(value: i64) -> Vec<Change> {
    vec![Change::Put(vec![1_i64.into(), value.into()])]
}

fn at(entry: i64) -> Position {
    Position::Followed(Mark {
        transaction: 0,
        entry,
    })
}

/// The row of the copy, and the position beside it.
async fn kept(cluster: &TestCluster, task: &Task) -> (i64, String) {
    let row = Rate::get_copy(cluster, Order::shard(key_on(cluster, task)), 1)
        .await
        .unwrap();
    let progress = task.progress().unwrap();
    let started = start(&progress, "capture").await.unwrap();
    (row.value, started.position.unwrap())
}

/// A key whose logical shard is on the server of a task.
fn key_on(cluster: &TestCluster, task: &Task) -> i64 {
    let on = |key: &i64| cluster.locate(&Order::shard(*key)).unwrap().server == *task.server;
    (0..1_000).find(on).unwrap()
}

#[tokio::test]
async fn a_run_that_is_fenced_off_commits_neither_rows_nor_position() {
    let (cluster, task) = made().await;
    let early = started(&task).await;
    // It has read its source, and is stopped before it writes. Another one begins meanwhile.
    let late = started(&task).await;
    late.commit(&put(20), Some(&at(2)), true).await.unwrap();
    let refused: Error = early
        .commit(&put(10), Some(&at(1)), true)
        .await
        .unwrap_err();
    assert_eq!(refused.kind(), ErrorKind::Fenced);
    assert_eq!(kept(&cluster, &task).await, (20, "followed 0.2".to_owned()));
}

/// Without the number the late write of the early run would be taken: an old row, and a position from
/// which the new one is behind.
#[tokio::test]
async fn without_its_fencing_token_an_old_row_would_come_back() {
    let (cluster, task) = made().await;
    let mut early = started(&task).await;
    let late = started(&task).await;
    late.commit(&put(20), Some(&at(2)), true).await.unwrap();
    early.token = late.token;
    early.commit(&put(10), Some(&at(1)), true).await.unwrap();
    assert_eq!(kept(&cluster, &task).await, (10, "followed 0.1".to_owned()));
}

#[tokio::test]
async fn another_mode_begins_without_the_position_of_the_last_one() {
    let (_cluster, task) = made().await;
    let copy = started(&task).await;
    copy.commit(&put(1), Some(&at(5)), true).await.unwrap();
    let progress = task.progress().unwrap();
    let again = start(&progress, "capture").await.unwrap();
    assert_eq!(
        (again.token, again.position.as_deref()),
        (2, Some("followed 0.5"))
    );
    let other = start(&progress, "full").await.unwrap();
    assert_eq!((other.token, other.position), (3, None));
}
