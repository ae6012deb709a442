//! Listens to the spans and events of one thread.

use std::fmt;
use std::sync::{Arc, Mutex, Once, PoisonError};

use tracing::field::{Field, Visit};
use tracing::subscriber::{DefaultGuard, set_default, set_global_default};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, SubscriberExt as _};
use tracing_subscriber::{Layer, Registry};

/// Hands the spans and events of this thread to a layer, for as long as the guard is kept.
///
/// A subscriber of the whole process that does nothing stands behind it from the first call on. With none,
/// whether anybody listens to a span is found out anew whenever a thread begins or ends to listen, and another
/// thread that asks meanwhile can be told that nobody does.
pub fn listen<L>(layer: L) -> DefaultGuard
where
    L: Layer<Registry> + Send + Sync,
{
    static BEHIND: Once = Once::new();
    BEHIND.call_once(|| {
        // Another one that was set before does as well.
        let _ = set_global_default(Registry::default());
    });
    set_default(Registry::default().with(layer))
}

/// The messages of the errors that were logged.
#[derive(Debug, Clone, Default)]
pub struct Errors(Arc<Mutex<Vec<String>>>);

impl Errors {
    /// Keeps the errors that this thread logs, for as long as the guard is kept.
    #[must_use]
    pub fn listen() -> (Self, DefaultGuard) {
        let errors = Self::default();
        let guard = listen(errors.clone());
        (errors, guard)
    }

    /// Whether the message of one has this part.
    #[must_use]
    pub fn contain(&self, part: &str) -> bool {
        let messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        messages.iter().any(|message| message.contains(part))
    }
}

impl<S: Subscriber> Layer<S> for Errors {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        if *event.metadata().level() == Level::ERROR {
            let mut message = Message(String::new());
            event.record(&mut message);
            let mut messages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
            messages.push(message.0);
        }
    }
}

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}
