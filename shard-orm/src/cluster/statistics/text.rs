//! The form in which a process publishes its figures: a text of at most [`MOST_BYTES`].
//!
//! The first line has the version; each further one has a letter for what it is of, and its fields between tabs. Numbers
//! are to the base 36, and only buckets with calls are written. What the reader does not know is skipped. Another meaning
//! of a field, such as other bounds of the buckets, is another version.
//!
//! What does not fit is left out, and counted: first the logical shards with the least time, then statements, then the
//! servers with the least time. Each kind has room of its own, so that many of one kind leave the others theirs.

mod line;

use std::cmp::Reverse;

use self::line::{Fields, Line};
use super::figures::{Cut, Figures, OfIncidents, OfRole, OfServer, ServerName};
use super::report::{LagBefore, PoolStatistics, ReplicaLag, StatementStatistics};
use super::spans::{Span, Spans};
use crate::observe::Load;

/// The form of the text.
const VERSION: &str = "1";

/// The most bytes that a process publishes.
pub(super) const MOST_BYTES: usize = 64 * 1_024;
/// Of these, those of servers, of tables, and of statements. Logical shards have what is left.
const SERVERS: usize = 36 * 1_024;
const TABLES: usize = 2 * 1_024;
const STATEMENTS: usize = 6 * 1_024;
/// The first line is not longer.
const HEAD: usize = 128;

/// The statements that are published: those with the longest calls, and as many with the most time in all.
const LONGEST: usize = 10;
/// The bytes of a statement that are published.
const FINGERPRINT: usize = 500;

const SERVER: &str = "s";
const ROLE: &str = "r";
const POOL: &str = "c";
const REPLICA: &str = "l";
const TABLE: &str = "t";
const STATEMENT: &str = "q";
const SHARD: &str = "h";

/// Lines, the most important first, until one does not fit.
struct Part {
    text: String,
    most: usize,
    is_full: bool,
}

impl Part {
    fn new(most: usize) -> Self {
        Self {
            text: String::new(),
            most,
            is_full: false,
        }
    }

    /// Adds lines that belong together. False if they do not fit, or some before did not.
    fn add(&mut self, lines: &[Line]) -> bool {
        let length: usize = lines.iter().map(|line| line.as_str().len() + 1).sum();
        self.is_full |= self.text.len() + length > self.most;
        if self.is_full {
            return false;
        }
        for line in lines {
            self.text.push_str(line.as_str());
            self.text.push('\n');
        }
        true
    }
}

/// The text of what a process has measured.
pub(super) fn text_of(figures: &Figures) -> String {
    let mut cut = Cut::default();
    let mut servers = Part::new(SERVERS);
    let mut by_time: Vec<(&ServerName, &OfServer)> = figures.servers.iter().collect();
    by_time.sort_by_key(|(_, server)| Reverse(server.load().micros));
    for (name, server) in by_time {
        let fits = servers.add(&lines_of_server(name, server));
        cut.servers += u64::from(!fits);
    }
    let mut tables = Part::new(TABLES);
    let mut by_time: Vec<_> = figures.tables.iter().collect();
    by_time.sort_by_key(|(_, (_, micros))| Reverse(*micros));
    for ((group, table), (calls, micros)) in by_time {
        let line = Line::new(TABLE)
            .text(group)
            .text(table)
            .numbers(&[*calls, *micros]);
        tables.add(&[line]);
    }
    let mut statements = Part::new(STATEMENTS);
    let published = notable(&figures.statements);
    cut.statements = (figures.statements.len() - published.len()) as u64;
    for statement in published {
        let fits = statements.add(&[line_of_statement(statement)]);
        cut.statements += u64::from(!fits);
    }
    let used = servers.text.len() + tables.text.len() + statements.text.len();
    let mut shards = Part::new(MOST_BYTES - HEAD - used);
    let with_calls = figures.shards.iter();
    let with_calls = with_calls.filter(|(_, spans)| spans.fifteen.counts.calls > 0);
    let mut by_time: Vec<_> = with_calls.collect();
    by_time.sort_by_key(|(_, spans)| Reverse(spans.fifteen.counts.micros));
    for ((group, shard), spans) in by_time {
        let begun = Line::new(SHARD).text(group).numbers(&[u64::from(*shard)]);
        let windows = [&spans.one, &spans.five, &spans.fifteen].into_iter();
        let line = windows.fold(begun, Line::load);
        let fits = shards.add(&[line]);
        cut.shards += u64::from(!fits);
    }
    let head = Line::new(VERSION).duration(figures.over).numbers(&[
        cut.servers,
        cut.statements,
        cut.shards,
    ]);
    [
        head.as_str(),
        "\n",
        &servers.text,
        &tables.text,
        &statements.text,
        &shards.text,
    ]
    .concat()
}

/// A server without what belongs to one process alone: its verbs.
fn lines_of_server((group, name): &ServerName, server: &OfServer) -> Vec<Line> {
    let begin = |kind| Line::new(kind).text(group).text(name);
    let OfIncidents { counts, waits } = &server.incidents;
    let mut lines = vec![begin(SERVER).numbers(counts).histogram(waits)];
    for (number, role) in server.roles.iter().enumerate() {
        let Some(role) = role else { continue };
        let spans = &role.spans;
        let line = begin(ROLE).numbers(&[number as u64]);
        let line = [&spans.one, &spans.five, &spans.fifteen, &spans.earlier]
            .into_iter()
            .fold(line, Line::totals);
        let total = Span::new(spans.total.over, spans.total.counts.load);
        lines.push(line.load(&total));
        for pool in role.pools.values() {
            let PoolStatistics {
                max,
                size,
                in_use,
                waiting,
                ..
            } = *pool;
            let numbers = [
                number as u64,
                pool.endpoint as u64,
                max,
                size,
                in_use,
                waiting,
            ];
            lines.push(begin(POOL).numbers(&numbers));
        }
    }
    for lag in server.lags.values() {
        let line = begin(REPLICA)
            .numbers(&[lag.endpoint as u64])
            .duration(lag.lag);
        let line = lag.before.iter().fold(line, |line, before| {
            line.duration(before.ago).duration(before.lag)
        });
        lines.push(line);
    }
    lines
}

