//! What of a group is merged so far.

use std::collections::BTreeSet;

use sea_query::Value;

use super::exact::Exact;
use super::groups::Key;
use crate::backend::compare;
use crate::error::{Error, ErrorKind, Result};

/// What is known of one partial aggregate of one group.
#[derive(Debug, Clone)]
pub(crate) enum State {
    Count(u64),
    /// `None` of no value but NULL.
    Sum(Option<Exact>),
    Floats {
        count: u64,
        sum: f64,
    },
    /// `None` of no value but NULL.
    Least(Option<Value>),
    Greatest(Option<Value>),
    Moments {
        count: u64,
        mean: f64,
        /// The sum of the squares of the distances from the mean.
        squares: f64,
    },
    /// None of them NULL.
    Distinct(BTreeSet<Key>),
    /// How many there are, of a group that the database did not split.
    DistinctCount(u64),
}

impl State {
    /// Of so many values with this mean and this variance of the population.
    pub(crate) fn of_moments(count: u64, mean: f64, variance: f64) -> Self {
        Self::Moments {
            count,
            mean,
            squares: variance * float(count),
        }
    }

    /// Takes in what another logical shard, or a finer group, answers.
    pub(crate) fn merge(&mut self, other: Self) -> Result<()> {
        match (self, other) {
            (Self::Count(all), Self::Count(count)) => *all = all.saturating_add(count),
            (Self::Sum(all), Self::Sum(sum)) => {
                *all = match (*all, sum) {
                    (Some(one), Some(two)) => Some(one.add(two)?),
                    (one, two) => one.or(two),
                };
            }
            (
                Self::Floats { count, sum },
                Self::Floats {
                    count: more,
                    sum: plus,
                },
            ) => {
                *sum = finite(*sum + plus, [*sum, plus])?;
                *count += more;
            }
            (Self::Least(least), Self::Least(Some(value))) => {
                if least
                    .as_ref()
                    .is_none_or(|least| compare(&value, least).is_lt())
                {
                    *least = Some(value);
                }
            }
            (Self::Greatest(greatest), Self::Greatest(Some(value))) => {
                if greatest
                    .as_ref()
                    .is_none_or(|most| compare(&value, most).is_gt())
                {
                    *greatest = Some(value);
                }
            }
            (Self::Least(_), Self::Least(None)) | (Self::Greatest(_), Self::Greatest(None)) => {}
            (
                Self::Moments {
                    count,
                    mean,
                    squares,
                },
                Self::Moments {
                    count: more,
                    mean: other,
                    squares: plus,
                },
            ) => match (*count, more) {
                (_, 0) => {}
                (0, _) => (*count, *mean, *squares) = (more, other, plus),
                // Chan, Golub and LeVeque, Updating Formulae and a Pairwise Algorithm for
                // Computing Sample Variances, 1979.
                (_, _) => {
                    let (one, two) = (float(*count), float(more));
                    let all = one + two;
                    let distance = other - *mean;
                    let between = distance * distance * (one * two / all);
                    let inputs = [*mean, other, *squares, plus];
                    *squares = finite(*squares + plus + between, inputs)?;
                    *mean += distance * (two / all);
                    *count += more;
                }
            },
            (Self::Distinct(all), Self::Distinct(values)) => all.extend(values),
            // Which of the values are the same is not known any more.
            (Self::DistinctCount(_), Self::DistinctCount(_)) => {
                return Err(Error::decode(
                    "two groups of a database, whose distinct values are counted, read as one: \
                     values of a column that differ there are equal in its field's type",
                ));
            }
            // Both are of one partial.
            _ => return Err(Error::decode("partial aggregates of two functions")),
        }
        Ok(())
    }
}

/// A result that is finite where all that it is made of is. PostgreSQL refuses it otherwise, and
/// MariaDB answers 0.
fn finite<const N: usize>(result: f64, inputs: [f64; N]) -> Result<f64> {
    if result.is_finite() || !inputs.into_iter().all(f64::is_finite) {
        return Ok(result);
    }
    Err(Error::new(
        ErrorKind::Check,
        "an aggregate of floats lies beyond the largest float",
    ))
}

/// The nearest float: counts beyond 2^53 are nobody's.
#[allow(clippy::cast_precision_loss)]
pub(crate) fn float(count: u64) -> f64 {
    count as f64
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn moments(values: &[f64]) -> State {
        let mut all = State::of_moments(0, 0.0, 0.0);
        for value in values {
            all.merge(State::of_moments(1, *value, 0.0)).unwrap();
        }
        all
    }

    #[test]
    fn moments_of_parts_are_those_of_the_whole() {
        // Far from zero, where sums of squares lose all digits.
        let values = [1e9 + 4.0, 1e9 + 7.0, 1e9 + 13.0, 1e9 + 16.0];
        let mut spec = moments(&values[..1]);
        spec.merge(moments(&values[1..])).unwrap();
        let State::Moments {
            count,
            mean,
            squares,
        } = spec
        else {
            panic!("{spec:?}");
        };
        assert_eq!((count, mean, squares), (4, 1e9 + 10.0, 90.0));
    }

    #[test]
    fn a_sum_beyond_the_largest_float_is_refused() {
        let one = || State::Floats {
            count: 1,
            sum: f64::MAX,
        };
        let mut sum = one();
        assert_eq!(sum.merge(one()).unwrap_err().kind(), ErrorKind::Check);
        let mut infinite = State::Floats {
            count: 1,
            sum: f64::INFINITY,
        };
        assert!(infinite.merge(one()).is_ok());
    }
}
