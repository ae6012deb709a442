//! Finds the position of a number among sorted bounds.
//!
//! Shared by explicit ranges, whose bounds are the first positions of the ranges, and by hash rings,
//! whose bounds are their points.

/// The number of bounds that are read one by one before the rest of a bucket is searched.
const SCANNED: usize = 8;

/// Sorted bounds, with an index of equal slices between the first bound and the last. If the bounds
/// are spread evenly, a search reads about two of them. In a crowded slice it is a binary search.
#[derive(Clone, PartialEq, Eq)]
pub(super) struct Lookup {
    bounds: Box<[u64]>,
    /// The number of bounds before each slice.
    starts: Box<[u32]>,
    /// The first bound.
    first: u64,
    /// The shift of the distance to the first bound that yields the slice.
    shift: u32,
}

impl Lookup {
    /// An index of these bounds, which ascend and are at most `u32::MAX`, each present once.
    pub(super) fn new(bounds: Box<[u64]>) -> Self {
        let first = bounds.first().copied().unwrap_or(0);
        let span = bounds.last().map_or(0, |last| last - first);
        let bits = (bounds.len() as u64)
            .next_power_of_two()
            .trailing_zeros()
            .max(1);
        let shift = (u64::BITS - span.leading_zeros()).saturating_sub(bits);
        let mut next = 0;
        let mut starts = Vec::new();
        for slice in 0..=span >> shift {
            while bounds
                .get(next)
                .is_some_and(|bound| (bound - first) >> shift < slice)
            {
                next += 1;
            }
            starts.push(u32::try_from(next).unwrap_or(u32::MAX));
        }
        Self {
            bounds,
            starts: starts.into(),
            first,
            shift,
        }
    }

    /// The number of bounds that are not above this number.
    #[inline]
    pub(super) fn position(&self, number: u64) -> usize {
        let slice = number.saturating_sub(self.first) >> self.shift;
        // A slice beyond `usize` is beyond the last.
        let slice = usize::try_from(slice).unwrap_or(usize::MAX);
        let Some(start) = self.starts.get(slice) else {
            return self.bounds.len();
        };
        let mut at = *start as usize;
        for _ in 0..SCANNED {
            match self.bounds.get(at) {
                Some(bound) if *bound <= number => at += 1,
                _ => return at,
            }
        }
        self.crowded(at, slice, number)
    }

    /// As [`position`](Self::position), in a slice with many bounds.
    #[cold]
    fn crowded(&self, from: usize, slice: usize, number: u64) -> usize {
        let next = self.starts.get(slice + 1);
        let end = next.map_or(self.bounds.len(), |next| *next as usize);
        let rest = self.bounds.get(from..end).unwrap_or_default();
        from + rest.partition_point(|bound| *bound <= number)
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use proptest::prelude::*;

    use super::Lookup;

    fn assert_definition(bounds: &BTreeSet<u64>, numbers: impl IntoIterator<Item = u64>) {
        let lookup = Lookup::new(bounds.iter().copied().collect());
        let near = bounds
            .iter()
            .flat_map(|bound| [bound.wrapping_sub(1), *bound, bound.wrapping_add(1)]);
        for number in numbers.into_iter().chain(near).chain([0, u64::MAX]) {
            let expected = bounds.iter().filter(|bound| **bound <= number).count();
            assert_eq!(lookup.position(number), expected, "{number} in {bounds:?}");
        }
    }

    proptest! {
        #[test]
        fn the_index_matches_the_definition(
            bounds in prop::collection::btree_set(any::<u64>(), 0..300),
            numbers in prop::collection::vec(any::<u64>(), 50),
        ) {
            assert_definition(&bounds, numbers);
        }

        #[test]
        fn crowded_bounds_are_found(
            low in prop::collection::btree_set(0_u64..200, 0..100),
            high in prop::collection::btree_set(u64::MAX - 200.., 0..3),
            numbers in prop::collection::vec(0_u64..220, 50),
        ) {
            assert_definition(&low.union(&high).copied().collect(), numbers);
        }
    }

    #[test]
    fn the_ends_of_the_space_are_bounds() {
        assert_definition(&BTreeSet::from([0, u64::MAX]), [1, 1 << 63]);
        assert_definition(&BTreeSet::from([u64::MAX]), []);
        assert_definition(&BTreeSet::from([0]), []);
        assert_definition(&BTreeSet::new(), []);
    }
}
