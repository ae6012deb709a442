//! Columns that the table lacks: an error of every statement, on every database.

use shard_orm::Filter;
use shard_orm::aggregate::count;
use shard_orm::prelude::*;
use shard_orm::sea_query::{Alias, Expr, ExprTrait};
use shard_orm_tests::behaviours;
use shard_orm_tests::fixture::{Fixture, GROUP};

use crate::kind;

/// The table as it is.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "parcels")]
struct Parcel {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    weight: i32,
}

/// The same table, as a later version of the program has it.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "parcels")]
#[shard(unique(user_id, label))]
struct Later {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    user_id: i64,
    weight: i32,
    #[shard(length = 20)]
    label: String,
    note: Option<String>,
}

/// The columns that are in the table alone.
#[derive(Debug, PartialEq, ShardProjection)]
#[shard(model = Later)]
struct Short {
    id: i64,
    weight: i32,
}

fn later(fixture: &Fixture, user_id: i64) -> Later {
    Later {
        id: fixture.id(),
        user_id,
        weight: 1,
        label: "label".to_owned(),
        note: None,
    }
}

/// Asserts that each of these is refused for a column that is not there.
macro_rules! assert_undefined {
    ($fixture:expr, $key:expr, $rows:expr; $($call:expr),* $(,)?) => {$(
        assert_eq!(kind($call.await), ErrorKind::UndefinedTable, "{}", stringify!($call));
        let rows = Parcel::on($key).all(&$fixture.cluster).await.unwrap();
        assert_eq!(rows, $rows, "{}", stringify!($call));
    )*};
}

