//! Hooks that choose the rows of a copy: conditions that change, and conditions that are refused.

use shard_orm::prelude::*;
use shard_orm::sync::{Collect, CopyId, Mode, StaticSync, TransmitHooks};
use shard_orm::{Filter, sea_query};

use super::{Product, assert_copies, at, fixture, product, run};
use crate::fixture::{Pair, on};

on! { all =>
    criterion_mode_removes_rows_that_are_no_longer_collected
    a_changed_condition_compares_the_copy_again
    unstable_collections_are_refused
}

/// A row that is read by a column that grows.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "revised", criterion = "revision", transmit_hooks)]
pub(super) struct Revised {
    #[static_model(primary_key)]
    id: i64,
    offered: bool,
    revision: i64,
}

impl TransmitHooks for Revised {
    fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
        // The criterion itself looks otherwise at the copies.
        let offered = rows.filter(Revised::OFFERED.eq(true));
        offered.change(|row| row.revision = -row.revision)
    }
}

async fn criterion_mode_removes_rows_that_are_no_longer_collected(pair: Pair) {
    let fixture = fixture(pair).await;
    let sync = async || {
        let sync = StaticSync::of::<Revised>(&fixture.cluster).mode(Mode::Incremental);
        sync.run().await.unwrap().complete().unwrap().rows()
    };
    let row = |id: i64, offered, revision| Revised {
        id,
        offered,
        revision,
    };
    let rows = (1..=1_500).map(|id| row(id, id % 3 != 0, id)).collect();
    Revised::insert_many(&fixture.cluster, rows).await.unwrap();
    assert_eq!(sync().await.inserted, 2 * 1_000);
    for changed in [
        row(1, false, 2_000),
        row(3, true, 2_001),
        row(6, false, 2_002),
    ] {
        changed.update(&fixture.cluster).await.unwrap();
    }
    let rows = sync().await;
    assert_eq!((rows.inserted, rows.updated, rows.deleted), (2, 0, 2));
    for copy in &fixture.copies {
        let query = Revised::query()
            .filter(Revised::ID.le(6))
            .order_by(Revised::ID);
        let expected = [
            row(2, true, -2),
            row(3, true, -2_001),
            row(4, true, -4),
            row(5, true, -5),
        ];
        assert_eq!(query.all(copy).await.unwrap(), expected);
    }
}

/// The same table, of which the copies hold other rows.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "products", transmit_hooks)]
struct Withdrawn {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 40, unique)]
    name: String,
    #[static_model(length = 10)]
    only: Option<String>,
    offered: bool,
    cost: Option<i64>,
}

impl TransmitHooks for Withdrawn {
    fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
        rows.filter(Withdrawn::OFFERED.eq(false))
    }
}

async fn a_changed_condition_compares_the_copy_again(pair: Pair) {
    let fixture = fixture(pair).await;
    let products: Vec<Product> = (1..=7).map(product).collect();
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    run(&fixture, None).await.unwrap();
    // No row has changed since.
    let sync = StaticSync::of::<Withdrawn>(&fixture.cluster);
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!(
        (rows.inserted, rows.updated, rows.deleted),
        (2 * 4, 0, 2 * 3)
    );
    let odd = products.into_iter().filter(|row| !row.offered);
    let odd: Vec<Product> = odd.collect();
    for copy in &fixture.copies {
        assert_eq!(at(copy).await, odd);
    }
}

/// Its condition has another value each time, and its change moves rows.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "products", transmit_hooks)]
struct Restless {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 40, unique)]
    name: String,
    #[static_model(length = 10)]
    only: Option<String>,
    offered: bool,
    cost: Option<i64>,
}

impl TransmitHooks for Restless {
    fn collect(rows: Collect<Self>, copy: &CopyId) -> Collect<Self> {
        if copy.server == "a" {
            let now = sea_query::Expr::cust("CURRENT_TIMESTAMP IS NOT NULL");
            rows.filter(Filter::expr(now))
        } else {
            rows.change(|row| row.id += 1)
        }
    }
}

async fn unstable_collections_are_refused(pair: Pair) {
    let fixture = fixture(pair).await;
    product(2).insert(&fixture.cluster).await.unwrap();
    let report = StaticSync::of::<Restless>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    let mut errors = report.copies.into_iter().map(|one| one.result.unwrap_err());
    let error = errors.next().unwrap();
    assert_eq!(error.kind(), ErrorKind::Unsupported);
    assert!(error.to_string().contains("`CURRENT_TIMESTAMP`"), "{error}");
    let error = errors.next().unwrap();
    assert_eq!(error.kind(), ErrorKind::Configuration);
    assert!(error.to_string().contains("primary key"), "{error}");
    assert_copies(&fixture, &[]).await;
}
