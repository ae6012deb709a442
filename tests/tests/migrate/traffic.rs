//! An application that runs while its tables are altered.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use crate::deployment::{Deployment, NOTES, migrations};
use crate::{Note, Order};

behaviours! { (Order), 4 shards on 2 servers, |options| options;
    async fn no_call_fails_while_columns_are_added(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "traffic").await;
        deployment.cluster.migrate(&migrations(&[NOTES])).up().await.unwrap();
        let (done, calls) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU64::new(0)));
        let application = Cluster::connect(&deployment.config).await.unwrap();
        let workers: Vec<_> = (0..4)
            .map(|worker| {
                let (cluster, done, calls) = (application.clone(), Arc::clone(&done), Arc::clone(&calls));
                tokio::spawn(async move {
                    let mut id = worker;
                    while !done.load(Ordering::Relaxed) {
                        let shard = u32::try_from(id / 4 % 4).unwrap();
                        let note = Note { id }.insert(&cluster, shard).await.unwrap();
                        assert_eq!(Note::get(&cluster, shard, id).await.unwrap(), note);
                        Note::on(shard).limit(10).all(&cluster).await.unwrap();
                        cluster
                            .transaction(Note::shard(shard), async |tx| {
                                Note::on(shard).filter(Note::ID.eq(id)).count(&tx).await
                            })
                            .await
                            .unwrap();
                        calls.fetch_add(4, Ordering::Relaxed);
                        id += 4;
                    }
                })
            })
            .collect();
        let changes: Vec<_> = (2..12)
            .map(|version| {
                let text = format!("ALTER TABLE notes ADD COLUMN c{version} INT DEFAULT 1");
                (format!("shop/{version}_column.sql"), text)
            })
            .collect();
        let mut files = vec![NOTES];
        for (path, text) in &changes {
            let before = calls.load(Ordering::Relaxed);
            while calls.load(Ordering::Relaxed) < before + 50 {
                tokio::task::yield_now().await;
            }
            files.push((path, text));
            deployment.cluster.migrate(&migrations(&files)).up().await.unwrap();
        }
        done.store(true, Ordering::Relaxed);
        for worker in workers {
            worker.await.unwrap();
        }
        assert_eq!(deployment.columns(0).await.len(), 11);
        application.close().await;
    }
}
