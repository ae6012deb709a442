//! The models and their shard key.

use std::fmt;
use std::str::FromStr;

use chrono::{DateTime, Utc};
use shard_orm::prelude::*;

/// An aircraft: the shard key of its flights, which are stored together in one logical shard.
///
/// A shard key is an integer, but aircraft are identified by tail numbers such as `N14228`. A tail
/// number is interpreted as a number in base 36, so that every program computes the same key. Tail
/// numbers do not start with `0`, so the conversion is reversible.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord, ShardKey)]
pub(crate) struct Aircraft(i64);

/// The maximum length of a tail number: 36^12 is below `i64::MAX`.
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

/// An aircraft's data. Its primary key is the shard key, so it is related to all flights with that
/// key.
#[derive(Debug, Clone, PartialEq, ShardModel)]
#[shard(group = "flights", table = "planes")]
#[shard(has_many(flights = "Flight"))]
pub(crate) struct Plane {
    #[shard(key, primary_key)]
    pub(crate) aircraft: Aircraft,
    pub(crate) manufacturer: String,
    pub(crate) model: String,
    /// The year of construction, if known.
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
    /// In minutes, negative if early; NULL for a flight that did not depart.
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

/// An airport, stored in the same way.
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
    fn a_tail_number_round_trips_through_base_36() {
        let aircraft: Aircraft = "N14228".parse().unwrap();
        assert_eq!(aircraft.0, 1_392_590_960);
        for tail in ["N14228", "1", "ZZZZZZZZZZZZ"] {
            assert_eq!(tail.parse::<Aircraft>().unwrap().to_string(), tail);
        }
    }

    #[test]
    fn ambiguous_tail_numbers_are_rejected() {
        for text in ["", "0A", "n14228", "N 1", "-1", "+N1", "ZZZZZZZZZZZZZ"] {
            assert!(text.parse::<Aircraft>().is_err(), "{text}");
        }
    }
}