/// The statements with the longest calls, and those with the most time.
fn notable(all: &[StatementStatistics]) -> Vec<&StatementStatistics> {
    let mut left: Vec<&StatementStatistics> = all.iter().collect();
    left.sort_by_key(|one| Reverse(one.longest));
    let mut notable: Vec<_> = left.drain(..left.len().min(LONGEST)).collect();
    left.sort_by_key(|one| Reverse(one.busy));
    notable.extend(left.into_iter().take(LONGEST));
    notable
}

fn line_of_statement(statement: &StatementStatistics) -> Line {
    let text = &statement.fingerprint;
    let text = &text[..text.floor_char_boundary(FINGERPRINT)];
    Line::new(STATEMENT)
        .text(&statement.group)
        .text(&statement.table)
        .text(&statement.verb)
        .text(&statement.server)
        .numbers(&[u64::from(statement.shard), statement.calls, statement.slow])
        .duration(statement.busy)
        .duration(statement.longest)
        .text(text)
}

/// Reads what a process has published. `None` if it is of another version. Lines that cannot be read are left out.
pub(super) fn parse(text: &str) -> Option<Figures> {
    let mut lines = text.lines();
    let mut head = Fields::new(lines.next()?);
    let mut figures = Figures::default();
    if head.text()? != VERSION {
        return None;
    }
    figures.over = head.duration()?;
    let [servers, statements, shards] = head.numbers()?;
    figures.cut = Cut {
        servers,
        statements,
        shards,
    };
    for line in lines {
        // The rest of the text says something without it.
        let _ = parse_line(line, &mut figures);
    }
    Some(figures)
}

fn parse_line(line: &str, figures: &mut Figures) -> Option<()> {
    let mut fields = Fields::new(line);
    match fields.text()? {
        kind @ (SERVER | ROLE | POOL | REPLICA) => {
            let name = (fields.text()?.to_owned(), fields.text()?.to_owned());
            parse_server(kind, fields, name, figures)?;
        }
        TABLE => {
            let name = (fields.text()?.to_owned(), fields.text()?.to_owned());
            let [calls, micros] = fields.numbers()?;
            figures.tables.insert(name, (calls, micros));
        }
        STATEMENT => figures.statements.push(parse_statement(fields)?),
        SHARD => {
            let group = fields.text()?.to_owned();
            let [shard] = fields.numbers()?;
            let spans = Spans::<Load> {
                one: fields.load()?,
                five: fields.load()?,
                fifteen: fields.load()?,
                ..Spans::default()
            };
            figures
                .shards
                .insert((group, u32::try_from(shard).ok()?), spans);
        }
        _ => {}
    }
    Some(())
}

fn parse_server(
    kind: &str,
    mut fields: Fields<'_>,
    name: ServerName,
    figures: &mut Figures,
) -> Option<()> {
    match kind {
        SERVER => {
            let incidents = OfIncidents {
                counts: fields.numbers()?,
                waits: fields.histogram()?,
            };
            figures.servers.entry(name).or_default().incidents = incidents;
        }
        ROLE => {
            let [role] = fields.numbers()?;
            let spans = Spans {
                one: fields.totals()?,
                five: fields.totals()?,
                fifteen: fields.totals()?,
                earlier: fields.totals()?,
                total: fields.load()?.totals(),
            };
            role_of(figures, name, role)?.spans = spans;
        }
        POOL => {
            let [role, endpoint, max, size, in_use, waiting] = fields.numbers()?;
            let endpoint = usize::try_from(endpoint).ok()?;
            let pool = PoolStatistics {
                endpoint,
                max,
                size,
                in_use,
                waiting,
            };
            role_of(figures, name, role)?.pools.insert(endpoint, pool);
        }
        _ => {
            let [endpoint] = fields.numbers()?;
            let endpoint = usize::try_from(endpoint).ok()?;
            let lag = fields.duration()?;
            let mut before = [LagBefore::default(); 3];
            for one in &mut before {
                one.ago = fields.duration()?;
                one.lag = fields.duration()?;
            }
            let (group, server) = name.clone();
            let lag = ReplicaLag {
                group,
                server,
                endpoint,
                lag,
                before,
            };
            figures
                .servers
                .entry(name)
                .or_default()
                .lags
                .insert(endpoint, lag);
        }
    }
    Some(())
}

/// A role of a server, as primary or as replica.
fn role_of(figures: &mut Figures, name: ServerName, role: u64) -> Option<&mut OfRole> {
    let roles = &mut figures.servers.entry(name).or_default().roles;
    let role = roles.get_mut(usize::try_from(role).ok()?)?;
    Some(role.get_or_insert_default())
}

fn parse_statement(mut fields: Fields<'_>) -> Option<StatementStatistics> {
    let [group, table, verb, server] = [
        fields.text()?,
        fields.text()?,
        fields.text()?,
        fields.text()?,
    ];
    let [shard, calls, slow] = fields.numbers()?;
    Some(StatementStatistics {
        group: group.to_owned(),
        table: table.to_owned(),
        verb: verb.to_owned(),
        server: server.to_owned(),
        shard: u32::try_from(shard).ok()?,
        calls,
        slow,
        busy: fields.duration()?,
        longest: fields.duration()?,
        fingerprint: fields.text()?.to_owned(),
    })
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests;
