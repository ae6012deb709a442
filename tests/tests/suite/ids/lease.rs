//! Leased worker ids: unique among live processes.

use std::time::Duration;

use super::*;

/// The table of workers, as an operator sees it.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "shard_orm_worker")]
struct Worker {
    #[shard(primary_key)]
    worker: i64,
    #[shard(length = 255)]
    token: String,
    #[shard(length = 255)]
    layout: String,
    expires_at: i64,
    reserved_until: i64,
}

async fn made(cluster: &Cluster, fixture: &Fixture) -> shard_orm::id::Parts {
    let id = note(fixture.key(), "a").insert(cluster).await.unwrap().id;
    cluster.id_layout().parts(id.0).unwrap()
}

/// Two workers, and leases that are renewed rarely.
fn two() -> Ids {
    Ids::new()
        .lease(DATABASE)
        .bits(13, 1, 8)
        .lease_ttl(Duration::from_secs(600))
}

behaviours! { (Note), 2 shards on 1 servers, |options| options.ids(Ids::new().lease(DATABASE));
    async fn each_process_has_a_worker_of_its_own(fixture: &Fixture) {
        let mut clusters = vec![fixture.cluster.clone()];
        for _ in 0..7 {
            clusters.push(fixture.another_process().await);
        }
        let workers = join_all(clusters.iter().map(|cluster| made(cluster, fixture))).await;
        let workers: HashSet<u32> = workers.iter().map(|parts| parts.worker).collect();
        assert_eq!(workers.len(), 8);
        assert_eq!(Worker::query().count(&fixture.cluster).await.unwrap(), 8);
    }

    async fn concurrent_callers_share_one_lease(fixture: &Fixture) {
        let parts = join_all((0..20).map(|_| made(&fixture.cluster, fixture))).await;
        assert!(parts.iter().all(|one| one.worker == parts[0].worker));
        assert_eq!(Worker::query().count(&fixture.cluster).await.unwrap(), 1);
    }

    async fn widths_that_differ_from_those_in_use_are_refused(fixture: &Fixture) {
        made(&fixture.cluster, fixture).await;
        let config = fixture.config().ids(Ids::new().lease(DATABASE).bits(8, 8, 6));
        let other = Cluster::connect(&config).await.unwrap();
        let error = note(fixture.key(), "a").insert(&other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("6/8/8") && error.to_string().contains("8/8/6"), "{error}");
    }
}

behaviours! { (Note), 2 shards on 1 servers, |options| options.ids(two());
    async fn exhausted_workers_are_reported(fixture: &Fixture) {
        made(&fixture.cluster, fixture).await;
        let second = fixture.another_process().await;
        let freed = made(&second, fixture).await;
        let third = fixture.another_process().await;
        let error = note(fixture.key(), "a").insert(&third).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("all 2 worker ids"), "{error}");

        // Closed, it gives its own back, and the next holder begins after its last id.
        second.close().await;
        let taken = made(&third, fixture).await;
        assert_eq!(taken.worker, freed.worker);
        assert!(taken.milliseconds > freed.milliseconds);
    }

    async fn an_expired_lease_is_taken_over_without_overlap(fixture: &Fixture) {
        let first = made(&fixture.cluster, fixture).await;
        let second = fixture.another_process().await;
        made(&second, fixture).await;
        let held = Worker::get(&fixture.cluster, i64::from(first.worker)).await.unwrap();
        assert!(held.reserved_until.cast_unsigned() >= first.milliseconds + 599_000);
        // As it is when the holder was stopped for long.
        let last = first.milliseconds.cast_signed();
        let over = Worker { expires_at: 1, reserved_until: last, ..held };
        over.update(&fixture.cluster).await.unwrap();
        let third = fixture.another_process().await;
        let taken = made(&third, fixture).await;
        assert_eq!(taken.worker, first.worker);
        assert!(taken.milliseconds > last.cast_unsigned());
    }

    async fn a_worker_whose_clock_was_far_ahead_is_not_taken_over(fixture: &Fixture) {
        let first = made(&fixture.cluster, fixture).await;
        let second = fixture.another_process().await;
        made(&second, fixture).await;
        let held = Worker::get(&fixture.cluster, i64::from(first.worker)).await.unwrap();
        let over = Worker { expires_at: 1, ..held };
        over.update(&fixture.cluster).await.unwrap();
        let third = fixture.another_process().await;
        let error = note(fixture.key(), "a").insert(&third).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

behaviours! { (Note), 2 shards on 1 servers, |options| {
        options.ids(Ids::new().lease(DATABASE).lease_ttl(Duration::from_secs(1)))
    };
    async fn a_lease_is_renewed_while_it_is_held(fixture: &Fixture) {
        let first = made(&fixture.cluster, fixture).await;
        let held = || Worker::get(&fixture.cluster, i64::from(first.worker));
        let before = held().await.unwrap();
        let after = loop {
            tokio::time::sleep(Duration::from_millis(20)).await;
            let now = held().await.unwrap();
            if now != before {
                break now;
            }
        };
        assert_eq!(after.token, before.token);
        assert!(after.expires_at > before.expires_at && after.reserved_until > before.reserved_until);
        assert_eq!(made(&fixture.cluster, fixture).await.worker, first.worker);
    }

    async fn a_process_that_loses_its_lease_acquires_another(fixture: &Fixture) {
        let first = made(&fixture.cluster, fixture).await;
        let held = Worker::get(&fixture.cluster, i64::from(first.worker)).await.unwrap();
        let stolen = Worker { token: "another".into(), expires_at: held.expires_at + 600_000, ..held };
        stolen.update(&fixture.cluster).await.unwrap();
        let later = loop {
            let now = made(&fixture.cluster, fixture).await;
            if now.worker != first.worker {
                break now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(later.milliseconds <= stolen.reserved_until.cast_unsigned() + 1_000);
        let untouched = Worker::get(&fixture.cluster, i64::from(first.worker)).await.unwrap();
        assert_eq!(untouched, stolen);
    }
}
