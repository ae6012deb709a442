//! Sums without loss: of integers, and of decimals.
//!
//! Partial sums travel as texts, since one of 64-bit integers has more than 64 bits.

use sea_query::Value;

use crate::backend::Digits;
use crate::error::{Error, Result};

/// A number with so many digits after the point.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Exact {
    mantissa: i128,
    scale: u32,
}

/// The sign bit, turned: integers are then ordered as their bytes are.
const SIGN: u128 = 1 << 127;

impl Exact {
    /// Reads what a database answers: a number, or of SQLite the sums of the upper and the lower
    /// 32 bits of its integers, `upper:lower`.
    pub(crate) fn parse(text: &str) -> Result<Self> {
        let number = match text.split_once(':') {
            Some((upper, lower)) => halves(upper, lower),
            None => decimal(text),
        };
        number.ok_or_else(|| too_large("a partial sum"))
    }

    pub(crate) fn add(self, other: Self) -> Result<Self> {
        let scale = self.scale.max(other.scale);
        let sum = self
            .at(scale)
            .zip(other.at(scale))
            .and_then(|(one, two)| one.checked_add(two));
        match sum {
            Some(mantissa) => Ok(Self { mantissa, scale }),
            None => Err(too_large("a sum")),
        }
    }

    /// The mantissa with so many digits after the point, which are not fewer than it has.
    fn at(self, scale: u32) -> Option<i128> {
        let factor = 10_i128.checked_pow(scale - self.scale)?;
        self.mantissa.checked_mul(factor)
    }

    /// An integer, as a value that is ordered as the integers are.
    pub(crate) fn to_integer(self) -> Result<Value> {
        if self.scale != 0 {
            return Err(Error::decode("the sum of integers is no integer"));
        }
        Ok(integer(self.mantissa))
    }

    /// The nearest float.
    #[allow(clippy::cast_precision_loss)]
    pub(crate) fn to_float(self) -> f64 {
        self.mantissa as f64
    }

    #[cfg(feature = "decimal")]
    fn decimal(self) -> Result<rust_decimal::Decimal> {
        let mut number = self;
        while number.scale > 0 && number.mantissa % 10 == 0 {
            number.mantissa /= 10;
            number.scale -= 1;
        }
        rust_decimal::Decimal::try_from_i128_with_scale(number.mantissa, number.scale)
            .map_err(|source| too_large("a sum").with_source(source))
    }

    /// The number of which this is the integer of the smallest unit.
    pub(crate) fn of_units(self, scale: u8) -> Self {
        Self {
            mantissa: self.mantissa,
            scale: self.scale + u32::from(scale),
        }
    }

    /// A decimal with the digits after the point that its column declares, or in its shortest form.
    #[cfg(feature = "decimal")]
    pub(crate) fn to_decimal(self, digits: Option<Digits>) -> Result<Value> {
        let mut sum = self.decimal()?;
        if let Some(digits) = digits {
            let mut longer = sum;
            longer.rescale(digits.scale().into());
            if longer == sum {
                sum = longer;
            }
        }
        Ok(Value::Decimal(Some(sum)))
    }

    /// A decimal by a count that is not zero, rounded to the digits that a decimal has.
    #[cfg(feature = "decimal")]
    pub(crate) fn to_decimal_by(self, count: u64) -> Result<Value> {
        let mean = self.decimal()?.checked_div(count.into());
        mean.map(|mean| Value::Decimal(Some(mean)))
            .ok_or_else(|| too_large("a mean"))
    }

    #[cfg(not(feature = "decimal"))]
    pub(crate) fn to_decimal(self, _digits: Option<Digits>) -> Result<Value> {
        Err(Error::unsupported(
            "a decimal without the feature `decimal`",
        ))
    }

    #[cfg(not(feature = "decimal"))]
    pub(crate) fn to_decimal_by(self, _count: u64) -> Result<Value> {
        self.to_decimal(None)
    }
}

fn too_large(what: &str) -> Error {
    Error::decode(format!(
        "{what} has more digits than its type holds, and is not rounded"
    ))
}

fn halves(upper: &str, lower: &str) -> Option<Exact> {
    let upper = upper.parse::<i128>().ok()?.checked_mul(1 << 32)?;
    let mantissa = upper.checked_add(lower.parse().ok()?)?;
    Some(Exact { mantissa, scale: 0 })
}

fn decimal(text: &str) -> Option<Exact> {
    let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
    let fraction = fraction.trim_end_matches('0');
    Some(Exact {
        mantissa: format!("{whole}{fraction}").parse().ok()?,
        scale: u32::try_from(fraction.len()).ok()?,
    })
}

/// An integer as bytes that are ordered as the integers are: there is no value of 128 bits.
pub(crate) fn integer(integer: i128) -> Value {
    let bytes = (integer.cast_unsigned() ^ SIGN).to_be_bytes();
    Value::Bytes(Some(bytes.to_vec()))
}

/// The integer that [`integer`] has written down.
pub(crate) fn integer_of(bytes: &[u8]) -> Result<i128> {
    let bytes = bytes
        .try_into()
        .map_err(|source| Error::decode("not a sum of integers").with_source(source))?;
    Ok((u128::from_be_bytes(bytes) ^ SIGN).cast_signed())
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn sum(texts: &[&str]) -> Result<Exact> {
        let mut sum = Exact::parse("0")?;
        for text in texts {
            sum = sum.add(Exact::parse(text)?)?;
        }
        Ok(sum)
    }

    #[test]
    fn integers_of_128_bits_are_ordered_as_bytes() {
        let numbers = [i128::MIN, -(1 << 70), -1, 0, 1, 1 << 70, i128::MAX];
        let bytes = numbers.map(|number| match integer(number) {
            Value::Bytes(Some(bytes)) => bytes,
            other => panic!("{other:?}"),
        });
        assert!(bytes.is_sorted());
        assert_eq!(bytes.map(|bytes| integer_of(&bytes).unwrap()), numbers);
    }

    #[test]
    fn halves_of_sqlite_are_put_together() {
        // -1 and i64::MAX: their upper halves are -1 and 2^31 - 1.
        let both = Exact::parse("2147483646:8589934590").unwrap();
        assert_eq!(both.mantissa, i128::from(i64::MAX) - 1);
    }

    #[test]
    fn fractions_are_added_without_loss() {
        let total = sum(&["0.10", "-2", "99999999999999999999999999.9"]).unwrap();
        let expected = Exact::parse("99999999999999999999999998.000").unwrap();
        assert_eq!(Some(total.mantissa), expected.at(total.scale));
        assert_eq!(sum(&["-0.5", "0.25"]).unwrap().mantissa, -25);
    }

    #[test]
    fn a_sum_that_does_not_fit_is_refused() {
        assert!(sum(&["99999999999999999999999999999999999999", "0.1"]).is_err());
        assert!(Exact::parse("NaN").is_err());
    }
}
