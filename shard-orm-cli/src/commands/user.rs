//! `user setup`: accounts with the least privileges.

use std::env;

use clap::{ArgGroup, Subcommand};
use shard_orm::admin::{Account, AccountPurpose, set_up_accounts};

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::output;
use crate::session::Session;

/// Create accounts with the least privileges.
#[derive(Debug, clap::Args)]
pub struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Create an account for the application and one that only reads, on all servers, or bring them
    /// up to date.
    ///
    /// The configuration has to lead to an account that may create others, and owns the tables: let
    /// its URLs take user and password from environment variables. Run it again after namespaces were
    /// created. Passwords are read from environment variables, so that they are in no list of
    /// processes and in no history of a shell.
    Setup(SetupArgs),
}

#[derive(Debug, clap::Args)]
#[command(
    group = ArgGroup::new("accounts").required(true).multiple(true).args(["application", "read_only"]),
    after_help = "\
Example:
    export APP_PASSWORD=.. REPORTS_PASSWORD=..
    shard-orm user setup --application shop_app --application-password APP_PASSWORD \\
        --read-only reports --read-only-password REPORTS_PASSWORD"
)]
struct SetupArgs {
    /// The account that reads and writes rows.
    #[arg(long, value_name = "NAME")]
    application: Option<String>,
    /// The environment variable with its password; without one, an account that exists keeps its own.
    #[arg(long, value_name = "VARIABLE", requires = "application")]
    application_password: Option<String>,
    /// The account that reads rows.
    #[arg(long, value_name = "NAME")]
    read_only: Option<String>,
    /// The environment variable with its password; without one, an account that exists keeps its own.
    #[arg(long, value_name = "VARIABLE", requires = "read_only")]
    read_only_password: Option<String>,
    /// The hosts from which they connect, on MySQL and MariaDB.
    #[arg(long, value_name = "PATTERN", default_value = "%")]
    host: String,
    /// Only show the statements.
    #[arg(long)]
    dry_run: bool,
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let Command::Setup(args) = &args.command;
    let mut accounts = Vec::new();
    for (name, variable, purpose) in [
        (
            &args.application,
            &args.application_password,
            AccountPurpose::Application,
        ),
        (
            &args.read_only,
            &args.read_only_password,
            AccountPurpose::ReadOnly,
        ),
    ] {
        let Some(name) = name else { continue };
        let mut account = Account::new(name, purpose).host(&args.host);
        if let Some(variable) = variable {
            account = account.password(password(variable)?);
        }
        accounts.push(account);
    }
    let cluster = session.open().await?;
    let report = set_up_accounts(&cluster, &accounts, args.dry_run).await?;
    output::user::print(session.output, &report, args.dry_run)?;
    Ok(Exit::of(report.is_done()))
}

fn password(variable: &str) -> Result<String> {
    match env::var(variable) {
        Ok(password) if !password.is_empty() => Ok(password),
        // Not its value: it may be a password that was given instead of a name.
        _ => Err(Failure::Usage(
            "the password's environment variable is not set, or empty; export it, and give its name \
             to the option, not the password"
                .to_owned(),
        )),
    }
}
