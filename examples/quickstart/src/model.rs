//! The models: what is stored, and what decides where.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;

/// An aircraft: the shard key of its flights, which live together in one logical shard.
///
/// A shard key is an integer, and an aircraft has a tail number such as `N14228`. Its characters
/// are read as the digits of a number in base 36, so that every program finds the same key:
/// `N` is 23, `1` is 1, and so on. A tail number does not begin with `0`, so none is lost.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ShardKey)]
pub(crate) struct Aircraft(i64);

/// The longest tail number that fits: 36^12 is below `i64::MAX`.
const LONGEST: usize = 12;

impl FromStr for Aircraft {
    type Err = String;

    fn from_str(tail: &str) -> Result<Self, String> {
        let plain = tail
            .chars()
            .all(|c| c.is_ascii_digit() || c.is_ascii_uppercase());
        if !plain || tail.is_empty() || tail.starts_with('0') || tail.len() > LONGEST {
            return Err(format!("`{tail}` is not a tail number"));
        }
        i64::from_str_radix(tail, 36)
            .map(Self)
            .map_err(|error| format!("`{tail}`: {error}"))
    }
}

impl fmt::Display for Aircraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut rest = self.0.unsigned_abs();
        let mut tail = Vec::with_capacity(LONGEST);
        while rest > 0 {
            let digit = u32::try_from(rest % 36).ok();
            tail.extend(digit.and_then(|digit| char::from_digit(digit, 36)));
            rest /= 36;
        }
        let tail: String = tail.iter().rev().collect();
        f.pad(&tail.to_uppercase())
    }
}

impl fmt::Debug for Aircraft {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Aircraft({self})")
    }
}

/// What is known of an aircraft. Its primary key is the shard key, so all flights of the key are
/// its own.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "flights", table = "planes")]
#[shard(has_many(flights = "Flight"))]
pub(crate) struct Plane {
    #[shard(key, primary_key)]
    pub(crate) aircraft: Aircraft,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    /// When it was built, where that is known.
    pub(crate) year: Option<i32>,
    pub(crate) seats: i32,
}

/// One flight: a row in the logical shard of its aircraft.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "flights", table = "flights")]
#[shard(belongs_to(plane = "Plane"))]
#[shard(refers_to(airline = "Airline", by = "carrier"))]
#[shard(refers_to(to = "Airport", by = "destination"))]
#[shard(index(aircraft, scheduled_at))]
pub(crate) struct Flight {
    #[shard(key, primary_key)]
    pub(crate) aircraft: Aircraft,
    /// Its line in `flights.csv`, from 2.
    #[shard(primary_key)]
    pub(crate) id: i64,
    #[shard(length = 2)]
    pub(crate) carrier: String,
    pub(crate) number: i32,
    #[shard(length = 3)]
    pub(crate) origin: String,
    #[shard(length = 3)]
    pub(crate) destination: String,
    pub(crate) scheduled_at: DateTime<Utc>,
    /// In minutes, negative when it was early; NULL for a flight that did not leave.
    pub(crate) departure_delay: Option<i32>,
    /// In miles.
    pub(crate) distance: i32,
}

/// An airline: a row in the named database `default`, copied to each server.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["flights"], table = "airlines")]
pub(crate) struct Airline {
    #[static_model(primary_key, length = 2)]
    pub(crate) carrier: String,
    pub(crate) name: String,
}

/// An airport: the same.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["flights"], table = "airports")]
pub(crate) struct Airport {
    #[static_model(primary_key, length = 3)]
    pub(crate) code: String,
    pub(crate) name: String,
    /// In feet.
    pub(crate) altitude: i32,
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::Aircraft;

    #[test]
    fn a_tail_number_is_a_number_in_base_36_and_back() {
        let aircraft: Aircraft = "N14228".parse().unwrap();
        assert_eq!(aircraft.0, 1_392_590_960);
        for tail in ["N14228", "1", "ZZZZZZZZZZZZ"] {
            assert_eq!(tail.parse::<Aircraft>().unwrap().to_string(), tail);
        }
    }

    #[test]
    fn what_would_not_come_back_as_it_was_is_no_tail_number() {
        for text in ["", "0A", "n14228", "N 1", "-1", "+N1", "ZZZZZZZZZZZZZ"] {
            assert!(text.parse::<Aircraft>().is_err(), "{text}");
        }
    }
}
