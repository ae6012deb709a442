//! The document of a stored plan: what is done, and how. TOML, as the documents of topologies and jobs.

use toml::{Table, Value};

use super::StoredStep;
use crate::error::{Error, Result};
use crate::reshard::carry_out::CarryOut;
use crate::reshard::how::How;
use crate::reshard::planner::{Action, Cost, Plan, SplitPart, Step, Why};
use crate::reshard::{Gradual, Mirror};

/// The document of a plan.
pub(super) fn text_of(plan: &Plan, how: &CarryOut) -> String {
    let steps = plan.steps.iter().map(|step| Value::Table(step_of(step)));
    let mut table = Table::new();
    table.insert("by".to_owned(), plan.by.to_string().into());
    table.insert("how".to_owned(), Value::Table(table_of(how)));
    table.insert("steps".to_owned(), Value::Array(steps.collect()));
    table.to_string()
}

/// What a document says.
pub(super) fn parse(text: &str) -> Result<(Cost, CarryOut, Vec<StoredStep>)> {
    let table: Table = text.parse().map_err(|_| unreadable())?;
    let read = || {
        let by = Cost::parse(table.get("by")?.as_str()?)?;
        let how = how_of(table.get("how")?)?;
        let steps = (1_u64..).zip(table.get("steps")?.as_array()?);
        let steps = steps.map(|(number, step)| {
            let why = Why::parse(step.get("why")?.as_str()?)?;
            Some(StoredStep::new(number, action_of(step)?, why))
        });
        Some((by, how, steps.collect::<Option<_>>()?))
    };
    read().ok_or_else(unreadable)
}

fn unreadable() -> Error {
    Error::decode(
        "a plan of the catalog cannot be read; it was written by another version of this library",
    )
}

fn table_of(how: &CarryOut) -> Table {
    let mut table = Table::new();
    table.insert("concurrency".to_owned(), integer(how.concurrency as u64));
    table.insert("pace".to_owned(), how.jobs.pace.to_string().into());
    if let Some(hours) = how.hours {
        table.insert("hours".to_owned(), hours.to_string().into());
    }
    if let Some(most) = how.most_statements {
        table.insert("most_statements".to_owned(), integer(most));
    }
    for (key, is_set) in [
        (
            "accepts_relaxed_durability",
            how.jobs.accepts_relaxed_durability,
        ),
        ("accepts_replica_risk", how.jobs.accepts_replica_risk),
    ] {
        if is_set {
            table.insert(key.to_owned(), true.into());
        }
    }
    if let Some(mirror) = how.jobs.mirror {
        table.insert("mirror".to_owned(), mirror.to_value());
    }
    if let Some(gradual) = &how.jobs.gradual {
        table.insert("gradual".to_owned(), gradual.to_value());
    }
    if !how.jobs.types.is_empty() {
        let types = how.jobs.types.iter().map(|(table, columns)| {
            let columns = columns.iter();
            let columns = columns.map(|(column, of)| (column.clone(), of.clone().into()));
            (table.clone(), Value::Table(columns.collect()))
        });
        table.insert("types".to_owned(), Value::Table(types.collect()));
    }
    if let Some(column) = &how.jobs.columns.common {
        table.insert("key".to_owned(), column.clone().into());
    }
    if !how.jobs.columns.own.is_empty() {
        let own = how.jobs.columns.own.iter();
        let own = own.map(|(table, column)| (table.clone(), column.clone().into()));
        table.insert("keys".to_owned(), Value::Table(own.collect()));
    }
    if !how.jobs.columns.kept.is_empty() {
        let kept = how.jobs.columns.kept.iter().cloned().map(Value::String);
        table.insert("kept".to_owned(), Value::Array(kept.collect()));
    }
    table
}

fn how_of(value: &Value) -> Option<CarryOut> {
    let is_set = |key: &str| value.get(key).and_then(Value::as_bool) == Some(true);
    let mut how = CarryOut {
        concurrency: usize::try_from(number(value.get("concurrency")?)?).ok()?,
        most_statements: value.get("most_statements").and_then(number),
        jobs: How {
            pace: value.get("pace")?.as_str()?.parse().ok()?,
            accepts_relaxed_durability: is_set("accepts_relaxed_durability"),
            accepts_replica_risk: is_set("accepts_replica_risk"),
            ..How::default()
        },
        ..CarryOut::default()
    };
    if let Some(hours) = value.get("hours") {
        how.hours = Some(hours.as_str()?.parse().ok()?);
    }
    if let Some(mirror) = value.get("mirror") {
        how.jobs.mirror = Some(Mirror::of_value(mirror)?);
    }
    if let Some(gradual) = value.get("gradual") {
        how.jobs.gradual = Some(Gradual::of_value(gradual)?);
    }
    let types = value.get("types").and_then(Value::as_table);
    for (table, columns) in types.into_iter().flatten() {
        for (column, of) in columns.as_table()? {
            let own = how.jobs.types.entry(table.clone()).or_default();
            own.insert(column.clone(), of.as_str()?.to_owned());
        }
    }
    let key = value.get("key").and_then(Value::as_str);
    how.jobs.columns.common = key.map(str::to_owned);
    for (table, column) in value
        .get("keys")
        .and_then(Value::as_table)
        .into_iter()
        .flatten()
    {
        how = how.key_of(table, column.as_str()?);
    }
    for table in value
        .get("kept")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        how = how.keep(table.as_str()?);
    }
    Some(how)
}

