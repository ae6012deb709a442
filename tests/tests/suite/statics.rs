//! Static tables: copies on each server, read beside the rows of its logical shards and joined with
//! them.

mod copies;
mod created;
mod joins;
mod per_server;

use shard_orm::Address;
use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;

/// Written at the source, the fixture's named database.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = ["shop"], table = "airlines", criterion = "revision")]
#[static_model(index(name))]
struct Airline {
    #[static_model(primary_key, length = 20, collation = "binary")]
    code: String,
    #[static_model(length = 40, collation = "binary")]
    name: String,
    #[static_model(default = 1)]
    revision: i64,
}

/// The copies of [`Airline`], as what keeps them up writes them.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "airlines", transmit = false)]
#[static_model(index(name))]
struct AirlineCopy {
    #[static_model(primary_key, length = 20, collation = "binary")]
    code: String,
    #[static_model(length = 40, collation = "binary")]
    name: String,
    revision: i64,
}

/// Without a source.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(groups = all, table = "limits", transmit = false)]
#[static_model(unique(label))]
struct Limit {
    #[static_model(primary_key)]
    id: i64,
    #[static_model(length = 40)]
    label: String,
    most: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "flights")]
#[shard(refers_to(airline = "Airline", by = "carrier"))]
#[shard(refers_to(country = "Country", by = "country_id"))]
#[shard(has_many(seats = "Seat", by = "flight_id"))]
struct Flight {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    pilot: i64,
    #[shard(length = 20)]
    carrier: Option<String>,
    country_id: Option<i64>,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "shop", table = "seats")]
struct Seat {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    pilot: i64,
    flight_id: i64,
}

#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(database = "default", table = "countries")]
struct Country {
    #[shard(primary_key)]
    id: i64,
    name: String,
}

fn airline(code: &str, name: &str) -> Airline {
    Airline {
        code: code.to_owned(),
        name: name.to_owned(),
        revision: 1,
    }
}

/// Codes that no other test has, in alphabetical order.
fn codes(fixture: &Fixture, count: usize) -> Vec<String> {
    let ids = fixture.ids(count).into_iter();
    ids.map(|id| format!("{id:012}")).collect()
}

/// A shard key on each server.
fn key_of_each_server(fixture: &Fixture) -> Vec<i64> {
    let mut servers = Vec::new();
    let mut keys = fixture.key_of_each_shard();
    keys.retain(|key| {
        let server = fixture.cluster.locate(&Flight::shard(*key)).unwrap().server;
        let is_new = !servers.contains(&server);
        servers.push(server);
        is_new
    });
    keys
}

/// Writes a row into the copy of each server.
async fn copy_to_all(fixture: &Fixture, row: &Airline) {
    for key in key_of_each_server(fixture) {
        copy_to(&fixture.cluster, Flight::shard(key), row).await;
    }
}

/// Writes a row into the copy of one server.
async fn copy_to(cluster: &Cluster, at: Address, row: &Airline) {
    let Airline {
        code,
        name,
        revision,
    } = row.clone();
    let copy = AirlineCopy {
        code,
        name,
        revision,
    };
    copy.save(cluster, at).await.unwrap();
}

fn flight(fixture: &Fixture, pilot: i64, carrier: Option<&str>) -> Flight {
    Flight {
        id: fixture.id(),
        pilot,
        carrier: carrier.map(str::to_owned),
        country_id: None,
    }
}
