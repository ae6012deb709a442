//! The core behaviours in one function: everything that a server setting could change.

use chrono::{DateTime, NaiveDate, NaiveDateTime, NaiveTime, TimeZone, Utc};
use rust_decimal::Decimal;
use shard_orm::aggregate::count;
use shard_orm::prelude::*;
use shard_orm::{ErrorKind, Filter};
use uuid::Uuid;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "things")]
#[shard(unique(user_id, code))]
pub(crate) struct Thing {
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(key)]
    pub(crate) user_id: i64,
    #[shard(length = 8)]
    pub(crate) code: String,
    pub(crate) small: i16,
    pub(crate) large: i64,
    pub(crate) byte: u8,
    pub(crate) single: f32,
    pub(crate) double: f64,
    pub(crate) truth: bool,
    pub(crate) text: String,
    pub(crate) bytes: Vec<u8>,
    #[shard(length = 4)]
    pub(crate) few: Vec<u8>,
    pub(crate) uuid: Uuid,
    pub(crate) decimal: Decimal,
    pub(crate) json: serde_json::Value,
    pub(crate) moment: DateTime<Utc>,
    pub(crate) local: NaiveDateTime,
    pub(crate) day: NaiveDate,
    pub(crate) clock: NaiveTime,
    pub(crate) note: Option<String>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "names")]
pub(crate) struct Name {
    #[shard(primary_key, length = 5)]
    pub(crate) name: String,
    #[shard(key)]
    pub(crate) user_id: i64,
}

pub(crate) fn thing(user_id: i64, id: i64) -> Thing {
    Thing {
        id,
        user_id,
        code: format!("c{id}"),
        small: -3,
        large: i64::MAX - 7,
        byte: 200,
        single: 0.1,
        double: 0.1 + 0.2,
        truth: true,
        text: r"a\b'c".to_owned(),
        bytes: vec![0, 92, 39, 255],
        few: vec![1, 2, 3, 4],
        uuid: Uuid::from_u128(7),
        decimal: "12345.6789".parse().unwrap(),
        json: serde_json::json!({ "a": [1, "x\\y"] }),
        moment: Utc.with_ymd_and_hms(2024, 3, 4, 5, 6, 7).unwrap(),
        local: NaiveDate::from_ymd_opt(2024, 3, 31)
            .unwrap()
            .and_hms_opt(2, 30, 0)
            .unwrap(),
        day: NaiveDate::from_ymd_opt(2024, 3, 4).unwrap(),
        clock: NaiveTime::from_hms_opt(5, 6, 7).unwrap(),
        note: None,
    }
}

fn kind<T: std::fmt::Debug>(result: shard_orm::Result<T>) -> ErrorKind {
    result.expect_err("it should have been refused").kind()
}

/// Runs all of it on tables that are empty; `other` is another process with the same configuration.
pub(crate) async fn run(on: &Cluster, other: &Cluster) {
    on.setup()
        .table::<Thing>()
        .table::<Name>()
        .run()
        .await
        .unwrap();
    values(on, other).await;
    too_large(on).await;
    searches(on).await;
    conflicts(on).await;
    transactions(on, other).await;
    orders(on).await;
}

