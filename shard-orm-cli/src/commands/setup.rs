//! `setup`: creates the namespaces of the logical shards.

use shard_orm::ErrorKind;

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Create the namespaces of the logical shards.
///
/// Those that do not exist yet are created, with their records, and the tables of generated ids. It
/// knows no models: their tables are created by migrations, or by `cluster.setup()` in the
/// application. It surveys all servers first, and creates nothing if a group does not match them. It
/// can be repeated, and interrupted.
#[derive(Debug, clap::Args)]
pub struct Args {
    /// Only survey the servers, and create nothing. The exit code is 3 if a group does not match
    /// them.
    #[arg(long)]
    check: bool,
    /// Create logical shards empty that existed before and are lost, as in shop:5 or shop:5,6.
    #[arg(long, value_name = "GROUP:SHARDS", value_parser = lost)]
    create_missing: Vec<Lost>,
    /// Accept a named database that is not the one in which the cluster was set up.
    #[arg(long, value_name = "NAME")]
    accept_database: Vec<String>,
    /// Do not ask before logical shards are created empty.
    #[arg(short, long)]
    yes: bool,
}

/// Logical shards that are lost.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Lost {
    group: String,
    shards: Vec<u32>,
}

fn lost(text: &str) -> Result<Lost, String> {
    let wrong = || "write a group and numbers of logical shards, as in shop:5,6".to_owned();
    let (group, shards) = text.split_once(':').ok_or_else(wrong)?;
    let shards: Result<Vec<u32>, _> = shards.split(',').map(str::parse).collect();
    match shards {
        Ok(shards) if !group.is_empty() => Ok(Lost {
            group: group.to_owned(),
            shards,
        }),
        _ => Err(wrong()),
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let cluster = session.open().await?;
    let mut setup = cluster.setup();
    for Lost { group, shards } in &args.create_missing {
        setup = setup.create_missing(group, shards.iter().copied());
    }
    for name in &args.accept_database {
        setup = setup.accept_database(name);
    }
    if args.check {
        return match setup.check().await {
            Ok(()) => {
                output::setup::print_checked(session.output)?;
                Ok(Exit::Done)
            }
            Err(error) if error.kind() == ErrorKind::Configuration => {
                session.output.failure(&Failure::Library(error))?;
                Ok(Exit::Findings)
            }
            Err(error) => Err(error.into()),
        };
    }
    if !args.create_missing.is_empty() && !args.yes {
        let question = "Rows of these logical shards that still exist elsewhere will not be found.";
        if !crate::prompt::confirm(question)? {
            return Ok(Exit::Failed);
        }
    }
    let report = setup.run().await?;
    output::setup::print(session.output, report)?;
    Ok(Exit::Done)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lost_shards_are_named_by_group_and_number() {
        let parsed = lost("shop:5,6").unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((&*parsed.group, &*parsed.shards), ("shop", &[5, 6][..]));
        for text in ["shop", "shop:", ":5", "shop:a", "shop:5,"] {
            assert!(lost(text).is_err(), "{text}");
        }
    }
}