fn step_of(step: &Step) -> Table {
    let mut table = Table::new();
    let mut set = |key: &str, value: Value| table.insert(key.to_owned(), value);
    set("why", step.why.name().into());
    match &step.action {
        Action::Activate { group, server } => {
            set("action", "activate".into());
            set("group", group.clone().into());
            set("server", server.clone().into());
        }
        Action::Move {
            group,
            shard,
            from,
            to,
            rows,
            bytes,
        } => {
            set("action", "move".into());
            set("group", group.clone().into());
            set("shard", i64::from(*shard).into());
            set("from", from.clone().into());
            set("to", to.clone().into());
            set("rows", integer(*rows));
            set("bytes", integer(*bytes));
        }
        Action::Split {
            group,
            shard,
            from,
            parts,
            rows,
            bytes,
        } => {
            set("action", "split".into());
            set("group", group.clone().into());
            set("shard", i64::from(*shard).into());
            set("from", from.clone().into());
            set("parts", Value::Array(parts.iter().map(part_of).collect()));
            set("rows", integer(*rows));
            set("bytes", integer(*bytes));
        }
    }
    table
}

fn part_of(part: &SplitPart) -> Value {
    let mut table = Table::new();
    table.insert("shard".to_owned(), i64::from(part.shard).into());
    table.insert("server".to_owned(), part.server.clone().into());
    table.insert("rows".to_owned(), integer(part.rows));
    table.insert("bytes".to_owned(), integer(part.bytes));
    Value::Table(table)
}

fn action_of(step: &Value) -> Option<Action> {
    let text = |key: &str| step.get(key)?.as_str().map(str::to_owned);
    let shard = |value: &Value| u32::try_from(value.get("shard")?.as_integer()?).ok();
    let size = |value: &Value| {
        let own = |key: &str| number(value.get(key)?);
        Some((own("rows")?, own("bytes")?))
    };
    let group = text("group")?;
    match &*text("action")? {
        "activate" => Some(Action::Activate {
            group,
            server: text("server")?,
        }),
        "move" => {
            let (rows, bytes) = size(step)?;
            Some(Action::Move {
                group,
                shard: shard(step)?,
                from: text("from")?,
                to: text("to")?,
                rows,
                bytes,
            })
        }
        "split" => {
            let (rows, bytes) = size(step)?;
            let parts = step.get("parts")?.as_array()?.iter().map(|part| {
                let (rows, bytes) = size(part)?;
                Some(SplitPart {
                    shard: shard(part)?,
                    server: part.get("server")?.as_str()?.to_owned(),
                    rows,
                    bytes,
                })
            });
            Some(Action::Split {
                group,
                shard: shard(step)?,
                from: text("from")?,
                parts: parts.collect::<Option<_>>()?,
                rows,
                bytes,
            })
        }
        _ => None,
    }
}

fn integer(number: u64) -> Value {
    Value::Integer(i64::try_from(number).unwrap_or(i64::MAX))
}

fn number(value: &Value) -> Option<u64> {
    u64::try_from(value.as_integer()?).ok()
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;
    use crate::reshard::Pace;
    use crate::reshard::planner::{Fleet, Planner, Server, Shard, Splits};

    #[test]
    fn a_document_says_what_was_planned() {
        let mut fleet = Fleet::new();
        fleet.server(Server::new("shop", "a").capacity(100));
        let spare = Server::new("shop", "b").capacity(2_000);
        fleet.server(spare.state(crate::config::ServerState::Inactive));
        fleet.shard(Shard::new("shop", 0, "a").bytes(900).rows(9));
        fleet.shard(Shard::new("shop", 1, "a").bytes(10).rows(1));
        fleet.shard(Shard::new("shop", 2, "a").bytes(300).rows(3));
        let plan = Planner::new()
            .split(Splits::AboveBytes(500))
            .plan(&fleet)
            .unwrap();
        assert!(plan.steps.len() > 2, "{plan:?}");
        let how = CarryOut::new()
            .concurrency(3)
            .pace(Pace::RowsPerSecond(7))
            .between("22:00-06:00".parse().unwrap())
            .most_statements(40)
            .accept_replica_risk()
            .mirror(Mirror::percent(0.5).unwrap())
            .gradual(Gradual::percent([5.0, 50.0]).unwrap())
            .key("user_id")
            .key_of("orders", "owner")
            .keep("settings")
            .column_type("orders", "placed_at", &"timestamp_utc".parse().unwrap());
        for how in [how, CarryOut::new()] {
            let (by, read, steps) = parse(&text_of(&plan, &how)).unwrap();
            assert_eq!((by, read), (plan.by, how));
            let steps = steps.into_iter().map(|step| Step {
                action: step.action,
                why: step.why,
            });
            assert_eq!(steps.collect::<Vec<_>>(), plan.steps);
        }
        for text in ["", "by = 'bytes'", "[how]", "steps = 1"] {
            assert!(parse(text).is_err(), "{text}");
        }
    }
}
