//! A random query for both: many logical shards, and one database with all rows.

use proptest::prelude::*;
use shard_orm::UnscopedQuery;
use shard_orm::prelude::*;
use shard_orm_tests::fixture::Fixture;

use crate::condition::Condition;
use crate::group::Group;
use crate::sample::Sample;
use crate::scope::Scope;
use crate::select::{Pages, Select};

/// A query.
#[derive(Debug, Clone)]
pub(crate) struct Case {
    pub(crate) scope: Scope,
    pub(crate) filters: Vec<Condition>,
    pub(crate) of: Of,
}

/// What is asked for.
#[derive(Debug, Clone)]
pub(crate) enum Of {
    Rows(Select),
    Pages(Pages),
    Groups(Group),
}

impl Case {
    /// Any query that the database takes.
    pub(crate) fn any(dialect: Dialect) -> impl Strategy<Value = Self> {
        let of = prop_oneof![
            8 => Select::any(dialect).prop_map(Of::Rows),
            1 => Pages::any(dialect).prop_map(Of::Pages),
            8 => Group::any(dialect).prop_map(Of::Groups),
        ];
        let filters = proptest::collection::vec(Condition::any(dialect), 0..3);
        (Scope::any(), filters, of).prop_map(|(scope, filters, of)| Self { scope, filters, of })
    }

    /// Asks both, and says what is different.
    pub(crate) async fn differs(&self, sharded: &Fixture, whole: &Fixture) -> Result<(), String> {
        let (scope, filters) = (&self.scope, &self.filters);
        let (dialect, one) = (whole.dialect, &whole.cluster);
        let expected = match &self.of {
            Of::Rows(select) => select.expect(scope, filters, dialect, one).await,
            Of::Pages(pages) => pages.expect(scope, filters, dialect, one).await,
            Of::Groups(group) => group.expect(scope, filters, dialect, one).await,
        };
        let expected = expected.map_err(|error| format!("the one database refuses it: {error}"))?;
        let (draft, many) = (self.draft(), &sharded.cluster);
        let found = match &self.of {
            Of::Rows(select) => select.ask(draft, scope, many).await,
            Of::Pages(pages) => pages.ask(draft, scope, many).await,
            Of::Groups(group) => group.ask(draft, scope, many).await,
        };
        let found = found.map_err(|error| format!("it is refused: {error}"))?;
        expected.check(found)
    }

    fn draft(&self) -> UnscopedQuery<Sample> {
        self.filters.iter().fold(Sample::query(), |draft, filter| {
            draft.filter(filter.filter())
        })
    }
}
