//! Where a statement goes: one place, or several of one server at once.

use std::sync::Arc;

use crate::connect::{Endpoint, Marks, Place, Served};
use crate::error::{Error, Result};
use crate::topology::Read;

/// Where a statement goes.
#[derive(Debug, Clone)]
pub(crate) struct Site {
    /// Whose connection it takes.
    pub(super) place: Arc<Place>,
    /// The other places that it asks, of the same server.
    beside: Vec<Arc<Place>>,
}

impl Site {
    /// One place.
    pub(crate) fn of(place: Arc<Place>) -> Self {
        Self {
            place,
            beside: Vec::new(),
        }
    }

    /// Several places of one server; `None` when there are none.
    pub(crate) fn of_several(mut places: impl Iterator<Item = Arc<Place>>) -> Option<Self> {
        Some(Self {
            place: places.next()?,
            beside: places.collect(),
        })
    }

    /// A connection for a read, on which all its namespaces have been found.
    pub(super) async fn for_read(
        &self,
        read: Option<Read>,
        marks: Option<&Marks>,
    ) -> Result<Served<'_>> {
        if self.beside.is_empty() {
            return self.place.for_read(read, marks).await;
        }
        let read = match marks {
            // One replica would have to hold what was written to each of them.
            Some(marks) if read.is_none_or(|read| read == Read::Session) => {
                Some(if marks.wrote_any(self.places()) {
                    Read::Primary
                } else {
                    Read::Replica
                })
            }
            _ => read,
        };
        self.find_beside(self.place.for_read(read, marks).await?)
            .await
    }

    /// A connection for a read that failed on this endpoint's.
    pub(super) async fn for_read_again(
        &self,
        read: Option<Read>,
        marks: Option<&Marks>,
        failed: &Endpoint,
    ) -> Result<Served<'_>> {
        self.find_beside(self.place.for_read_again(read, marks, failed).await?)
            .await
    }

    async fn find_beside<'p>(&self, mut served: Served<'p>) -> Result<Served<'p>> {
        for place in &self.beside {
            place.find_on(&mut served).await?;
        }
        Ok(served)
    }

    fn places(&self) -> impl Iterator<Item = &Place> {
        std::iter::once(&*self.place).chain(self.beside.iter().map(|place| &**place))
    }

    /// Names the shard, where there is but one.
    pub(super) fn name_error(&self, error: Error) -> Error {
        if self.beside.is_empty() {
            self.place.name_error(error)
        } else {
            error
        }
    }
}
