//! The gradual switch of a job: which share of the reads its target serves before the switch, step by step.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use toml::{Table, Value};

use super::plan::{integer, number};
use crate::error::{Error, Result};

/// How long a step lasts unless that is set.
const LASTING: Duration = Duration::from_mins(1);
/// The basis points of one percent.
const OF_PERCENT: f64 = 100.0;
/// The basis points of everything.
const ALL: u32 = 10_000;

/// The shares of the reads with the policy `Replica` that the target of a move serves before the switch, one after the
/// other, and how long each lasts.
///
/// ```
/// use std::time::Duration;
/// use shard_orm::reshard::Gradual;
///
/// let gradual = Gradual::percent([5.0, 25.0, 100.0])?.each(Duration::from_mins(10));
/// assert_eq!(gradual.to_string(), "5%, 25%, 100% for 600s each");
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Gradual {
    /// In hundredths of a percent, ascending.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "percent", serialize_with = "as_percent")
    )]
    steps: Vec<u32>,
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds", serialize_with = "crate::units::seconds_of")
    )]
    each: Duration,
}

/// How far a gradual switch is.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Shifted {
    /// The number of the step, from 1; 0 before the first.
    pub step: u64,
    /// How long that step has lasted.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub lasted: Duration,
    /// Reads that the target has served.
    pub served: u64,
    /// Reads that were chosen for the target, and that the source has served: the target lagged too far behind, or did not
    /// answer.
    pub fallen_back: u64,
}

#[cfg(feature = "serde")]
fn as_percent<S: serde::Serializer>(steps: &[u32], to: S) -> std::result::Result<S::Ok, S::Error> {
    to.collect_seq(steps.iter().map(|step| f64::from(*step) / OF_PERCENT))
}

impl Gradual {
    /// These shares of the reads, in percent, each for one minute.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if there is none, one is not above 0 and at most 100, or they do
    /// not ascend.
    pub fn percent(steps: impl IntoIterator<Item = f64>) -> Result<Self> {
        let mut own = Vec::new();
        for percent in steps {
            let basis_points = (percent * OF_PERCENT).round();
            if !(1.0..=f64::from(ALL)).contains(&basis_points) {
                return Err(Error::configuration(format!(
                    "a step of a gradual switch is {percent}% of the reads; it must be above 0% and at most 100%"
                )));
            }
            #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // In these bounds.
            let basis_points = basis_points as u32;
            own.push(basis_points);
        }
        if own.is_empty() || !own.is_sorted_by(|one, next| one < next) {
            return Err(Error::configuration(
                "the steps of a gradual switch are shares of the reads that ascend, such as 5%, 25% and 100%",
            ));
        }
        Ok(Self {
            steps: own,
            each: LASTING,
        })
    }

    /// Each step lasts for this long.
    #[must_use]
    pub fn each(mut self, each: Duration) -> Self {
        self.each = each;
        self
    }

    /// The shares of the reads, in percent.
    pub fn steps(&self) -> impl Iterator<Item = f64> + '_ {
        self.steps.iter().map(|step| f64::from(*step) / OF_PERCENT)
    }

    /// How long each step lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.each
    }

    /// The number of steps.
    pub(crate) fn count(&self) -> u64 {
        self.steps.len() as u64
    }

    /// The share of a step, in hundredths of a percent. The first step has the number 1; there are none before it.
    pub(crate) fn share(&self, step: u64) -> u32 {
        let position = usize::try_from(step.saturating_sub(1)).unwrap_or(usize::MAX);
        let share = self.steps.get(position).or(self.steps.last());
        share.filter(|_| step > 0).copied().unwrap_or_default()
    }

    pub(crate) fn to_value(&self) -> Value {
        let millis = u64::try_from(self.each.as_millis()).unwrap_or(u64::MAX);
        let steps = self
            .steps
            .iter()
            .map(|step| Value::Integer(i64::from(*step)));
        let mut table = Table::new();
        table.insert("basis_points".to_owned(), Value::Array(steps.collect()));
        table.insert("milliseconds".to_owned(), integer(millis));
        Value::Table(table)
    }

    pub(crate) fn of_value(value: &Value) -> Option<Self> {
        let steps = value.get("basis_points")?.as_array()?.iter();
        let steps = steps.map(|step| u32::try_from(number(step)?).ok());
        Some(Self {
            steps: steps.collect::<Option<Vec<_>>>()?,
            each: Duration::from_millis(number(value.get("milliseconds")?)?),
        })
    }
}

impl fmt::Display for Gradual {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let steps: Vec<String> = self.steps().map(|step| format!("{step}%")).collect();
        write!(
            f,
            "{} for {}s each",
            steps.join(", "),
            self.each.as_secs_f64()
        )
    }
}

impl FromStr for Gradual {
    type Err = Error;

    /// Reads shares such as `5%,25%,100%` or `5,25,100`, in percent.
    fn from_str(text: &str) -> Result<Self> {
        let steps = text.split(',').map(|step| {
            let step = step.trim();
            let number = step.strip_suffix('%').unwrap_or(step).trim();
            number.parse::<f64>().map_err(|_| {
                Error::configuration(format!(
                    "`{text}` are no steps of a gradual switch: they are numbers of percent, such as `5,25,100`"
                ))
            })
        });
        Self::percent(steps.collect::<Result<Vec<f64>>>()?)
    }
}

impl Shifted {
    pub(super) fn to_value(&self) -> Value {
        let millis = u64::try_from(self.lasted.as_millis()).unwrap_or(u64::MAX);
        let mut table = Table::new();
        for (key, number) in [
            ("step", self.step),
            ("milliseconds", millis),
            ("served", self.served),
            ("fallen_back", self.fallen_back),
        ] {
            table.insert(key.to_owned(), integer(number));
        }
        Value::Table(table)
    }

    pub(super) fn of_value(value: &Value) -> Self {
        let own = |key: &str| value.get(key).and_then(number).unwrap_or_default();
        Self {
            step: own("step"),
            lasted: Duration::from_millis(own("milliseconds")),
            served: own("served"),
            fallen_back: own("fallen_back"),
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn steps_are_shares_that_ascend() {
        let gradual: Gradual = "5,25%, 100".parse().unwrap();
        assert_eq!(gradual.steps, [500, 2_500, 10_000]);
        let shares = [0, 1, 2, 3, 4].map(|step| gradual.share(step));
        assert_eq!(shares, [0, 500, 2_500, 10_000, 10_000]);
        assert_eq!(Gradual::of_value(&gradual.to_value()), Some(gradual));
        for text in ["", "0", "5,5", "25,5", "101", "half", "NaN"] {
            assert!(text.parse::<Gradual>().is_err(), "{text}");
        }
    }

    #[test]
    fn how_far_it_is_is_read_as_it_was_written() {
        let shifted = Shifted {
            step: 2,
            lasted: Duration::from_millis(1_500),
            served: 9,
            fallen_back: 1,
        };
        assert_eq!(Shifted::of_value(&shifted.to_value()), shifted);
    }
}
