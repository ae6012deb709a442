//! Tables whose rows reference rows of the same table.

use shard_orm::prelude::*;
use shard_orm::sync::{Collect, CopyId, Mode, Rows, StaticSync, TransmitHooks};

use crate::fixture::{Backend, Fixture, POSTGRES, Pair, eventually, on};

on! { all =>
    a_child_waits_for_a_parent_on_a_later_page
    a_child_waits_for_a_parent_on_a_later_page_of_the_log
    a_chain_longer_than_all_pages_is_copied_in_one_run
    a_parent_is_deleted_before_a_child_on_a_later_page
    rows_that_point_to_themselves_or_to_each_other
    a_tree_with_differences_is_repaired
    a_dangling_reference_is_retried
    composite_foreign_keys_are_followed
    references_are_taken_from_the_rows_that_hooks_produce
}

/// A row of a tree; the copies have a foreign key, and the source has none.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "nodes")]
struct Node {
    #[static_model(primary_key)]
    id: i64,
    parent: Option<i64>,
    #[static_model(unique)]
    size: i64,
}

const NODES: &str = "CREATE TABLE nodes (id bigint NOT NULL PRIMARY KEY, parent bigint NULL, \
                     size bigint NOT NULL UNIQUE, FOREIGN KEY (parent) REFERENCES nodes (id))";

fn node(id: i64, parent: impl Into<Option<i64>>) -> Node {
    Node {
        id,
        parent: parent.into(),
        size: id * 10,
    }
}

async fn fixture(pair: Pair) -> Fixture {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<Node>("nodes", NODES).await;
    fixture
}

async fn insert(fixture: &Fixture, rows: impl IntoIterator<Item = Node>) {
    let rows = rows.into_iter().collect();
    Node::insert_many(&fixture.cluster, rows).await.unwrap();
}

async fn set_parent(fixture: &Fixture, id: i64, parent: Option<i64>) {
    let row = Node::query().filter(Node::ID.eq(id));
    let changed = row.set(Node::PARENT, parent).update(&fixture.cluster).await;
    assert_eq!(changed.unwrap(), 1);
}

async fn sync(fixture: &Fixture) -> Rows {
    let report = StaticSync::of::<Node>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    report.complete().unwrap().rows()
}

async fn nodes(at: &Cluster) -> Vec<Node> {
    Node::query().order_by(Node::ID).all(at).await.unwrap()
}

async fn assert_equal(fixture: &Fixture) {
    let expected = nodes(&fixture.cluster).await;
    for copy in &fixture.copies {
        assert!(nodes(copy).await == expected, "the copies differ");
    }
}

async fn a_child_waits_for_a_parent_on_a_later_page(pair: Pair) {
    let fixture = fixture(pair).await;
    // Between two servers of PostgreSQL a page has 20,000 rows, elsewhere 5,000.
    let last = if pair == POSTGRES { 24_000 } else { 6_000 };
    let parent = |id: i64| match id {
        1 => Some(last - 500),
        2 => Some(last - 100),
        3 => None,
        _ if id == last - 500 => Some(last - 1),
        _ if id == last - 1 => Some(3),
        // Within one page, in both directions.
        _ if id % 3 == 0 => Some(id - 1),
        _ if id % 3 == 1 && id < last => Some(id + 1),
        _ => None,
    };
    insert(&fixture, (1..=last).map(|id| node(id, parent(id)))).await;
    assert_eq!(sync(&fixture).await.inserted, 2 * last.cast_unsigned());
    assert_equal(&fixture).await;
    assert_eq!(sync(&fixture).await.written(), 0);
}

async fn a_child_waits_for_a_parent_on_a_later_page_of_the_log(pair: Pair) {
    let fixture = fixture(pair).await;
    insert(&fixture, (1_000..=3_000).map(|id| node(id, None))).await;
    sync(&fixture).await;
    // A new row and a row that is there point to what comes two pages later, over one that comes
    // one page later.
    insert(&fixture, [node(1, 5_000)]).await;
    set_parent(&fixture, 1_000, Some(5_000)).await;
    let many = Node::query().filter(Node::ID.gt(1_500).and(Node::ID.le(2_400)));
    many.set(Node::PARENT, 1_400)
        .update(&fixture.cluster)
        .await
        .unwrap();
    insert(&fixture, [node(5_000, 6_000)]).await;
    let many = Node::query().filter(Node::ID.gt(2_400));
    many.set(Node::PARENT, 5_000)
        .update(&fixture.cluster)
        .await
        .unwrap();
    insert(&fixture, (6_001..=6_500).map(|id| node(id, None))).await;
    insert(&fixture, [node(6_000, None)]).await;
    let rows = sync(&fixture).await;
    assert_eq!(rows.inserted, 2 * 503);
    assert_equal(&fixture).await;
}

