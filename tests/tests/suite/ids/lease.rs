//! Worker ids by lease: each live process has its own.

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

async fn made(cluster: &Cluster, bed: &Bed) -> shard_orm::id::Parts {
    let id = note(bed.key(), "a").insert(cluster).await.unwrap().id;
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
    async fn each_process_has_a_worker_of_its_own(bed: &Bed) {
        let mut clusters = vec![bed.cluster.clone()];
        for _ in 0..7 {
            clusters.push(bed.another_process().await);
        }
        let workers = join_all(clusters.iter().map(|cluster| made(cluster, bed))).await;
        let workers: HashSet<u32> = workers.iter().map(|parts| parts.worker).collect();
        assert_eq!(workers.len(), 8);
        assert_eq!(Worker::query().count(&bed.cluster).await.unwrap(), 8);
    }

    async fn callers_at_once_take_one_lease(bed: &Bed) {
        let parts = join_all((0..20).map(|_| made(&bed.cluster, bed))).await;
        assert!(parts.iter().all(|one| one.worker == parts[0].worker));
        assert_eq!(Worker::query().count(&bed.cluster).await.unwrap(), 1);
    }

    async fn other_widths_than_those_in_use_are_refused(bed: &Bed) {
        made(&bed.cluster, bed).await;
        let config = bed.config().ids(Ids::new().lease(DATABASE).bits(8, 8, 6));
        let other = Cluster::connect(&config).await.unwrap();
        let error = note(bed.key(), "a").insert(&other).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("6/8/8") && error.to_string().contains("8/8/6"), "{error}");
    }
}

behaviours! { (Note), 2 shards on 1 servers, |options| options.ids(two());
    async fn when_all_are_taken_the_next_process_is_told_so(bed: &Bed) {
        made(&bed.cluster, bed).await;
        let second = bed.another_process().await;
        let freed = made(&second, bed).await;
        let third = bed.another_process().await;
        let error = note(bed.key(), "a").insert(&third).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
        assert!(error.to_string().contains("all 2 worker ids"), "{error}");

        // Closed, it gives its own back, and the next holder begins after its last id.
        second.close().await;
        let taken = made(&third, bed).await;
        assert_eq!(taken.worker, freed.worker);
        assert!(taken.milliseconds > freed.milliseconds);
    }

    async fn a_lease_that_ran_out_is_taken_over_after_the_last_millisecond_of_its_holder(bed: &Bed) {
        let first = made(&bed.cluster, bed).await;
        let second = bed.another_process().await;
        made(&second, bed).await;
        let held = Worker::get(&bed.cluster, i64::from(first.worker)).await.unwrap();
        assert!(held.reserved_until.cast_unsigned() >= first.milliseconds + 599_000);
        // As it is when the holder was stopped for long.
        let last = first.milliseconds.cast_signed();
        let over = Worker { expires_at: 1, reserved_until: last, ..held };
        over.update(&bed.cluster).await.unwrap();
        let third = bed.another_process().await;
        let taken = made(&third, bed).await;
        assert_eq!(taken.worker, first.worker);
        assert!(taken.milliseconds > last.cast_unsigned());
    }

    async fn a_worker_whose_clock_was_far_ahead_is_not_taken_over(bed: &Bed) {
        let first = made(&bed.cluster, bed).await;
        let second = bed.another_process().await;
        made(&second, bed).await;
        let held = Worker::get(&bed.cluster, i64::from(first.worker)).await.unwrap();
        let over = Worker { expires_at: 1, ..held };
        over.update(&bed.cluster).await.unwrap();
        let third = bed.another_process().await;
        let error = note(bed.key(), "a").insert(&third).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Unavailable);
    }
}

behaviours! { (Note), 2 shards on 1 servers, |options| {
        options.ids(Ids::new().lease(DATABASE).lease_ttl(Duration::from_secs(1)))
    };
    async fn a_lease_is_renewed_while_it_is_held(bed: &Bed) {
        let first = made(&bed.cluster, bed).await;
        let held = || Worker::get(&bed.cluster, i64::from(first.worker));
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
        assert_eq!(made(&bed.cluster, bed).await.worker, first.worker);
    }

    async fn a_process_whose_lease_another_has_takes_another(bed: &Bed) {
        let first = made(&bed.cluster, bed).await;
        let held = Worker::get(&bed.cluster, i64::from(first.worker)).await.unwrap();
        let stolen = Worker { token: "another".into(), expires_at: held.expires_at + 600_000, ..held };
        stolen.update(&bed.cluster).await.unwrap();
        let later = loop {
            let now = made(&bed.cluster, bed).await;
            if now.worker != first.worker {
                break now;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        };
        assert!(later.milliseconds <= stolen.reserved_until.cast_unsigned() + 1_000);
        let untouched = Worker::get(&bed.cluster, i64::from(first.worker)).await.unwrap();
        assert_eq!(untouched, stolen);
    }
}
