//! All that there is at one moment.

use super::namespace::Namespace;
use super::op::Op;
use super::runner::Runner;
use super::world::World;

/// All that there is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub(super) struct Whole {
    pub(super) world: World,
    /// The one with the higher token first.
    pub(super) runners: [Option<Runner>; 2],
    /// An operation, and the token of the runner that has given it up.
    pub(super) late: Option<(u8, Op)>,
    pub(super) failures: u8,
    /// How often the source may still be opened again before the switch.
    pub(super) reopenings: u8,
    /// How many more jobs there are.
    pub(super) jobs: u8,
}

impl Whole {
    /// The same state with the lowest tokens that keep their order, so that it is recognized.
    pub(super) fn in_order(mut self) -> Self {
        if self.runners[0].map(|own| own.token) < self.runners[1].map(|own| own.token) {
            self.runners.swap(0, 1);
        }
        let mut used = 1 << self.world.token | 1_u32 << self.world.first_token;
        let mut live = 0_u32;
        for runner in self.runners.iter().flatten() {
            live |= 1 << runner.token;
        }
        if let Some((token, _)) = self.late {
            live |= 1 << token;
        }
        used |= live;
        // Nobody will use the others.
        let keep = |own: &mut Namespace| own.closers &= u8::try_from(live & 0xff).unwrap_or(0);
        for own in self.world.all() {
            keep(own);
            if let Some(record) = own.record {
                used |= 1 << record.token;
            }
            if let Some((name, record)) = own.opener {
                used |= 1 << name | 1 << record.token;
            }
        }
        used |= 1;
        if used.count_ones() == u32::BITS - used.leading_zeros() {
            return self;
        }
        let rank = |token: u8| u8::try_from((used & ((1 << token) - 1)).count_ones()).unwrap_or(0);
        self.world.token = rank(self.world.token);
        self.world.first_token = rank(self.world.first_token);
        for runner in self.runners.iter_mut().flatten() {
            runner.token = rank(runner.token);
        }
        if let Some((token, _)) = &mut self.late {
            *token = rank(*token);
        }
        for own in self.world.all() {
            if let Some(record) = &mut own.record {
                record.token = rank(record.token);
            }
            if let Some((name, record)) = &mut own.opener {
                (*name, record.token) = (rank(*name), rank(record.token));
            }
            let closers = (0..8).filter(|token| own.closers & (1 << token) != 0);
            own.closers = closers.fold(0, |all, token| all | 1 << rank(token));
        }
        self
    }
}