/// How long the chain is: `SHARD_ORM_CHAIN`.
fn chain() -> i64 {
    std::env::var("SHARD_ORM_CHAIN").map_or(7_000, |chain| chain.parse().unwrap())
}

async fn a_chain_longer_than_all_pages_is_copied_in_one_run(pair: Pair) {
    let fixture = fixture(pair).await;
    let length = chain();
    // Each points to the next, and the last one alone to nothing.
    let rows = (1..=length).map(|id| node(id, (id < length).then_some(id + 1)));
    insert(&fixture, rows).await;
    let begun = std::time::Instant::now();
    assert_eq!(sync(&fixture).await.inserted, 2 * length.cast_unsigned());
    println!("{pair:?}: a chain of {length} in {:?}", begun.elapsed());
    assert_equal(&fixture).await;
}

async fn a_parent_is_deleted_before_a_child_on_a_later_page(pair: Pair) {
    let fixture = fixture(pair).await;
    insert(&fixture, (1..=3_000).map(|id| node(id, None))).await;
    set_parent(&fixture, 2_000, Some(5)).await;
    // A chain from the last to the first.
    for id in 20..40 {
        set_parent(&fixture, id, Some(id - 1)).await;
    }
    sync(&fixture).await;
    let gone = Node::query().filter(Node::ID.eq(5));
    gone.delete(&fixture.cluster).await.unwrap();
    let many = Node::query().filter(Node::ID.gt(100).and(Node::ID.le(1_500)));
    many.set(Node::PARENT, 60)
        .update(&fixture.cluster)
        .await
        .unwrap();
    let gone = Node::query().filter(Node::ID.eq(2_000));
    gone.delete(&fixture.cluster).await.unwrap();
    let gone = Node::query().filter(Node::ID.lt(45));
    assert_eq!(gone.delete(&fixture.cluster).await.unwrap(), 43);
    let rows = sync(&fixture).await;
    assert_eq!((rows.deleted, rows.blocked), (2 * 45, 0));
    assert_equal(&fixture).await;
    // All at once, in the order of the key, which is not that in which they can go.
    let length = 200;
    insert(
        &fixture,
        (10_000..10_000 + length).map(|id| node(id, (id > 10_000).then(|| id - 1))),
    )
    .await;
    sync(&fixture).await;
    let gone = Node::query().filter(Node::ID.ge(10_000));
    gone.delete(&fixture.cluster).await.unwrap();
    let rows = sync(&fixture).await;
    assert_eq!(rows.deleted, 2 * length.cast_unsigned());
    assert_eq!(rows.blocked, 0);
    assert_equal(&fixture).await;
}

async fn rows_that_point_to_themselves_or_to_each_other(pair: Pair) {
    let fixture = fixture(pair).await;
    insert(&fixture, (1..=5_200).map(|id| node(id, None))).await;
    set_parent(&fixture, 7, Some(7)).await;
    sync(&fixture).await;
    assert_equal(&fixture).await;
    insert(&fixture, [node(6_000, 6_000)]).await;
    sync(&fixture).await;
    assert_equal(&fixture).await;
    // Rows that are there may point to each other at any time.
    set_parent(&fixture, 1, Some(2)).await;
    set_parent(&fixture, 2, Some(1)).await;
    sync(&fixture).await;
    assert_equal(&fixture).await;
    // New ones cannot come one after the other. A first copy has them in two pages.
    let fresh = self::fixture(pair).await;
    insert(&fresh, (1..=5_200).map(|id| node(id, None))).await;
    set_parent(&fresh, 1, Some(5_100)).await;
    set_parent(&fresh, 5_100, Some(1)).await;
    let report = StaticSync::of::<Node>(&fresh.cluster).run().await.unwrap();
    if pair.1 == Backend::MariaDb {
        // It looks at each row by itself.
        let error = report.complete().unwrap_err();
        assert_eq!(error.kind(), ErrorKind::ForeignKey);
        assert!(error.to_string().contains("nodes"), "{error}");
        return;
    }
    report.complete().unwrap();
    assert_equal(&fresh).await;
}

async fn a_tree_with_differences_is_repaired(pair: Pair) {
    let fixture = fixture(pair).await;
    insert(
        &fixture,
        (1..=3_000).map(|id| node(id, (id < 3_000).then_some(3_000))),
    )
    .await;
    let sync = StaticSync::of::<Node>(&fixture.cluster).mode(Mode::Full);
    let rows = sync.clone().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.inserted, 2 * 3_000);
    assert_equal(&fixture).await;
    // The root and the tree are others now.
    set_parent(&fixture, 5, None).await;
    let all = Node::query().filter(Node::ID.ne(5));
    all.set(Node::PARENT, 5)
        .update(&fixture.cluster)
        .await
        .unwrap();
    let gone = Node::query().filter(Node::ID.gt(2_900));
    gone.delete(&fixture.cluster).await.unwrap();
    let rows = sync.run().await.unwrap().complete().unwrap().rows();
    assert_eq!((rows.deleted, rows.blocked), (200, 0));
    assert_equal(&fixture).await;
}

