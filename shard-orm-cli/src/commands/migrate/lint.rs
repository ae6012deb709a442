//! `migrate lint`: statements that are dangerous for tables in use.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueEnum;
use clap::builder::PossibleValuesParser;
use shard_orm::catalog::{Process, TableUse};
use shard_orm::migrate::{Finding, LintRule, Migrate, Migrations, lint};
use shard_orm::{Cluster, Dialect};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output::lint as print;
use crate::output::text::count;
use crate::session::Session;

/// The suffix of the folder of static tables.
const STATICS: &str = ".static";

/// Which files.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm migrate lint
    shard-orm migrate lint --backend postgres migrations/shop/20260214093000_notes.sql
    shard-orm migrate lint --only shop --allow whole-table-update

A comment allows a rule for the statement behind it:
    -- lint: allow(create-index) the table has a hundred rows")]
pub(super) struct Args {
    /// The files; all of the folder of migrations without one.
    #[arg(value_name = "FILE")]
    files: Vec<PathBuf>,
    /// The folder of migrations.
    #[arg(long, value_name = "FOLDER", default_value = "migrations")]
    migrations: PathBuf,
    /// Only this group, static tables (GROUP.static) or named database. Can be repeated.
    #[arg(long, value_name = "NAME", conflicts_with = "files")]
    only: Vec<String>,
    /// The database. Without it, the configuration says which one each folder is for.
    #[arg(long)]
    backend: Option<Backend>,
    /// Also find what removes a table or column that a living process has registered in the catalog.
    #[arg(long, conflicts_with = "files")]
    used: bool,
    #[command(flatten)]
    allow: AllowArgs,
}

/// Rules that are not applied.
#[derive(Debug, clap::Args)]
pub(super) struct AllowArgs {
    /// A rule that statements may break. Can be repeated.
    #[arg(long, value_name = "RULE", value_parser = rules(), hide_possible_values = true)]
    allow: Vec<String>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Backend {
    Postgres,
    /// MySQL or MariaDB
    Mysql,
    Sqlite,
}

impl Backend {
    fn dialect(self) -> Dialect {
        match self {
            Self::Postgres => Dialect::Postgres,
            Self::Mysql => Dialect::MySql,
            Self::Sqlite => Dialect::Sqlite,
        }
    }
}

fn rules() -> PossibleValuesParser {
    LintRule::ALL.map(LintRule::name).into()
}

impl AllowArgs {
    fn filter(&self, mut findings: Vec<Finding>) -> Vec<Finding> {
        findings.retain(|finding| !self.allow.iter().any(|rule| rule == finding.rule.name()));
        findings
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let is_named = |file: &PathBuf| named_dialect(file).is_some();
    let names_all = !args.files.is_empty() && args.files.iter().all(is_named);
    let cluster = match (args.backend.is_some() || names_all) && !args.used {
        true => None,
        false => Some(session.open().await?),
    };
    let dialect = |folder: &str| match (args.backend, &cluster) {
        (None, Some(cluster)) => dialect_of(cluster, folder),
        (backend, _) => Ok(backend.unwrap_or(Backend::Postgres).dialect()),
    };
    let used = match &cluster {
        Some(cluster) if args.used => used(cluster).await?,
        _ => Vec::new(),
    };
    let mut findings = Vec::new();
    for file in &args.files {
        findings.extend(of_file(file, dialect)?);
    }
    if args.files.is_empty() {
        let migrations = Migrations::from_folder(&args.migrations)?;
        for folder in migrations.folders() {
            if args.only.is_empty() || args.only.iter().any(|only| only == folder) {
                findings.extend(migrations.lint_used(folder, dialect(folder)?, &used));
            }
        }
    }
    let findings = args.allow.filter(findings);
    print::findings(session.output, &findings)?;
    Ok(match findings.is_empty() {
        true => Exit::Done,
        false => Exit::Findings,
    })
}

/// What the living processes have registered.
async fn used(cluster: &Cluster) -> Result<Vec<TableUse>> {
    let processes = cluster.catalog()?.processes().await?;
    let living = processes.into_iter().filter(Process::is_living);
    Ok(living.flat_map(|process| process.tables).collect())
}

/// The database in the name of a file: `1_notes.postgres.up.sql`.
fn named_dialect(file: &Path) -> Option<Dialect> {
    let name = file.file_name()?.to_str()?;
    let stem = name.strip_suffix(".sql")?;
    let stem = stem.strip_suffix(".up").unwrap_or(stem);
    let (_, backend) = stem.rsplit_once('.')?;
    Backend::from_str(backend, false).ok().map(Backend::dialect)
}

/// The findings of one file. Files that revert a version remove things by design.
fn of_file(file: &Path, dialect: impl Fn(&str) -> Result<Dialect>) -> Result<Vec<Finding>> {
    let path = file.display().to_string();
    if path.ends_with(".down.sql") {
        return Ok(Vec::new());
    }
    let cannot = |error| Failure::File(format!("cannot read {path}"), error);
    let text = fs::read_to_string(file).map_err(cannot)?;
    let folder = file.parent().and_then(Path::file_name).unwrap_or_default();
    let dialect = match named_dialect(file) {
        Some(named) => named,
        None => dialect(&folder.to_string_lossy())?,
    };
    Ok(lint(&path, &text, dialect)?)
}

/// The database of the group or named database that a folder is for.
fn dialect_of(cluster: &Cluster, folder: &str) -> Result<Dialect> {
    let topology = cluster.topology();
    let group = folder.strip_suffix(STATICS).unwrap_or(folder);
    let groups = topology.groups().iter();
    let groups = groups.map(|one| (one.name() == group, one.dialect()));
    let databases = topology.databases().iter();
    let databases = databases.map(|one| (&**one.name() == folder, one.dialect()));
    let mut all = groups.chain(databases);
    let found = all.find(|(is_it, _)| *is_it).map(|(_, dialect)| dialect);
    found.ok_or_else(|| {
        Failure::Usage(format!(
            "the folder `{folder}` is not named after a group or named database of the configuration; \
             name the database with --backend"
        ))
    })
}

/// Prints the findings in the files that a run would apply, and returns the number of dangerous ones.
pub(super) async fn pending(
    run: &Migrate,
    allow: &AllowArgs,
    session: &Session<'_>,
) -> Result<usize> {
    let findings = allow.filter(run.lint().await?);
    print::warnings(session.output, &findings)?;
    Ok(findings.iter().filter(|finding| finding.dangerous).count())
}

/// The question before dangerous statements.
pub(super) fn question(dangerous: usize) -> String {
    format!(
        "{} can stop the programs that use the tables. Allow one by `-- lint: allow(<rule>) <reason>` in \
         its file, or a rule by --allow.",
        count(dangerous, "statement")
    )
}
