//! How long short statements take at an end of a copy, while a page is copied and between two.

/// What a copy does to short statements at an end.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Harm {
    /// How much longer they take, by the share of the time in which rows are copied.
    pub(super) share: f64,
    /// In seconds.
    pub(super) copying: f64,
    pub(super) between: f64,
}

/// How long short statements took at an end, in seconds.
#[derive(Debug, Default)]
pub(super) struct Felt {
    pub(super) while_copying: Vec<f64>,
    pub(super) between_pages: Vec<f64>,
    /// The median between pages, of this window and those before.
    usual: Option<f64>,
}

impl Felt {
    /// Ends a window, and returns the harm that the copy does.
    pub(super) fn harm(&mut self) -> Harm {
        let (copying, between) = (self.while_copying.len(), self.between_pages.len());
        if let Some(own) = median(&mut self.between_pages) {
            self.usual = Some(self.usual.map_or(own, |usual| 0.7 * usual + 0.3 * own));
        }
        let slow = median(&mut self.while_copying);
        self.while_copying.clear();
        self.between_pages.clear();
        match (self.usual, slow) {
            (Some(usual), Some(slow)) if usual > 0.0 => {
                #[allow(clippy::cast_precision_loss)] // Some dozens.
                let share = copying as f64 / (copying + between) as f64;
                Harm {
                    share: share * (slow / usual - 1.0),
                    copying: slow,
                    between: usual,
                }
            }
            _ => Harm::default(),
        }
    }
}

fn median(times: &mut [f64]) -> Option<f64> {
    times.sort_unstable_by(f64::total_cmp);
    times.get(times.len() / 2).copied()
}
