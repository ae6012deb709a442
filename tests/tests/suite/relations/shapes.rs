//! Special relations: to the same model, by several fields, with regions, of soft-deleted rows.

use chrono::{DateTime, Utc};
use shard_orm::config::StrategyConfig;
use shard_orm::prelude::*;
use shard_orm_tests::behaviours;

use super::counted::counted;
use crate::kind;

/// A tree.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "nodes")]
#[shard(
    has_many(children = "Node", by = "parent_id"),
    belongs_to(parent = "Node", by = "parent_id")
)]
struct Node {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    parent_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "slots")]
#[shard(has_many(bookings = "Booking", by = ["slot_year", "slot_week"]))]
struct Slot {
    #[shard(primary_key)]
    year: i32,
    #[shard(primary_key)]
    week: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "bookings")]
#[shard(belongs_to(slot = "Slot", by = ["slot_year", "slot_week"]))]
struct Booking {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    slot_year: Option<i32>,
    slot_week: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "folders")]
#[shard(has_many(files = "File", by = "folder_id"))]
struct Folder {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    #[shard(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "files")]
#[shard(belongs_to(folder = "Folder", by = "folder_id"))]
struct File {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    folder_id: i64,
    #[shard(soft_delete)]
    deleted_at: Option<DateTime<Utc>>,
}

behaviours! { (Node, Slot, Booking, Folder, File);
    async fn a_model_can_be_related_to_itself(fixture: &Fixture) {
        let user_id = fixture.key();
        let root = Node { id: fixture.id(), user_id, parent_id: None };
        let mut left = Node { id: fixture.id(), ..root.clone() };
        left.link(Node::PARENT, &root).unwrap();
        let right = Node { id: fixture.id(), parent_id: Some(root.id), ..root };
        let nodes = vec![root.clone(), left.clone(), right.clone()];
        Node::insert_many(&fixture.cluster, nodes).await.unwrap();
        let children = root.related(Node::CHILDREN).order_by(Node::ID).all(&fixture.cluster).await.unwrap();
        assert_eq!(children, [left.clone(), right.clone()]);
        let rows = Node::on(user_id)
            .order_by(Node::ID)
            .with(Node::CHILDREN)
            .with(Node::PARENT)
            .all(&fixture.cluster)
            .await
            .unwrap();
        let parent = Some(root.clone());
        assert_eq!(
            rows,
            [
                (root, vec![left.clone(), right.clone()], None),
                (left, vec![], parent.clone()),
                (right, vec![], parent),
            ]
        );
    }

    async fn relations_use_composite_primary_keys(fixture: &Fixture) {
        let user_id = fixture.key();
        let slot = |year, week| Slot { year, week, user_id };
        let slots = vec![slot(2025, 1), slot(2025, 2), slot(2026, 1)];
        Slot::insert_many(&fixture.cluster, slots.clone()).await.unwrap();
        let mut booking = Booking { id: fixture.id(), user_id, slot_year: None, slot_week: 0 };
        booking.link(Booking::SLOT, &slots[2]).unwrap();
        assert_eq!((booking.slot_year, booking.slot_week), (Some(2026), 1));
        let second = Booking { id: fixture.id(), slot_year: Some(2025), ..booking.clone() };
        let nowhere = Booking { id: fixture.id(), slot_year: None, ..booking.clone() };
        let bookings = vec![booking.clone(), second.clone(), nowhere.clone()];
        Booking::insert_many(&fixture.cluster, bookings.clone()).await.unwrap();

        let (found, sent) = counted(Slot::BOOKINGS.load(&fixture.cluster, &slots)).await;
        assert_eq!(found.unwrap(), [vec![second.clone()], vec![], vec![booking.clone()]]);
        assert_eq!(sent.len(), 1);
        let parents = Booking::SLOT.load(&fixture.cluster, &bookings).await.unwrap();
        assert_eq!(parents, [Some(slots[2].clone()), Some(slots[0].clone()), None]);
        assert_eq!(slots[0].related(Slot::BOOKINGS).all(&fixture.cluster).await.unwrap(), std::slice::from_ref(&second));
        let joined = Slot::on(user_id).join(Slot::BOOKINGS).order_by(Slot::YEAR).all(&fixture.cluster).await.unwrap();
        assert_eq!(joined, [(slots[0].clone(), second), (slots[2].clone(), booking)]);
        let left = Booking::on(user_id).left_join(Booking::SLOT).filter(Slot::YEAR.gt(0)).count(&fixture.cluster);
        assert_eq!(left.await.unwrap(), 2);
    }

    async fn relations_skip_soft_deleted_rows(fixture: &Fixture) {
        let user_id = fixture.key();
        let folder = || Folder { id: fixture.id(), user_id, deleted_at: None };
        let (open, gone) = (folder(), folder());
        Folder::insert_many(&fixture.cluster, vec![open.clone(), gone.clone()]).await.unwrap();
        let file = |folder: &Folder| File { id: fixture.id(), user_id, folder_id: folder.id, deleted_at: None };
        let (kept, removed, lost) = (file(&open), file(&open), file(&gone));
        File::insert_many(&fixture.cluster, vec![kept.clone(), removed.clone(), lost.clone()]).await.unwrap();
        removed.delete(&fixture.cluster).await.unwrap();
        gone.delete(&fixture.cluster).await.unwrap();
        let cluster = &fixture.cluster;

        assert_eq!(open.related(Folder::FILES).all(cluster).await.unwrap(), std::slice::from_ref(&kept));
        let files = Folder::FILES.load(cluster, std::slice::from_ref(&open)).await.unwrap();
        assert_eq!(files, [vec![kept.clone()]]);
        let files = Folder::FILES.with_deleted().load(cluster, std::slice::from_ref(&open)).await.unwrap();
        assert_eq!(files[0].len(), 2);
        let all = [kept.clone(), lost.clone()];
        assert_eq!(File::FOLDER.load(cluster, &all).await.unwrap(), [Some(open.clone()), None]);

        // In a join both sides count; on the right of a left join, within what is joined.
        let joined = Folder::on(user_id).join(Folder::FILES).all(cluster).await.unwrap();
        assert_eq!(joined, [(open.clone(), kept.clone())]);
        let back = File::on(user_id).left_join(File::FOLDER).order_by(File::ID).all(cluster).await.unwrap();
        assert_eq!(back, [(kept, Some(open)), (lost, None)]);
        let with_deleted = Folder::on(user_id).with_deleted().join(Folder::FILES.with_deleted());
        assert_eq!(with_deleted.count(cluster).await.unwrap(), 3);
        assert_eq!(Folder::on(user_id).only_deleted().join(Folder::FILES).count(cluster).await.unwrap(), 1);
    }
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "shops")]
#[shard(has_many(sales = "Sale", by = "shop_id"))]
struct Shop {
    #[shard(primary_key)]
    id: i64,
    #[shard(region, length = 8)]
    region: String,
    #[shard(key)]
    user_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "sales")]