behaviours! { (Parcel);
    async fn every_read_reports_a_missing_column(fixture: &Fixture) {
        let key = fixture.key();
        let rows = vec![Parcel { id: fixture.id(), user_id: key, weight: 7 }.insert(&fixture.cluster).await.unwrap()];
        let (on, id) = (&fixture.cluster, rows[0].id);
        let all = || Later::on(key).select_as::<Short>();
        assert_eq!(all().all(on).await.unwrap(), [Short { id, weight: 7 }]);
        assert_undefined!(fixture, key, rows;
            Later::get(on, key, id),
            Later::find(on, key, id),
            Later::on(key).all(on),
            Later::on(key).first(on),
            Later::on(key).select(Later::NOTE).all(on),
            Later::scatter().select((Later::ID, Later::NOTE)).all(on),
            all().filter(Later::NOTE.is_not_null()).all(on),
            all().filter(Later::LABEL.eq("label")).all(on),
            all().filter(Later::LABEL.ne("x")).all(on),
            all().filter(Later::LABEL.like("%")).all(on),
            all().filter(Later::LABEL.is_in(["label"])).all(on),
            all().filter(!Later::NOTE.is_null() | Later::WEIGHT.lt(0)).all(on),
            all().filter(Filter::expr(Expr::col(Alias::new("note")).is_not_null())).all(on),
            Later::on(key).filter(Later::NOTE.is_not_null()).count(on),
            Later::on(key).filter(Later::NOTE.is_not_null()).exists(on),
            Later::scatter().filter(Later::NOTE.is_not_null()).count(on),
            all().order_by(Later::NOTE.asc()).all(on),
            all().order_by(Later::NOTE.desc().nulls_last()).limit(1).all(on),
            Later::on(key).aggregate(Later::NOTE.count()).one(on),
            Later::on(key).aggregate(Later::LABEL.count_distinct()).one(on),
            Later::on(key).aggregate((Later::WEIGHT.sum(), Later::LABEL.max())).one(on),
            Later::on(key).group_by(Later::NOTE).select((Later::NOTE, count())).all(on),
            Later::on(key).page(on, 10, None),
        );
    }

    async fn every_write_reports_a_missing_column(fixture: &Fixture) {
        let key = fixture.key();
        let rows = vec![Parcel { id: fixture.id(), user_id: key, weight: 7 }.insert(&fixture.cluster).await.unwrap()];
        let on = &fixture.cluster;
        let by = (Later::USER_ID, Later::LABEL);
        let same = Later { id: rows[0].id, ..later(fixture, key) };
        let note = || Later::on(key).filter(Later::NOTE.is_not_null());
        assert_undefined!(fixture, key, rows;
            note().delete(on),
            note().set(Later::WEIGHT, 0).update(on),
            note().increment(Later::WEIGHT, 1).update(on),
            Later::on(key).set(Later::NOTE, "x").update(on),
            Later::on(key).set(Later::LABEL, Later::LABEL).update(on),
            Later::on(key).set_expr(Later::WEIGHT, Expr::col(Alias::new("note")).is_not_null()).update(on),
            Later::scatter().filter(Later::NOTE.is_not_null()).delete_everywhere(on),
            later(fixture, key).insert(on),
            Later::insert_many(on, vec![later(fixture, key), later(fixture, key)]),
            same.update(on),
            same.update_only(on, Later::NOTE),
            same.save(on),
            same.upsert(on, Later::ID),
            later(fixture, key).upsert(on, by),
            later(fixture, key).get_or_create(on, by),
            later(fixture, key).update_or_create(on, by),
        );
        let tx = on.begin(Later::shard(key)).await.unwrap();
        assert_eq!(kind(Later::on(key).filter(Later::NOTE.is_not_null()).delete(&tx).await), ErrorKind::UndefinedTable);
        drop(tx);
        assert_eq!(Parcel::on(key).all(on).await.unwrap(), rows);
    }

    async fn double_quoted_names_are_not_text_in_raw_sql(fixture: &Fixture) {
        let key = fixture.key();
        let row = Parcel { id: fixture.id(), user_id: key, weight: 7 }.insert(&fixture.cluster).await.unwrap();
        let on = &fixture.cluster;
        if fixture.dialect == Dialect::MySql {
            // There it is a text, as the language has it.
            let found = Parcel::on_shard_of(key).sql("SELECT DISTINCT \"note\" FROM {parcels}").all::<String>(on).await;
            assert_eq!(found.unwrap(), ["note"]);
            return;
        }
        let sql = |text: &'static str| Parcel::on_shard_of(key).sql(text);
        let known: Vec<i32> = sql("SELECT \"weight\" FROM {parcels} WHERE \"weight\" = 7 AND '\"note\"' <> ''").all(on).await.unwrap();
        assert!(known.contains(&row.weight));
        let wrapped = if fixture.dialect == Dialect::Postgres { "$1 IS NOT NULL" } else { "? IS NOT NULL" };
        let unknown = [
            sql("SELECT \"note\" FROM {parcels}").all::<String>(on).await.map(drop),
            sql("DELETE FROM {parcels} WHERE \"note\" = 'note'").execute(on).await.map(drop),
            on.broadcast(GROUP).sql("DELETE FROM {parcels} WHERE \"note\" IS NOT NULL").execute().await.unwrap().into_result().map(drop),
            on.broadcast(GROUP).sql("CREATE INDEX parcels_note ON {parcels} (\"note\")").execute().await.unwrap().into_result().map(drop),
            Parcel::on(key).filter(Filter::expr(Expr::cust("\"note\" = 'note'"))).delete(on).await.map(drop),
            Parcel::on(key).filter(Filter::expr(Expr::cust_with_exprs(wrapped, [Expr::cust("\"note\"")]))).delete(on).await.map(drop),
        ];
        for outcome in unknown {
            assert_eq!(kind(outcome), ErrorKind::UndefinedTable);
        }
        assert_eq!(row.reload(on).await.unwrap(), row);
    }

    async fn setup_refuses_an_index_on_a_missing_column(fixture: &Fixture) {
        // MySQL and MariaDB have their indexes in the `CREATE TABLE`, which does nothing here.
        if fixture.dialect != Dialect::MySql {
            assert_eq!(kind(fixture.cluster.setup().table::<Later>().run().await), ErrorKind::UndefinedTable);
        }
    }
}
