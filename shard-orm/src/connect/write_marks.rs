//! Write marks of a session: the position that a replica must hold before it may serve each logical
//! shard.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Instant;

use super::health::Health;
use super::namespace_handle::NamespaceHandle;
use crate::backend::Position;

/// The longest token that is accepted, in bytes.
const LONGEST: usize = 64 * 1024;
/// The version prefix of a token.
const VERSION: &str = "s1";
/// The separator between marks.
const BETWEEN: char = '~';

/// The write marks of a session, by namespace.
#[derive(Debug, Default)]
pub(crate) struct WriteMarks {
    /// Checked first: a session without writes costs no more than this load.
    any: AtomicBool,
    marks: Mutex<BTreeMap<NamespaceKey, WriteMark>>,
}

/// A logical shard, or a named database.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
struct NamespaceKey {
    home: Arc<str>,
    shard: Option<u32>,
}

/// What a replica must hold.
#[derive(Debug, Clone)]
enum WriteMark {
    /// Everything that the primary had acknowledged at this instant; the position is not known yet.
    Since(Instant),
    /// This position.
    At(Position),
}

/// Records a write when dropped, even if the write was cancelled: it may have been applied.
pub(crate) struct WriteMarker<'a> {
    marks: Option<&'a WriteMarks>,
    handle: &'a NamespaceHandle,
}

impl<'a> WriteMarker<'a> {
    pub(crate) fn new(marks: Option<&'a WriteMarks>, handle: &'a NamespaceHandle) -> Self {
        Self { marks, handle }
    }
}

impl Drop for WriteMarker<'_> {
    fn drop(&mut self) {
        if let Some(marks) = self.marks {
            marks.wrote(self.handle);
        }
    }
}

/// The replicas that may serve a session's read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum EligibleReplicas {
    /// Any replica: the session has not written here.
    Any,
    /// The replicas that hold the position; see [`Health::holds_since`].
    Known,
    /// None yet: the position of the write is not known.
    NotYet,
    /// None: only the primary may serve the read.
    None,
}

impl NamespaceKey {
    fn of(handle: &NamespaceHandle) -> Self {
        let namespace = &handle.namespace;
        if namespace.is_static() {
            return Self::of_statics(namespace.name());
        }
        Self {
            home: Arc::clone(namespace.group()),
            shard: namespace.is_sharded().then(|| namespace.shard()),
        }
    }

    /// The static tables that are readable from a namespace. They may have been written through any
    /// server.
    fn statics_of(handle: &NamespaceHandle) -> Option<Self> {
        handle.namespace.statics().map(Self::of_statics)
    }

    fn of_statics(namespace: &Arc<str>) -> Self {
        Self {
            home: Arc::clone(namespace),
            shard: None,
        }
    }
}

impl WriteMarks {
    /// Records a write to this namespace that has completed or may have been applied.
    pub(crate) fn wrote(&self, handle: &NamespaceHandle) {
        {
            let mut marks = self.lock();
            // The clock is read after the acknowledgement, before the monitor is notified, and
            // under the lock: of two concurrent writes, the later mark is kept.
            marks.insert(NamespaceKey::of(handle), WriteMark::Since(Instant::now()));
        }
        self.any.store(true, Ordering::Release);
        handle.health.wrote();
    }

