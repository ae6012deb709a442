//! Everything that can happen during a move, within bounds.

use super::explore::{Model, Step};
use super::op::{Answer, Fencing, Op};
use super::rule::{Rule, Rules};
use super::runner::{Manner, Move, Runner};
use super::shape::{At, Shape};
use super::whole::Whole;
use super::world::World;
use crate::catalog::{JobState, Wish};
use crate::reshard::mover::{Action, End};

/// The bounds within which everything is explored.
#[derive(Debug, Clone, Copy)]
pub(super) struct Moving {
    pub(super) shape: Shape,
    pub(super) fencing: Fencing,
    pub(super) rules: Rules,
    /// Whether reads of applications are compared before the switch.
    pub(super) mirrors: bool,
    /// Whether targets serve reads before the switch.
    pub(super) shifts: bool,
    /// How many writes are acknowledged.
    pub(super) writes: u8,
    /// How many things go wrong: runners that die or are taken over, answers that are lost.
    pub(super) failures: u8,
    /// How often the source is opened again, since its replicas lack the fence.
    pub(super) reopenings: u8,
    /// How many jobs follow one that was aborted or reversed.
    pub(super) jobs: u8,
    /// The end that may fail over to a standby that has not received the fence, or the activation.
    pub(super) fails_over: Option<End>,
    /// The state of the job in which things begin to happen.
    pub(super) from: JobState,
}

/// What can happen. A runner is named by its token, which counts from the lowest that is still in use.
#[derive(Debug, Clone, Copy)]
#[allow(dead_code)] // What an event holds is printed.
pub(super) enum Event {
    Takes {
        token: u8,
    },
    Looks {
        token: u8,
        at: At,
    },
    Does {
        token: u8,
        action: Action,
        op: Op,
        answer: Answer,
    },
    LosesAnswer {
        token: u8,
        action: Action,
        op: Op,
    },
    Dies {
        token: u8,
    },
    IsCutOff {
        token: u8,
    },
    FailsOver,
    ClosedInVain {
        token: u8,
    },
    CannotGoBack {
        token: u8,
    },
    Ends {
        token: u8,
    },
    Hears {
        token: u8,
        wish: Wish,
    },
    ComesLate {
        token: u8,
        op: Op,
        answer: Answer,
    },
    NeverComes {
        token: u8,
        op: Op,
    },
    Writes {
        row: usize,
        at: End,
    },
    Wishes(Wish),
    NextJob,
}

type Steps = Vec<Step<Whole, Event>>;

impl Moving {
    fn manner(&self) -> Manner {
        Manner {
            shape: self.shape,
            fencing: self.fencing,
            rules: self.rules,
            mirrors: self.mirrors,
            shifts: self.shifts,
        }
    }

    fn add(&self, steps: &mut Steps, event: Event, mut to: Whole, is_progress: bool) {
        for end in [End::Source, End::Target] {
            if self.fails_over != Some(end) || to.failures == 0 {
                to.world.standbys[end as usize] = None;
            }
        }
        // A runner that sees the end of its job does nothing more.
        for runner in &mut to.runners {
            *runner = runner.filter(|own| !own.state.is_over());
        }
        steps.push(Step {
            event,
            to: to.in_order(),
            is_progress,
        });
    }

    fn clients_and_operator(&self, state: &Whole, steps: &mut Steps) {
        let world = &state.world;
        let ends = [(End::Source, true), (End::Target, world.has_switched)];
        for (end, _) in ends.into_iter().filter(|(_, is_known)| *is_known) {
            for row in self.shape.rows() {
                let at = self.shape.place_of(end, row);
                let has_rows = world.at(at).rows.is_some();
                if world.serves(at) && has_rows && world.writes < self.writes {
                    let mut to = *state;
                    to.world.write(at, row);
                    self.add(steps, Event::Writes { row, at: end }, to, false);
                }
            }
        }
        if state.jobs > 0 && matches!(world.state, JobState::Aborted | JobState::Reversed) {
            let mut to = *state;
            to.jobs -= 1;
            to.world.begin_job(self.shape);
            self.add(steps, Event::NextJob, to, false);
        }
        let wishes: &[Wish] = match world.state {
            // There are no old rows to go back to.
            JobState::Switched | JobState::Holding if self.shape.stays => &[Wish::Finish],
            JobState::Switched | JobState::Holding => &[Wish::Finish, Wish::Reverse],
            JobState::Parting if !self.rules.keep(Rule::PartedForGood) => &[Wish::Abort],
            state if state.is_before_switch() => &[Wish::Abort],
            _ => &[],
        };
        for wish in wishes {
            // One who learns that the target is lost does not insist.
            let is_closed = |at: At| !world.at(at).is_open();
            let are_closed = self.shape.sites(End::Target).any(is_closed);
            let is_taken_back = world.wish == Wish::Finish && are_closed;
            // One who learns that a row cannot go back may finish the job.
            let gives_in = world.wish == Wish::Reverse && *wish == Wish::Finish;
            if world.wish == Wish::Run
                || gives_in
                || world.wish == Wish::Abort && *wish != Wish::Abort
                || is_taken_back && *wish == Wish::Reverse
            {
                let mut to = *state;
                to.world.wish = *wish;
                self.add(steps, Event::Wishes(*wish), to, *wish != Wish::Abort);
            }
        }
    }

