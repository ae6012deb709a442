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

behaviours! { (Order, Country), 2 shards on 1 servers, |options| options;
    async fn copies_are_published_with_their_age_and_rows(fixture: &Fixture) {
        let (on, recorder) = (&fixture.cluster, prometheus());
        on.register_static::<Country>();
        let value = |name: &str| {
            let scraped = scrape(&recorder, &Publisher::new(on));
            let labels = ["table=\"countries\"", "group=\"shop\"", "server=\"server-0\""];
            find(&scraped, &format!("shard_orm_sync_{name}"), &labels)
        };
        assert_eq!(value("age_seconds"), None);
        for id in 1..=5 {
            country(id).insert(on).await.unwrap();
        }
        let supervisor = StaticSync::supervise(on)
            .every(Duration::from_millis(20))
            .longest_pause(Duration::from_millis(100))
            .run()
            .unwrap();
        eventually("the first copy", async || value("rows_written_total") >= Some(5.0)).await;
        eventually("it is level", async || value("age_seconds").is_some()).await;
        assert_eq!(value("rows_written_total"), Some(5.0));
        assert_eq!(value("failures"), Some(0.0));
        assert_eq!(value("rows_blocked"), Some(0.0));
        country(3).delete(on).await.unwrap();
        country(6).insert(on).await.unwrap();
        eventually("the changes", async || value("rows_written_total") >= Some(7.0)).await;

        // A copy that cannot be written is not level, and gets older.
        let namespace = fixture.namespace().replace("{shard}", "static");
        let copies = fixture.raw_namespace_on(0, &namespace);
        let rename = async |from: &str, to: &str| {
            let new = match fixture.dialect {
                Dialect::MySql => copies.table(to),
                _ => to.to_owned(),
            };
            copies.run(&format!("ALTER TABLE {} RENAME TO {new}", copies.table(from))).await;
        };
        rename("countries", "elsewhere").await;
        country(7).insert(on).await.unwrap();
        eventually("it fails", async || value("failures") >= Some(2.0)).await;
        let age = value("age_seconds").unwrap();
        eventually("it gets older", async || value("age_seconds").unwrap() > age).await;
        rename("elsewhere", "countries").await;
        eventually("it is level again", async || value("failures") == Some(0.0)).await;

        // Of copies that nobody keeps up to date nothing is known.
        supervisor.stop().await;
        assert!(value("age_seconds").unwrap().is_nan());
    }
}
