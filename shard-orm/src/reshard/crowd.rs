//! The number of statements that run at an end, against what it was before the copy.
//!
//! Called by `throttle`, and before the steps of a plan: statements pile up where a server has more to do than it can, before each of them takes longer.

/// How much more than before is a crowd: so many times as many statements, and so many more.
const TIMES: u64 = 2;
const MORE: u64 = 4;

/// The statements at one end.
#[derive(Debug, Default)]
pub(super) struct Crowd {
    /// `None` if they are not known.
    before: Option<u64>,
    /// The most that are no crowd.
    most: u64,
    /// Since the last look.
    numbers: Vec<u64>,
    is_crowded: bool,
}

/// A crowd at an end.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Crowded {
    /// The statements that ran there before the copy.
    pub(super) before: u64,
    /// The most that are none.
    pub(super) most: u64,
}

impl Crowd {
    /// An end where so many statements ran before the copy, by several counts.
    pub(super) fn before(numbers: &mut [u64]) -> Self {
        let before = median(numbers);
        Self {
            before,
            most: before.map_or(0, most),
            ..Self::default()
        }
    }

    /// An end where so many statements are no crowd, whatever ran before.
    pub(super) fn above(most: u64) -> Self {
        Self {
            before: Some(most),
            most,
            ..Self::default()
        }
    }

    pub(super) fn add(&mut self, number: u64) {
        self.numbers.push(number);
    }

    /// Whether there is a crowd, by the counts since the last look; by that look if there are none. It ends when half of
    /// what is too much has gone, so that a copy does not change its pace all the time.
    pub(super) fn look(&mut self) -> bool {
        if let (Some(before), Some(now)) = (self.before, median(&mut self.numbers)) {
            let most = self.most;
            let enough = if self.is_crowded {
                before + (most - before) / 2
            } else {
                most
            };
            self.is_crowded = now > enough;
        }
        self.numbers.clear();
        self.is_crowded
    }

    /// What was found by the last look.
    pub(super) fn crowded(&self) -> Option<Crowded> {
        let before = self.before.filter(|_| self.is_crowded)?;
        Some(Crowded {
            before,
            most: self.most,
        })
    }
}

fn most(before: u64) -> u64 {
    before.saturating_mul(TIMES).saturating_add(MORE)
}

fn median(numbers: &mut [u64]) -> Option<u64> {
    numbers.sort_unstable();
    numbers.get(numbers.len() / 2).copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Whether there is a crowd after each window of counts.
    fn looks(before: &[u64], windows: &[&[u64]]) -> Vec<bool> {
        let mut crowd = Crowd::before(&mut before.to_vec());
        let looks = windows.iter().map(|numbers| {
            numbers.iter().for_each(|number| crowd.add(*number));
            crowd.look()
        });
        looks.collect()
    }

    #[test]
    fn many_more_statements_than_before_are_a_crowd() {
        let before = [3, 90, 3, 2, 3];
        assert_eq!(
            looks(&before, &[&[10, 10, 10], &[11, 11, 11]]),
            [false, true]
        );
        // A moment is none.
        assert_eq!(looks(&before, &[&[3, 500, 3, 3]]), [false]);
        // The last look holds until there are counts again.
        assert_eq!(looks(&before, &[&[11], &[], &[3]]), [true, true, false]);
    }

    #[test]
    fn a_crowd_ends_when_half_of_it_has_gone() {
        assert_eq!(
            looks(&[0], &[&[4], &[5], &[3], &[2]]),
            [false, true, true, false]
        );
    }

    #[test]
    fn a_bound_of_an_operator_is_one_whatever_ran_before() {
        let mut crowd = Crowd::above(20);
        for (number, is_crowd) in [(20, false), (21, true), (20, false)] {
            crowd.add(number);
            assert_eq!(crowd.look(), is_crowd, "{number}");
        }
    }

    #[test]
    fn a_server_that_was_not_counted_before_has_no_crowd() {
        assert_eq!(looks(&[], &[&[1_000]]), [false]);
    }
}
