//! The mirror of a job: which reads its target is asked too before the switch, and what they have shown.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use toml::{Table, Value};

use super::plan::{integer, number};
use crate::backend::{decode_any, encode_value, shown};
use crate::error::{Error, Result};

/// How long reads are mirrored unless that is set.
const LASTING: Duration = Duration::from_mins(1);
/// The basis points of one percent.
const OF_PERCENT: f64 = 100.0;
/// The basis points of everything.
const ALL: u32 = 10_000;

/// A share of the reads of a moving logical shard, which its target is asked too before the switch, and for how long.
///
/// ```
/// use std::time::Duration;
/// use shard_orm::reshard::Mirror;
///
/// let mirror = Mirror::percent(0.5)?.lasting(Duration::from_mins(10));
/// assert_eq!(mirror.to_string(), "0.5% for 600s");
/// # Ok::<(), shard_orm::Error>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
pub struct Mirror {
    /// In hundredths of a percent.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "percent", serialize_with = "as_percent")
    )]
    basis_points: u32,
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds", serialize_with = "crate::units::seconds_of")
    )]
    lasting: Duration,
}

/// What the reads that were sent to both ends of a job have shown.
#[derive(Debug, Clone, PartialEq, Default)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct Mirrored {
    /// Reads whose rows were compared.
    pub compared: u64,
    /// Reads that were chosen and not compared: too many waited, the target did not answer in time, or they had too many
    /// rows.
    pub skipped: u64,
    /// Rows that differed in a read, and were equal once the target had all changes.
    pub lagging: u64,
    /// Rows that differ although the target has all changes: the first hundred.
    pub differing: Vec<DifferingRow>,
    /// How long reads have been mirrored.
    #[cfg_attr(
        feature = "serde",
        serde(rename = "seconds", serialize_with = "crate::units::seconds_of")
    )]
    pub lasted: Duration,
}

/// A row that is not at the target as it is at the source.
#[derive(Debug, Clone, PartialEq)]
#[cfg_attr(feature = "serde", derive(serde::Serialize))]
#[non_exhaustive]
pub struct DifferingRow {
    /// Its table.
    pub table: String,
    /// Its primary key: the values of the key's columns, with `/` in between.
    pub key: String,
    /// The columns of the primary key, and their values.
    #[cfg_attr(feature = "serde", serde(skip))]
    pub(crate) columns: Vec<(String, sea_query::Value)>,
}

#[cfg(feature = "serde")]
#[allow(clippy::trivially_copy_pass_by_ref)] // The form that serde asks for.
fn as_percent<S: serde::Serializer>(
    basis_points: &u32,
    to: S,
) -> std::result::Result<S::Ok, S::Error> {
    to.serialize_f64(f64::from(*basis_points) / OF_PERCENT)
}

impl Mirror {
    /// This share of the reads, in percent, for one minute. The share is rounded to hundredths of a percent; 0 is none.
    ///
    /// # Errors
    /// [`Configuration`](crate::ErrorKind::Configuration) if it is not between 0 and 100.
    pub fn percent(percent: f64) -> Result<Self> {
        let basis_points = (percent * OF_PERCENT).round();
        if !(0.0..=f64::from(ALL)).contains(&basis_points) {
            return Err(Error::configuration(format!(
                "the share of mirrored reads is {percent}%; it must be between 0% and 100%"
            )));
        }
        #[allow(clippy::cast_possible_truncation, clippy::cast_sign_loss)] // In these bounds.
        let basis_points = basis_points as u32;
        Ok(Self {
            basis_points,
            lasting: LASTING,
        })
    }

    /// Mirrors for this long before the switch.
    #[must_use]
    pub fn lasting(mut self, lasting: Duration) -> Self {
        self.lasting = lasting;
        self
    }

    /// The share of the reads, in percent.
    #[must_use]
    pub fn share(&self) -> f64 {
        f64::from(self.basis_points) / OF_PERCENT
    }

    /// How long reads are mirrored.
    #[must_use]
    pub fn duration(&self) -> Duration {
        self.lasting
    }

    /// Whether no read is mirrored.
    pub(crate) fn is_none(self) -> bool {
        self.basis_points == 0
    }

    /// Whether a read with this random number is mirrored.
    pub(crate) fn has(self, random: u64) -> bool {
        random % u64::from(ALL) < u64::from(self.basis_points)
    }

    pub(crate) fn to_value(self) -> Value {
        let millis = u64::try_from(self.lasting.as_millis()).unwrap_or(u64::MAX);
        let mut table = Table::new();
        table.insert(
            "basis_points".to_owned(),
            i64::from(self.basis_points).into(),
        );
        table.insert("milliseconds".to_owned(), integer(millis));
        Value::Table(table)
    }

    pub(crate) fn of_value(value: &Value) -> Option<Self> {
        let basis_points = u32::try_from(number(value.get("basis_points")?)?).ok()?;
        Some(Self {
            basis_points: basis_points.min(ALL),
            lasting: Duration::from_millis(number(value.get("milliseconds")?)?),
        })
    }
}

impl fmt::Display for Mirror {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}% for {}s", self.share(), self.lasting.as_secs_f64())
    }
}

