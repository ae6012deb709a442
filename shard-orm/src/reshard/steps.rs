//! What each action of a mover does. All of it can be repeated.

mod end;
mod fill;
mod mirror;
mod part;
mod prepare;
mod repair;
mod replicas;
mod shift;
mod switch;

pub(super) use self::fill::Backlog;
pub(super) use self::mirror::Watch;
use super::driver::Driver;
use super::mover::{Action, End};
use crate::connect::State;
use crate::error::Result;

impl Driver {
    /// Takes an action.
    pub(super) async fn act(&mut self, action: Action) -> Result<()> {
        match action {
            Action::Claim(end) => self.claim(end).await,
            Action::Create => self.create().await,
            Action::Capture => self.capture(End::Source).await,
            Action::Copy => self.copy().await,
            Action::Replay => self.level().await,
            Action::Index => self.index().await,
            Action::Verify => self.verify().await,
            Action::Repair(end) => self.repair(end).await,
            Action::PrepareWayBack => self.capture(End::Target).await,
            Action::Mirror => self.mirror().await,
            Action::Shift => self.shift().await,
            Action::Fence(end) => self.fence(end).await,
            Action::Drain(end) => self.drain(end).await,
            Action::Complete(end) => self.complete(end).await,
            Action::Part => self.part().await,
            Action::Activate => self.activate().await,
            Action::Switch(end, to) => self.switch(end, to).await,
            Action::Release => self.release().await,
            Action::FlowBack => self.flow_back().await.map(drop),
            Action::Reopen => self.reopen().await,
            Action::Remain => self.remain().await,
            Action::Kill => self.mark(End::Target, State::Dead).await,
            Action::Retire => self.mark(End::Source, State::Moved).await,
            Action::Clean => self.clean().await,
            Action::Record(to) => self.record(to).await,
            Action::Rest | Action::Stop | Action::Stuck => Ok(()),
        }
    }
}
