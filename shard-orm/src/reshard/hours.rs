//! Hours of the day, in which the moves of a plan are started.

use std::fmt;
use std::str::FromStr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use crate::error::{Error, Result};

const SECONDS_PER_DAY: u64 = 86_400;

/// Hours of the day by UTC, from one minute up to another one; they may go over midnight.
///
/// ```
/// use shard_orm::reshard::Hours;
///
/// let night: Hours = "22:00-06:30".parse()?;
/// assert_eq!(night.to_string(), "22:00-06:30");
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Hours {
    /// In seconds since midnight.
    from: u64,
    to: u64,
}

impl Hours {
    /// How long it is from this time until they begin; zero within.
    #[must_use]
    pub fn until(&self, time: SystemTime) -> Duration {
        let since = time.duration_since(UNIX_EPOCH).unwrap_or_default();
        let second = since.as_secs() % SECONDS_PER_DAY;
        let is_within = if self.from <= self.to {
            (self.from..self.to).contains(&second)
        } else {
            second >= self.from || second < self.to
        };
        if is_within {
            return Duration::ZERO;
        }
        Duration::from_secs((self.from + SECONDS_PER_DAY - second) % SECONDS_PER_DAY)
    }
}

impl fmt::Display for Hours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let clock = |second: u64| format!("{:02}:{:02}", second / 3_600, second / 60 % 60);
        write!(f, "{}-{}", clock(self.from), clock(self.to))
    }
}

impl FromStr for Hours {
    type Err = Error;

    fn from_str(text: &str) -> Result<Self> {
        let hours = text.split_once('-').and_then(|(from, to)| {
            let hours = Self {
                from: seconds(from)?,
                to: seconds(to)?,
            };
            (hours.from != hours.to).then_some(hours)
        });
        hours.ok_or_else(|| {
            Error::configuration(format!(
                "`{text}` are no hours of the day; write two different times by UTC, such as `22:00-06:00`"
            ))
        })
    }
}

/// The seconds from midnight to `22:00`.
fn seconds(clock: &str) -> Option<u64> {
    let (hour, minute) = clock.split_once(':')?;
    let (hour, minute): (u64, u64) = (hour.parse().ok()?, minute.parse().ok()?);
    (hour < 24 && minute < 60).then_some(hour * 3_600 + minute * 60)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn hours_may_go_over_midnight() {
        let at =
            |hour: u64| UNIX_EPOCH + Duration::from_secs(20_000 * SECONDS_PER_DAY + hour * 3_600);
        let night: Hours = "22:00-06:00".parse().unwrap();
        let day: Hours = "09:30-17:00".parse().unwrap();
        for (hours, hour, minutes) in [
            (night, 23, 0),
            (night, 0, 0),
            (night, 5, 0),
            (night, 6, 16 * 60),
            (night, 21, 60),
            (day, 12, 0),
            (day, 9, 30),
            (day, 17, 16 * 60 + 30),
        ] {
            let expected = Duration::from_secs(minutes * 60);
            assert_eq!(hours.until(at(hour)), expected, "{hours} at {hour}");
        }
    }

    #[test]
    fn other_texts_are_refused() {
        for text in [
            "",
            "22:00",
            "22-06",
            "24:00-06:00",
            "01:60-02:00",
            "1:00-1:00",
            "a:b-c:d",
        ] {
            let error = text.parse::<Hours>().unwrap_err();
            assert!(error.message().contains("22:00-06:00"), "{text}: {error}");
        }
    }
}
