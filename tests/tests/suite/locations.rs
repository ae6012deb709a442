//! Isolated models, models of a named database, and models with an unknown location.

use shard_orm::prelude::*;
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::Fixture;

use crate::kind;

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "orders")]
struct Order {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", isolated, table = "jobs")]
#[shard(unique(name))]
struct Job {
    #[shard(primary_key)]
    id: i64,
    name: String,
    done: bool,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "settings")]
struct Setting {
    #[shard(primary_key)]
    name: String,
    value: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "nowhere", table = "lost")]
struct Lost {
    #[shard(primary_key, key)]
    id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "nothing", table = "lost")]
struct Missing {
    #[shard(primary_key)]
    id: i64,
}

/// In the group, but without a table.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "never_made")]
struct NeverMade {
    #[shard(primary_key, key)]
    id: i64,
}

fn job(fixture: &Fixture) -> Job {
    let id = fixture.id();
    Job {
        id,
        name: format!("job {id}"),
        done: false,
    }
}

behaviours! { (Order, Job, Setting);
    async fn isolated_rows_are_stored_in_the_named_shard(fixture: &Fixture) {
        let on = &fixture.cluster;
        let row = job(fixture);
        for shard in 0..fixture.logical_shards {
            row.clone().insert(on, shard).await.unwrap();
        }
        let last = fixture.logical_shards - 1;
        let mut changed = Job { done: true, ..row.clone() };
        changed.update(on, last).await.unwrap();
        for shard in 0..last {
            assert_eq!(Job::get(on, shard, row.id).await.unwrap(), row);
        }
        assert_eq!(Job::get(on, last, row.id).await.unwrap(), changed);
        changed.name = format!("renamed {}", row.id);
        changed.update_only(on, last, Job::NAME).await.unwrap();
        assert_eq!(row.reload(on, last).await.unwrap(), changed);
        Job { done: false, ..changed.clone() }.save(on, last).await.unwrap();
        let query = || Job::on(last).filter(Job::ID.eq(row.id));
        assert!(!query().one(on).await.unwrap().done);
        assert_eq!(query().set(Job::DONE, true).update(on).await.unwrap(), 1);
        let (found, created) = changed.clone().get_or_create(on, last, Job::NAME).await.unwrap();
        assert_eq!((found, created), (changed.clone(), false));
        changed.upsert(on, last, Job::NAME).await.unwrap();
        changed.delete(on, last).await.unwrap();
        assert_eq!(Job::find(on, last, row.id).await.unwrap(), None);
        assert_eq!(query().count(on).await.unwrap(), 0);
        if last > 0 {
            assert!(Job::on(0).filter(Job::ID.eq(row.id)).exists(on).await.unwrap());
        }
    }

    async fn insert_many_writes_isolated_rows_to_one_shard(fixture: &Fixture) {
        let rows: Vec<Job> = (0..25).map(|_| job(fixture)).collect();
        Job::insert_many(&fixture.cluster, 0, rows.clone()).await.unwrap();
        let query = Job::on(0).filter(Job::ID.between(rows[0].id, rows[24].id)).filter(Job::ID.is_in(rows.iter().map(|row| row.id)));
        let page = query.clone().page(&fixture.cluster, 10, None).await.unwrap();
        assert_eq!(page.rows, rows[..10]);
        assert_eq!(query.order_by(Job::ID.desc()).limit(1).one(&fixture.cluster).await.unwrap(), rows[24]);
    }

    async fn an_unknown_shard_is_refused(fixture: &Fixture) {
        let on = &fixture.cluster;
        for shard in [fixture.logical_shards, u32::MAX] {
            assert_eq!(kind(job(fixture).insert(on, shard).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(Job::on(shard).all(on).await), ErrorKind::NoShardForKey);
            assert_eq!(kind(on.begin(Job::shard(shard)).await), ErrorKind::NoShardForKey);
        }
    }

    async fn isolated_and_sharded_rows_share_a_transaction(fixture: &Fixture) {
        let key = fixture.key();
        let shard = fixture.shard_of(key);
        let tx = fixture.cluster.begin(Job::shard(shard)).await.unwrap();
        let row = job(fixture).insert(&tx, shard).await.unwrap();
        let order = Order { id: fixture.id(), user_id: key }.insert(&tx).await.unwrap();
        if fixture.logical_shards > 1 {
            let other = (shard + 1) % fixture.logical_shards;
            assert_eq!(kind(job(fixture).insert(&tx, other).await), ErrorKind::CrossShard);
        }
        assert_eq!(kind(Setting::query().all(&tx).await), ErrorKind::CrossShard);
        tx.commit().await.unwrap();
        assert_eq!(row.reload(&fixture.cluster, shard).await.unwrap(), row);
        assert_eq!(order.reload(&fixture.cluster).await.unwrap(), order);
    }

    async fn a_named_database_has_the_verbs_of_a_sharded_model(fixture: &Fixture) {
        let on = &fixture.cluster;
        let name = format!("setting {}", fixture.id());
        let row = Setting { name: name.clone(), value: 1 }.insert(on).await.unwrap();
        assert_eq!(Setting::get(on, name.clone()).await.unwrap(), row);
        assert_eq!(kind(row.clone().insert(on).await), ErrorKind::Unique);
        Setting { value: 2, ..row.clone() }.update(on).await.unwrap();
        Setting { value: 3, ..row.clone() }.save(on).await.unwrap();
        row.upsert(on, Setting::NAME).await.unwrap();
        let query = || Setting::query().filter(Setting::NAME.eq(&name));
        assert_eq!(query().increment(Setting::VALUE, 4).update(on).await.unwrap(), 1);
        assert_eq!(row.reload(on).await.unwrap().value, 5);
        assert_eq!(query().select(Setting::VALUE).all(on).await.unwrap(), [5]);
        let (_, created) = row.clone().update_or_create(on, Setting::NAME).await.unwrap();
        assert!(!created);
        let many: Vec<Setting> = (0..12).map(|n| Setting { name: format!("{name} {n:02}"), value: n }).collect();
        Setting::insert_many(on, many.clone()).await.unwrap();
        let all = Setting::query().filter(Setting::NAME.starts_with(&format!("{name} "))).order_by(Setting::NAME);
        assert_eq!(all.clone().all(on).await.unwrap(), many);
        assert_eq!(all.page(on, 5, None).await.unwrap().rows, many[..5]);
        row.delete(on).await.unwrap();
        assert_eq!(Setting::find(on, name).await.unwrap(), None);
    }

    async fn a_named_database_has_transactions(fixture: &Fixture) {
        let row = Setting { name: format!("setting {}", fixture.id()), value: 1 };
        let tx = fixture.cluster.begin(Setting::database()).await.unwrap();
        row.clone().insert(&tx).await.unwrap();
        assert_eq!(kind(Order::on(fixture.key()).all(&tx).await), ErrorKind::CrossShard);
        tx.rollback().await.unwrap();
        assert_eq!(Setting::find(&fixture.cluster, row.name.clone()).await.unwrap(), None);
        let tx = fixture.cluster.begin(Setting::database()).await.unwrap();
        row.clone().insert(&tx).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(row.reload(&fixture.cluster).await.unwrap(), row);
    }

    async fn a_text_id_is_given_as_a_text(fixture: &Fixture) {
        let name = format!("setting {}", fixture.id());
        let setting = Setting { name: name.clone(), value: 7 }.insert(&fixture.cluster).await.unwrap();
        assert_eq!(Setting::get(&fixture.cluster, name.as_str()).await.unwrap(), setting);
        assert_eq!(Setting::get(&fixture.cluster, &name).await.unwrap(), setting);
        assert_eq!(Setting::find(&fixture.cluster, "no such setting").await.unwrap(), None);
    }

    async fn on_shard_finds_all_rows_of_a_shard(fixture: &Fixture) {
        let key = fixture.key();
        let shard = fixture.shard_of(key);
        for user_id in fixture.neighbours(key, 2) {
            Order { id: fixture.id(), user_id }.insert(&fixture.cluster).await.unwrap();
        }
        let rows = Order::on_shard(shard).all(&fixture.cluster).await.unwrap();
        assert!(rows.len() >= 2, "{rows:?}");
        assert!(rows.iter().all(|row| fixture.shard_of(row.user_id) == shard));
        let beyond = Order::on_shard(fixture.logical_shards).all(&fixture.cluster).await;
        assert_eq!(kind(beyond), ErrorKind::NoShardForKey);
    }

    async fn locate_names_the_placement(fixture: &Fixture) {
        let key = fixture.key();
        let location = fixture.cluster.locate(&Order::shard(key)).unwrap();
        assert_eq!((location.group.as_str(), location.shard), ("shop", Some(fixture.shard_of(key))));
        assert_eq!(fixture.cluster.locate(&Job::shard(fixture.shard_of(key))).unwrap(), location);
        assert_eq!(fixture.cluster.locate(&Setting::database()).unwrap().shard, None);
        assert_eq!(fixture.cluster.locate(&Lost::shard(1)).unwrap_err().kind(), ErrorKind::Configuration);
    }

    async fn an_unknown_group_or_database_is_named_with_the_known_ones(fixture: &Fixture) {
        let error = Lost { id: 1 }.insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`nowhere`") && error.to_string().contains("`shop`"), "{error}");
        let error = Missing { id: 1 }.insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::Configuration);
        assert!(error.to_string().contains("`nothing`") && error.to_string().contains("`default`"), "{error}");
        let setup = fixture.cluster.setup().table::<Lost>().run().await;
        assert_eq!(kind(setup), ErrorKind::Configuration);
    }

    async fn a_missing_table_is_named(fixture: &Fixture) {
        let row = NeverMade { id: fixture.key() };
        let error = row.clone().insert(&fixture.cluster).await.unwrap_err();
        assert_eq!(error.kind(), ErrorKind::UndefinedTable);
        assert!(error.to_string().contains("never_made"), "{error}");
        assert_eq!(kind(NeverMade::on(row.id).all(&fixture.cluster).await), ErrorKind::UndefinedTable);
        assert_eq!(kind(NeverMade::insert_many(&fixture.cluster, vec![row; 2]).await), ErrorKind::UndefinedTable);
    }
}
