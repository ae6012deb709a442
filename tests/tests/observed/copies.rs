//! Copies of static tables as metrics: how old they are, what was written, and what fails.

use std::time::Duration;

use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm::sync::StaticSync;
use shard_orm_tests::behaviours;
use shard_orm_tests::exporter::{find, prometheus, scrape};
use shard_orm_tests::waiting::eventually;

use crate::Order;

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "countries")]
struct Country {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 40)]
    name: String,
}

fn country(id: i64) -> Country {
    Country {
        id,
        name: format!("country {id}"),
    }
}

behaviours! { (Order, Country), 2 shards on 2 servers, |options| options;
    async fn copies_are_published_with_their_age_and_rows(fixture: &Fixture) {
        let (on, recorder) = (&fixture.cluster, prometheus());
        on.register_static::<Country>();
        let value = |name: &str, server: usize| {
            let scraped = scrape(&recorder, &Publisher::new(on));
            let server = format!("server=\"server-{server}\"");
            let labels = ["table=\"countries\"", "group=\"shop\"", &*server];
            find(&scraped, &format!("shard_orm_sync_{name}"), &labels)
        };
        assert_eq!(value("age_seconds", 0), None);
        for id in 1..=5 {
            country(id).insert(on).await.unwrap();
        }
        let supervisor = StaticSync::supervise(on)
            .every(Duration::from_millis(20))
            .longest_pause(Duration::from_millis(100))
            .run()
            .unwrap();
        for server in 0..2 {
            eventually("the first copy", async || {
                let status = supervisor.status();
                assert!(status.iter().all(|copy| copy.problem.is_none()), "{status:?}");
                value("rows_written_total", server) >= Some(5.0)
            })
            .await;
            assert_eq!(value("rows_written_total", server), Some(5.0));
            eventually("it is level", async || value("age_seconds", server).is_some_and(|age| age < 5.0)).await;
            assert_eq!(value("failures", server), Some(0.0));
            assert_eq!(value("rows_blocked", server), Some(0.0));
        }
        country(3).delete(on).await.unwrap();
        country(6).insert(on).await.unwrap();
        eventually("the changes", async || value("rows_written_total", 1) >= Some(7.0)).await;

        // A copy that cannot be written is named, and the other one goes on.
        let namespace = fixture.namespace().replace("{shard}", "static");
        let broken = fixture.raw_namespace_on(0, &namespace);
        broken.run(&format!("DROP TABLE {}", broken.table("countries"))).await;
        country(7).insert(on).await.unwrap();
        eventually("it fails", async || value("failures", 0).is_some_and(|failures| failures >= 2.0)).await;
        eventually("the other one goes on", async || value("rows_written_total", 1) >= Some(8.0)).await;
        assert_eq!(value("failures", 1), Some(0.0));
        supervisor.stop().await;
        // Of copies that nobody keeps up to date nothing is known.
        assert!(value("age_seconds", 1).is_none_or(f64::is_nan));
    }
}