    fn late(&self, state: &Whole, steps: &mut Steps) {
        let Some((token, op)) = state.late else {
            return;
        };
        let mut to = Whole {
            late: None,
            ..*state
        };
        self.add(steps, Event::NeverComes { token, op }, to, true);
        let answer = to.world.carry_out(op, token, self.fencing, self.rules);
        self.add(steps, Event::ComesLate { token, op, answer }, to, true);
    }

    /// A process takes the job: it has none, or its runner is believed to be gone.
    fn take(&self, state: &Whole, steps: &mut Steps) {
        let is_run = state
            .runners
            .iter()
            .flatten()
            .any(|runner| runner.token == state.world.token);
        let Some(free) = state.runners.iter().position(Option::is_none) else {
            return;
        };
        if state.world.state.is_over() || is_run && state.failures == 0 {
            return;
        }
        let mut to = *state;
        to.world.token += 1;
        to.failures -= u8::from(is_run);
        to.runners[free] = Some(Runner::new(&to.world));
        let token = to.world.token;
        self.add(steps, Event::Takes { token }, to, !is_run);
    }

    fn fail_over(&self, state: &Whole, steps: &mut Steps) {
        // Before the switch the fence has to reach the standby, or the operator takes the risk.
        let fails_over = self.fails_over.filter(|_| state.failures > 0);
        let Some(end) = fails_over.filter(|end| state.world.can_fail_over(*end)) else {
            return;
        };
        let mut to = *state;
        to.failures -= 1;
        to.world.fail_over(end);
        to.late = to.late.filter(|(_, op)| op.at() != Some(At::first(end)));
        for runner in to.runners.iter_mut().flatten() {
            runner.is_cut_off = true;
        }
        self.add(steps, Event::FailsOver, to, false);
    }

    /// What a runner is after a failure that tells nothing.
    fn forgetting(&self, world: &mut World, runner: &Runner) -> Option<Runner> {
        let mut forgetting = *runner;
        forgetting.forget();
        if self.rules.keep(Rule::FreshToken) {
            if runner.token != world.token {
                return None;
            }
            world.token += 1;
            forgetting.token = world.token;
            forgetting.state = world.state;
        }
        Some(forgetting)
    }

    fn run(&self, state: &Whole, number: usize, steps: &mut Steps) {
        let Some(mut runner) = state.runners[number] else {
            return;
        };
        let token = runner.token;
        let is_current = token == state.world.token;
        let mut to = *state;
        if is_current && runner.decides() && runner.wish != state.world.wish {
            let wish = state.world.wish;
            let mut told = runner;
            told.wish = wish;
            to.runners[number] = Some(told);
            self.add(steps, Event::Hears { token, wish }, to, true);
        }
        if is_current && state.failures > 0 {
            to.runners[number] = None;
            to.failures -= 1;
            self.add(steps, Event::Dies { token }, to, false);
        }
        to = *state;
        let may_reopen = !self.rules.keep(Rule::CompletedStays)
            || !self
                .shape
                .sites(End::Target)
                .any(|at| state.world.at(at).is_complete);
        if state.reopenings > 0 && runner.waits_for_replicas(self.shape) && may_reopen {
            to.reopenings -= 1;
            let mut reopening = runner;
            reopening.closed_in_vain();
            to.runners[number] = Some(reopening);
            self.add(steps, Event::ClosedInVain { token }, to, false);
            to = *state;
        }
        let planned = runner.plan(self.manner());
        if runner.is_cut_off && planned.end() == self.fails_over {
            to.runners[number] = self.forgetting(&mut to.world, &runner);
            self.add(steps, Event::IsCutOff { token }, to, true);
            return;
        }
        let flows_back = matches!(
            planned,
            Move::Send(Action::Drain(End::Target) | Action::Fence(End::Target), _)
        );
        if flows_back && is_current && state.failures > 0 && runner.goes_back(self.shape) {
            to.failures -= 1;
            let forgetting = self.forgetting(&mut to.world, &runner);
            to.runners[number] = forgetting.map(Runner::unfit);
            self.add(steps, Event::CannotGoBack { token }, to, false);
            to = *state;
        }
        match planned {
            Move::Rest => {}
            Move::Stop => {
                to.runners[number] = None;
                self.add(steps, Event::Ends { token }, to, true);
            }
            Move::Look(at) => {
                let seen = to.world.at(at).seen(token);
                runner.look(at, seen);
                to.runners[number] = Some(runner);
                self.add(steps, Event::Looks { token, at }, to, true);
            }
            Move::Send(action, op) => self.send(state, number, runner, (action, op), steps),
        }
    }

