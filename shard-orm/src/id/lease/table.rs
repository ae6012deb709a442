//! The table of worker ids: the holder, the expiry, and the last reserved millisecond of each.
//!
//! One statement per step, conditional on the row being as it was read. Called by `lease`.

use std::cmp::{max, min};
use std::sync::Arc;
use std::time::Duration;

use sea_query::{Alias, Expr, ExprTrait, Query, UpdateStatement};

use crate::backend::{Field, Row};
use crate::clock::micros;
use crate::cluster::Cluster;
use crate::config::layout::Layout;
use crate::connect::NamespaceHandle;
use crate::error::{Error, ErrorKind, Result};
use crate::exec::system_tables::{now, send};
use crate::exec::{Executor as _, Intent, NoRows, Rows, Sink};
use crate::id::generators::Generators;
use crate::id::snowflake::{BORROWED_MILLISECONDS, Grant, Refusal};
use crate::id::statement::WORKERS;
use crate::id::timeline::Moment;
use crate::id::worker::Held;
use crate::random::random;
use crate::topology::Read;

/// How many rows are tried when other processes are faster.
const ROUNDS: usize = 32;

/// Access to the table of workers.
pub(super) struct Lease<'c> {
    cluster: &'c Cluster,
    generators: &'c Generators,
    handle: Arc<NamespaceHandle>,
    database: &'c str,
    ttl: Duration,
}

/// A row of the table.
struct Worker {
    number: u32,
    token: String,
    layout: String,
    /// The remaining time of its lease by the database's clock, in milliseconds.
    remaining: i64,
    reserved: u64,
}

impl<'c> Lease<'c> {
    pub(super) fn new(cluster: &'c Cluster, database: &'c str) -> Result<Self> {
        let generators = cluster.generators();
        Ok(Self {
            cluster,
            generators,
            handle: cluster.handle_of_database(database)?,
            database,
            ttl: generators.config().lease_ttl,
        })
    }

    /// Releases a lease; `last` is the last millisecond that was used.
    pub(super) async fn release(&self, held: &Held, last: u64) -> Result<()> {
        let mut update = of_holder(held);
        update.value(Alias::new("expires_at"), 0_i64).value(
            Alias::new("reserved_until"),
            signed(min(last, held.reserved)),
        );
        self.write("release", &update).await.map(drop)
    }

    /// Renews a lease; returns whether it was still held.
    pub(super) async fn renew(&self, held: &mut Held) -> Result<bool> {
        let sent = self.generators.snowflakes.moment();
        let reserved = max(self.reserve(sent)?, held.reserved);
        let mut update = of_holder(held);
        update
            .value(Alias::new("expires_at"), self.expiry())
            .value(Alias::new("reserved_until"), signed(reserved));
        let mut rows = self.write("renew", &update).await;
        if matches!(&rows, Err(error) if error.kind() == ErrorKind::OutcomeUnknown) {
            // The statement is idempotent.
            rows = self.write("renew", &update).await;
        }
        if rows? == 0 {
            return Ok(false);
        }
        held.reserved = reserved;
        self.grant(held.worker, sent, reserved, 0)?;
        Ok(true)
    }

    /// Leases a free worker id.
    pub(super) async fn claim(&self) -> Result<Held> {
        for _ in 0..ROUNDS {
            let known = self.read().await?;
            let free = self.free(&known)?;
            let Some(number) = free.get(pick(free.len())) else {
                return Err(self.all_taken(known.len()));
            };
            let sent = self.generators.snowflakes.moment();
            let old = known.iter().find(|worker| worker.number == *number);
            // A process with a fixed worker id may have run ahead of the clock before the table
            // existed.
            let floor = match old {
                Some(old) => old.reserved,
                None => millisecond(sent)? + BORROWED_MILLISECONDS,
            };
            let held = Held {
                worker: *number,
                token: token(),
                reserved: max(self.reserve(sent)?, floor),
            };
            let claimed = match old {
                Some(old) => self.write("claim", &self.take_over(old, &held)).await,
                None => self.insert(&held).await,
            };
            match claimed {
                Ok(1) => {
                    self.grant(held.worker, sent, held.reserved, floor)?;
                    return Ok(held);
                }
                // Another process was faster.
                Ok(_) => {}
                Err(error) if error.kind() == ErrorKind::Unique => {}
                Err(error) => return Err(error),
            }
        }
        Err(Error::new(
            ErrorKind::Unavailable,
            format!(
                "other processes were faster {ROUNDS} times at leasing a worker id in database \
                 `{}`; try again",
                self.database
            ),
        ))
    }

    /// Generates ids with a lease whose statement was sent at this time.
    fn grant(&self, worker: u32, sent: Moment, reserved: u64, floor: u64) -> Result<()> {
        let ends = sent.elapsed + micros(self.ttl - margin(self.ttl));
        if self.generators.snowflakes.moment().elapsed >= ends {
            return Err(Error::new(
                ErrorKind::Unavailable,
                format!(
                    "database `{}` answered after the lease of the worker id had expired, {:?}",
                    self.database, self.ttl
                ),
            ));
        }
        self.generators
            .snowflakes
            .grant(Grant::new(worker, Some(ends), reserved), floor);
        Ok(())
    }

    /// The last millisecond for which a lease that begins then may generate ids.
    fn reserve(&self, sent: Moment) -> Result<u64> {
        let ttl = u64::try_from(self.ttl.as_millis()).unwrap_or(u64::MAX / 4);
        Ok(millisecond(sent)? + ttl + BORROWED_MILLISECONDS)
    }

