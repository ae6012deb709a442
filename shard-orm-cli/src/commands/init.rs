//! `init`: a configuration with comments, and a first migration.

use std::fs::{self, OpenOptions};
use std::io::{self, Write as _};
use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Write a configuration with comments, and a first migration.
///
/// The migration is in the folder `migrations/<group>` beside the configuration. Files that exist are
/// left as they are.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm init
    shard-orm init --database postgres --group shop --shards 64 --config config/shard-orm.toml")]
pub struct Args {
    /// The kind of database.
    #[arg(long, value_enum, default_value = "sqlite")]
    database: Database,
    /// The name of the shard group.
    #[arg(short, long, default_value = "shop", value_parser = name)]
    group: String,
    /// The number of logical shards: as many as the data may ever need, since it cannot be changed
    /// by editing the configuration.
    #[arg(long, value_name = "N", default_value_t = 16, value_parser = clap::value_parser!(u32).range(1..=65_536))]
    shards: u32,
    /// The name of the cluster, which its namespaces are marked with.
    #[arg(long, default_value = "default", value_parser = name)]
    name: String,
}

/// The kinds of databases.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Database {
    /// Files in a folder.
    Sqlite,
    /// PostgreSQL.
    Postgres,
    /// MySQL or MariaDB.
    Mysql,
}

/// A file, and whether it was written.
#[derive(Debug)]
pub struct Written {
    /// The path.
    pub path: PathBuf,
    /// False for one that existed.
    pub created: bool,
}

/// Checks a name that the configuration would refuse.
fn name(text: &str) -> Result<String, String> {
    let is_plain = |letter: char| letter.is_ascii_alphanumeric() || letter == '_';
    let begins = |letter: char| letter.is_ascii_alphabetic() || letter == '_';
    if text.len() <= 32 && text.starts_with(begins) && text.chars().all(is_plain) {
        return Ok(text.to_owned());
    }
    Err("use at most 32 ASCII letters, digits and `_`, and begin with a letter or `_`".to_owned())
}

pub(super) fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let folder = session.config.parent().unwrap_or(Path::new(""));
    let migration = folder
        .join("migrations")
        .join(&args.group)
        .join("0001_create_orders.sql");
    let mut written = Vec::new();
    for (path, text) in [
        (session.config.clone(), configuration(args)),
        (migration, MIGRATION.to_owned()),
    ] {
        let created = write(&path, &text).map_err(|error| {
            Failure::File(format!("cannot write the file {}", path.display()), error)
        })?;
        written.push(Written { path, created });
    }
    output::init::print(session.output, &written)?;
    Ok(Exit::Done)
}

/// Writes a file, unless it exists.
fn write(path: &Path, text: &str) -> io::Result<bool> {
    if let Some(folder) = path.parent() {
        fs::create_dir_all(folder)?;
    }
    match OpenOptions::new().write(true).create_new(true).open(path) {
        Ok(mut file) => file.write_all(text.as_bytes()).map(|()| true),
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(false),
        Err(error) => Err(error),
    }
}

/// The first migration: statements that all databases understand.
const MIGRATION: &str = "\
-- Runs in the namespace of each logical shard, so tables are named without one.
CREATE TABLE orders (
    id bigint NOT NULL PRIMARY KEY,
    user_id bigint NOT NULL, -- the shard key: all orders of a user are on one logical shard
    item varchar(255) NOT NULL,
    quantity int NOT NULL
);
CREATE INDEX orders_user_id ON orders (user_id);
";

