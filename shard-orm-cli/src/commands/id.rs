//! `id`: takes a generated id apart.

use clap::ValueEnum;
use shard_orm::admin::{describe_id, describe_id_in, describe_uuid};
use shard_orm::id::Layout;

use crate::Result;
use crate::exit::Exit;
use crate::output;
use crate::session::Session;

/// Take a generated id apart.
///
/// It tells when and by which worker the id was generated, and on which logical shards its row can
/// be. It connects to no server, and works without a configuration too: then the default layout is
/// assumed.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm id 181190950180423594
    shard-orm id 017f22e2-79b0-7cc3-98c4-dc0c0c07398f")]
pub struct Args {
    /// A whole number, or a UUID.
    #[arg(allow_negative_numbers = true)]
    id: String,
    /// How a number was generated; it does not tell.
    #[arg(long, value_enum, default_value = "snowflake")]
    kind: Kind,
}

/// The kinds of generated numbers.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Kind {
    /// `generate = "snowflake"`.
    Snowflake,
    /// `generate = "nanosecond"`.
    Nanosecond,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let Ok(id) = args.id.trim().parse::<i64>() else {
        output::id::print_uuid(session.output, describe_uuid(&args.id)?)?;
        return Ok(Exit::Done);
    };
    let described = if session.config.exists() {
        describe_id(&session.open().await?, id)?
    } else {
        describe_id_in(Layout::default(), id)?
    };
    output::id::print(session.output, &described, args.kind)?;
    Ok(Exit::Done)
}
