//! A breadth-first explorer of a model: every reachable state, and the shortest trace to a fault.
//!
//! It is written here rather than taken from the crate `stateright`, whose web server and whose hash maps
//! for many threads would bring some forty crates for the work of a hundred lines.

use std::collections::HashMap;
use std::collections::hash_map::Entry;
use std::fmt::Debug;
use std::hash::{BuildHasherDefault, Hash, Hasher};

/// What is explored.
pub(super) trait Model {
    /// Everything that decides what can happen next.
    type State: Copy + Eq + Hash + Debug;
    /// What leads from one state to another.
    type Event: Copy + Debug;

    /// The state in which every run begins.
    fn initial(&self) -> Self::State;
    /// Adds the states that can follow a state.
    fn follow(&self, state: &Self::State, steps: &mut Vec<Step<Self::State, Self::Event>>);
    /// What is wrong with a state, if anything is.
    fn fault(&self, state: &Self::State) -> Option<&'static str>;
    /// Whether everything that was to be done is done.
    fn is_end(&self, state: &Self::State) -> bool;
}

/// A way from one state to another.
pub(super) struct Step<S, E> {
    pub(super) event: E,
    pub(super) to: S,
    /// Whether it can be relied on: it is neither a failure nor anybody's whim.
    pub(super) is_progress: bool,
}

/// A fault, and how it comes about.
pub(super) struct Fault<E> {
    pub(super) what: &'static str,
    pub(super) trace: Vec<E>,
    pub(super) state: String,
}

impl<E: Debug> Fault<E> {
    /// The trace, one event a line.
    pub(super) fn text(&self) -> String {
        let lines = self.trace.iter().enumerate();
        let lines = lines.map(|(number, event)| format!("{:>3}. {event:?}\n", number + 1));
        format!(
            "{}:\n{}{}",
            self.what,
            lines.collect::<String>(),
            self.state
        )
    }
}

/// Visits every state that can be reached. Returns their number, or the fault with the shortest trace.
pub(super) fn explore<M: Model>(model: &M, most: usize) -> Result<usize, Fault<M::Event>> {
    let first = model.initial();
    let mut states = vec![first];
    let mut known: HashMap<M::State, u32, Mixing> = HashMap::default();
    known.insert(first, 0);
    let mut origins: Vec<Option<(u32, M::Event)>> = vec![None];
    // Pairs of a state and one from which it is reached without failures.
    let mut ways: Vec<(u32, u32)> = Vec::new();
    let mut steps = Vec::new();
    let mut at = 0;
    while at < states.len() {
        let state = states[at];
        let number = u32::try_from(at).expect("fewer states than that");
        if let Some(what) = model.fault(&state) {
            return Err(fault(what, number, &states, &origins));
        }
        model.follow(&state, &mut steps);
        for step in steps.drain(..) {
            let count = u32::try_from(states.len()).expect("fewer states than that");
            let to = match known.entry(step.to) {
                Entry::Occupied(entry) => *entry.get(),
                Entry::Vacant(entry) => {
                    entry.insert(count);
                    states.push(step.to);
                    origins.push(Some((number, step.event)));
                    count
                }
            };
            if step.is_progress && to != number {
                ways.push((to, number));
            }
        }
        assert!(
            states.len() <= most,
            "more than {most} states: the bounds are too wide"
        );
        at += 1;
    }
    match stranded(model, &states, &ways) {
        Some(number) => Err(fault(
            "the job never ends, though failures have stopped",
            number,
            &states,
            &origins,
        )),
        None => Ok(states.len()),
    }
}

/// The first state from which no end is reached without failures.
fn stranded<M: Model>(model: &M, states: &[M::State], ways: &[(u32, u32)]) -> Option<u32> {
    // The states before each one: its part of `before` begins at its number in `starts`.
    let mut starts = vec![0_u32; states.len() + 1];
    for (to, _) in ways {
        starts[*to as usize] += 1;
    }
    let mut sum = 0;
    for start in &mut starts {
        sum += *start;
        *start = sum;
    }
    let mut before = vec![0_u32; ways.len()];
    for (to, from) in ways {
        let start = &mut starts[*to as usize];
        *start -= 1;
        before[*start as usize] = *from;
    }
    let mut can_end: Vec<bool> = states.iter().map(|state| model.is_end(state)).collect();
    let mut open: Vec<usize> = (0..states.len()).filter(|at| can_end[*at]).collect();
    while let Some(at) = open.pop() {
        for from in &before[starts[at] as usize..starts[at + 1] as usize] {
            let from = *from as usize;
            if !can_end[from] {
                can_end[from] = true;
                open.push(from);
            }
        }
    }
    (0..)
        .zip(&can_end)
        .find(|(_, can_end)| !**can_end)
        .map(|(at, _)| at)
}

fn fault<S: Debug, E: Copy>(
    what: &'static str,
    mut at: u32,
    states: &[S],
    origins: &[Option<(u32, E)>],
) -> Fault<E> {
    let state = format!("{:?}", states[at as usize]);
    let mut trace = Vec::new();
    while let Some((from, event)) = origins[at as usize] {
        trace.push(event);
        at = from;
    }
    trace.reverse();
    Fault { what, trace, state }
}

type Mixing = BuildHasherDefault<Mixer>;

/// A quick hash for many small fields; nobody chooses the states so as to collide.
#[derive(Default)]
struct Mixer(u64);

impl Hasher for Mixer {
    fn finish(&self) -> u64 {
        self.0 ^ (self.0 >> 29)
    }

    fn write(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.write_u64(u64::from(*byte));
        }
    }

    fn write_u8(&mut self, value: u8) {
        self.write_u64(u64::from(value));
    }

    fn write_isize(&mut self, value: isize) {
        self.write_u64(value.cast_unsigned() as u64);
    }

    fn write_u64(&mut self, value: u64) {
        self.0 = (self.0 ^ value).wrapping_mul(0x517c_c1b7_2722_0a95);
    }
}
