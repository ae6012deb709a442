//! A first look at shard-orm: three days of flights, sharded by aircraft over two servers.
//!
//! `cargo run -p quickstart` needs no server: it uses SQLite in the folder `data` next to
//! `shard-orm.toml`. Pass the path of another configuration as the argument. Every run produces the
//! same output.

#![expect(clippy::print_stdout, reason = "prints its results")]

mod load;
mod model;

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use shard_orm::Cluster;
use shard_orm::prelude::*;
use shard_orm::route::RoutingKey;
use shard_orm::sync::StaticSync;

use crate::model::{Aircraft, Airline, Airport, Flight, Plane};

type Outcome = Result<(), Box<dyn Error>>;

#[tokio::main]
async fn main() -> ExitCode {
    match run().await {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("quickstart: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run() -> Outcome {
    let here = Path::new(env!("CARGO_MANIFEST_DIR"));
    let file = std::env::args_os()
        .nth(1)
        .map_or_else(|| here.join("shard-orm.toml"), PathBuf::from);

    let cluster = open(&file).await?;
    let flights = load(&cluster, here).await?;
    where_rows_went(&cluster, &flights).await?;
    one_aircraft(&cluster).await?;
    pages(&cluster).await?;
    a_transaction(&cluster).await?;
    a_refused_write(&cluster).await?;
    several_aircraft(&cluster).await?;
    all_aircraft(&cluster).await?;
    planes_and_flights(&cluster).await?;
    joined(&cluster).await?;
    reference_tables(&cluster).await?;
    joined_with_references(&cluster).await?;
    cluster.close().await;
    Ok(())
}

/// Opens the cluster, and creates missing namespaces and tables by the files in `migrations`.
async fn open(file: &Path) -> Result<Cluster, Box<dyn Error>> {
    heading("Open the cluster");
    let cluster = Cluster::open(file).await?;
    let topology = cluster.topology();
    for group in topology.groups() {
        println!(
            "group `{}`: {} logical shards on {} servers, strategy `{}`",
            group.name(),
            group.logical_shards(),
            group.servers().len(),
            group.router().strategy().name(),
        );
    }
    let migrations = shard_orm::migrations!("migrations")?;
    cluster.migrate(&migrations).up().await?;
    // Prepares the synchronization of the reference tables.
    let setup = cluster.setup().table::<Airline>().table::<Airport>();
    setup.run().await?;
    for target in cluster.migrate(&migrations).status().await?.targets {
        for version in &target.versions {
            println!(
                "migration {} of `{}` ({}): in {} of {} namespaces",
                version.version, target.folder, version.name, version.applied, target.namespaces,
            );
        }
    }
    Ok(cluster)
}

/// Loads flights and aircraft data, each row into the logical shard of its aircraft.
async fn load(cluster: &Cluster, folder: &Path) -> Result<Vec<Flight>, Box<dyn Error>> {
    heading("Load the flights");
    let (flights, without_aircraft) = load::flights(&folder.join("flights.csv"))?;
    let aircraft: BTreeSet<Aircraft> = flights.iter().map(|flight| flight.aircraft).collect();

    // Deletes the rows of a previous run. Only the logical shards of these keys are queried.
    Flight::on_each(&aircraft).delete(cluster).await?;
    Plane::on_each(&aircraft).delete(cluster).await?;

    // One transaction per logical shard.
    let flights = Flight::insert_many(cluster, flights).await?;
    println!(
        "insert_many: {} flights of {} aircraft; {without_aircraft} had no aircraft",
        flights.len(),
        aircraft.len(),
    );
    let planes = Plane::insert_many(cluster, load::planes(&folder.join("planes.csv"))?).await?;
    println!("insert_many: data of {} aircraft", planes.len());
    Ok(flights)
}

/// Shows the placement of each logical shard, and counts its rows.
async fn where_rows_went(cluster: &Cluster, flights: &[Flight]) -> Outcome {
    heading("Where the rows went");
    let topology = cluster.topology();
    let group = topology
        .group("flights")
        .ok_or("the configuration has no group `flights`")?;

    // Picks one key of each logical shard.
    let mut keys = BTreeMap::new();
    for flight in flights {
        let shard = group
            .router()
            .route(&RoutingKey::new(flight.aircraft.to_key()?))?;
        keys.entry(shard).or_insert(flight.aircraft);
    }
    println!("server  logical shard  namespace   rows");
    let mut of_server = vec![(0_u32, 0_i64); group.servers().len()];
    for (shard, key) in keys {
        // Raw SQL counts the rows of all keys in the logical shard.
        let rows: i64 = Flight::on_shard_of(key)
            .sql("SELECT COUNT(*) FROM {flights}")
            .one(cluster)
            .await?;
        let placement = group.placement(shard).ok_or("unknown shard")?;
        let server = &group.servers()[placement.server()];
        println!(
            "{:<6}  {shard:>13}  {:<10}  {rows:>4}",
            server.name(),
            placement.namespace().name(),
        );
        let (shards, all_rows) = &mut of_server[placement.server()];
        *shards += 1;
        *all_rows += rows;
    }
    for (server, (shards, rows)) in group.servers().iter().zip(of_server) {
        println!(
            "server `{}`: {shards} logical shards, {rows} rows",
            server.name()
        );
    }
    Ok(())
}

/// Reads and updates rows of one shard key, with single statements on one logical shard.
async fn one_aircraft(cluster: &Cluster) -> Outcome {
    let aircraft: Aircraft = "N730MQ".parse()?;
    heading(&format!("One aircraft: {aircraft}"));

    let flights = Flight::on(aircraft)
        .filter(Flight::ORIGIN.eq("LGA"))
        .order_by(Flight::SCHEDULED_AT)
        .limit(3)
        .all(cluster)
        .await?;
    println!("its first three departures from LaGuardia:");
    for flight in &flights {
        show(flight);
    }

    let id = flights.first().ok_or("no flight from LaGuardia")?.id;
    let mut flight = Flight::get(cluster, aircraft, id).await?;
    flight.departure_delay = Some(90);
    flight.update(cluster).await?;
    println!("the first one after an update:");
    show(&flight.reload(cluster).await?);
    Ok(())
}

/// Reads pages; each starts after the last row of the previous one.
async fn pages(cluster: &Cluster) -> Outcome {
    let aircraft: Aircraft = "N730MQ".parse()?;
    heading("Pages");
    let query = Flight::on(aircraft).order_by(Flight::SCHEDULED_AT.desc());
    let mut cursor = None;
    for number in 1.. {
        let page = query.clone().page(cluster, 4, cursor.as_ref()).await?;
        println!("page {number}: {} flights", page.rows.len());
        cursor = page.next;
        if cursor.is_none() {
            break;
        }
    }
    Ok(())
}

/// Changes several rows of one logical shard atomically.
async fn a_transaction(cluster: &Cluster) -> Outcome {
    let aircraft: Aircraft = "N739MQ".parse()?;
    heading("A transaction");
    // Retried automatically after a serialization failure or deadlock.
    let (cancelled, delayed) = cluster
        .transaction(Flight::shard(aircraft), |tx| async move {
            let first = Flight::on(aircraft)
                .order_by(Flight::SCHEDULED_AT)
                .one(&tx)
                .await?;
            first.delete(&tx).await?;
            let delayed = Flight::on(aircraft)
                .increment(Flight::DEPARTURE_DELAY, 10)
                .update(&tx)
                .await?;
            Ok::<_, shard_orm::Error>((first.number, delayed))
        })
        .await?;
    println!("{aircraft}: flight {cancelled} deleted, {delayed} others ten minutes later");
    Ok(())
}

/// A transaction covers one logical shard: a row of another one is rejected before anything is
/// sent.
async fn a_refused_write(cluster: &Cluster) -> Outcome {
    heading("A write that would leave its logical shard");
    let tx = cluster
        .begin(Flight::shard("N739MQ".parse::<Aircraft>()?))
        .await?;
    let elsewhere: Aircraft = "N730MQ".parse()?;
    match Flight::on(elsewhere).delete(&tx).await {
        Ok(rows) => {
            return Err(format!(
                "the write was not rejected, and deleted {rows} \
                                        rows"
            )
            .into());
        }
        Err(error) if error.kind() == ErrorKind::CrossShard => println!("{error}"),
        Err(error) => return Err(error.into()),
    }
    tx.rollback().await?;
    Ok(())
}

/// Queries several shard keys; their logical shards are queried concurrently.
async fn several_aircraft(cluster: &Cluster) -> Outcome {
    heading("Three aircraft");
    let aircraft: [Aircraft; 3] = ["N509MQ".parse()?, "N279JB".parse()?, "N17108".parse()?];
    let mut flown = Flight::on_each(aircraft)
        .select((Flight::AIRCRAFT, Flight::DISTANCE))
        .all(cluster)
        .await?;
    // Without an order, rows of several logical shards come in an unspecified order.
    flown.sort_unstable();
    for aircraft in aircraft {
        let legs = flown.iter().filter(|(of, _)| *of == aircraft);
        let miles: i32 = legs.clone().map(|(_, miles)| miles).sum();
        println!("{aircraft}: {} flights, {miles} miles", legs.count());
    }
    Ok(())
}

/// Queries all logical shards. Each returns its first rows, and the client merges them.
async fn all_aircraft(cluster: &Cluster) -> Outcome {
    heading("All aircraft");
    let latest = Flight::scatter()
        .order_by(Flight::DEPARTURE_DELAY.desc().nulls_last())
        .limit(3);
    // Returns the statements and their servers without sending anything.
    let explained = latest.clone().explain(cluster)?;
    println!(
        "{} statements, one per SQLite file; the first:",
        explained.statements.len()
    );
    if let Some(first) = explained.statements.first() {
        println!("{first}");
    }
    println!("{}", explained.merge);
    for flight in latest.all(cluster).await? {
        show(&flight);
    }
    Ok(())
}

/// Loads rows with their related rows: two statements per logical shard, regardless of the number
/// of rows. One of the three aircraft has no row.
async fn planes_and_flights(cluster: &Cluster) -> Outcome {
    heading("Aircraft with their flights");
    let aircraft: [Aircraft; 3] = ["N509MQ".parse()?, "N279JB".parse()?, "N17108".parse()?];
    let mut planes: Vec<(Plane, Vec<Flight>)> = Plane::on_each(aircraft)
        .with(Plane::FLIGHTS.order_by(Flight::SCHEDULED_AT))
        .all(cluster)
        .await?;
    planes.sort_unstable_by_key(|(plane, _)| plane.aircraft);
    for (plane, flights) in planes {
        let built = plane
            .year
            .map_or_else(|| "?".to_owned(), |year| year.to_string());
        println!(
            "{}: {} {} of {built}, {} flights",
            plane.aircraft,
            plane.manufacturer,
            plane.model,
            flights.len(),
        );
        if let Some(first) = flights.first() {
            show(first);
        }
    }
    Ok(())
}

/// Joins two models on the server and selects columns of both.
async fn joined(cluster: &Cluster) -> Outcome {
    heading("A join");
    let aircraft: Aircraft = "N17108".parse()?;
    let legs: Vec<(String, i32, i32)> = Flight::on(aircraft)
        .join(Flight::PLANE)
        .filter(Flight::DISTANCE.gt(500))
        .filter(Plane::SEATS.ge(50))
        .order_by(Flight::DISTANCE.desc())
        .order_by(Flight::ID)
        .select((Flight::DESTINATION, Flight::DISTANCE, Plane::SEATS))
        .limit(3)
        .all(cluster)
        .await?;
    println!("{aircraft}, its longest legs:");
    for (destination, miles, seats) in legs {
        println!("  {destination}  {miles:>4} miles with {seats} seats");
    }
    // A left join keeps flights of unknown aircraft.
    let unknown = Flight::on("N730MQ".parse::<Aircraft>()?)
        .left_join(Flight::PLANE)
        .filter(Flight::ORIGIN.eq("LGA"))
        .select((Flight::NUMBER, Plane::MODEL))
        .first(cluster)
        .await?;
    match unknown {
        Some((number, None)) => println!("flight {number} was flown by an unknown aircraft"),
        other => return Err(format!("a flight without a plane was expected: {other:?}").into()),
    }
    Ok(())
}

/// Writes reference tables to one database and copies them to each server.
async fn reference_tables(cluster: &Cluster) -> Outcome {
    heading("Reference tables");
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"));
    for airline in load::airlines(&folder.join("airlines.csv"))? {
        airline.save(cluster).await?;
    }
    for airport in load::airports(&folder.join("airports.csv"))? {
        airport.save(cluster).await?;
    }
    let airlines = Airline::query()
        .filter(Airline::NAME.contains("America"))
        .order_by(Airline::NAME)
        .all(cluster)
        .await?;
    for airline in airlines {
        println!("{}  {}", airline.carrier, airline.name);
    }

    // Runs once. Long-running programs use `StaticSync::supervise`.
    cluster.register_static::<Airline>();
    cluster.register_static::<Airport>();
    StaticSync::all(cluster).run().await?.complete()?;
    for verified in StaticSync::all(cluster).verify().await? {
        match verified.result? {
            found if found.is_equal() => println!("{}: equal to its source", verified.copy),
            found => return Err(format!("{}: {found}", verified.copy).into()),
        }
    }
    Ok(())
}

/// Joins flights with reference tables, on the server of the flights.
async fn joined_with_references(cluster: &Cluster) -> Outcome {
    heading("A join with reference tables");
    let latest: Vec<(i32, String, Option<String>, Option<i32>)> = Flight::scatter()
        .join(Flight::AIRLINE)
        .left_join(Flight::TO)
        .order_by(Flight::DEPARTURE_DELAY.desc().nulls_last())
        .order_by(Flight::ID)
        .select((
            Flight::NUMBER,
            Airline::NAME,
            Airport::NAME,
            Flight::DEPARTURE_DELAY,
        ))
        .limit(3)
        .all(cluster)
        .await?;
    for (number, airline, airport, delay) in latest {
        println!(
            "{airline} {number} to {}: {} min late",
            airport.as_deref().unwrap_or("an unknown airport"),
            delay.unwrap_or_default()
        );
    }
    Ok(())
}

fn heading(text: &str) {
    println!("\n== {text}");
}

fn show(flight: &Flight) {
    let delay = flight.departure_delay.map_or_else(
        || "did not leave".to_owned(),
        |delay| format!("{delay:+} min"),
    );
    println!(
        "  {}  {}{:<4}  {} -> {}  {delay}",
        flight.scheduled_at.format("%Y-%m-%d %H:%M UTC"),
        flight.carrier,
        flight.number,
        flight.origin,
        flight.destination,
    );
}
