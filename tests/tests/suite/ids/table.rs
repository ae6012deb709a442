//! Ids from a table: blocks of numbers that are never assigned twice.

use std::task::Poll;

use super::*;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "tickets")]
struct Ticket {
    #[shard(primary_key, generate = "table")]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "customers")]
struct Customer {
    #[shard(primary_key, generate = "table")]
    id: i64,
    name: String,
}

fn ticket(user_id: i64) -> Ticket {
    Ticket { id: 0, user_id }
}

fn customer() -> Customer {
    Customer {
        id: 0,
        name: "Ada".into(),
    }
}

async fn tickets(cluster: &Cluster, count: i64) -> Vec<i64> {
    let rows = (0..count).map(ticket).collect();
    let rows = Ticket::insert_many(cluster, rows).await.unwrap();
    rows.iter().map(|row| row.id).collect()
}

behaviours! { (Ticket, Customer), 4 shards on 2 servers, |options| {
        options.ids(Ids::new().tables(DATABASE).block(10))
    };
    async fn sequence_ids_start_at_1_without_gaps(fixture: &Fixture) {
        assert_eq!(tickets(&fixture.cluster, 25).await, (1..=25).collect::<Vec<_>>());
        // Each table has its own.
        assert_eq!(customer().insert(&fixture.cluster).await.unwrap().id, 1);
    }

    async fn each_process_reserves_its_own_block(fixture: &Fixture) {
        assert_eq!(tickets(&fixture.cluster, 3).await, [1, 2, 3]);
        let second = fixture.another_process().await;
        assert_eq!(tickets(&second, 12).await, (11..=22).collect::<Vec<_>>());
        assert_eq!(tickets(&fixture.cluster, 8).await, [4, 5, 6, 7, 8, 9, 10, 31]);
    }

    async fn concurrent_processes_never_share_a_number(fixture: &Fixture) {
        let mut clusters = vec![fixture.cluster.clone()];
        for _ in 0..3 {
            clusters.push(fixture.another_process().await);
        }
        let inserts = (0..200).map(|n| ticket(n).insert(&clusters[usize::try_from(n).unwrap() % 4]));
        let ids: HashSet<i64> = join_all(inserts).await.into_iter().map(|row| row.unwrap().id).collect();
        assert_eq!(ids.len(), 200);
    }

    async fn a_cancelled_caller_never_duplicates_a_number(fixture: &Fixture) {
        for polls in 1..40 {
            let insert = ticket(polls).insert(&fixture.cluster);
            let mut insert = std::pin::pin!(insert);
            for _ in 0..polls {
                let poll = std::future::poll_fn(|context| Poll::Ready(insert.as_mut().poll(context)));
                if poll.await.is_ready() {
                    break;
                }
                tokio::task::yield_now().await;
            }
        }
        let ids = tickets(&fixture.cluster, 50).await;
        let different: HashSet<&i64> = ids.iter().collect();
        assert_eq!(different.len(), 50);
    }

    async fn sequence_ids_work_in_a_transaction_on_the_same_database(fixture: &Fixture) {
        let tx = fixture.cluster.begin(Customer::database()).await.unwrap();
        let first = customer().insert(&tx).await.unwrap();
        let second = customer().insert(&tx).await.unwrap();
        assert_eq!((first.id, second.id), (1, 2));
        tx.rollback().await.unwrap();
        let ids = join_all((0..15).map(|_| customer().insert(&fixture.cluster))).await;
        let ids: HashSet<i64> = ids.into_iter().map(|row| row.unwrap().id).collect();
        assert_eq!(ids.len(), 15);
    }
}

behaviours! { (Ticket), 2 shards on 1 servers, |options| options.ids(Ids::new());
    async fn a_missing_sequence_database_error_names_the_configuration(fixture: &Fixture) {
        let error = ticket(1).insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("[ids] tables"), "{error}");
    }
}
