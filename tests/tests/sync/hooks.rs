//! Models with hooks on the copying of their rows: which rows, their values, and further writes.

mod collected;

use shard_orm::prelude::*;
use shard_orm::sync::{
    Batch, Collect, Comparison, CopyId, Mode, Rows, StaticSync, TransmitContext, TransmitHooks,
};
use shard_orm::{Error, Result};

use self::collected::Revised;
use crate::fixture::{Fixture, Pair, eventually, on};

on! { all =>
    a_copy_holds_its_collected_rows
    rows_follow_changes_of_their_collection
    full_mode_compares_collected_rows
    writes_of_hooks_commit_with_their_batch
    a_refused_batch_is_retried
    a_hook_can_write_the_batch_itself
    hooks_see_rows_with_swapped_unique_values
}

/// A row whose words say what its hooks do.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "products", transmit_hooks)]
struct Product {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 40, unique)]
    name: String,
    /// The server whose copy holds it; all when there is none.
    #[static_model(length = 10)]
    only: Option<String>,
    offered: bool,
    cost: Option<i64>,
}

/// What a hook has written at a copy.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "arrivals", transmit = false)]
struct Arrival {
    #[static_model(primary_key)]
    product: i64,
    #[static_model(length = 40)]
    name: String,
}

impl TransmitHooks for Product {
    fn collect(rows: Collect<Self>, copy: &CopyId) -> Collect<Self> {
        rows.filter(Product::OFFERED.eq(true))
            .filter(Product::ONLY.is_null().or(Product::ONLY.eq(&*copy.server)))
            .change(|product| product.cost = None)
            .change(|product| product.name.make_ascii_lowercase())
    }

    async fn before_transmit(batch: &Batch<Self>) -> Result<()> {
        match batch.rows().iter().find(|row| row.name == "refused") {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::Invalid, "this one is refused before")),
        }
    }

    async fn transmit(batch: &Batch<Self>, on: TransmitContext<'_>) -> Result<()> {
        // Rows that are gone stay where this one says so.
        if batch.deleted().contains(&-1) {
            return Ok(());
        }
        on.write().await
    }

    async fn after_transmit(batch: &Batch<Self>, on: TransmitContext<'_>) -> Result<()> {
        for row in batch.rows() {
            let arrival = Arrival {
                product: row.id,
                name: row.name.clone(),
            };
            arrival.save(on, on.server()).await?;
        }
        for id in batch.deleted() {
            let arrivals = Arrival::copy(on.server());
            if let Some(arrival) = arrivals.filter(Arrival::PRODUCT.eq(*id)).first(on).await? {
                arrival.delete(on, on.server()).await?;
            }
        }
        match batch.rows().iter().find(|row| row.name == "late") {
            None => Ok(()),
            Some(_) => Err(Error::new(ErrorKind::Invalid, "this one is refused after")),
        }
    }
}

fn product(id: i64) -> Product {
    Product {
        id,
        name: format!("Product {id}"),
        only: None,
        offered: id % 2 == 0,
        cost: Some(id * 10),
    }
}

/// As it is at a copy.
fn copied(product: Product) -> Product {
    Product {
        name: product.name.to_ascii_lowercase(),
        cost: None,
        ..product
    }
}

async fn fixture(pair: Pair) -> Fixture {
    let fixture = Fixture::new(pair).await;
    let setup = fixture
        .cluster
        .setup()
        .table::<Product>()
        .table::<Arrival>();
    setup.table::<Revised>().run().await.unwrap();
    fixture
}

async fn run(fixture: &Fixture, mode: Option<Mode>) -> Result<Rows> {
    let mut sync = StaticSync::of::<Product>(&fixture.cluster);
    if let Some(mode) = mode {
        sync = sync.mode(mode);
    }
    Ok(sync.run().await?.complete()?.rows())
}

async fn verify(fixture: &Fixture) -> Vec<Comparison> {
    let verified = StaticSync::of::<Product>(&fixture.cluster)
        .verify()
        .await
        .unwrap();
    let results = verified.into_iter().map(|one| one.result.unwrap());
    results.collect()
}

async fn at(copy: &Cluster) -> Vec<Product> {
    Product::query()
        .order_by(Product::ID)
        .all(copy)
        .await
        .unwrap()
}

/// The arrivals at a copy, which is a database of its own for this.
async fn arrivals(copy: &Cluster) -> Vec<(i64, String)> {
    let select = "SELECT product, name FROM arrivals ORDER BY product";
    Product::query().sql(select).all(copy).await.unwrap()
}

/// Asserts that both copies hold what they are to hold of these, and the arrivals with them.
async fn assert_copies(fixture: &Fixture, products: &[Product]) {
    for (server, copy) in ["a", "b"].into_iter().zip(&fixture.copies) {
        let all = products.iter().cloned();
        let held =
            all.filter(|row| row.offered && row.only.as_deref().is_none_or(|only| only == server));
        let expected: Vec<Product> = held.map(copied).collect();
        assert_eq!(at(copy).await, expected, "{server}");
        let written = expected.into_iter().map(|row| (row.id, row.name));
        assert_eq!(
            arrivals(copy).await,
            written.collect::<Vec<_>>(),
            "{server}"
        );
    }
}

async fn a_copy_holds_its_collected_rows(pair: Pair) {
    let fixture = fixture(pair).await;
    let mut products: Vec<Product> = (1..=10).map(product).collect();
    products[1].only = Some("a".to_owned());
    products[3].only = Some("b".to_owned());
    products[5].only = Some("c".to_owned());
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    let rows = run(&fixture, None).await.unwrap();
    assert_eq!((rows.inserted, rows.written()), (2 * 5 - 4, 2 * 5 - 4));
    assert_copies(&fixture, &products).await;
    assert_eq!(run(&fixture, None).await.unwrap().written(), 0);
}

