//! References to a row of a static model, in the copy on the same server, or of a named database,
//! which is read separately.

use std::fmt;

use super::Relation;
use super::assign::ForeignColumns;
use super::batch::load_batch;
use super::columns::RelationColumns;
use super::definitions::show;
use super::load::total;
use crate::exec::{Executor, Target};
use crate::model::{Model, Referred, Sharded};
use crate::plan::QuerySpec;
use crate::query::{OnStaticCopy, QueryFuture};
use crate::record::{DatabaseModel, ShardModel as _, StaticModel};

/// One `C` refers to one `P`, or none: `#[shard(refers_to(country = "Country", by =
/// "country_id"))]`.
///
/// A static `P` is a [`Relation`]: its copy is on the server of each `C`, so the two can be joined
/// and loaded together. The copy may be behind its source.
///
/// A `P` of a named database is on another server, so there is no join and no common transaction:
/// the other row may have been deleted when it is read.
pub struct RefersTo<C, P: Model> {
    foreign: &'static [usize],
    pub(super) set: fn(&mut C, P::Id),
}

impl<C, P: Model> RefersTo<C, P> {
    /// Creates the relation from the fields with the id of `P`, and the function that sets them.
    /// Called by the derive.
    #[must_use]
    pub const fn new<F>(_by: F, foreign: &'static [usize], set: fn(&mut C, P::Id)) -> Self
    where
        P: Referred,
        F: ForeignColumns<C, P::Id>,
    {
        Self { foreign, set }
    }
}

// Without it the compiler would tell of a model of a named database that it is not static, and not
// that nothing joins it.
#[diagnostic::do_not_recommend]
impl<C: Sharded, P: StaticModel> Relation for RefersTo<C, P> {
    type From = C;
    type To = P;
    type At = OnStaticCopy;
    type Found = Option<P>;

    #[allow(private_interfaces)]
    fn columns(self) -> RelationColumns {
        RelationColumns::of_reference(P::def(), self.foreign)
    }

    fn at(self, row: &C) -> OnStaticCopy {
        OnStaticCopy(C::shard(row.key()))
    }
}

impl<C: Model, P: Model> RefersTo<C, P> {
    /// Reads the row that each of these rows refers to, in their order.
    ///
    /// Sends one statement to the named database for each 1,000 distinct ids, `SELECT .. WHERE id
    /// IN (?, ..)`, and none if there are no rows.
    ///
    /// ```no_run
    /// # use shard_orm::prelude::*;
    /// # #[derive(ShardModel)]
    /// # #[shard(group = "shop", table = "orders")]
    /// # #[shard(refers_to(country = "Country", by = "country_id"))]
    /// # struct Order {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     #[shard(key)]
    /// #     user_id: i64,
    /// #     country_id: Option<i64>,
    /// # }
    /// # #[derive(ShardModel)]
    /// # #[shard(database = "default", table = "countries")]
    /// # struct Country {
    /// #     #[shard(primary_key)]
    /// #     id: i64,
    /// #     name: String,
    /// # }
    /// # async fn run(cluster: &Cluster) -> shard_orm::Result<()> {
    /// let orders = Order::on(42).all(cluster).await?;
    /// let countries: Vec<Option<Country>> = Order::COUNTRY.fetch_separately(cluster, &orders).await?;
    /// # Ok(())
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`Query::all`](crate::Query::all). In a transaction,
    /// [`CrossShard`](crate::ErrorKind::CrossShard) unless it is one of that database.
    pub fn fetch_separately<'e>(
        self,
        on: impl Executor<'e>,
        rows: &[C],
    ) -> QueryFuture<'e, Vec<Option<P>>>
    where
        P: DatabaseModel,
    {
        self.fetch(on.target(), rows)
    }

    pub(super) fn fetch<'e>(self, target: Target<'e>, rows: &[C]) -> QueryFuture<'e, Vec<Option<P>>>
    where
        P: DatabaseModel,
    {
        let def = P::def();
        load_batch(
            target,
            RelationColumns::of_reference(def, self.foreign),
            total(QuerySpec::default(), def),
            rows,
            |_| target.handle_of_database(def),
        )
    }
}

impl<C, P: Model> Clone for RefersTo<C, P> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<C, P: Model> Copy for RefersTo<C, P> {}

impl<C: Model, P: Model> fmt::Debug for RefersTo<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        show("RefersTo", C::def().name, P::def().name, f)
    }
}

/// A [`RefersTo`] that a query reads in a second step.
pub struct Separately<C, P: Model>(pub(super) RefersTo<C, P>);

impl<C: Model, P: Model> fmt::Debug for Separately<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Separately").field(&self.0).finish()
    }
}
