//! The log events for operators, of all tests of this process.

use std::fmt::Write as _;
use std::sync::{Mutex, Once};

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::Layer;
use tracing_subscriber::layer::{Context, SubscriberExt as _};

static LINES: Mutex<Vec<String>> = Mutex::new(Vec::new());

/// Begins to listen; to be called before the cluster is made. Tests tell their lines apart by the ports in them.
pub(crate) fn listen() {
    static LISTENING: Once = Once::new();
    LISTENING.call_once(|| {
        let subscriber = tracing_subscriber::registry().with(Lines);
        tracing::subscriber::set_global_default(subscriber).unwrap();
    });
}

/// Whether a line of this level or a graver one was written that holds all of these.
pub(crate) fn said(level: Level, parts: &[&str]) -> bool {
    // The graver level is the lower one.
    let levels: Vec<String> = [Level::ERROR, Level::WARN, Level::INFO]
        .into_iter()
        .filter(|other| *other <= level)
        .map(|level| level.to_string())
        .collect();
    let lines = LINES.lock().unwrap();
    lines.iter().any(|line| {
        levels.iter().any(|level| line.starts_with(level.as_str()))
            && parts.iter().all(|part| line.contains(part))
    })
}

struct Lines;

struct Line(String);

impl Visit for Line {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        write!(self.0, " {}={value:?}", field.name()).unwrap();
    }
}

impl<S: Subscriber> Layer<S> for Lines {
    fn enabled(&self, metadata: &tracing::Metadata<'_>, _: Context<'_, S>) -> bool {
        metadata.target() == "shard_orm" && *metadata.level() <= Level::INFO
    }

    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let mut line = Line(event.metadata().level().to_string());
        event.record(&mut line);
        LINES.lock().unwrap().push(line.0);
    }
}