    fn send(
        &self,
        state: &Whole,
        number: usize,
        mut runner: Runner,
        (action, op): (Action, Op),
        steps: &mut Steps,
    ) {
        let token = runner.token;
        // It waits for the lock that the late operation holds.
        if let Some((_, late)) = state.late
            && late.at() == op.at()
            && late.locks_record(self.fencing)
            && op.locks_record(self.fencing)
        {
            return;
        }
        let mut to = *state;
        if state.failures > 0 && state.late.is_none() && !op.is_read() {
            to.failures -= 1;
            to.late = Some((token, op));
            to.runners[number] = self.forgetting(&mut to.world, &runner);
            self.add(steps, Event::LosesAnswer { token, action, op }, to, false);
            to = *state;
        }
        let answer = to.world.carry_out(op, token, self.fencing, self.rules);
        let goes_on = runner.hear(action, op, answer, self.manner());
        to.runners[number] = goes_on.then_some(runner);
        // A replica may have this fence, and not yet what has opened it.
        if goes_on && matches!(op, Op::Open(_)) && runner.state == JobState::Switching {
            to.runners[number] = self.forgetting(&mut to.world, &runner);
        }
        let event = Event::Does {
            token,
            action,
            op,
            answer,
        };
        self.add(steps, event, to, true);
    }
}

impl Model for Moving {
    type State = Whole;
    type Event = Event;

    fn initial(&self) -> Whole {
        let world = World::new(self.shape);
        let mut first = Whole {
            world,
            runners: [Some(Runner::new(&world)), None],
            late: None,
            failures: 0,
            reopenings: self.reopenings,
            jobs: self.jobs,
        };
        let mut steps = Vec::new();
        while first.world.state != self.from {
            steps.clear();
            self.run(&first, 0, &mut steps);
            first = steps.pop().expect("the runner goes on").to;
        }
        first.failures = self.failures;
        first
    }

    fn follow(&self, state: &Whole, steps: &mut Steps) {
        self.clients_and_operator(state, steps);
        self.late(state, steps);
        self.take(state, steps);
        self.fail_over(state, steps);
        for number in 0..state.runners.len() {
            self.run(state, number, steps);
        }
    }

    fn fault(&self, state: &Whole) -> Option<&'static str> {
        let (world, shape) = (&state.world, self.shape);
        for row in shape.rows() {
            let places = [End::Source, End::Target].map(|end| shape.place_of(end, row));
            let serving = places.iter().filter(|at| world.serves(**at));
            if serving.clone().count() == places.len() {
                return Some("two places serve");
            }
            let has_last =
                |at: &At| world.at(*at).rows.map(|rows| rows[row]) == Some(world.written[row]);
            if !serving.clone().all(has_last) {
                return Some("a place serves that lacks the last write");
            }
        }
        // One that takes rows of a replica may find older ones, and all of them.
        for at in shape.sites(End::Target) {
            let from = shape.sites(End::Source).map(|source| source.number);
            let copied = from.fold(0, |all, number| all | 1 << number);
            let own = world.at(at);
            if world.serves_reads(at, self.rules) && (own.rows.is_none() || own.copied != copied) {
                return Some("a read at the target finds a part of the rows");
            }
        }
        // What is needed to open a source again is kept at the targets.
        let is_open = |at: At| world.at(at).is_open();
        let is_gone = |at: At| world.at(at).record.is_none();
        if world.place == End::Source
            && !shape.sites(End::Source).all(is_open)
            && shape.sites(End::Target).any(is_gone)
        {
            return Some("the source is closed, and the target is gone");
        }
        if !world.state.is_over() {
            return None;
        }
        let other = match world.place {
            End::Source => End::Target,
            End::Target => End::Source,
        };
        if !shape.sites(world.place).all(is_open) {
            return Some("the job is over, and nobody serves");
        }
        let is_left = shape.sites(other).any(is_open);
        is_left.then_some("the job is over, and the old place is open")
    }

    fn is_end(&self, state: &Whole) -> bool {
        state.world.state.is_over()
    }
}
