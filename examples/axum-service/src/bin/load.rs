//! Puts load on the service: so many clients for some seconds.
//!
//! ```text
//! load [ADDRESS] [SECONDS] [CLIENTS]
//! ```

#[path = "load/client.rs"]
mod client;

use std::error::Error;
use std::io::Write as _;
use std::time::{Duration, Instant};

use client::Client;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let address = arguments.next().unwrap_or_else(|| "127.0.0.1:8080".into());
    let seconds = arguments.next().map_or(Ok(10), |text| text.parse())?;
    let clients: u64 = arguments.next().map_or(Ok(8), |text| text.parse())?;
    let until = Instant::now() + Duration::from_secs(seconds);
    let tasks: Vec<_> = (0..clients)
        .map(|number| tokio::spawn(run(address.clone(), number, until)))
        .collect();
    let (mut requests, mut failed) = (0, 0);
    let mut longest = Duration::ZERO;
    for task in tasks {
        let done = task.await??;
        requests += done.requests;
        failed += done.failed;
        longest = longest.max(done.longest);
    }
    let rate = requests / seconds.max(1);
    writeln!(
        std::io::stdout(),
        "{requests} requests, {rate} a second, {failed} failed, the longest took {longest:?}"
    )?;
    Ok(())
}

/// What a client did.
#[derive(Debug, Default)]
struct Done {
    requests: u64,
    failed: u64,
    longest: Duration,
}

/// Six reads of a user's orders for three new ones, and one question to all logical shards.
async fn run(address: String, number: u64, until: Instant) -> std::io::Result<Done> {
    let mut client = Client::connect(&address).await?;
    let mut done = Done::default();
    while Instant::now() < until {
        let turn = done.requests;
        let user = (number * 7_919 + turn) % 1_000;
        let path = format!("/users/{user}/orders");
        let begun = Instant::now();
        let response = match turn % 10 {
            0..3 => {
                let quantity = turn % 100 + 1;
                let body = format!(r#"{{"item": "tea", "quantity": {quantity}}}"#);
                client.post(&path, &body).await?
            }
            3 => client.get("/top").await?,
            _ => client.get(&path).await?,
        };
        done.longest = done.longest.max(begun.elapsed());
        done.requests += 1;
        done.failed += u64::from(response.status >= 400);
    }
    Ok(done)
}
