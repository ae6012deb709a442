//! Sets of logical shards in the notation of configuration files.
//!
//! Used in messages that suggest a configuration, and in a group's fingerprint.

use std::fmt;
use std::ops::Range;

/// Runs of logical shards in ascending order: `["0..4", "6..8"]`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(crate) struct Runs(Vec<Range<u32>>);

impl Runs {
    pub(crate) fn of(shards: impl IntoIterator<Item = u32>) -> Self {
        let mut shards: Vec<u32> = shards.into_iter().collect();
        shards.sort_unstable();
        shards.dedup();
        let mut runs: Vec<Range<u32>> = Vec::new();
        for shard in shards {
            match runs.last_mut() {
                Some(run) if run.end == shard => run.end = shard.saturating_add(1),
                _ => runs.push(shard..shard.saturating_add(1)),
            }
        }
        Self(runs)
    }

    /// Each run in the notation of configuration files: `0..4`.
    pub(crate) fn texts(&self) -> impl Iterator<Item = String> {
        self.0
            .iter()
            .map(|run| format!("{}..{}", run.start, run.end))
    }

    pub(crate) fn shards(&self) -> impl Iterator<Item = u32> + '_ {
        self.0.iter().cloned().flatten()
    }

    pub(crate) fn into_ranges(self) -> Vec<Range<u32>> {
        self.0
    }

    /// The form for a sentence: `shard 3`, `shards 0 to 3 and 7`.
    pub(crate) fn in_words(&self) -> String {
        let words: Vec<String> = self
            .0
            .iter()
            .map(|run| match run.end - run.start {
                1 => run.start.to_string(),
                2 => format!("{} and {}", run.start, run.end - 1),
                _ => format!("{} to {}", run.start, run.end - 1),
            })
            .collect();
        match words.as_slice() {
            [one] if !one.contains(' ') => format!("shard {one}"),
            _ => format!("shards {}", words.join(", ")),
        }
    }
}

impl fmt::Display for Runs {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("[")?;
        for (position, run) in self.texts().enumerate() {
            let comma = if position == 0 { "" } else { ", " };
            write!(f, "{comma}\"{run}\"")?;
        }
        f.write_str("]")
    }
}

#[cfg(test)]
mod tests {
    use super::Runs;

    #[test]
    fn adjacent_shards_form_one_run() {
        let runs = Runs::of([7, 0, 1, 3, 2, 7]);
        assert_eq!(runs.to_string(), r#"["0..4", "7..8"]"#);
        assert_eq!(runs.in_words(), "shards 0 to 3, 7");
        assert_eq!(Runs::of([5]).in_words(), "shard 5");
        assert_eq!(Runs::of([]).to_string(), "[]");
    }
}
