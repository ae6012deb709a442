//! Numbers, sizes and times for people.

use std::time::{Duration, SystemTime};

/// What stands for a figure that is not known.
pub(crate) const UNKNOWN: &str = "unknown";

/// A number of bytes: `812 B`, `1.5 MiB`.
pub(crate) fn bytes(bytes: u64) -> String {
    const UNITS: [&str; 6] = ["KiB", "MiB", "GiB", "TiB", "PiB", "EiB"];
    if bytes < 1_024 {
        return format!("{bytes} B");
    }
    let mut tenths = bytes.saturating_mul(10) / 1_024;
    let mut unit = 0;
    while tenths >= 10_240 && unit + 1 < UNITS.len() {
        tenths /= 1_024;
        unit += 1;
    }
    format!("{}.{} {}", tenths / 10, tenths % 10, UNITS[unit])
}

/// A number with separators: `1,234,567`.
pub(crate) fn number(number: u64) -> String {
    let digits = number.to_string();
    let mut text = String::with_capacity(digits.len() + digits.len() / 3);
    for (index, digit) in digits.chars().enumerate() {
        if index > 0 && (digits.len() - index).is_multiple_of(3) {
            text.push(',');
        }
        text.push(digit);
    }
    text
}

/// A figure that may be an estimate, or unknown: `120`, `about 120`.
pub(crate) fn estimated(figure: Option<String>, is_estimate: bool) -> String {
    match figure {
        None => UNKNOWN.to_owned(),
        Some(figure) if is_estimate => format!("about {figure}"),
        Some(figure) => figure,
    }
}

/// A duration in its largest unit, or its two largest: `0.4 ms`, `2.5 s`, `3 min 5 s`, `2 h 5 min`.
pub(crate) fn duration(duration: Duration) -> String {
    let seconds = duration.as_secs();
    match (seconds / 86_400, seconds / 3_600, seconds / 60) {
        (0, 0, 0) if duration < Duration::from_secs(1) => {
            format!("{:.1} ms", duration.as_secs_f64() * 1_000.0)
        }
        (0, 0, 0) => format!("{:.1} s", duration.as_secs_f64()),
        (0, 0, minutes) => format!("{minutes} min {} s", seconds % 60),
        (0, hours, minutes) => format!("{hours} h {} min", minutes % 60),
        (days, hours, _) => format!("{days} d {} h", hours % 24),
    }
}

/// A duration that may be unknown.
pub(crate) fn some_duration(known: Option<Duration>) -> String {
    known.map_or_else(|| UNKNOWN.to_owned(), duration)
}

/// A time: `2026-01-31 12:30:00 UTC`.
pub(crate) fn time(time: SystemTime) -> String {
    let text = humantime::format_rfc3339_seconds(time).to_string();
    format!("{} UTC", text.replace('T', " ").trim_end_matches('Z'))
}

/// A number with its noun: `1 row`, `2 rows`.
pub(crate) fn count(of: u64, noun: &str) -> String {
    let plural = if of == 1 { "" } else { "s" };
    format!("{} {noun}{plural}", number(of))
}

/// The share of a number in another one, in percent; `None` for a share of nothing.
pub(crate) fn percent(part: u64, whole: u64) -> Option<u64> {
    let percent = u128::from(part) * 100 / u128::from(whole.max(1));
    (whole > 0).then(|| u64::try_from(percent).unwrap_or(u64::MAX))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_name_their_units() {
        assert_eq!(bytes(1_536), "1.5 KiB");
        assert_eq!(number(1_234_567), "1,234,567");
        assert_eq!(number(123), "123");
        assert_eq!(duration(Duration::from_micros(400)), "0.4 ms");
        assert_eq!(duration(Duration::from_secs(185)), "3 min 5 s");
        assert_eq!(time(SystemTime::UNIX_EPOCH), "1970-01-01 00:00:00 UTC");
        assert_eq!(percent(1, 0), None);
        assert_eq!(percent(u64::MAX, u64::MAX), Some(100));
    }
}