fn configuration(args: &Args) -> String {
    let Args {
        group,
        shards,
        name,
        ..
    } = args;
    let (kinds, default, server_a, server_b) = match args.database {
        Database::Sqlite => (
            "On SQLite a server is a folder, and each namespace a file in it. Paths are relative to this\n\
             # file.",
            "sqlite://data/default.db".to_owned(),
            "sqlite://data/a".to_owned(),
            "sqlite://data/b".to_owned(),
        ),
        Database::Postgres => (
            "On PostgreSQL each namespace is a schema of the database in the URL.",
            "postgres://app:${DB_PASSWORD}@10.0.0.9/main".to_owned(),
            format!("postgres://app:${{DB_PASSWORD}}@10.0.0.1/{group}"),
            format!("postgres://app:${{DB_PASSWORD}}@10.0.0.2/{group}"),
        ),
        Database::Mysql => (
            "On MySQL and MariaDB each namespace is a database beside the one in the URL.",
            "mysql://app:${DB_PASSWORD}@10.0.0.9/main".to_owned(),
            "mysql://app:${DB_PASSWORD}@10.0.0.1".to_owned(),
            "mysql://app:${DB_PASSWORD}@10.0.0.2".to_owned(),
        ),
    };
    let replica = server_a.replace("10.0.0.1", "10.0.0.3");
    let replicas = if args.database == Database::Sqlite {
        String::new()
    } else {
        format!("# replicas = [\"{replica}\"]\n")
    };
    format!(
        r#"# The configuration of a cluster. `shard-orm check` says what is wrong with it.
#
# ${{NAME}} is replaced by the environment variable NAME: keep passwords there. Every key is described
# in the guide's chapter on configuration.

# Marks the namespaces. Do not change it once they exist, and give each application and environment
# on the same servers another name.
name = "{name}"

# A database that is not sharded: settings, sequences of ids, sources of static tables.
[databases.default]
primary = "{default}"

# A shard group: its rows are spread over logical shards by their shard key.
[groups.{group}]
# As many as the data may ever need. It cannot be changed here once rows exist.
logical_shards = {shards}
# The name of each logical shard's namespace.
namespace = "{group}_{{shard}}"
# How keys are spread: "hash", "modulo", or a table with parameters. It cannot be changed either.
strategy = "hash"
# Where queries read that do not say it: "primary", "replica" or "session".
read = "primary"

# Servers: each holds a contiguous range of the logical shards, in proportion to its `weight`.
# {kinds}
#
# Before you add a server, write `shards = ".."` to each, so that no logical shard changes its place.
[[groups.{group}.servers]]
name = "a"
primary = "{server_a}"
{replicas}
[[groups.{group}.servers]]
name = "b"
primary = "{server_b}"

# Each process opens up to so many connections to each server.
[pool]
max_connections = 10
# acquire_timeout = "5s"
# statement_timeout = "30s"

# Generated ids: each process leases a worker number from this database.
# [ids]
# worker = {{ lease = "default" }}
"#
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn configurations_are_valid() {
        for database in [Database::Sqlite, Database::Postgres, Database::Mysql] {
            let args = Args {
                database,
                group: "air".to_owned(),
                shards: 64,
                name: "test".to_owned(),
            };
            let text = configuration(&args).replace("${DB_PASSWORD}", "secret");
            for text in [text.clone(), uncommented(&text)] {
                let config = shard_orm::config::Config::from_toml(&text);
                let topology = config.and_then(|config| config.topology());
                let topology = topology.unwrap_or_else(|error| panic!("{error}\n{text}"));
                assert_eq!(topology.groups()[0].logical_shards(), 64);
            }
        }
    }

    /// The same with the lines that are commented out.
    fn uncommented(text: &str) -> String {
        let is_key = |line: &str| line.contains(" = ") || line == "[ids]";
        let lines = text.lines().map(|line| match line.strip_prefix("# ") {
            Some(rest) if is_key(rest) && !rest.contains('`') => rest,
            _ => line,
        });
        lines.collect::<Vec<_>>().join("\n")
    }

    #[test]
    fn names_that_a_configuration_refuses_are_refused() {
        for text in ["", "1a", "a-b", "a b", "ü"] {
            assert!(name(text).is_err(), "{text}");
        }
        assert_eq!(name("shop_2").as_deref(), Ok("shop_2"));
    }
}
