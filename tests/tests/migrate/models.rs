//! Models that are compared with the tables of all namespaces.

use shard_orm::migrate::{ModelReport, check_models};
use shard_orm::prelude::*;
use shard_orm::schema::Aspect;
use shard_orm_tests::behaviours;

use crate::Order;
use crate::deployment::Deployment;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "tickets")]
#[shard(unique(user_id, seat))]
struct Ticket {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(length = 20)]
    seat: String,
    #[shard(index)]
    price: Option<i32>,
    #[shard(default = 1)]
    persons: i16,
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "checked_airlines")]
struct Airline {
    #[static_model(primary_key, length = 3)]
    code: String,
    name: String,
}

async fn check(deployment: &Deployment<'_>) -> ModelReport {
    let check = check_models(&deployment.cluster)
        .model::<Ticket>()
        .model::<Airline>();
    check.run().await.unwrap()
}

/// The aspects of the deviations in a logical shard, and whether calls can fail.
fn found(report: &ModelReport, shard: u32) -> Vec<(Aspect, bool)> {
    let own = report
        .deviations
        .iter()
        .filter(|one| one.location.shard == Some(shard));
    own.map(|one| (one.deviation.aspect, one.breaking))
        .collect()
}

behaviours! { (Order), 8 shards on 2 servers, |options| options;
    async fn deviations_from_the_models_are_found_in_all_namespaces(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "models").await;
        let setup = deployment.cluster.setup().table::<Ticket>().table::<Airline>();
        setup.run().await.unwrap();
        let report = check(&deployment).await;
        assert!(report.is_empty(), "{report}");
        // The logical shards, the copies on two servers, and their source.
        assert_eq!(report.namespaces, 11);

        let drop_index = |name: &str| match fixture.dialect {
            Dialect::MySql => format!("DROP INDEX {name} ON tickets"),
            _ => format!("DROP INDEX {name}"),
        };
        deployment.run_on(0, "DROP TABLE tickets").await;
        deployment.run_on(1, "ALTER TABLE tickets DROP COLUMN persons").await;
        deployment.run_on(2, &drop_index("tickets_user_id_seat_unique")).await;
        deployment.run_on(3, &drop_index("tickets_price_index")).await;
        deployment.run_on(4, "ALTER TABLE tickets ADD COLUMN by_hand INT").await;
        deployment.run_on(5, "CREATE UNIQUE INDEX by_hand ON tickets (seat)").await;
        let is_sqlite = fixture.dialect == Dialect::Sqlite;
        if !is_sqlite {
            let change = match fixture.dialect {
                Dialect::Postgres => "ALTER COLUMN seat TYPE varchar(10), ALTER COLUMN price SET NOT NULL",
                _ => "MODIFY seat VARCHAR(10) NOT NULL COLLATE utf8mb4_nopad_bin, MODIFY price INT NOT NULL",
            };
            deployment.run_on(6, &format!("ALTER TABLE tickets {change}")).await;
            let change = match fixture.dialect {
                Dialect::Postgres => "ALTER COLUMN seat TYPE varchar(30)",
                _ => "MODIFY seat VARCHAR(30) NOT NULL COLLATE utf8mb4_nopad_bin",
            };
            deployment.run_on(7, &format!("ALTER TABLE tickets {change}, ADD needed INT NOT NULL")).await;
        }
        let report = check(&deployment).await;
        assert_eq!(found(&report, 0), [(Aspect::Table, true)], "{report}");
        assert_eq!(found(&report, 1), [(Aspect::Column, true)], "{report}");
        assert_eq!(found(&report, 2), [(Aspect::Index, true)], "{report}");
        assert_eq!(found(&report, 3), [(Aspect::Index, false)], "{report}");
        assert_eq!(found(&report, 4), [(Aspect::Column, false)], "{report}");
        assert_eq!(found(&report, 5), [(Aspect::Index, true)], "{report}");
        if !is_sqlite {
            assert_eq!(found(&report, 6), [(Aspect::Length, true), (Aspect::Nullability, true)], "{report}");
            assert_eq!(found(&report, 7), [(Aspect::Length, false), (Aspect::Column, true)], "{report}");
        }
        assert!(!report.is_usable());
        let first = &report.deviations.iter().find(|one| one.location.shard == Some(0)).unwrap();
        assert_eq!((first.model, &*first.table), ("Ticket", "tickets"));
        assert_eq!(first.location, deployment.location(0));

        for deviation in &report.deviations {
            for statement in &deviation.statements {
                deployment.run_on(deviation.location.shard.unwrap(), &statement.sql).await;
            }
        }
        let report = check(&deployment).await;
        for shard in 0..4 {
            assert_eq!(found(&report, shard), [], "{report}");
        }
        assert!(report.deviations.iter().all(|one| one.advice.is_some()), "{report}");
    }

    async fn a_model_without_a_place_is_refused(fixture: &Fixture) {
        let deployment = Deployment::new(fixture, "nowhere").await;
        let error = check_models(&deployment.cluster).run().await.unwrap_err();
        assert!(error.to_string().contains("there is no model to compare"), "{error}");
        // Without a setup, every table is missing or its namespace does not answer.
        let report = check(&deployment).await;
        assert!(!report.is_usable() && !report.is_empty());
    }
}