impl FromStr for Mirror {
    type Err = Error;

    /// Reads a share such as `5%` or `0.5`, in percent.
    fn from_str(text: &str) -> Result<Self> {
        let number = text.strip_suffix('%').unwrap_or(text).trim();
        match number.parse() {
            Ok(percent) => Self::percent(percent),
            Err(_) => Err(Error::configuration(format!(
                "`{text}` is no share of reads: it is a number of percent, such as `5%`"
            ))),
        }
    }
}

impl Mirrored {
    pub(super) fn to_value(&self) -> Value {
        let millis = u64::try_from(self.lasted.as_millis()).unwrap_or(u64::MAX);
        let mut table = Table::new();
        for (key, number) in [
            ("compared", self.compared),
            ("skipped", self.skipped),
            ("lagging", self.lagging),
            ("milliseconds", millis),
        ] {
            table.insert(key.to_owned(), integer(number));
        }
        let rows = self.differing.iter().map(DifferingRow::to_value);
        table.insert("differing".to_owned(), Value::Array(rows.collect()));
        Value::Table(table)
    }

    pub(super) fn of_value(value: &Value) -> Self {
        let own = |key: &str| value.get(key).and_then(number).unwrap_or_default();
        let rows = value.get("differing").and_then(Value::as_array);
        let rows = rows.into_iter().flatten();
        Self {
            compared: own("compared"),
            skipped: own("skipped"),
            lagging: own("lagging"),
            differing: rows.filter_map(DifferingRow::of_value).collect(),
            lasted: Duration::from_millis(own("milliseconds")),
        }
    }
}

impl DifferingRow {
    /// A row of a table by the columns of its primary key.
    pub(crate) fn new(table: &str, columns: Vec<(String, sea_query::Value)>) -> Self {
        let key: Vec<String> = columns.iter().map(|(_, value)| shown(value)).collect();
        Self {
            table: table.to_owned(),
            key: key.join("/"),
            columns,
        }
    }

    pub(in crate::catalog) fn to_value(&self) -> Value {
        let columns = self.columns.iter().map(|(name, value)| {
            let mut bytes = Vec::new();
            // A value that has no encoding is not found again: its row is left out by whoever reads it.
            let _ = encode_value(value, &mut bytes);
            Value::Array(vec![
                name.clone().into(),
                URL_SAFE_NO_PAD.encode(bytes).into(),
            ])
        });
        let mut table = Table::new();
        table.insert("columns".to_owned(), Value::Array(columns.collect()));
        table.insert("table".to_owned(), self.table.clone().into());
        Value::Table(table)
    }

    pub(in crate::catalog) fn of_value(value: &Value) -> Option<Self> {
        let column = |column: &Value| {
            let [name, value] = column.as_array()?.as_slice() else {
                return None;
            };
            let bytes = URL_SAFE_NO_PAD.decode(value.as_str()?).ok()?;
            let mut rest = bytes.as_slice();
            let value = decode_any(&mut rest).filter(|_| rest.is_empty())?;
            Some((name.as_str()?.to_owned(), value))
        };
        let columns = value.get("columns")?.as_array()?.iter();
        let columns = columns.map(column).collect::<Option<Vec<_>>>()?;
        Some(Self::new(value.get("table")?.as_str()?, columns))
    }
}

impl fmt::Display for DifferingRow {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "table `{}`, primary key {}", self.table, self.key)
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn a_share_is_a_number_of_percent() {
        for (text, share) in [("5%", 5.0), ("0.25", 0.25), ("100 %", 100.0), ("0%", 0.0)] {
            assert_eq!(
                text.parse::<Mirror>().unwrap().share().to_string(),
                share.to_string()
            );
        }
        for text in ["-1%", "101", "NaN", "inf", "half"] {
            assert!(text.parse::<Mirror>().is_err(), "{text}");
        }
        let (none, all) = (
            Mirror::percent(0.0).unwrap(),
            Mirror::percent(100.0).unwrap(),
        );
        assert!((0..20_000).all(|random| all.has(random) && !none.has(random)));
        let some = Mirror::percent(5.0).unwrap();
        assert_eq!((0..10_000).filter(|random| some.has(*random)).count(), 500);
    }

    #[test]
    fn what_was_found_is_read_as_it_was_written() {
        let columns = vec![
            ("id".to_owned(), sea_query::Value::BigInt(Some(-7))),
            (
                "code".to_owned(),
                sea_query::Value::String(Some("a/b".to_owned())),
            ),
        ];
        let mirrored = Mirrored {
            compared: 9,
            skipped: 2,
            lagging: 1,
            differing: vec![DifferingRow::new("orders", columns)],
            lasted: Duration::from_millis(1_500),
        };
        assert_eq!(Mirrored::of_value(&mirrored.to_value()), mirrored);
        assert_eq!(
            mirrored.differing[0].to_string(),
            "table `orders`, primary key -7/\"a/b\""
        );
        let mirror = Mirror::percent(12.34)
            .unwrap()
            .lasting(Duration::from_secs(5));
        assert_eq!(Mirror::of_value(&mirror.to_value()), Some(mirror));
    }
}