    /// Whether the session has written to any of these namespaces.
    pub(crate) fn covers_any<'p>(
        &self,
        mut handles: impl Iterator<Item = &'p NamespaceHandle>,
    ) -> bool {
        if !self.any.load(Ordering::Acquire) {
            return false;
        }
        let marks = self.lock();
        handles.any(|handle| {
            let statics_of = NamespaceKey::statics_of(handle);
            marks.contains_key(&NamespaceKey::of(handle))
                || statics_of.is_some_and(|key| marks.contains_key(&key))
        })
    }

    /// The replicas that may serve a read of this namespace, and the position that they must hold.
    pub(super) fn eligible_replicas(
        &self,
        handle: &NamespaceHandle,
    ) -> (EligibleReplicas, Option<Position>) {
        if !self.any.load(Ordering::Acquire) {
            return (EligibleReplicas::Any, None);
        }
        let mut marks = self.lock();
        if NamespaceKey::statics_of(handle).is_some_and(|key| marks.contains_key(&key)) {
            return (EligibleReplicas::None, None);
        }
        let Some(mark) = marks.get_mut(&NamespaceKey::of(handle)) else {
            return (EligibleReplicas::Any, None);
        };
        mark.resolve(&handle.health);
        match mark {
            WriteMark::Since(_) => (EligibleReplicas::NotYet, None),
            WriteMark::At(position) => (EligibleReplicas::Known, Some(position.clone())),
        }
    }

    /// Encodes all marks as a token, resolving positions that are known by now. `health_of` returns
    /// the health of the server of a home and shard.
    pub(crate) fn text(
        &self,
        watch_of: impl Fn(&str, Option<u32>) -> Option<Arc<Health>>,
    ) -> String {
        let mut text = VERSION.to_owned();
        for (key, mark) in self.lock().iter_mut() {
            if let Some(health) = watch_of(&key.home, key.shard) {
                mark.resolve(&health);
            }
            text.push(BETWEEN);
            text.push_str(&key.home);
            text.push(':');
            if let Some(shard) = key.shard {
                text.push_str(&shard.to_string());
            }
            text.push(':');
            match mark {
                // The session resumes later than the write was acknowledged.
                WriteMark::Since(_) => text.push('-'),
                WriteMark::At(position) => text.push_str(&position.text()),
            }
        }
        text
    }

    /// Decodes a token; `None` if it is malformed.
    pub(crate) fn from_text(text: &str) -> Option<Self> {
        if text.len() > LONGEST {
            return None;
        }
        let mut parts = text.split(BETWEEN);
        if parts.next()? != VERSION {
            return None;
        }
        let now = Instant::now();
        let marks: Option<BTreeMap<NamespaceKey, WriteMark>> = parts
            .map(|part| {
                let mut fields = part.splitn(3, ':');
                let home = fields.next().filter(|home| !home.is_empty())?;
                let shard = match fields.next()? {
                    "" => None,
                    number => Some(number.parse().ok()?),
                };
                let mark = match fields.next()? {
                    "-" => WriteMark::Since(now),
                    position => WriteMark::At(Position::from_text(position)?),
                };
                let key = NamespaceKey {
                    home: Arc::from(home),
                    shard,
                };
                Some((key, mark))
            })
            .collect();
        let marks = marks?;
        Some(Self {
            any: AtomicBool::new(!marks.is_empty()),
            marks: Mutex::new(marks),
        })
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<NamespaceKey, WriteMark>> {
        // No code that can panic runs under the lock.
        self.marks.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl WriteMark {
    /// Resolves the position, once the monitor has seen it.
    fn resolve(&mut self, health: &Health) {
        if let Self::At(position) = self
            && health.is_current(position) == Some(false)
        {
            // The position belongs to a former primary. The current primary holds all that it will
            // ever hold of it.
            *self = Self::Since(Instant::now());
            health.wrote();
        }
        if let Self::Since(acknowledged) = self
            && let Some(position) = health.position_after(*acknowledged)
        {
            *self = Self::At(position);
        }
    }
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    fn again(text: &str) -> Option<String> {
        WriteMarks::from_text(text).map(|marks| marks.text(|_, _| None))
    }

    #[test]
    fn a_token_round_trips() {
        for text in [
            "s1",
            "s1~shop:3:w1.2.3",
            "s1~default::g3.1700000000.0-3_100~shop:0:-~shop:65535:w1.1.0",
        ] {
            assert_eq!(again(text).as_deref(), Some(text));
        }
    }

    #[test]
    fn malformed_tokens_are_rejected() {
        let long = format!("s1{}", "~shop:1:-".repeat(10_000));
        for text in [
            "",
            "s",
            "s2",
            "s1~",
            "s1~shop",
            "s1~shop:1",
            "s1~:1:-",
            "s1~shop:x:-",
            "s1~shop:1:",
            "s1~shop:1:w1",
            "s1~shop:-1:-",
            "s1~shop:99999999999:-",
            " s1",
            &long,
        ] {
            assert_eq!(again(text), None, "{text:.40}");
        }
    }
}
