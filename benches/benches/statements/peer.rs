//! SeaORM, as its guide shows it: one entity, and so one table.

use sea_orm::entity::prelude::*;
use sea_orm::{ActiveValue, ConnectOptions, Database, DatabaseConnection};

use crate::contender::Operations;
use crate::order::Order;
use crate::rows::Located;

/// An entity for the same table. Its namespace is a constant.
macro_rules! entity {
    ($name:ident, $($schema:tt)*) => {
        mod $name {
            use sea_orm::entity::prelude::*;

            #[derive(Clone, Debug, PartialEq, DeriveEntityModel)]
            #[sea_orm(table_name = "orders" $($schema)*)]
            pub(crate) struct Model {
                #[sea_orm(primary_key, auto_increment = false)]
                pub(crate) id: i64,
                pub(crate) user_id: i64,
                pub(crate) quantity: i32,
                pub(crate) item: String,
                pub(crate) note: String,
                pub(crate) placed_at: i64,
            }

            #[derive(Copy, Clone, Debug, EnumIter, DeriveRelation)]
            pub(crate) enum Relation {}

            impl ActiveModelBehavior for ActiveModel {}
        }
    };
}

entity!(in_schema, , schema_name = "bench_0");
entity!(in_file,);

/// Its connection, to PostgreSQL.
#[derive(Debug)]
pub(crate) struct Postgres(pub(crate) DatabaseConnection);

/// Its connection, to SQLite.
#[derive(Debug)]
pub(crate) struct Sqlite(pub(crate) DatabaseConnection);

/// Opens its pool with these options.
pub(crate) async fn connect(options: ConnectOptions) -> DatabaseConnection {
    Database::connect(options).await.unwrap()
}

macro_rules! operations {
    ($contender:ty, $entity:ident) => {
        impl Operations for $contender {
            async fn select(&mut self, row: &Located) -> Order {
                let found = $entity::Entity::find_by_id(row.order.id)
                    .one(&self.0)
                    .await
                    .unwrap()
                    .unwrap();
                Order {
                    id: found.id,
                    user_id: found.user_id,
                    quantity: found.quantity,
                    item: found.item,
                    note: found.note,
                    placed_at: found.placed_at,
                }
            }

            async fn insert(&mut self, row: Located) {
                let row = $entity::ActiveModel {
                    id: ActiveValue::Set(row.order.id),
                    user_id: ActiveValue::Set(row.order.user_id),
                    quantity: ActiveValue::Set(row.order.quantity),
                    item: ActiveValue::Set(row.order.item),
                    note: ActiveValue::Set(row.order.note),
                    placed_at: ActiveValue::Set(row.order.placed_at),
                };
                row.insert(&self.0).await.unwrap();
            }

            async fn update(&mut self, row: &Located) {
                let row = $entity::ActiveModel {
                    id: ActiveValue::Unchanged(row.order.id),
                    user_id: ActiveValue::Unchanged(row.order.user_id),
                    quantity: ActiveValue::Set(row.order.quantity),
                    item: ActiveValue::Set(row.order.item.clone()),
                    note: ActiveValue::Set(row.order.note.clone()),
                    placed_at: ActiveValue::Set(row.order.placed_at),
                };
                row.update(&self.0).await.unwrap();
            }
        }
    };
}

operations!(Postgres, in_schema);
operations!(Sqlite, in_file);
