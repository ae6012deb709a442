//! The connections of a runner: one to each namespace of its job.

use super::mover::End;
use super::place::Place;

/// One namespace of a job: an end, and the position among its namespaces.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Site {
    pub(super) end: End,
    pub(super) number: usize,
}

impl Site {
    pub(super) fn source(number: usize) -> Self {
        let end = End::Source;
        Self { end, number }
    }

    pub(super) fn target(number: usize) -> Self {
        let end = End::Target;
        Self { end, number }
    }
}

/// The connections that are open.
pub(super) struct Places {
    sources: Vec<Option<Place>>,
    targets: Vec<Option<Place>>,
}

impl Places {
    pub(super) fn new(sources: usize, targets: usize) -> Self {
        Self {
            sources: (0..sources).map(|_| None).collect(),
            targets: (0..targets).map(|_| None).collect(),
        }
    }

    pub(super) fn get(&self, site: Site) -> Option<&Place> {
        let places = match site.end {
            End::Source => &self.sources,
            End::Target => &self.targets,
        };
        places.get(site.number)?.as_ref()
    }

    pub(super) fn get_mut(&mut self, site: Site) -> Option<&mut Place> {
        self.slot(site)?.as_mut()
    }

    pub(super) fn put(&mut self, site: Site, place: Place) {
        if let Some(slot) = self.slot(site) {
            *slot = Some(place);
        }
    }

    /// Forgets a connection.
    pub(super) fn drop(&mut self, site: Site) {
        if let Some(slot) = self.slot(site) {
            *slot = None;
        }
    }

    /// The connections to the sources and to the targets, if all are open.
    pub(super) fn both(&mut self) -> Option<(Vec<&mut Place>, Vec<&mut Place>)> {
        let sources = self.sources.iter_mut().map(Option::as_mut);
        let targets = self.targets.iter_mut().map(Option::as_mut);
        Some((
            sources.collect::<Option<_>>()?,
            targets.collect::<Option<_>>()?,
        ))
    }

    /// Closes all connections in an orderly way.
    pub(super) async fn close(&mut self) {
        let all = self.sources.iter_mut().chain(&mut self.targets);
        for place in all.filter_map(Option::take) {
            place.close().await;
        }
    }

    fn slot(&mut self, site: Site) -> Option<&mut Option<Place>> {
        let places = match site.end {
            End::Source => &mut self.sources,
            End::Target => &mut self.targets,
        };
        places.get_mut(site.number)
    }
}
