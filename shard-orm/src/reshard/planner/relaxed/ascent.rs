//! Prices with a high bound: an ascent of a concave function whose slope jumps.
//!
//! First each price goes its own way, by steps whose lengths follow the signs of what is handed over and not taken (RPROP of
//! Riedmiller and Braun, 1993): quick, and not exact. Then all go together towards a goal a little above the best bound, by
//! steps of Polyak, along directions that do not turn back on the last one (Camerini, Fratta and Maffioli, "On improving
//! relaxation methods by modified gradient techniques", Mathematical Programming Study 3, 1975).

use super::Relaxed;

/// How often prices are improved in the first way, at least and at most.
const FIRST_ROUNDS: (usize, usize) = (12, 20);
/// What the price of load outside of shares is multiplied with while the bound rises.
const TIMES: [f64; 2] = [2.0, 0.5];
const MOST_TIMES: usize = 4;
/// How often in the second way.
const ROUNDS: (usize, usize) = (60, 400);
/// How many pieces are looked at for that, between the least and the most rounds.
const WORK: usize = 2_000_000;
/// How much more a unit outside of a share costs at first than moving it.
const FIRST: f64 = 5.0;
/// After how many rounds without a better bound the goal is brought nearer.
const PATIENCE: usize = 20;

/// What each unit costs.
#[derive(Debug, Clone)]
pub(super) struct Prices {
    /// Handing over load, by sort.
    pub(super) of_sorts: Vec<f64>,
    /// Load outside of a share.
    pub(super) outside: f64,
    /// Load that has to leave and stays.
    pub(super) staying: f64,
}

/// What the machines pay at least, and how they would act.
pub(super) struct Outcome {
    pub(super) paid: f64,
    /// By sort, what is handed over and not taken.
    pub(super) left: Vec<f64>,
    pub(super) outside: f64,
    /// What has left where it may not be.
    pub(super) gone: f64,
}

/// What plans leave where it may not be and outside of shares, for which a bound holds, and the bytes of one of them.
pub(super) struct Limits {
    pub(super) leaving: f64,
    pub(super) outside: f64,
    pub(super) bytes: f64,
}

impl Limits {
    /// The bound that follows from what is paid.
    fn bound(&self, outcome: &Outcome, prices: &Prices) -> f64 {
        outcome.paid - prices.staying * self.leaving - prices.outside * self.outside
    }
}

impl Prices {
    /// Goes so far in a direction: of the sorts, of load outside of shares, and of load that stays.
    fn go(&mut self, far: f64, direction: &[f64]) {
        let (sorts, others) = direction.split_at(self.of_sorts.len());
        if let [outside, staying] = others {
            self.outside = f64::max(0.0, self.outside + far * outside);
            self.staying = f64::max(0.0, self.staying + far * staying);
        }
        for (price, own) in self.of_sorts.iter_mut().zip(sorts) {
            *price = (*price + far * own).clamp(-self.outside, self.outside);
        }
    }
}

/// A direction that does not turn back on the last one.
fn turned(gradient: Vec<f64>, last: &[f64]) -> Vec<f64> {
    let product = |one: &[f64], other: &[f64]| -> f64 {
        one.iter().zip(other).map(|(one, other)| one * other).sum()
    };
    let (back, length) = (product(&gradient, last), product(last, last));
    let part = if back < 0.0 {
        -1.5 * back / length
    } else {
        0.0
    };
    let last = last.iter().copied().chain(std::iter::repeat(0.0));
    gradient
        .into_iter()
        .zip(last)
        .map(|(own, last)| own + part * last)
        .collect()
}

impl Relaxed {
    /// Prices from which better ones are looked for: nothing is scarce.
    pub(super) fn first_prices(&self) -> Prices {
        let pieces = self.machines.iter().flat_map(|own| &own.pieces);
        let densest = pieces
            .clone()
            .map(|piece| piece.density)
            .fold(0.0, f64::max);
        let (bytes, load) = pieces.fold((0.0, 0.0), |(bytes, load), piece| {
            (bytes + piece.density * piece.load, load + piece.load)
        });
        let usual = bytes / f64::max(load, 1.0);
        let outside = FIRST * f64::max(usual, f64::MIN_POSITIVE);
        Prices {
            of_sorts: vec![0.0; self.sorts.len()],
            outside,
            staying: 4.0 * (densest + outside),
        }
    }

