//! `route`: the logical shard, server and namespace of keys.

use std::io::{self, BufRead as _};

use shard_orm::admin::{Key, RoutedKey, route};

use crate::Result;
use crate::exit::Exit;
use crate::output;
use crate::session::Session;

/// Show the logical shard, server and namespace of keys.
///
/// It connects to no server.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm route --group shop 42 43
    shard-orm route --group shop eu/42
    psql -Atc 'SELECT id FROM users' | shard-orm route --group shop --json")]
pub struct Args {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long)]
    group: Option<String>,
    /// The keys: whole numbers, or a region and a number, as in eu/42. Without one, they are read
    /// from standard input, one on each line.
    #[arg(value_name = "KEY", allow_negative_numbers = true)]
    keys: Vec<String>,
}

/// The location of a key, or why it has none.
#[derive(Debug)]
pub struct Routed {
    /// The key as it was given.
    pub key: String,
    /// Its location.
    pub result: shard_orm::Result<RoutedKey>,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let group = session.group(&cluster, args.group.as_deref())?;
    let routed = |key: String| {
        let parsed = key.parse::<Key>();
        let result = parsed.and_then(|parsed| route(&cluster, &group, &parsed));
        Routed { key, result }
    };
    let mut all: Vec<Routed> = args.keys.iter().cloned().map(routed).collect();
    if all.is_empty() {
        for line in io::stdin().lock().lines() {
            let line = line?;
            if !line.trim().is_empty() {
                all.push(routed(line.trim().to_owned()));
            }
        }
    }
    output::route::print(session.output, &all)?;
    Ok(Exit::of(all.iter().all(|one| one.result.is_ok())))
}
