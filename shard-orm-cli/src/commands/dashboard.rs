//! `dashboard`: the web page of the cluster.

use std::net::SocketAddr;
use std::path::PathBuf;

use serde_json::json;
use shard_orm::migrate::Migrations;
use shard_orm_dashboard::{Options, Token, check_bind, router, serve, settle};
use tokio::net::TcpListener;

use crate::Result;
use crate::exit::{Exit, Failure};
use crate::interrupt::interrupted;
use crate::session::Session;

/// Serve a web page that shows the state of the cluster.
///
/// It shows what needs attention, groups, servers and logical shards, moves, processes, the history of the
/// topology and static tables. It is read-only unless actions are allowed or it is to measure sizes, and is served until
/// it is interrupted.
/// Nothing is asked of the servers while nobody looks.
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
    shard-orm dashboard
    shard-orm dashboard --bind 10.0.0.5:7070 --token-file /run/secrets/dashboard
    shard-orm dashboard --host ops.example.com --token-file token
    shard-orm dashboard --allow-actions --token-file token
    shard-orm dashboard --allow-actions --token-file ann=ann.token --token-file ben=ben.token")]
pub struct Args {
    /// The address and port. One that other machines reach needs --token-file.
    #[arg(long, value_name = "ADDRESS", default_value = "127.0.0.1:7070")]
    bind: SocketAddr,
    /// A host name under which the page is reached, besides loopback names and the address of --bind; may be
    /// repeated.
    #[arg(long, value_name = "NAME")]
    host: Vec<String>,
    /// A file with the token that every viewer has to know: 16 characters or more. With a name, it is the token of one
    /// person, whom the events of actions name; may be repeated.
    #[arg(long, value_name = "[NAME=]FILE")]
    token_file: Vec<String>,
    /// Let viewers pause, resume, throttle and abort jobs. Needs --token-file.
    #[arg(long)]
    allow_actions: bool,
    /// Measure the sizes of servers once an hour while somebody looks, and keep them in the catalog, if no process of
    /// the cluster does.
    #[arg(long)]
    measure_sizes: bool,
    /// The folder of migrations, of which the page of a logical shard shows those that it lacks. Without it, they are
    /// those that others of its group have.
    #[arg(long, value_name = "FOLDER")]
    migrations: Option<PathBuf>,
}

impl Args {
    fn options(&self) -> Result<Options> {
        let mut options = Options::new().of_command();
        for host in &self.host {
            options = options.host(host);
        }
        for named in &self.token_file {
            let (name, file) = match named.split_once('=') {
                Some((name, file)) if !name.contains('/') => (Some(name), file),
                _ => (None, &**named),
            };
            let token = Token::from_file(file)
                .map_err(|error| Failure::File(format!("the token in {file}"), error))?;
            options = match name {
                None => options.token(token),
                Some(name) => options
                    .named_token(name, token)
                    .map_err(|error| Failure::Usage(format!("`{named}`: {error}")))?,
            };
        }
        if self.allow_actions {
            options = options.allow_actions();
        }
        if self.measure_sizes {
            options = options.measure_sizes();
        }
        if let Some(folder) = &self.migrations {
            options = options.migrations(Migrations::from_folder(folder)?);
        }
        check_bind(self.bind.ip(), options).map_err(Failure::Usage)
    }
}

pub(super) async fn run(args: &Args, session: &Session<'_>) -> Result<Exit> {
    let options = args.options()?;
    let cluster = tokio::select! {
        cluster = session.open() => cluster?,
        signal = interrupted() => {
            signal?;
            return Err(Failure::Interrupted);
        }
    };
    let listening = async {
        let listener = TcpListener::bind(args.bind).await?;
        let address = listener.local_addr()?;
        Ok((listener, address))
    };
    let listening = listening.await;
    let (listener, address) =
        listening.map_err(|error| Failure::File(format!("listening on {}", args.bind), error))?;
    let url = format!("http://{address}/");
    if session.output.is_json() {
        session.output.json(&json!({ "url": url }))?;
    } else {
        session
            .output
            .text(&format!("the dashboard is on {url}\n"))?;
    }
    let end = async {
        // Without signals, it is ended by other means.
        if interrupted().await.is_err() {
            std::future::pending::<()>().await;
        }
    };
    serve(listener, router(&cluster, options), end).await;
    if args.allow_actions {
        settle(&cluster).await;
    }
    Ok(Exit::Done)
}
