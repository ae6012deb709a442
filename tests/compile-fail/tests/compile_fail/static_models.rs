//! A copy is not written to, and what a row refers to is where the row is.

use shard_orm::prelude::*;

#[derive(StaticModel)]
#[static_model(groups = ["shop"], table = "airlines")]
struct Airline {
    #[static_model(primary_key, length = 3)]
    code: String,
    name: String,
}

#[derive(StaticModel)]
#[static_model(groups = all, table = "limits", transmit = false)]
struct Limit {
    #[static_model(primary_key)]
    id: i64,
}

#[derive(StaticModel)]
#[static_model(groups = ["sky", "sea"], table = "ships")]
struct Ship {
    #[static_model(primary_key)]
    id: i64,
}

type Moment = Option<i64>;

#[derive(StaticModel)]
#[static_model(groups = all, table = "hidden", criterion = "moment")]
struct Hidden {
    #[static_model(primary_key)]
    id: i64,
    moment: Moment,
}

#[derive(ShardModel)]
#[shard(group = "shop", table = "flights")]
#[shard(refers_to(airline = "Airline", by = "carrier"))]
#[shard(refers_to(ship = "Ship", by = "ship_id"))]
struct Flight {
    #[shard(primary_key)]
    id: i64,
    #[shard(key)]
    pilot: i64,
    carrier: String,
    ship_id: i64,
}

async fn copies(cluster: &Cluster) -> shard_orm::Result<()> {
    Airline::copy(Flight::shard(42)).delete(cluster).await?;
    Airline::copy(Flight::shard(42)).set(Airline::NAME, "x").update(cluster).await?;
    Flight::copy(Flight::shard(42)).all(cluster).await?;
    Ok(())
}

async fn servers(cluster: &Cluster, limit: Limit) -> shard_orm::Result<()> {
    shard_orm::TransmittedModel::delete(&limit, cluster).await?;
    Airline::server(Flight::shard(42));
    limit.insert(cluster).await?;
    Ok(())
}

async fn separately(cluster: &Cluster, flights: Vec<Flight>) -> shard_orm::Result<()> {
    Flight::AIRLINE.fetch_separately(cluster, &flights).await?;
    Ok(())
}

fn main() {}