/// Values come back as they were written, to another process too.
async fn values(on: &Cluster, other: &Cluster) {
    let rows: Vec<Thing> = (0..12).map(|id| thing(0, id)).collect();
    for row in &rows[..2] {
        let row = Thing {
            text: String::new(),
            ..row.clone()
        };
        assert_eq!(row.clone().insert(on).await.unwrap(), row);
        assert_eq!(Thing::get(other, 0, row.id).await.unwrap(), row);
        row.delete(on).await.unwrap();
    }
    Thing::insert_many(on, rows.clone()).await.unwrap();
    let all = Thing::on(0).order_by(Thing::ID);
    assert_eq!(all.clone().all(other).await.unwrap(), rows);
    assert_eq!(
        Thing::on(0)
            .filter(Thing::NOTE.is_null())
            .count(on)
            .await
            .unwrap(),
        12
    );
    assert_eq!(
        Thing::on(0)
            .filter(Thing::ID.is_in([3]))
            .all(on)
            .await
            .unwrap(),
        [rows[3].clone()]
    );
    let same = Thing::MOMENT.eq(rows[0].moment)
        & Thing::LOCAL.eq(rows[0].local)
        & Thing::DAY.eq(rows[0].day);
    assert_eq!(
        Thing::on(0)
            .filter(same & Thing::BYTES.eq(rows[0].bytes.clone()))
            .count(on)
            .await
            .unwrap(),
        12
    );
    let day = Thing::on(0)
        .group_by(Thing::MOMENT.date())
        .select((Thing::MOMENT.date(), count()))
        .all(on)
        .await
        .unwrap();
    assert_eq!(day, [(rows[0].day, 12)]);
    let average = Thing::scatter()
        .aggregate(Thing::SMALL.avg())
        .one(on)
        .await
        .unwrap();
    assert_eq!(average, Some(-3.0));
    // Without a key: some servers refuse such writes.
    let changed = Thing::on(0).set(Thing::NOTE, "x").update(on).await.unwrap();
    assert_eq!(changed, 12);
    assert_eq!(Thing::on(0).delete(on).await.unwrap(), 12);
    assert_eq!(Thing::on(0).count(other).await.unwrap(), 0);
}

/// What does not fit is an error, and nothing is changed.
async fn too_large(on: &Cluster) {
    let row = thing(0, 1).insert(on).await.unwrap();
    for wide in [
        Thing {
            id: 2,
            code: "123456789".into(),
            ..row.clone()
        },
        Thing {
            id: 2,
            code: "c2".into(),
            few: vec![9; 5],
            ..row.clone()
        },
    ] {
        assert_eq!(kind(wide.clone().insert(on).await), ErrorKind::Check);
        assert_eq!(
            kind(Thing::insert_many(on, vec![wide.clone(); 2]).await),
            ErrorKind::Check
        );
        assert_eq!(
            kind(
                Thing {
                    id: 1,
                    ..wide.clone()
                }
                .update(on)
                .await
            ),
            ErrorKind::Check
        );
        assert_eq!(
            kind(Thing { id: 1, ..wide }.save(on).await),
            ErrorKind::Check
        );
    }
    assert_eq!(
        kind(
            Name {
                name: "longer".into(),
                user_id: 0
            }
            .insert(on)
            .await
        ),
        ErrorKind::Check
    );
    assert_eq!(
        kind(Thing::on(0).increment(Thing::LARGE, 8).update(on).await),
        ErrorKind::Check
    );
    assert_eq!(
        kind(Thing::on(0).increment(Thing::BYTE, 100).update(on).await),
        ErrorKind::Check
    );
    assert_eq!(Thing::on(0).all(on).await.unwrap(), [row]);
    assert_eq!(Name::on(0).count(on).await.unwrap(), 0);
    // An id of zero is an id.
    let zero = Thing {
        id: 0,
        code: "zero".into(),
        ..thing(0, 0)
    }
    .insert(on)
    .await
    .unwrap();
    assert_eq!(Thing::get(on, 0, 0).await.unwrap(), zero);
    Thing::on(0).delete(on).await.unwrap();
}

