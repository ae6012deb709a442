//! `generate`: writes models from tables.

use std::path::PathBuf;

use clap::ValueEnum;
use shard_orm::migrate::{DateCrate, GenerateModels, Target, models};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Write models from tables.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, clap::Subcommand)]
enum Command {
    /// Write a Rust struct for each table of a group, of its static tables, or of a named database.
    ///
    /// Reads the tables of the first namespace. Each struct is in a file of its own, and `mod.rs` (in
    /// a folder `src`, `lib.rs`) names them all, unless there is one. No file is overwritten: if a
    /// struct's file exists, nothing is written.
    #[command(after_help = "\
Examples:
    shard-orm generate models --group shop --shard-key user_id
    shard-orm generate models --group shop --shard-key user_id --shard-key users.id --isolated jobs
    shard-orm generate models --group shop --static --source reference
    shard-orm generate models --database default --table settings --out src/settings")]
    Models(ModelsArgs),
}

#[derive(Debug, clap::Args)]
struct ModelsArgs {
    /// The group; not needed if the configuration has only one.
    #[arg(short, long, conflicts_with = "database")]
    group: Option<String>,
    /// The static tables of the group.
    #[arg(long = "static", conflicts_with = "database")]
    statics: bool,
    /// A named database instead of a group.
    #[arg(long, value_name = "NAME")]
    database: Option<String>,
    /// Only this table. Can be repeated.
    #[arg(long, value_name = "NAME")]
    table: Vec<String>,
    /// The column that is the shard key: of all tables, or of one. Can be repeated.
    #[arg(long, value_name = "[TABLE.]COLUMN")]
    shard_key: Vec<String>,
    /// A table without a shard key, whose rows are addressed by the number of the logical shard. Can
    /// be repeated.
    #[arg(long, value_name = "TABLE")]
    isolated: Vec<String>,
    /// The column with the region of a row.
    #[arg(long, value_name = "COLUMN")]
    region: Option<String>,
    /// The named database with the source of static tables; `default` without it.
    #[arg(long, value_name = "NAME", requires = "statics")]
    source: Option<String>,
    /// The name of a table's struct. Can be repeated.
    #[arg(long, value_name = "TABLE=NAME")]
    name: Vec<String>,
    /// The crate of the types for dates and times.
    #[arg(long, value_name = "CRATE", default_value = "chrono")]
    dates: Dates,
    /// The folder of the files.
    #[arg(long, value_name = "FOLDER", default_value = "src/models")]
    out: PathBuf,
    /// Print the files, and write none.
    #[arg(long)]
    dry_run: bool,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Dates {
    Chrono,
    Time,
}

impl ModelsArgs {
    fn generate(&self, target: Target) -> Result<GenerateModels> {
        let mut generate = models(target, &self.out).dates(match self.dates {
            Dates::Chrono => DateCrate::Chrono,
            Dates::Time => DateCrate::Time,
        });
        for table in &self.table {
            generate = generate.table(table);
        }
        for key in &self.shard_key {
            generate = match key.split_once('.') {
                Some((table, column)) => generate.shard_key_of(table, column),
                None => generate.shard_key(key),
            };
        }
        for table in &self.isolated {
            generate = generate.isolated(table);
        }
        if let Some(column) = &self.region {
            generate = generate.region(column);
        }
        if let Some(database) = &self.source {
            generate = generate.source(database);
        }
        for name in &self.name {
            let Some((table, model)) = name.split_once('=') else {
                return Err(Failure::Usage(format!(
                    "--name {name} has no `=`; write the table and the name of its struct, as in \
                     --name order_lines=OrderLine"
                )));
            };
            generate = generate.named(table, model);
        }
        Ok(generate)
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let Command::Models(args) = &args.command;
    let cluster = session.open().await?;
    let target = match &args.database {
        Some(database) => Target::Database(database.clone()),
        None => {
            let group = session.group(&cluster, args.group.as_deref())?;
            if args.statics {
                Target::Static(group)
            } else {
                Target::Group(group)
            }
        }
    };
    let generate = args.generate(target)?;
    if args.dry_run {
        let generated = generate.preview(&cluster).await?;
        output::generate::texts(session.output, &generated)?;
    } else {
        let generated = generate.run(&cluster).await?;
        output::generate::written(session.output, &args.out, &generated)?;
    }
    Ok(Exit::Done)
}
