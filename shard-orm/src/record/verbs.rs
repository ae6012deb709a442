//! The verbs that all kinds of models have in common, said once for the three traits.

/// Writes the verbs on one row or many into a trait.
///
/// Takes the parameter that addresses a row beside its own fields, if there is one, and the place
/// of a row of a target.
macro_rules! row_verbs {
    (($($param:ident: $type:ty)?), $target:ident, $row:ident => $handle:expr) => {
        /// Inserts the row and gives it back, with `created_at` and `updated_at` filled.
        ///
        /// # Errors
        /// [`Unique`](crate::ErrorKind::Unique) when its primary key is there already;
        /// [`Invalid`](crate::ErrorKind::Invalid), here and in the verbs below, when the model's
        /// [`Validate`](crate::Validate) refuses the row; otherwise as any write.
        fn insert<'e>(self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<Self>> + Send {
            let target = on.target();
            async move {
                let handle = move |row: &Self| { let ($target, $row) = (target, row); $handle };
                $crate::record::ops::insert(target, self, handle).await
            }
        }

        /// Inserts rows, each in its logical shard, and gives them back in their order.
        ///
        /// The rows of one logical shard are inserted together or not at all, in one statement or one
        /// transaction; the logical shards are independent of each other. Inside a transaction all
        /// rows must be of its logical shard.
        ///
        /// Sends `INSERT .. SELECT * FROM UNNEST(..)` on PostgreSQL, and `INSERT .. VALUES` of 1,000,
        /// 100, 10 and 1 rows on the others.
        ///
        /// # Errors
        /// As any write. [`done_shards`](crate::Error::done_shards) and
        /// [`failed_shards`](crate::Error::failed_shards) say where the rows are and where they are
        /// not.
        fn insert_many<'e>(
            on: impl Executor<'e>, $($param: $type,)?
            rows: Vec<Self>,
        ) -> impl Future<Output = Result<Vec<Self>>> + Send {
            let target = on.target();
            async move { $crate::record::insert_many::insert_many(target, rows, move |row| { let ($target, $row) = (target, row); $handle }).await }
        }

        /// Writes all columns of the row but its keys and `created_at`.
        ///
        /// Sends `UPDATE .. WHERE key = ? AND id = ?`. A column marked `updated_at` is set in the
        /// database; [`reload`](Self::reload) reads it.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) when there is no row of this shard key and
        /// primary key, as after the shard key was changed: to move a row, insert it under its new
        /// key and delete it under its old one.
        fn update<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            async move { $crate::record::ops::update(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Writes these columns of the row, and `updated_at`: `order.update_only(&cluster,
        /// (Order::ITEM, Order::QUANTITY))`.
        ///
        /// # Errors
        /// As [`update`](Self::update); [`CrossShard`](crate::ErrorKind::CrossShard) for a column
        /// that routes.
        fn update_only<'e>(
            &self,
            on: impl Executor<'e>, $($param: $type,)?
            columns: impl Columns<Self>,
        ) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            let ordinals = columns.ordinals();
            async move { $crate::record::ops::update_only(target, { let ($target, $row) = (target, self); $handle? }, self, ordinals).await }
        }

        /// Inserts the row, or updates the one with its primary key.
        ///
        /// Sends `INSERT .. ON CONFLICT DO UPDATE`; on MySQL and MariaDB an `UPDATE`, and an `INSERT`
        /// when it found no row.
        ///
        /// # Errors
        /// [`Unique`](crate::ErrorKind::Unique) when that row has another shard key, or another
        /// unique index refuses the row.
        fn save<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            async move { $crate::record::upsert::save(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Deletes the row; with `#[shard(soft_delete)]`, marks it as deleted.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) when it is not there, or deleted already.
        fn delete<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            async move { $crate::record::ops::delete(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Brings the row back that [`delete`](Self::delete) has marked as deleted.
        ///
        /// Sends `UPDATE .. SET deleted_at = NULL WHERE key = ? AND id = ? AND deleted_at IS NOT NULL`.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) when there is no such row, or it is not deleted.
        fn restore<'r, 'e: 'r>(&'r self, on: impl Executor<'e> $(, $param: $type)?) -> $crate::Running<'r, ()>
        where
            Self: $crate::SoftDelete,
        {
            let target = on.target();
            Box::pin(async move { $crate::record::soft_delete::restore(target, { let ($target, $row) = (target, self); $handle? }, self).await })
        }

        /// Deletes the row for good, whether it is marked as deleted or not.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) when it is not there.
        fn force_delete<'r, 'e: 'r>(&'r self, on: impl Executor<'e> $(, $param: $type)?) -> $crate::Running<'r, ()>
        where
            Self: $crate::SoftDelete,
        {
            let target = on.target();
            Box::pin(async move { $crate::record::soft_delete::force_delete(target, { let ($target, $row) = (target, self); $handle? }, self).await })
        }

        /// Reads the row anew.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) when it is not there any more.
        fn reload<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<Self>> + Send {
            let target = on.target();
            async move { $crate::record::ops::reload(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Inserts the row, or updates the one that has its values in the columns of a unique index:
        /// `line.upsert(&cluster, (Line::USER_ID, Line::SKU))`.
        ///
        /// Updates all columns but keys, `created_at` and those of the index.
        ///
        /// # Errors
        /// [`Unsupported`](crate::ErrorKind::Unsupported) when the model has no unique index over
        /// exactly these columns; [`Unique`](crate::ErrorKind::Unique) when another index refuses the
        /// row.
        fn upsert<'e>(
            &self,
            on: impl Executor<'e>, $($param: $type,)?
            conflict: impl Columns<Self>,
        ) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            let conflict = conflict.ordinals();
            async move { $crate::record::upsert::upsert(target, { let ($target, $row) = (target, self); $handle? }, self, conflict, None).await }
        }

        /// As [`upsert`](Self::upsert), and updates these columns alone.
        ///
        /// # Errors
        /// As [`upsert`](Self::upsert).
        fn upsert_only<'e>(
            &self,
            on: impl Executor<'e>, $($param: $type,)?
            conflict: impl Columns<Self>,
            set: impl Columns<Self>,
        ) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            let conflict = conflict.ordinals();
            let set = set.ordinals();
            async move {
                $crate::record::upsert::upsert(target, { let ($target, $row) = (target, self); $handle? }, self, conflict, Some(set)).await
            }
        }

        /// Gives the row that has this one's values in the columns of a unique index, or inserts this
        /// one; also whether it did. Several clients at once get one row.
        ///
        /// # Errors
        /// As [`upsert`](Self::upsert).
        fn get_or_create<'e>(
            self,
            on: impl Executor<'e>, $($param: $type,)?
            by: impl Columns<Self>,
        ) -> impl Future<Output = Result<(Self, bool)>> + Send {
            let target = on.target();
            let by = by.ordinals();
            async move {
                let handle = move |row: &Self| { let ($target, $row) = (target, row); $handle };
                $crate::record::upsert::get_or_create(target, self, by, handle).await
            }
        }

        /// Updates the row that has this one's values in the columns of a unique index, or inserts
        /// this one; gives the row as it is then, and whether it was inserted.
        ///
        /// # Errors
        /// As [`upsert`](Self::upsert).
        fn update_or_create<'e>(
            self,
            on: impl Executor<'e>, $($param: $type,)?
            by: impl Columns<Self>,
        ) -> impl Future<Output = Result<(Self, bool)>> + Send {
            let target = on.target();
            let by = by.ordinals();
            async move {
                let handle = move |row: &Self| { let ($target, $row) = (target, row); $handle };
                $crate::record::upsert::update_or_create(target, self, by, handle).await
            }
        }
    };
}

pub(super) use row_verbs;
