//! The serialized form of times, durations and outcomes: seconds, RFC 3339 texts in UTC, and the
//! entries `result` and `error`.
//!
//! Called by the types that are serialised with the feature `serde`.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::ser::SerializeMap as _;
use serde::{Serialize, Serializer};

use crate::error::Error;

const SECONDS_PER_DAY: u64 = 86_400;

/// A duration in seconds; null without one.
#[allow(clippy::ref_option)] // The form that serde asks for.
pub(crate) fn seconds<S: Serializer>(
    duration: &Option<Duration>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration
        .map(|duration| duration.as_secs_f64())
        .serialize(serializer)
}

/// A duration in seconds.
pub(crate) fn seconds_of<S: Serializer>(
    duration: &Duration,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    duration.as_secs_f64().serialize(serializer)
}

/// A time as an RFC 3339 text; null without one.
#[allow(clippy::ref_option)] // The form that serde asks for.
pub(crate) fn rfc_3339<S: Serializer>(
    time: &Option<SystemTime>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    time.and_then(text).serialize(serializer)
}

/// A time as an RFC 3339 text.
#[allow(clippy::trivially_copy_pass_by_ref)] // The form that serde asks for.
pub(crate) fn rfc_3339_of<S: Serializer>(
    time: &SystemTime,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    text(*time).serialize(serializer)
}

/// Writes the entry `result`, or the entry `error`.
pub(crate) fn outcome<T: Serialize, S: Serializer>(
    outcome: &Result<T, Error>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    let mut entry = serializer.serialize_map(Some(1))?;
    match outcome {
        Ok(value) => entry.serialize_entry("result", value)?,
        Err(error) => entry.serialize_entry("error", error)?,
    }
    entry.end()
}

/// Like [`outcome`], but writes neither for work that was not started.
#[allow(clippy::ref_option)] // The form that serde asks for.
pub(crate) fn optional_outcome<T: Serialize, S: Serializer>(
    begun: &Option<Result<T, Error>>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    match begun {
        Some(result) => outcome(result, serializer),
        None => serializer.serialize_map(Some(0))?.end(),
    }
}

/// `2026-01-31T12:30:00.250Z`; `None` before 1970.
fn text(time: SystemTime) -> Option<String> {
    let since = time.duration_since(UNIX_EPOCH).ok()?;
    let (year, month, day) = date(since.as_secs() / SECONDS_PER_DAY);
    let second = since.as_secs() % SECONDS_PER_DAY;
    Some(format!(
        "{year:04}-{month:02}-{day:02}T{:02}:{:02}:{:02}.{:03}Z",
        second / 3600,
        second / 60 % 60,
        second % 60,
        since.subsec_millis()
    ))
}

/// The date of a day since 1970-01-01: `civil_from_days` of Howard Hinnant, "chrono-Compatible
/// Low-Level Date Algorithms", for days from then on.
fn date(days: u64) -> (u64, u64, u64) {
    let days = days + 719_468;
    let era = days / 146_097;
    let of_era = days % 146_097;
    let year_of_era = (of_era - of_era / 1_460 + of_era / 36_524 - of_era / 146_096) / 365;
    let of_year = of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    // Counted from March.
    let month = (5 * of_year + 2) / 153;
    let day = of_year - (153 * month + 2) / 5 + 1;
    let month = if month < 10 { month + 3 } else { month - 9 };
    let year = year_of_era + era * 400 + u64::from(month <= 2);
    (year, month, day)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_are_rfc_3339_texts_in_utc() {
        let text = |seconds: u64, millis: u64| {
            let since = Duration::from_secs(seconds) + Duration::from_millis(millis);
            super::text(UNIX_EPOCH + since).unwrap_or_default()
        };
        assert_eq!(text(0, 0), "1970-01-01T00:00:00.000Z");
        assert_eq!(text(951_782_399, 999), "2000-02-28T23:59:59.999Z");
        assert_eq!(text(951_782_400, 0), "2000-02-29T00:00:00.000Z");
        assert_eq!(text(1_709_251_199, 5), "2024-02-29T23:59:59.005Z");
        assert_eq!(text(4_107_542_400, 0), "2100-03-01T00:00:00.000Z");
        assert_eq!(text(1_767_225_599, 0), "2025-12-31T23:59:59.000Z");
        assert_eq!(super::text(UNIX_EPOCH - Duration::from_secs(1)), None);
    }
}
