//! Unusual tables: wide ones, odd names, large rows, two copies on one server.

use shard_orm::prelude::*;
use shard_orm::sync::{Mode, StaticSync};

use crate::fixture::{Fixture, Hosts, Item, Pair, Price, on};

on! { all =>
    a_table_with_a_hundred_columns
    names_with_quotes_and_capitals
    large_rows_are_copied_in_statements_within_the_servers_limit
    two_groups_on_one_server_have_a_copy_each
}

macro_rules! wide {
    ($($column:ident)+) => {
        #[derive(Debug, Clone, PartialEq, StaticModel)]
        #[static_model(groups = all, table = "wide")]
        struct Wide {
            #[static_model(primary_key)]
            id: i64,
            $($column: Option<i64>,)+
        }

        /// Each cell is another number, and some are NULL.
        fn wide(id: i64) -> Wide {
            let mut next = id * 1_000;
            let mut cell = || {
                next += 1;
                (next % 7 != 0).then_some(next)
            };
            Wide { id, $($column: cell(),)+ }
        }
    };
}

wide! {
    c01 c02 c03 c04 c05 c06 c07 c08 c09 c10 c11 c12 c13 c14 c15 c16 c17 c18 c19 c20
    c21 c22 c23 c24 c25 c26 c27 c28 c29 c30 c31 c32 c33 c34 c35 c36 c37 c38 c39 c40
    c41 c42 c43 c44 c45 c46 c47 c48 c49 c50 c51 c52 c53 c54 c55 c56 c57 c58 c59 c60
    c61 c62 c63 c64 c65 c66 c67 c68 c69 c70 c71 c72 c73 c74 c75 c76 c77 c78 c79 c80
    c81 c82 c83 c84 c85 c86 c87 c88 c89 c90 c91 c92 c93 c94 c95 c96 c97 c98 c99
}

async fn a_table_with_a_hundred_columns(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<Wide>("wide", "").await;
    let rows = (1..=3_000).map(wide).collect();
    Wide::insert_many(&fixture.cluster, rows).await.unwrap();
    let sync = StaticSync::of::<Wide>(&fixture.cluster);
    let rows = sync.clone().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.inserted, 2 * 3_000);
    let changed = Wide::query()
        .filter(Wide::ID.eq(7))
        .set(Wide::C50, None::<i64>);
    assert_eq!(changed.update(&fixture.cluster).await.unwrap(), 1);
    let full = sync.clone().mode(Mode::Full).run().await.unwrap();
    assert_eq!(full.complete().unwrap().rows().updated, 2);
    let expected = Wide::query()
        .order_by(Wide::ID)
        .all(&fixture.cluster)
        .await
        .unwrap();
    for copy in &fixture.copies {
        let found = Wide::query().order_by(Wide::ID).all(copy).await.unwrap();
        assert!(found == expected);
    }
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "It's \"An `Odd` Table")]
struct Odd {
    #[static_model(primary_key, column = "Id's \"`Key`")]
    id: i64,
    #[static_model(length = 20, unique, column = "SELECT")]
    name: String,
    #[static_model(column = "a;-- b\\c")]
    size: Option<i64>,
}

async fn names_with_quotes_and_capitals(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<Odd>("", "").await;
    let odd = |id: i64, name: &str| Odd {
        id,
        name: name.to_owned(),
        size: Some(id),
    };
    let at = &fixture.cluster;
    let sync = || StaticSync::of::<Odd>(at);
    for (id, name) in [(1, "one"), (2, "two"), (3, "three")] {
        odd(id, name).insert(at).await.unwrap();
    }
    sync().run().await.unwrap().complete().unwrap();
    odd(3, "three").delete(at).await.unwrap();
    odd(1, "free").update(at).await.unwrap();
    odd(2, "one").update(at).await.unwrap();
    odd(1, "two").update(at).await.unwrap();
    let rows = sync().run().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.deleted, 2);
    odd(4, "four").insert(at).await.unwrap();
    let full = sync().mode(Mode::Full).run().await.unwrap();
    assert_eq!(full.complete().unwrap().rows().inserted, 2);
    for one in sync().verify().await.unwrap() {
        assert!(one.result.unwrap().is_equal());
    }
    let expected = Odd::query().order_by(Odd::ID).all(at).await.unwrap();
    for copy in &fixture.copies {
        let found = Odd::query().order_by(Odd::ID).all(copy).await.unwrap();
        assert_eq!(found, expected);
    }
}

#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "images")]
struct Image {
    #[static_model(primary_key)]
    id: i64,
    bytes: Vec<u8>,
}

fn image(id: i64, size: usize) -> Image {
    let byte = u8::try_from(id % 251).unwrap();
    Image {
        id,
        bytes: vec![byte; size],
    }
}

async fn large_rows_are_copied_in_statements_within_the_servers_limit(pair: Pair) {
    let fixture = Fixture::bare(pair).await;
    fixture.add::<Image>("images", "").await;
    let at = &fixture.cluster;
    // One that is near the limit by itself, and many that are beyond it together: MariaDB takes 16
    // MiB in a statement.
    image(1, 8 << 20).insert(at).await.unwrap();
    for id in 2..=13 {
        image(id, 2 << 20).insert(at).await.unwrap();
    }
    let sync = || StaticSync::of::<Image>(at).run();
    let rows = sync().await.unwrap().complete().unwrap().rows();
    assert_eq!(rows.inserted, 2 * 13);
    image(100, 9 << 20).insert(at).await.unwrap();
    Image {
        id: 1,
        ..image(7, 8 << 20)
    }
    .update(at)
    .await
    .unwrap();
    let rows = sync().await.unwrap().complete().unwrap().rows();
    assert_eq!((rows.inserted, rows.updated), (2, 2));
    let expected = Image::query().order_by(Image::ID).all(at).await.unwrap();
    for copy in &fixture.copies {
        let found = Image::query().order_by(Image::ID).all(copy).await.unwrap();
        assert!(found == expected);
    }
}

async fn two_groups_on_one_server_have_a_copy_each(pair: Pair) {
    let hosts = Hosts {
        one_server: true,
        ..Hosts::default()
    };
    let fixture = Fixture::at(pair, hosts).await;
    fixture.add::<Item>("items", "").await;
    fixture.add::<Price>("prices", "").await;
    fixture.insert(1..=20).await;
    assert_eq!(fixture.sync().await.inserted, 40);
    fixture.assert_equal().await;
    fixture.settle().await;
    // Each has a position of its own.
    let rest = Item::query().filter(Item::ID.gt(10));
    rest.delete(&fixture.copies[1]).await.unwrap();
    fixture.insert([30]).await;
    assert_eq!(fixture.sync().await.inserted, 2);
    assert_eq!(Item::query().count(&fixture.copies[0]).await.unwrap(), 21);
    assert_eq!(Item::query().count(&fixture.copies[1]).await.unwrap(), 11);
    let full = StaticSync::of::<Item>(&fixture.cluster)
        .mode(Mode::Full)
        .run();
    assert_eq!(full.await.unwrap().complete().unwrap().rows().inserted, 10);
    fixture.assert_equal().await;
}
