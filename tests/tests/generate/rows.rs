//! Rows of models that were written from tables, and the tables that these models describe.

use shard_orm::Address;
use shard_orm::model::Model;
use shard_orm::prelude::*;
use shard_orm::schema::Aspect;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::models::{Sample, Written, create, of_database, of_group, of_statics};
use crate::written::{mysql, postgres, sqlite};

/// For the address of a shard by its number.
#[derive(Debug, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
struct Job {
    #[shard(primary_key)]
    id: i64,
}

/// The table of a compiled model deviates from it as the report says, and in nothing else. A column without a field is
/// named with its own reason.
async fn deviates_as_told<M: Model>(fixture: &Fixture, written: &Written, address: &Address) {
    let found = fixture.cluster.read_table(address, M::TABLE).await.unwrap();
    let difference = M::def()
        .table_def()
        .difference(&found, fixture.dialect)
        .unwrap();
    let deviations = difference
        .deviations
        .into_iter()
        .filter(|one| match one.aspect {
            Aspect::Column => false,
            // The types of SQLite are names of affinities.
            Aspect::Type => fixture.dialect != Dialect::Sqlite,
            Aspect::Check => one.found.is_some(),
            _ => true,
        });
    let deviations: Vec<_> = deviations.map(|one| (one.aspect, one.found)).collect();
    assert_eq!(deviations, written.deviations(M::TABLE), "{}", M::TABLE);
}

/// The models of one database are as its tables, and their rows are.
macro_rules! are_like_their_tables {
    ($fixture:ident, $models:ident, $shipment:expr, $sampled:expr) => {{
        let cluster = &$fixture.cluster;
        let written = of_group(cluster).await;
        let address = Job::shard(0);
        deviates_as_told::<$models::shop::Shipment>($fixture, &written, &address).await;
        deviates_as_told::<$models::shop::ShipmentLine>($fixture, &written, &address).await;
        deviates_as_told::<$models::shop::OptionRow>($fixture, &written, &address).await;
        deviates_as_told::<$models::shop::Sampled>($fixture, &written, &address).await;
        assert_eq!(written.deviations("samples"), []);
        assert_eq!(written.deviations("options"), []);

        let shipment = $shipment;
        assert_eq!(shipment.clone().insert(cluster).await.unwrap(), shipment);
        let found = $models::shop::Shipment::get(cluster, shipment.user_id, shipment.id)
            .await
            .unwrap();
        assert_eq!(found, shipment);
        let line = $models::shop::ShipmentLine {
            position: 2,
            shipment_id: shipment.id,
            user_id: shipment.user_id,
            item: "tea".into(),
        };
        assert_eq!(line.clone().insert(cluster).await.unwrap(), line);
        let id = (line.position, line.shipment_id);
        assert_eq!(
            $models::shop::ShipmentLine::get(cluster, line.user_id, id)
                .await
                .unwrap(),
            line
        );
        let option = $models::shop::OptionRow {
            name: "colour".into(),
            value: None,
        };
        assert_eq!(option.clone().insert(cluster, 2).await.unwrap(), option);
        let sampled = $sampled;
        assert_eq!(sampled.clone().insert(cluster).await.unwrap(), sampled);
        assert_eq!(
            $models::shop::Sampled::get(cluster, sampled.user_id, sampled.id)
                .await
                .unwrap(),
            sampled
        );

        let statics = of_statics(cluster).await;
        let airline = $models::shared::SharedAirline {
            code: "XX".into(),
            country: 7,
        };
        let source = $models::shared::SharedAirline::database();
        deviates_as_told::<$models::shared::SharedAirline>($fixture, &statics, &source).await;
        assert_eq!(airline.clone().insert(cluster).await.unwrap(), airline);

        let database = of_database(cluster).await;
        let setting = $models::main::WrittenSetting { id: 1, level: 2 };
        let address = $models::main::WrittenSetting::database();
        deviates_as_told::<$models::main::WrittenSetting>($fixture, &database, &address).await;
        assert_eq!(setting.clone().insert(cluster).await.unwrap(), setting);
        assert_eq!(
            $models::main::WrittenSetting::get(cluster, 1)
                .await
                .unwrap(),
            setting
        );
    }};
}

