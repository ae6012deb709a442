//! Macros that define the methods shared by several kinds of models.

/// Defines the methods on rows in a trait.
///
/// The arguments are the parameter with the address, if the model needs one, and an expression for
/// the namespace of a row.
macro_rules! row_verbs {
    (($($param:ident: $type:ty)?), $target:ident, $row:ident => $handle:expr) => {
        /// Inserts the row and returns it with `created_at` and `updated_at` set.
        ///
        /// # Errors
        /// [`Unique`](crate::ErrorKind::Unique) if the primary key already exists;
        /// [`Invalid`](crate::ErrorKind::Invalid), here and in the methods below, if the model's
        /// [`Validate`](crate::hooks::Validate) rejects the row; otherwise as any write.
        fn insert<'e>(self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<Self>> + Send {
            let target = on.target();
            async move {
                let handle = move |row: &Self| { let ($target, $row) = (target, row); $handle };
                $crate::record::ops::insert(target, self, handle).await
            }
        }

        /// Inserts rows, each in its logical shard, and returns them in order.
        ///
        /// The rows of one logical shard are inserted atomically, in one statement or one
        /// transaction; the logical shards are independent of each other. In a transaction, all
        /// rows must belong to its logical shard.
        ///
        /// Sends `INSERT .. SELECT * FROM UNNEST(..)` on PostgreSQL, and `INSERT .. VALUES` with
        /// 1,000, 100, 10 or 1 rows on the other databases.
        ///
        /// # Errors
        /// As any write. [`done_shards`](crate::Error::done_shards) and
        /// [`failed_shards`](crate::Error::failed_shards) list the shards whose rows were and were
        /// not inserted.
        fn insert_many<'e>(
            on: impl Executor<'e>, $($param: $type,)?
            rows: Vec<Self>,
        ) -> impl Future<Output = Result<Vec<Self>>> + Send {
            let target = on.target();
            async move { $crate::record::insert_many::insert_many(target, rows, move |row| { let ($target, $row) = (target, row); $handle }).await }
        }

        /// Updates all columns of the row except its keys and `created_at`.
        ///
        /// Sends `UPDATE .. WHERE key = ? AND id = ?`. A column marked `updated_at` is set in the
        /// database; [`reload`](Self::reload) reads it.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) if no row has this shard key and primary key,
        /// for example after the shard key was changed. To move a row, insert it under the new key
        /// and delete it under the old one.
        fn update<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            async move { $crate::record::ops::update(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Updates these columns of the row, and `updated_at`: `order.update_only(&cluster,
        /// (Order::ITEM, Order::QUANTITY))`.
        ///
        /// # Errors
        /// As [`update`](Self::update); [`CrossShard`](crate::ErrorKind::CrossShard) for the shard
        /// key or region.
        fn update_only<'e>(
            &self,
            on: impl Executor<'e>, $($param: $type,)?
            columns: impl Columns<Self>,
        ) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            let ordinals = columns.ordinals();
            async move { $crate::record::ops::update_only(target, { let ($target, $row) = (target, self); $handle? }, self, ordinals).await }
        }

        /// Inserts the row, or updates the existing row with its primary key.
        ///
        /// Sends `INSERT .. ON CONFLICT DO UPDATE`; on MySQL and MariaDB, an `UPDATE` followed by
        /// an `INSERT` if there was no row.
        ///
        /// # Errors
        /// [`Unique`](crate::ErrorKind::Unique) if that row has another shard key, or the row
        /// violates another unique index.
        fn save<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            async move { $crate::record::upsert::save(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Deletes the row; with `#[shard(soft_delete)]`, marks it as deleted instead.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) if the row does not exist or is already
        /// deleted.
        fn delete<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            async move { $crate::record::ops::delete(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Restores the row after [`delete`](Self::delete) has marked it as deleted.
        ///
        /// Sends `UPDATE .. SET deleted_at = NULL WHERE key = ? AND id = ? AND deleted_at IS NOT
        /// NULL`.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such row, or it is not deleted.
        fn restore<'r, 'e: 'r>(&'r self, on: impl Executor<'e> $(, $param: $type)?) -> $crate::query::QueryFuture<'r, ()>
        where
            Self: $crate::model::SoftDelete,
        {
            let target = on.target();
            Box::pin(async move { $crate::record::soft_delete::restore(target, { let ($target, $row) = (target, self); $handle? }, self).await })
        }

        /// Deletes the row permanently, soft-deleted or not.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) if the row does not exist.
        fn force_delete<'r, 'e: 'r>(&'r self, on: impl Executor<'e> $(, $param: $type)?) -> $crate::query::QueryFuture<'r, ()>
        where
            Self: $crate::model::SoftDelete,
        {
            let target = on.target();
            Box::pin(async move { $crate::record::soft_delete::force_delete(target, { let ($target, $row) = (target, self); $handle? }, self).await })
        }

        /// Reads the row again.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) if the row no longer exists.
        fn reload<'e>(&self, on: impl Executor<'e> $(, $param: $type)?) -> impl Future<Output = Result<Self>> + Send {
            let target = on.target();
            async move { $crate::record::ops::reload(target, { let ($target, $row) = (target, self); $handle? }, self).await }
        }

        /// Inserts the row, or updates the existing row with the same values in the columns of a
        /// unique index: `line.upsert(&cluster, (Line::USER_ID, Line::SKU))`.
        ///
        /// Updates all columns except keys, `created_at` and the columns of the index.
        ///
        /// # Errors
        /// [`Unsupported`](crate::ErrorKind::Unsupported) if the model has no unique index over
        /// exactly these columns; [`Unique`](crate::ErrorKind::Unique) if the row violates another
        /// unique index.
        fn upsert<'e>(
            &self,
            on: impl Executor<'e>, $($param: $type,)?
            conflict: impl Columns<Self>,
        ) -> impl Future<Output = Result<()>> + Send {
            let target = on.target();
            let conflict = conflict.ordinals();
            async move { $crate::record::upsert::upsert(target, { let ($target, $row) = (target, self); $handle? }, self, conflict, None).await }
        }

        /// As [`upsert`](Self::upsert), but updates only these columns.
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

        /// Returns the existing row with the same values in the columns of a unique index, or
        /// inserts this row; also returns whether it was inserted. Concurrent clients get the same
        /// row.
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

        /// Updates the existing row with the same values in the columns of a unique index, or
        /// inserts this row; returns the stored row, and whether it was inserted.
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

/// Defines the methods that start a query or a transaction, or read a row, in the traits of models
/// whose rows are in a named database.
macro_rules! database_verbs {
    () => {
        /// Starts a query of the rows in the named database.
        fn query() -> Query<Self, InDatabase> {
            Query::new(InDatabase)
        }

        /// Returns the address of the named database, to begin a transaction.
        fn database() -> Address {
            Address::of_database(Self::def().location_name())
        }

        /// Returns the row with this id from the named database.
        ///
        /// # Errors
        /// [`NotFound`](crate::ErrorKind::NotFound) if there is no such row.
        fn get<'e>(
            on: impl Executor<'e>,
            id: impl IntoId<Self::Id>,
        ) -> impl Future<Output = Result<Self>> + Send {
            let found = Self::find(on, id);
            async move { found.await?.ok_or_else(|| ops::not_found(Self::def())) }
        }

        /// Returns the row with this id from the named database, if it exists.
        ///
        /// # Errors
        /// If the database is unknown or unavailable, or the row does not fit the model.
        fn find<'e>(
            on: impl Executor<'e>,
            id: impl IntoId<Self::Id>,
        ) -> impl Future<Output = Result<Option<Self>>> + Send {
            let target = on.target();
            let id = id.into_id();
            async move {
                let handle = target.handle_of_database(Self::def())?;
                ops::find(target, handle, &|_| Ok(()), &id).await
            }
        }
    };
}

pub(super) use {database_verbs, row_verbs};