    fn expiry(&self) -> Expr {
        let ttl = i64::try_from(self.ttl.as_millis()).unwrap_or(i64::MAX / 4);
        now(self.handle.dialect()).add(ttl)
    }

    async fn read(&self) -> Result<Vec<Worker>> {
        let mut select = Query::select();
        select
            .columns(["worker", "token", "layout", "reserved_until"].map(Alias::new))
            .expr(Expr::col(Alias::new("expires_at")).sub(now(self.handle.dialect())))
            .from(Alias::new(WORKERS));
        let mut sink = Rows::new(|row: &Row<'_>| {
            Ok(Worker {
                number: u32::try_from(i64::read(row, 0)?).unwrap_or(u32::MAX),
                token: String::read(row, 1)?,
                layout: String::read(row, 2)?,
                reserved: u64::try_from(i64::read(row, 3)?).unwrap_or(0),
                remaining: i64::read(row, 4)?,
            })
        });
        let target = self.cluster.read_from(Read::Primary).target();
        let label = ("select", WORKERS);
        let handle = &self.handle;
        send(target, handle, Intent::Read, label, &select, &mut sink).await?;
        Ok(sink.rows)
    }

    /// The free numbers.
    fn free(&self, known: &[Worker]) -> Result<Vec<u32>> {
        let layout = self.generators.layout();
        if let Some(other) = known
            .iter()
            .find(|worker| worker.layout != layout.to_string())
        {
            return Err(self.other_layout(layout, &other.layout));
        }
        let now = millisecond(self.generators.snowflakes.moment())?;
        let mut free: Vec<bool> = vec![true; layout.last_worker() as usize + 1];
        for worker in known {
            // A worker whose ids were generated by a clock ahead of this one is skipped: its next
            // holder would have to wait.
            let is_free = worker.remaining <= 0 && worker.reserved <= now + BORROWED_MILLISECONDS;
            if let Some(mark) = free.get_mut(worker.number as usize) {
                *mark = is_free;
            }
        }
        let numbers = (0..).zip(free).filter(|(_, is_free)| *is_free);
        Ok(numbers.map(|(number, _)| number).collect())
    }

    /// Takes over a row, if it is as it was read.
    fn take_over(&self, old: &Worker, held: &Held) -> UpdateStatement {
        let mut update = Query::update();
        update
            .table(Alias::new(WORKERS))
            .value(Alias::new("token"), held.token.as_str())
            .value(Alias::new("expires_at"), self.expiry())
            .value(Alias::new("reserved_until"), signed(held.reserved))
            .and_where(column("worker").eq(i64::from(old.number)))
            .and_where(column("token").eq(old.token.as_str()))
            .and_where(column("reserved_until").eq(signed(old.reserved)))
            .and_where(column("expires_at").lte(now(self.handle.dialect())));
        update
    }

    async fn insert(&self, held: &Held) -> Result<u64> {
        let mut insert = Query::insert();
        insert
            .into_table(Alias::new(WORKERS))
            .columns(["worker", "token", "layout", "expires_at", "reserved_until"].map(Alias::new))
            .values([
                Expr::val(i64::from(held.worker)),
                Expr::val(held.token.as_str()),
                Expr::val(self.generators.layout().to_string()),
                self.expiry(),
                Expr::val(signed(held.reserved)),
            ])
            .map_err(|source| Error::configuration("a worker's row").with_source(source))?;
        let label = ("claim", WORKERS);
        let target = self.cluster.target();
        let sink: &mut dyn Sink = &mut NoRows;
        send(target, &self.handle, Intent::Write, label, &insert, sink).await
    }

    async fn write(&self, verb: &'static str, update: &UpdateStatement) -> Result<u64> {
        let target = self.cluster.target();
        let sink: &mut dyn Sink = &mut NoRows;
        send(
            target,
            &self.handle,
            Intent::Write,
            (verb, WORKERS),
            update,
            sink,
        )
        .await
    }

    #[cold]
    fn all_taken(&self, known: usize) -> Error {
        Error::new(
            ErrorKind::Unavailable,
            format!(
                "all {} worker ids in database `{}` are leased by other processes ({known} rows in \
                 `{WORKERS}`); end some of them, wait until a lease expires, or raise \
                 `worker_bits` before ids are stored",
                u64::from(self.generators.layout().last_worker()) + 1,
                self.database
            ),
        )
    }

    #[cold]
    fn other_layout(&self, own: Layout, other: &str) -> Error {
        Error::configuration(format!(
            "the worker ids in database `{}` are used with the bits {other} (sequence, worker, \
             shard), but this process is configured with {own}; the bits cannot change once ids \
             are stored: configure the same",
            self.database
        ))
    }
}

fn of_holder(held: &Held) -> UpdateStatement {
    let mut update = Query::update();
    update
        .table(Alias::new(WORKERS))
        .and_where(column("worker").eq(i64::from(held.worker)))
        .and_where(column("token").eq(held.token.as_str()));
    update
}

fn column(name: &str) -> Expr {
    Expr::col(Alias::new(name))
}

/// How much earlier a lease ends for the holder than for the database.
fn margin(ttl: Duration) -> Duration {
    ttl / 10
}

fn millisecond(moment: Moment) -> Result<u64> {
    u64::try_from(moment.now / 1_000).map_err(|_| Refusal::ClockUnset.into_error())
}

fn signed(milliseconds: u64) -> i64 {
    i64::try_from(milliseconds).unwrap_or(i64::MAX)
}

/// Identifies one lease.
fn token() -> String {
    format!("{:016x}{:016x}", random(), random())
}

fn pick(count: usize) -> usize {
    let random = usize::try_from(random() >> 32).unwrap_or(0);
    if count == 0 { 0 } else { random % count }
}