/// A row of `samples`, with the types that each database has its own of.
macro_rules! sampled {
    ($models:ident, $day:expr, $clock:expr, $label:expr, $number:expr, $facts:expr) => {
        $models::shop::Sampled {
            id: 1,
            user_id: 7,
            flag: true,
            tiny: Some(-1),
            small: -2,
            int: -3,
            byte: 4,
            word: 5,
            long: None,
            float: 0.5,
            double: 0.25,
            name: "a".into(),
            text: None,
            bytes: vec![1],
            plain: None,
            day: $day,
            clock: $clock,
            label: $label,
            number: $number,
            facts: $facts,
        }
    };
}

fn moment() -> chrono::DateTime<chrono::Utc> {
    chrono::DateTime::from_timestamp_micros(1_767_323_045_123_456).unwrap()
}

async fn on_postgres(fixture: &Fixture) {
    let (number, facts) = (
        rust_decimal::Decimal::new(1995, 2),
        serde_json::json!({"a": 1}),
    );
    are_like_their_tables!(
        fixture,
        postgres,
        postgres::shop::Shipment {
            id: 1,
            user_id: 7,
            r#type: "letter".into(),
            tracking_code: Some("abcd".into()),
            first_name: "Ann".into(),
            table: None,
            weight: Some(0.5),
            length: 2.5,
            fragile: true,
            price: number,
            ratio: Some(number),
            label: Some(uuid::Uuid::from_u128(7)),
            sent_at: moment(),
            planned: Some(moment().naive_utc()),
            due: moment().date_naive(),
            at_time: Some(moment().time()),
            facts: facts.clone(),
            raw: Some(facts.clone()),
            picture: Some(vec![0, 63, 255]),
            small: -9,
            created: moment(),
        },
        sampled!(
            postgres,
            moment().date_naive(),
            moment().time(),
            uuid::Uuid::from_u128(9),
            number,
            facts
        )
    );
}

async fn on_mysql(fixture: &Fixture) {
    let (number, facts) = (
        rust_decimal::Decimal::new(1995, 2),
        serde_json::json!({"a": 1}),
    );
    let second = chrono::DateTime::from_timestamp(1_767_323_045, 0).unwrap();
    are_like_their_tables!(
        fixture,
        mysql,
        mysql::shop::Shipment {
            id: 1,
            user_id: 7,
            r#type: "letter".into(),
            tracking_code: Some("abcd".into()),
            first_name: "Ann".into(),
            table: None,
            note: Some("n".into()),
            weight: Some(0.5),
            length: 2.5,
            fragile: true,
            tiny: -9,
            medium: Some(70_000),
            price: number,
            ratio: Some(number),
            label: Some(uuid::Uuid::from_u128(7)),
            picture: Some(vec![0, 63, 255]),
            sent_at: moment(),
            planned: Some(moment().naive_utc()),
            due: moment().date_naive(),
            at_time: Some(moment().time()),
            facts: facts.clone(),
            state: "gone".into(),
            created: second.naive_utc(),
        },
        sampled!(
            mysql,
            moment().date_naive(),
            moment().time(),
            uuid::Uuid::from_u128(9),
            number,
            facts
        )
    );
}

async fn on_sqlite(fixture: &Fixture) {
    are_like_their_tables!(
        fixture,
        sqlite,
        sqlite::shop::Shipment {
            id: 1,
            user_id: 7,
            r#type: "letter".into(),
            tracking_code: Some("abcd".into()),
            first_name: "Ann".into(),
            table: None,
            weight: Some(0.5),
            length: 2.5,
            fragile: true,
            label: Some(vec![1]),
            planned: Some(moment().naive_utc()),
            due: Some(moment().date_naive()),
            at_time: Some(moment().time()),
            small: -9,
            created: "now".into(),
        },
        sampled!(
            sqlite,
            "2026-01-02".into(),
            "03:04:05".into(),
            vec![9],
            "1.5".into(),
            "{}".into()
        )
    );
}

behaviours! { (Sample), 3 shards on 2 servers, |options| options;
    async fn written_models_are_like_their_tables(fixture: &Fixture) {
        create(fixture).await;
        match fixture.dialect {
            Dialect::Sqlite => on_sqlite(fixture).await,
            Dialect::Postgres => on_postgres(fixture).await,
            Dialect::MySql => on_mysql(fixture).await,
        }
    }
}
