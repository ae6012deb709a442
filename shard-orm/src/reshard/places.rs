//! The connections of a runner: one to each namespace of its job.

use super::mover::End;
use super::place::Place;

/// One namespace of a job.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Site {
    Source,
    /// A target, by its position.
    Target(usize),
}

impl Site {
    pub(super) fn end(self) -> End {
        match self {
            Self::Source => End::Source,
            Self::Target(_) => End::Target,
        }
    }
}

/// The connections that are open.
pub(super) struct Places {
    source: Option<Place>,
    targets: Vec<Option<Place>>,
}

impl Places {
    pub(super) fn new(targets: usize) -> Self {
        Self {
            source: None,
            targets: (0..targets).map(|_| None).collect(),
        }
    }

    pub(super) fn get(&self, site: Site) -> Option<&Place> {
        match site {
            Site::Source => self.source.as_ref(),
            Site::Target(number) => self.targets.get(number)?.as_ref(),
        }
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

    /// The connections to the source and to all targets, if all are open.
    pub(super) fn both(&mut self) -> Option<(&mut Place, Vec<&mut Place>)> {
        let targets = self.targets.iter_mut().map(Option::as_mut);
        Some((self.source.as_mut()?, targets.collect::<Option<_>>()?))
    }

    /// Closes all connections in an orderly way.
    pub(super) async fn close(&mut self) {
        let targets = self.targets.iter_mut().filter_map(Option::take);
        for place in self.source.take().into_iter().chain(targets) {
            place.close().await;
        }
    }

    fn slot(&mut self, site: Site) -> Option<&mut Option<Place>> {
        match site {
            Site::Source => Some(&mut self.source),
            Site::Target(number) => self.targets.get_mut(number),
        }
    }
}
