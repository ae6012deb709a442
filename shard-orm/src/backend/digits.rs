//! How many digits a decimal column has, where its model says so.

use super::ColumnType;

/// The digits of a decimal column: `#[shard(precision = 12, scale = 2)]`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Digits {
    precision: u8,
    scale: u8,
}

/// As many digits as a decimal holds, whichever they are.
const MOST: u8 = 28;

/// As many digits as an integer of 64 bits holds, whichever they are.
const OF_AN_INTEGER: u8 = 18;

impl Digits {
    /// So many digits in all, `scale` of them after the point.
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

    /// How many digits there are.
    #[must_use]
    pub const fn precision(self) -> u8 {
        self.precision
    }

    /// How many of them stand after the point.
    #[must_use]
    pub const fn scale(self) -> u8 {
        self.scale
    }

    /// What a column of so many digits holds.
    #[doc(hidden)]
    #[must_use]
    pub const fn column_type(self) -> ColumnType {
        if self.precision <= OF_AN_INTEGER {
            ColumnType::ScaledDecimal
        } else {
            ColumnType::Decimal
        }
    }

    /// The largest integer of the smallest unit that SQLite stores for it.
    pub(crate) fn largest(self) -> i64 {
        10_i64
            .saturating_pow(self.precision.into())
            .saturating_sub(1)
    }
}
