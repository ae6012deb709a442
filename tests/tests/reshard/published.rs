//! Jobs as metrics: how far they are, what waits, and how old they are.

use shard_orm::metrics::Publisher;
use shard_orm::prelude::*;
use shard_orm::reshard::{JobState, Pace};
use shard_orm_tests::behaviours;
use shard_orm_tests::exporter::{find, with_exporter};
use shard_orm_tests::waiting::eventually;

use crate::writer::order;
use crate::{MOVING, Order, Setting, cluster, config};

const PERIOD: std::time::Duration = std::time::Duration::from_millis(50);
const ROWS: i32 = 2_000;

behaviours! { (Order, Setting), 4 shards on 2 servers, |options| options;
    async fn jobs_are_published_on_request_with_their_progress(fixture: &Fixture) {
        let operator = cluster(fixture).await;
        let key = fixture.key_of_shard(MOVING);
        let rows: Vec<Order> = (0..ROWS).map(|amount| order(fixture, key, amount)).collect();
        Order::insert_many(&operator, rows.clone()).await.unwrap();
        let reshard = operator.reshard().unwrap();
        with_exporter(&config(fixture), async |on, exporter| {
            let find = |name: &str| {
                let labels = ["group=\"shop\"", "kind=\"move\""];
                find(&exporter.render(), &format!("shard_orm_job{name}"), &labels)
            };
            let publishing = Publisher::new(on).jobs().every(PERIOD);
            let request = reshard.move_shard("shop", MOVING, "server-1").accept_relaxed_durability();
            let job = request.pace(Pace::RowsPerSecond(200)).start().await.unwrap().id;
            eventually("the job is published", async || find("s") == Some(1.0)).await;
            let (runner, own) = (operator.reshard().unwrap(), job);
            let running = tokio::spawn(async move { runner.run(own).await });
            eventually("it copies", async || {
                let copied = find("_rows_copied").unwrap();
                copied > 0.0 && copied < f64::from(ROWS)
            })
            .await;
            assert!(find("_rows_estimated").is_some(), "{}", exporter.render());
            assert!(find("_age_seconds").unwrap() > 0.0);
            // Changes wait until all rows are copied.
            for row in rows.iter().take(20) {
                Order { amount: Some(-1), ..row.clone() }.update(&operator).await.unwrap();
            }
            eventually("changes wait", async || find("_backlog").unwrap() >= 20.0).await;
            reshard.throttle(job, Pace::Full).await.unwrap();
            let done = running.await.unwrap().unwrap();
            assert_eq!(done.state, JobState::Holding, "{done:?}");
            eventually("nothing waits", async || find("_backlog") == Some(0.0)).await;
            assert!(find("_rows_copied").unwrap() >= f64::from(ROWS));
            reshard.finish(job).await.unwrap();
            reshard.run(job).await.unwrap();
            eventually("it is over", async || find("s") == Some(0.0)).await;
            assert_eq!(find("_rows_copied"), Some(0.0));
            assert_eq!(find("_age_seconds"), Some(0.0));
            publishing.stop().await;

            let own = Publisher::new(on).every(PERIOD);
            eventually("jobs are published on request only", async || find("s").is_none_or(f64::is_nan)).await;
            own.stop().await;
        });
    }
}