    /// Improves the prices, and returns the highest bound that was seen.
    pub(super) fn highest(&mut self, mut prices: Prices, limits: &Limits) -> f64 {
        let fresh = self.together(prices.clone(), limits);
        let first = self.each_by_itself(&mut prices, limits);
        let mut best = first;
        // The bound has one maximum over the price of load outside of shares.
        for times in TIMES {
            let mut tried = prices.clone();
            for _ in 0..MOST_TIMES {
                tried.outside *= times;
                let found = self.each_by_itself(&mut tried, limits);
                if found <= best {
                    break;
                }
                best = found;
                prices.clone_from(&tried);
            }
            if best > first {
                break;
            }
        }
        best = f64::max(best, self.together(prices, limits));
        f64::max(best, fresh)
    }

    /// How often prices are improved, where this often at least and at most.
    fn rounds(&self, (least, most): (usize, usize)) -> usize {
        let pieces: usize = self.machines.iter().map(|own| own.pieces.len()).sum();
        (WORK / pieces.max(1)).clamp(least, most)
    }

    /// Improves the prices of sorts, each by steps of its own.
    fn each_by_itself(&mut self, prices: &mut Prices, limits: &Limits) -> f64 {
        // Whoever is paid more than it costs to be outside of a share would take all that there is.
        prices.go(0.0, &vec![0.0; prices.of_sorts.len() + 2]);
        let mut now = prices.clone();
        let mut steps = vec![prices.outside / FIRST; now.of_sorts.len()];
        let (mut best, mut before) = (f64::NEG_INFINITY, vec![0.0; steps.len()]);
        for _ in 0..self.rounds(FIRST_ROUNDS) {
            let outcome = self.outcome(&now);
            let bound = limits.bound(&outcome, &now);
            if bound > best {
                best = bound;
                prices.clone_from(&now);
            }
            let most = now.outside;
            let own = now.of_sorts.iter_mut().zip(&outcome.left);
            for ((price, left), (step, before)) in own.zip(steps.iter_mut().zip(&mut before)) {
                let turned = left * *before;
                if turned > 0.0 {
                    *step *= 1.2;
                } else if turned < 0.0 {
                    *step *= 0.5;
                }
                *before = *left;
                if *left != 0.0 {
                    *price = (*price + step.copysign(*left)).clamp(-most, most);
                }
            }
        }
        best
    }

    /// Improves all prices towards a goal.
    fn together(&mut self, mut now: Prices, limits: &Limits) -> f64 {
        let (mut best, mut since, mut far) = (f64::NEG_INFINITY, 0, None);
        let mut best_prices = now.clone();
        let mut direction: Vec<f64> = Vec::new();
        for _ in 0..self.rounds(ROUNDS) {
            let outcome = self.outcome(&now);
            let bound = limits.bound(&outcome, &now);
            let mut goal = best + *far.get_or_insert(limits.bytes - bound);
            since += 1;
            if bound > best {
                (best, since) = (bound, 0);
                best_prices.clone_from(&now);
            }
            if bound >= goal {
                far = far.map(|far| far * 2.0);
            }
            if best >= limits.bytes {
                break;
            }
            goal = f64::min(best + far.unwrap_or_default(), limits.bytes);
            let mut gradient = outcome.left;
            gradient.push(outcome.outside - limits.outside);
            gradient.push(match limits.leaving > 0.0 {
                true => self.leaving - outcome.gone - limits.leaving,
                false => 0.0,
            });
            if since >= PATIENCE {
                // The goal is too far.
                (far, since) = (far.map(|far| far / 2.0), 0);
                now.clone_from(&best_prices);
                direction.clear();
                continue;
            }
            direction = turned(gradient, &direction);
            let length: f64 = direction.iter().map(|own| own * own).sum();
            if length == 0.0 {
                break;
            }
            now.go((goal - bound) / length, &direction);
        }
        best
    }

    /// What all machines pay at least.
    fn outcome(&mut self, prices: &Prices) -> Outcome {
        let mut outcome = Outcome {
            paid: prices.staying * self.leaving,
            left: vec![0.0; prices.of_sorts.len()],
            outside: 0.0,
            gone: 0.0,
        };
        let rules = (self.allowed.as_slice(), self.sorts.as_slice());
        for own in &mut self.machines {
            own.pay_least(rules, prices, &mut outcome);
        }
        outcome
    }
}