async fn rows_follow_changes_of_their_collection(pair: Pair) {
    let fixture = fixture(pair).await;
    let mut products: Vec<Product> = (1..=6).map(product).collect();
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    run(&fixture, None).await.unwrap();
    products[1].offered = false;
    products[2].offered = true;
    products[3].only = Some("b".to_owned());
    // What changes at the source alone is no change of a copy.
    products[5].cost = Some(-7);
    for row in &products[1..] {
        row.update(&fixture.cluster).await.unwrap();
    }
    let gone = products.remove(0);
    gone.delete(&fixture.cluster).await.unwrap();
    let rows = run(&fixture, None).await.unwrap();
    // Of `only` one copy learns that it is its own.
    assert_eq!((rows.inserted, rows.updated, rows.deleted), (2, 1, 3));
    assert_copies(&fixture, &products).await;
}

async fn full_mode_compares_collected_rows(pair: Pair) {
    let fixture = fixture(pair).await;
    let products: Vec<Product> = (1..=2_000).map(product).collect();
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    let rows = run(&fixture, Some(Mode::Full)).await.unwrap();
    assert_eq!(rows.inserted, 2 * 1_000);
    for found in verify(&fixture).await {
        assert!(found.is_equal(), "{found}");
    }
    let copy = &fixture.copies[1];
    product(1_999).insert(copy).await.unwrap();
    copied(product(4)).delete(copy).await.unwrap();
    Product {
        cost: Some(1),
        ..copied(product(6))
    }
    .update(copy)
    .await
    .unwrap();
    let [first, second] = verify(&fixture).await[..] else {
        unreachable!("a fixture has two copies")
    };
    assert!(first.is_equal(), "{first}");
    assert_eq!((second.missing, second.extra, second.different), (1, 1, 1));
    let rows = run(&fixture, Some(Mode::Full)).await.unwrap();
    assert_eq!((rows.inserted, rows.updated, rows.deleted), (1, 1, 1));
    assert_copies(&fixture, &products).await;
}

async fn writes_of_hooks_commit_with_their_batch(pair: Pair) {
    let fixture = fixture(pair).await;
    let mut products: Vec<Product> = (1..=4).map(product).collect();
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    run(&fixture, None).await.unwrap();
    let before = products.clone();
    products[1].name = "late".to_owned();
    products[3].name = "Other".to_owned();
    for row in &products {
        row.update(&fixture.cluster).await.unwrap();
    }
    // The hook fails when all is written.
    let error = run(&fixture, None).await.unwrap_err();
    assert!(error.to_string().contains("refused after"), "{error}");
    assert_copies(&fixture, &before).await;
    products[1].name = "in time".to_owned();
    products[1].update(&fixture.cluster).await.unwrap();
    assert_eq!(run(&fixture, None).await.unwrap().updated, 4);
    assert_copies(&fixture, &products).await;
}

async fn a_refused_batch_is_retried(pair: Pair) {
    let fixture = fixture(pair).await;
    let mut products: Vec<Product> = (1..=4).map(product).collect();
    products[1].name = "Refused".to_owned();
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    for mode in [None, None, Some(Mode::Full)] {
        let error = run(&fixture, mode).await.unwrap_err();
        assert!(error.to_string().contains("refused before"), "{error}");
        assert_copies(&fixture, &[]).await;
    }
    products[1].offered = false;
    products[1].update(&fixture.cluster).await.unwrap();
    run(&fixture, None).await.unwrap();
    assert_copies(&fixture, &products).await;
}

async fn a_hook_can_write_the_batch_itself(pair: Pair) {
    let fixture = fixture(pair).await;
    let mut products: Vec<Product> = [-1, 2, 4].map(product).into();
    products[0].offered = true;
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    run(&fixture, None).await.unwrap();
    assert_copies(&fixture, &products).await;
    let held = [copied(product(-1)), copied(product(2)), copied(product(4))];
    // In one transaction: on PostgreSQL the entries are read again while another test has an older transaction open,
    // and those of two transactions could come in two batches.
    let tx = fixture.cluster.begin(Product::database()).await.unwrap();
    for row in [&products[0], &products[1]] {
        row.delete(&tx).await.unwrap();
    }
    tx.commit().await.unwrap();
    // Nothing of the batch is written, and the position goes on.
    assert_eq!(run(&fixture, None).await.unwrap().written(), 0);
    let ids = |rows: &[Product]| rows.iter().map(|row| row.id).collect::<Vec<i64>>();
    for copy in &fixture.copies {
        assert_eq!(ids(&at(copy).await), ids(&held));
    }
    eventually("a run that reads nothing", async || {
        run(&fixture, None).await.unwrap().read_at_copy == 0
    })
    .await;
    // It is a difference from then on.
    for found in verify(&fixture).await {
        assert_eq!((found.extra, found.differing()), (2, 2));
    }
}

async fn hooks_see_rows_with_swapped_unique_values(pair: Pair) {
    let fixture = fixture(pair).await;
    let mut products: Vec<Product> = (1..=8).map(product).collect();
    Product::insert_many(&fixture.cluster, products.clone())
        .await
        .unwrap();
    run(&fixture, None).await.unwrap();
    let name = async |product: &mut Product, name: &str| {
        product.name = name.to_owned();
        product.update(&fixture.cluster).await.unwrap();
    };
    let of = |id: i64| product(id).name;
    name(&mut products[1], "aside").await;
    name(&mut products[3], &of(2)).await;
    name(&mut products[5], &of(4)).await;
    name(&mut products[1], &of(6)).await;
    run(&fixture, None).await.unwrap();
    assert_copies(&fixture, &products).await;
}
