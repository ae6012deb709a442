//! Runs a command with private servers for it: `test-servers run cargo test --workspace`.
//!
//! The command finds their addresses in the variables `SHARD_ORM_TEST_POSTGRES`, `SHARD_ORM_TEST_MARIADB` and
//! `SHARD_ORM_TEST_REDIS`; a variable that is already set is kept, and no server of its kind is started. The
//! servers are gone when this program ends, whether the command succeeds, fails or is interrupted. Its exit status
//! is the command's.

use std::error::Error;
use std::ffi::OsString;
use std::os::unix::process::ExitStatusExt;
use std::process::{ExitCode, ExitStatus};
use std::time::Duration;
use std::{env, io};

use shard_orm_tests::servers::{
    MARIADB_VARIABLE, MariaDbServer, POSTGRES_VARIABLE, PostgresServer, REDIS_VARIABLE,
    RedisServer, ServerError, Signal, signal_tree,
};
use tokio::process::{Child, Command};
use tokio::signal::unix::{SignalKind, signal};

const USAGE: &str = "usage: test-servers run COMMAND [ARGUMENT]...";
/// How long an interrupted command has for ending itself.
const GRACE: Duration = Duration::from_secs(10);

#[tokio::main(flavor = "current_thread")]
async fn main() -> ExitCode {
    let mut arguments = env::args_os().skip(1);
    let verb = arguments.next();
    let command: Vec<OsString> = arguments.collect();
    if verb.is_none_or(|verb| verb != "run") || command.is_empty() {
        eprintln!("{USAGE}");
        return ExitCode::from(2);
    }
    match run(&command).await {
        Ok(code) => ExitCode::from(code),
        Err(error) => {
            eprintln!("test-servers: {error}");
            ExitCode::FAILURE
        }
    }
}

async fn run(words: &[OsString]) -> Result<u8, Box<dyn Error>> {
    // Before the servers start, so that an interruption during their start ends them too.
    let mut interruption = Interruption::listen()?;
    let servers = tokio::select! {
        servers = Servers::start() => servers?,
        number = interruption.next() => return Ok(code_of_signal(number)),
    };
    let mut child = servers.command(words).spawn()?;
    let status = tokio::select! {
        status = child.wait() => status?,
        number = interruption.next() => {
            end(&mut child, &mut interruption).await;
            return Ok(code_of_signal(number));
        }
    };
    Ok(code_of(status))
}

/// The servers that were started here, `None` for those whose address was given.
#[derive(Debug)]
struct Servers {
    postgres: Option<PostgresServer>,
    mariadb: Option<MariaDbServer>,
    redis: Option<RedisServer>,
}

impl Servers {
    async fn start() -> Result<Self, ServerError> {
        let (postgres, mariadb, redis) = tokio::try_join!(
            unless_given(POSTGRES_VARIABLE, PostgresServer::start()),
            unless_given(MARIADB_VARIABLE, MariaDbServer::start()),
            unless_given(REDIS_VARIABLE, RedisServer::start()),
        )?;
        Ok(Self {
            postgres,
            mariadb,
            redis,
        })
    }

    fn command(&self, words: &[OsString]) -> Command {
        // The command must not go on without its servers when this program is killed.
        let mut command = Command::new("setpriv");
        command.args(["--pdeathsig", "TERM"]).args(words);
        if let Some(server) = &self.postgres {
            command.env(POSTGRES_VARIABLE, server.url());
        }
        if let Some(server) = &self.mariadb {
            command.env(MARIADB_VARIABLE, server.url());
        }
        if let Some(server) = &self.redis {
            command.env(REDIS_VARIABLE, server.url());
        }
        command
    }
}

async fn unless_given<S>(
    variable: &str,
    start: impl Future<Output = Result<S, ServerError>>,
) -> Result<Option<S>, ServerError> {
    match env::var_os(variable) {
        Some(_) => Ok(None),
        None => start.await.map(Some),
    }
}

/// Ends the command and all that it started: first it is asked, later, or when asked to hurry, it is killed.
async fn end(child: &mut Child, interruption: &mut Interruption) {
    let Some(pid) = child.id() else {
        return;
    };
    signal_tree(pid, Signal::SIGTERM);
    let ended = tokio::select! {
        ended = tokio::time::timeout(GRACE, child.wait()) => ended.is_ok(),
        _ = interruption.next() => false,
    };
    if !ended {
        signal_tree(pid, Signal::SIGKILL);
        // A killed child ends, and its status says nothing more.
        let _ = child.wait().await;
    }
}

/// The signals by which a terminal, an operator or a CI system ends a program.
struct Interruption {
    hangup: tokio::signal::unix::Signal,
    interrupt: tokio::signal::unix::Signal,
    terminate: tokio::signal::unix::Signal,
}

impl Interruption {
    fn listen() -> io::Result<Self> {
        Ok(Self {
            hangup: signal(SignalKind::hangup())?,
            interrupt: signal(SignalKind::interrupt())?,
            terminate: signal(SignalKind::terminate())?,
        })
    }

    /// Waits for the next of them and returns its number.
    async fn next(&mut self) -> i32 {
        tokio::select! {
            _ = self.hangup.recv() => SignalKind::hangup().as_raw_value(),
            _ = self.interrupt.recv() => SignalKind::interrupt().as_raw_value(),
            _ = self.terminate.recv() => SignalKind::terminate().as_raw_value(),
        }
    }
}

fn code_of(status: ExitStatus) -> u8 {
    match (status.code(), status.signal()) {
        (Some(code), _) => u8::try_from(code).unwrap_or(1),
        (None, Some(number)) => code_of_signal(number),
        (None, None) => 1,
    }
}

/// What shells report for a program that was ended by a signal.
fn code_of_signal(number: i32) -> u8 {
    u8::try_from(128 + number).unwrap_or(1)
}
