//! What a row refers to in a named database: read in a second step, and called so.

use std::fmt;

use super::declared::show;
use super::ends::Ends;
use super::foreign::ForeignColumns;
use super::gather::gather;
use super::load::total;
use crate::exec::{Executor, Target};
use crate::model::Model;
use crate::query::{Parts, Running};
use crate::record::DatabaseModel;

/// One `C` refers to one `P`, or none, of a named database: `#[shard(refers_to(country =
/// "Country", by = "country_id"))]`.
///
/// The two are on different servers, so that there is no join, and no transaction that holds both:
/// the other row may be gone when it is read.
pub struct RefersTo<C, P: Model> {
    foreign: &'static [usize],
    pub(super) set: fn(&mut C, P::Id),
}

impl<C: Model, P: DatabaseModel> RefersTo<C, P> {
    /// The relation by the fields that hold the id of `P`, and what sets them. Made by the derive.
    #[must_use]
    pub const fn new<F>(_by: F, foreign: &'static [usize], set: fn(&mut C, P::Id)) -> Self
    where
        F: ForeignColumns<C, P::Id>,
    {
        Self { foreign, set }
    }

    /// Reads what each of these rows refers to, in their order.
    ///
    /// Sends one statement to the named database for each 1,000 ids, `SELECT .. WHERE id IN (?,
    /// ..)`, each id once; none when there are no rows.
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
    ) -> Running<'e, Vec<Option<P>>> {
        self.fetch(on.target(), rows)
    }

    pub(super) fn fetch<'e>(self, target: Target<'e>, rows: &[C]) -> Running<'e, Vec<Option<P>>> {
        let def = P::def();
        gather(
            target,
            Ends::of_reference(def, self.foreign),
            total(Parts::default(), def),
            rows,
            |_| target.place_of_database(def),
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

/// A [`RefersTo`] that a query is to read in a second step.
pub struct Separately<C, P: Model>(pub(super) RefersTo<C, P>);

impl<C: Model, P: Model> fmt::Debug for Separately<C, P> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Separately").field(&self.0).finish()
    }
}