#[shard(belongs_to(shop = "Shop", by = "shop_id"))]
struct Sale {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    shop_id: i64,
    #[shard(region, length = 8)]
    region: String,
}

/// Both regions are in one logical shard.
fn regions() -> StrategyConfig {
    StrategyConfig::Region {
        regions: [("eu", 0), ("us", 1)]
            .map(|(name, shard)| (name.into(), std::iter::once(shard..shard + 1).collect()))
            .into(),
        default: Some("eu".into()),
    }
}

behaviours! { (Shop, Sale), 2 shards on 1 servers, |options| options.strategy(regions());
    async fn relations_include_the_region(fixture: &Fixture) {
        let (id, user_id) = (fixture.id(), fixture.key());
        let shop = |region: &str| Shop { id, region: region.into(), user_id };
        // A region that is not configured lives with that of the default.
        let shops = [shop("eu"), shop("us"), shop("moon")];
        let sale = |region: &str| Sale { id: fixture.id(), user_id, shop_id: id, region: region.into() };
        let sales = [sale("eu"), sale("us"), sale("eu")];
        // The primary key is the id alone, so the third shop is not stored.
        Shop::insert_many(&fixture.cluster, shops[..2].to_vec()).await.unwrap();
        Sale::insert_many(&fixture.cluster, sales.to_vec()).await.unwrap();
        let found = Shop::SALES.load(&fixture.cluster, &shops).await.unwrap();
        assert_eq!(found, [vec![sales[0].clone(), sales[2].clone()], vec![sales[1].clone()], vec![]]);
        assert_eq!(Shop::on(("eu", user_id)).join(Shop::SALES).count(&fixture.cluster).await.unwrap(), 2);
        let parents = Sale::SHOP.load(&fixture.cluster, &sales).await.unwrap();
        assert_eq!(parents, [Some(shops[0].clone()), Some(shops[1].clone()), Some(shops[0].clone())]);
        let mut moved = sales[0].clone();
        assert_eq!(kind(moved.link(Sale::SHOP, &shops[1])), ErrorKind::CrossShard);
    }
    async fn loads_take_a_thousand_keys_with_a_region(fixture: &Fixture) {
        let shops: Vec<Shop> = (0..1_000)
            .map(|_| Shop { id: fixture.id(), region: "eu".into(), user_id: fixture.key() })
            .collect();
        Shop::insert_many(&fixture.cluster, shops.clone()).await.unwrap();
        let keys = shops.iter().map(|shop| (shop.region.clone(), shop.user_id));
        assert_eq!(Shop::on_each(keys).count(&fixture.cluster).await.unwrap(), 1_000);
        let sales = Shop::SALES.load(&fixture.cluster, &shops).await.unwrap();
        assert_eq!(sales.len(), 1_000);
    }
}
