//! Values with their own notation: durations, sizes, choices, and runs of logical shards.

use std::ops::Range;
use std::time::Duration;

use super::table::{Value, distance, list};

/// A duration with a unit, like `500ms`, `5s`, `10m` or `1h`.
pub(super) fn duration(value: &Value<'_>) -> Option<Duration> {
    if value.is_number() {
        value.problem(
            "a duration without a unit; write it like \"500ms\", \"5s\", \"10m\" or \"1h\"",
        );
        return None;
    }
    let parsed = parse_duration(&value.text()?);
    if parsed.is_none() {
        value.problem("not a duration; write it like \"500ms\", \"5s\", \"10m\" or \"1h\"");
    }
    parsed
}

/// A duration, or `None` within for `off`.
pub(super) fn duration_or_off(value: &Value<'_>) -> Option<Option<Duration>> {
    if value.is_text() && value.text().as_deref() == Some("off") {
        return Some(None);
    }
    duration(value).map(Some)
}

fn parse_duration(text: &str) -> Option<Duration> {
    let unit = text.find(|c: char| !c.is_ascii_digit())?;
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let seconds = match unit.trim_start() {
        "ms" => return Some(Duration::from_millis(number)),
        "s" => 1,
        "m" | "min" => 60,
        "h" => 3600,
        _ => return None,
    };
    number.checked_mul(seconds).map(Duration::from_secs)
}

/// A size in bytes: a number, or a string with a unit, like `64MiB`.
pub(super) fn bytes(value: &Value<'_>) -> Option<u64> {
    if value.is_number() {
        return value.number();
    }
    let parsed = parse_bytes(&value.text()?);
    if parsed.is_none() {
        value.problem(
            "not a size; write a number of bytes, or a string like \"512KiB\", \"64MiB\" or \
             \"1GiB\"",
        );
    }
    parsed
}

fn parse_bytes(text: &str) -> Option<u64> {
    let unit = text
        .find(|c: char| !c.is_ascii_digit())
        .unwrap_or(text.len());
    let (number, unit) = text.split_at(unit);
    let number: u64 = number.parse().ok()?;
    let factor = match unit.trim_start() {
        "" | "B" => 1,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return None,
    };
    number.checked_mul(factor)
}

/// Runs of logical shards: `"0..8"`, a number, or a list of these.
pub(super) fn runs(value: &Value<'_>) -> Option<Vec<Range<u32>>> {
    if !value.is_list() {
        return run(value).map(|run| vec![run]);
    }
    let items: Vec<_> = value.list()?.iter().map(run).collect();
    items.into_iter().collect()
}

fn run(value: &Value<'_>) -> Option<Range<u32>> {
    if value.is_number() {
        let shard: u32 = value.number()?;
        return Some(shard..shard.saturating_add(1));
    }
    let parsed = parse_run(&value.text()?);
    if parsed.is_none() {
        value.problem(
            "not a run of shards; write \"0..8\" for the shards 0 to 7, a number for one shard, or \
             a list of these",
        );
    }
    parsed
}

fn parse_run(text: &str) -> Option<Range<u32>> {
    match text.split_once("..") {
        Some((from, to)) => Some(from.trim().parse().ok()?..to.trim().parse().ok()?),
        None => {
            let shard: u32 = text.trim().parse().ok()?;
            Some(shard..shard.checked_add(1)?)
        }
    }
}

/// The choice with the name in a string.
pub(super) fn one_of<T: Clone>(value: &Value<'_>, choices: &[(&'static str, T)]) -> Option<T> {
    let text = value.text()?;
    if let Some((_, chosen)) = choices.iter().find(|(name, _)| *name == text) {
        return Some(chosen.clone());
    }
    let names: Vec<&str> = choices.iter().map(|(name, _)| *name).collect();
    // The value is not repeated: it may come from the environment.
    let near = names.iter().map(|name| (distance(&text, name), name)).min();
    match near.filter(|(distance, name)| *distance <= 1 + name.len() / 4) {
        Some((_, near)) => value.problem(format!("unknown choice; did you mean \"{near}\"?")),
        None => value.problem(format!("unknown choice; use one of {}", list(&names))),
    }
    None
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::{parse_bytes, parse_duration, parse_run};

    #[test]
    fn times_have_units() {
        for (text, millis) in [
            ("500ms", 500),
            ("5s", 5_000),
            ("10m", 600_000),
            ("1h", 3_600_000),
        ] {
            let parsed = parse_duration(text).unwrap();
            assert_eq!(parsed.as_millis(), millis, "{text}");
        }
        for text in [
            "",
            "5",
            "s",
            "5 fortnights",
            "-5s",
            "1.5s",
            "99999999999999999999s",
        ] {
            assert_eq!(parse_duration(text), None, "{text}");
        }
        assert_eq!(parse_duration(&format!("{}h", u64::MAX)), None);
    }

    #[test]
    fn sizes_have_units() {
        for (text, bytes) in [
            ("0", 0),
            ("17", 17),
            ("17B", 17),
            ("2KiB", 2_048),
            ("64 MiB", 64 << 20),
        ] {
            assert_eq!(parse_bytes(text), Some(bytes), "{text}");
        }
        for text in ["", "MiB", "-1", "1.5GiB", "1MB", "99999999999GiB"] {
            assert_eq!(parse_bytes(text), None, "{text}");
        }
    }

    #[test]
    fn runs_are_half_open() {
        assert_eq!(parse_run("0..8"), Some(0..8));
        assert_eq!(parse_run(" 3 .. 4 "), Some(3..4));
        assert_eq!(parse_run("7"), Some(7..8));
        for text in [
            "",
            "..",
            "1..",
            "..4",
            "0..=8",
            "a..b",
            "-1..2",
            "4294967295",
        ] {
            assert_eq!(parse_run(text), None, "{text}");
        }
    }
}
