//! The declared precision and scale of a decimal column.

use super::ColumnType;

/// The digits of a decimal column: `#[shard(precision = 12, scale = 2)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digits {
    precision: u8,
    scale: u8,
}

/// The number of digits that every `Decimal` can have.
const MOST: u8 = 28;

/// The number of digits that every integer of 64 bits can have.
const OF_AN_INTEGER: u8 = 18;

impl Digits {
    /// Makes the digits of a column: `precision` in all, `scale` of them after the point.
    ///
    /// # Panics
    /// When there are none or more than 28, or more after the point than in all. The derive calls it
    /// in a constant, where that is an error of the compiler.
    #[must_use]
    pub const fn new(precision: u8, scale: u8) -> Self {
        assert!(
            1 <= precision && precision <= MOST,
            "the precision of a decimal is from 1 to 28 digits"
        );
        assert!(
            scale <= precision,
            "the scale of a decimal, its digits after the point, is not above its precision"
        );
        Self { precision, scale }
    }

    /// The number of digits.
    #[must_use]
    pub const fn precision(self) -> u8 {
        self.precision
    }

    /// The number of digits after the point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// The type of a column with these digits.
    #[doc(hidden)]
    #[must_use]
    pub const fn column_type(self) -> ColumnType {
        if self.precision <= OF_AN_INTEGER {
            ColumnType::ScaledDecimal
        } else {
            ColumnType::Decimal
        }
    }

    /// The largest number of smallest units that SQLite stores for it.
    pub(crate) fn largest(self) -> i64 {
        10_i64
            .saturating_pow(self.precision.into())
            .saturating_sub(1)
    }
}