async fn searches(on: &Cluster) {
    let texts = [
        r"a\b", r"a\\b", "a%b", "a_b", "A_b", "", "it's", "a\"b", "a b ",
    ];
    let rows = (0..).zip(texts).map(|(id, text)| Thing {
        text: text.into(),
        ..thing(0, id)
    });
    Thing::insert_many(on, rows.collect()).await.unwrap();
    let found = async |filter: Filter<Thing>| {
        let ids = Thing::on(0)
            .filter(filter)
            .order_by(Thing::ID)
            .select(Thing::ID);
        ids.all(on).await.unwrap()
    };
    assert_eq!(found(Thing::TEXT.contains(r"\")).await, [0, 1]);
    assert_eq!(found(Thing::TEXT.starts_with(r"a\b")).await, [0]);
    assert_eq!(found(Thing::TEXT.like(r"a\\b")).await, [0]);
    assert_eq!(found(Thing::TEXT.like(r"a\_b")).await, [3]);
    assert_eq!(found(Thing::TEXT.eq("")).await, [5]);
    assert_eq!(found(Thing::TEXT.eq("A_b")).await, [4]);
    assert_eq!(found(Thing::TEXT.eq("a b")).await, [0; 0]);
    assert_eq!(found(!Thing::TEXT.like("a%")).await, [4, 5, 6]);
    let own = "SELECT COUNT(*) FROM {things} WHERE text = 'it''s'";
    assert_eq!(
        Thing::on_shard_of(0).sql(own).one::<i64>(on).await.unwrap(),
        1
    );
    Thing::on(0).delete(on).await.unwrap();
}

async fn conflicts(on: &Cluster) {
    const BY_CODE: (
        shard_orm::Column<Thing, i64>,
        shard_orm::Column<Thing, String>,
    ) = (Thing::USER_ID, Thing::CODE);
    let row = thing(0, 1).insert(on).await.unwrap();
    let again = thing(0, 1).insert(on).await.unwrap_err();
    assert_eq!(again.kind(), ErrorKind::Unique);
    let same = Thing {
        id: 2,
        ..row.clone()
    };
    let error = same.clone().insert(on).await.unwrap_err();
    assert_eq!(error.kind(), ErrorKind::Unique);
    assert!(error.constraint().is_some(), "{error}");
    let (found, created) = same.clone().get_or_create(on, BY_CODE).await.unwrap();
    assert_eq!((found, created), (row.clone(), false));
    Thing { small: 5, ..same }
        .upsert(on, BY_CODE)
        .await
        .unwrap();
    assert_eq!(Thing::get(on, 0, 1).await.unwrap().small, 5);
    Thing {
        small: 6,
        ..row.clone()
    }
    .save(on)
    .await
    .unwrap();
    assert_eq!(
        Thing::on(0).select(Thing::SMALL).all(on).await.unwrap(),
        [6]
    );
    Thing::on(0).delete(on).await.unwrap();
}

async fn transactions(on: &Cluster, other: &Cluster) {
    let tx = on.begin(Thing::shard(0)).await.unwrap();
    thing(0, 1).insert(&tx).await.unwrap();
    assert_eq!(Thing::on(0).count(other).await.unwrap(), 0);
    tx.commit().await.unwrap();
    // What follows on the same connection is committed by itself.
    for id in 2..4 {
        thing(0, id).insert(on).await.unwrap();
    }
    assert_eq!(Thing::on(0).count(other).await.unwrap(), 3);
    let tx = on.begin(Thing::shard(0)).await.unwrap();
    Thing::on(0).delete(&tx).await.unwrap();
    tx.rollback().await.unwrap();
    assert_eq!(Thing::on(0).count(other).await.unwrap(), 3);
    Thing::on(0).delete(on).await.unwrap();
}

/// Texts that differ late are ordered all the same.
async fn orders(on: &Cluster) {
    let text = |id: i64| format!("{}{:03}", "x".repeat(2_000), 100 - id);
    let rows = (0..9).map(|id| Thing {
        text: text(id),
        ..thing(0, id)
    });
    Thing::insert_many(on, rows.collect()).await.unwrap();
    let ids = Thing::on(0).order_by(Thing::TEXT).select(Thing::ID);
    assert_eq!(ids.all(on).await.unwrap(), [8, 7, 6, 5, 4, 3, 2, 1, 0]);
    Thing::on(0).delete(on).await.unwrap();
}