async fn a_dangling_reference_is_retried(pair: Pair) {
    let fixture = fixture(pair).await;
    insert(&fixture, [node(1, None), node(2, 9)]).await;
    let run = || StaticSync::of::<Node>(&fixture.cluster).run();
    let error = run().await.unwrap().complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignKey);
    let supervisor = StaticSync::supervise(&fixture.cluster)
        .every(std::time::Duration::from_millis(20))
        .run()
        .unwrap();
    eventually("it waits", async || {
        let status = supervisor.status();
        status.iter().all(|one| one.problem.is_some())
    })
    .await;
    assert!(supervisor.status().iter().all(|one| one.failures == 0));
    insert(&fixture, [node(9, None)]).await;
    eventually("it has come", async || {
        let status = supervisor.status();
        status.iter().all(|one| one.problem.is_none())
    })
    .await;
    supervisor.stop().await;
    assert_equal(&fixture).await;
}

/// A row that points by several columns, which the foreign key names in another order.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "parts")]
struct Part {
    #[static_model(primary_key)]
    series: i64,
    #[static_model(primary_key)]
    number: i64,
    in_series: Option<i64>,
    in_number: Option<i64>,
}

const PARTS: &str = "CREATE TABLE parts (series bigint NOT NULL, number bigint NOT NULL, \
                     in_series bigint NULL, in_number bigint NULL, \
                     PRIMARY KEY (series, number), UNIQUE (number, series), \
                     FOREIGN KEY (in_number, in_series) REFERENCES parts (number, series))";

async fn composite_foreign_keys_are_followed(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<Part>("parts", PARTS).await;
    let part = |id: i64| {
        let whole = match id {
            1 => Some(5_200),
            5_200 => Some(5_250),
            5_250 => Some(2),
            _ => None,
        };
        Part {
            series: id,
            number: id + 10_000,
            in_series: whole,
            in_number: whole.map(|whole| whole + 10_000),
        }
    };
    let mut rows: Vec<Part> = (1..=5_300).map(part).collect();
    // With a NULL in it, it points to nothing.
    rows[2].in_series = Some(77);
    Part::insert_many(&fixture.cluster, rows).await.unwrap();
    let report = StaticSync::of::<Part>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    let rows = report.complete().unwrap().rows();
    assert_eq!(rows.inserted, 2 * 5_300);
    for one in StaticSync::of::<Part>(&fixture.cluster)
        .verify()
        .await
        .unwrap()
    {
        assert!(one.result.unwrap().is_equal());
    }
}

/// A row that points at the copies alone.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "linked", transmit_hooks)]
struct Linked {
    #[static_model(primary_key)]
    id: i64,
    parent: Option<i64>,
    above: Option<i64>,
    offered: bool,
}

const LINKED: &str = "CREATE TABLE linked (id bigint NOT NULL PRIMARY KEY, parent bigint NULL, \
                      above bigint NULL, offered {bool} NOT NULL, \
                      FOREIGN KEY (parent) REFERENCES linked (id))";

impl TransmitHooks for Linked {
    fn collect(rows: Collect<Self>, _: &CopyId) -> Collect<Self> {
        rows.filter(Linked::OFFERED.eq(true))
            .change(|row| row.parent = row.above)
    }
}

async fn references_are_taken_from_the_rows_that_hooks_produce(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    let truth = match pair.1 {
        Backend::Sqlite => "integer",
        Backend::Postgres | Backend::MariaDb => "boolean",
    };
    fixture
        .add::<Linked>("linked", &LINKED.replace("{bool}", truth))
        .await;
    let linked = |id: i64| Linked {
        id,
        parent: None,
        above: match id {
            1 => Some(5_200),
            5_200 => Some(5_250),
            5_250 => Some(5_299),
            _ => None,
        },
        offered: id != 7,
    };
    let rows = (1..=5_300).map(linked).collect();
    Linked::insert_many(&fixture.cluster, rows).await.unwrap();
    let report = StaticSync::of::<Linked>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    let rows = report.complete().unwrap().rows();
    assert_eq!(rows.inserted, 2 * 5_299);
    for copy in &fixture.copies {
        let row = Linked::query().filter(Linked::ID.eq(5_250));
        let row = row.first(copy).await.unwrap().unwrap();
        assert_eq!(row.parent, Some(5_299));
    }
    // One that is not offered is not there to be pointed to.
    let hidden = Linked::query().filter(Linked::ID.eq(9));
    let changed = hidden.set(Linked::ABOVE, 7).update(&fixture.cluster);
    assert_eq!(changed.await.unwrap(), 1);
    let report = StaticSync::of::<Linked>(&fixture.cluster)
        .run()
        .await
        .unwrap();
    let error = report.complete().unwrap_err();
    assert_eq!(error.kind(), ErrorKind::ForeignKey);
}
