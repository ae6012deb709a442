//! Listens to the spans and events of one thread.

use std::sync::Once;

use tracing::subscriber::{DefaultGuard, set_default, set_global_default};
use tracing_subscriber::layer::SubscriberExt as _;
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
