//! Every attribute of every derive, in a module that shadows the names that generated code needs
//! and denies what a strict crate denies.
#![deny(
    warnings,
    missing_docs,
    unused_qualifications,
    unreachable_pub,
    clippy::pedantic
)]

/// Names that a user may have.
pub mod shadowed {
    use std::time::SystemTime;

    use shard_orm::{ShardField, ShardKey, ShardModel, ShardProjection};

    /// Shadows.
    pub type Result<T> = ::core::result::Result<T, ()>;
    /// Shadows.
    #[derive(Debug)]
    pub struct Row;
    /// Shadows.
    #[derive(Debug)]
    pub struct Args;
    /// Shadows.
    #[derive(Debug)]
    #[allow(non_camel_case_types)]
    pub struct usize;
    /// Shadows.
    #[derive(Debug)]
    #[allow(non_camel_case_types)]
    pub struct str;
    /// Shadows.
    #[derive(Debug)]
    pub struct String;
    /// Shadows.
    #[derive(Debug)]
    pub enum Option {
        /// Shadows.
        Some,
        /// Shadows.
        None,
        /// Shadows.
        Ok,
        /// Shadows.
        Err,
    }
    pub use self::Option::{Err, None, Ok, Some};
    /// Shadows.
    pub trait Field {}
    /// Shadows.
    pub trait Model {}
    /// Shadows.
    pub trait Default {}
    /// Shadows.
    pub mod core {}

    /// A time in seconds, kept by hand.
    #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
    pub struct Moment {
        seconds: i64,
    }

    impl shard_orm::field::Timestamp for Moment {
        fn at(time: SystemTime) -> Self {
            let passed = time.duration_since(SystemTime::UNIX_EPOCH);
            Self {
                seconds: passed.map_or(0, |passed| passed.as_secs().cast_signed()),
            }
        }
    }

    /// The number of a user.
    #[derive(Debug, Clone, Copy, PartialEq, ShardKey)]
    pub struct UserId(pub i64);

    /// The number of an event.
    #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
    pub struct EventId(i64);

    /// Its id is made by the library.
    #[derive(Debug, Clone, PartialEq, ShardModel)]
    #[shard(group = "shop", table = "events")]
    pub struct Event {
        /// The number.
        #[shard(primary_key, generate = "snowflake")]
        pub id: EventId,
        /// Whose it is.
        #[shard(key)]
        pub user_id: UserId,
    }

    /// With relations of every kind.
    #[derive(Debug, Clone, PartialEq, ShardModel)]
    #[shard(group = "shop", table = "baskets")]
    #[shard(has_many(entries = "Entry", by = "r#type"), has_one(last = "self::Entry", by = ["r#type"]))]
    #[shard(has_many(children = Basket, by = parent), belongs_to(parent_basket = Basket, by = parent))]
    pub struct Basket {
        /// The number.
        #[shard(primary_key)]
        pub id: EventId,
        /// Whose it is.
        #[shard(key)]
        pub user_id: UserId,
        parent: ::core::option::Option<EventId>,
    }

    /// Held by a field with a word of the language for a name.
    #[derive(Debug, Clone, PartialEq, ShardModel)]
    #[shard(group = "shop", table = "entries")]
    #[shard(
        belongs_to(basket = "Basket", by = "r#type"),
        refers_to(article = "Article", by = "article_id")
    )]
    pub struct Entry {
        /// The number.
        #[shard(primary_key)]
        pub id: i64,
        /// Whose it is.
        #[shard(key)]
        pub user_id: UserId,
        /// The basket.
        pub r#type: EventId,
        #[shard(column = "article_number")]
        article_id: i64,
    }

    /// Of a named database.
    #[derive(Debug, Clone, PartialEq, ShardModel)]
    #[shard(database = "default", table = "articles")]
    pub struct Article {
        /// The number.
        #[shard(primary_key)]
        pub id: i64,
    }

    /// The number of an order.
    #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
    pub struct OrderId(u32);

    /// Stored as text.
    #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
    #[shard(rename_all = "SCREAMING_SNAKE_CASE")]
    pub enum Status {
        /// `NEW`
        New,
        /// `OUT_OF_STOCK`
        OutOfStock,
        /// `gone`
        #[shard(rename = "gone")]
        Sent,
        /// `TYPE`
        #[allow(non_camel_case_types)]
        r#type,
    }

    #[allow(clippy::derivable_impls)] // The name of the trait is shadowed.
    impl ::core::default::Default for Status {
        fn default() -> Self {
            Self::New
        }
    }

    /// Stored as a number.
    #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
    #[shard(integer = "i16")]
    pub enum Level {
        /// -1
        Low = -1,
        /// 0
        Middle,
        /// 10
        High = 10,
    }

    /// Stored as an `i32`.
    #[derive(Debug, Clone, Copy, PartialEq, ShardField)]
    #[shard(integer)]
    pub enum Plain {
        /// 0
        One,
    }

    /// Everything that a field can be.
    #[derive(Debug, Clone, PartialEq, ShardModel)]
    #[shard(group = "shop", table = "orders")]
    #[shard(index(user_id, item), unique(r#type, item))]
    #[shard(index(quantity, placed))]
    pub struct Order {
        /// `id`
        #[shard(primary_key)]
        pub id: OrderId,
        /// `place`
        #[shard(region, column = "place")]
        pub region: std::string::String,
        /// `user_id`
        #[shard(key, primary_key)]
        pub user_id: UserId,
        /// `item`
        #[shard(length = 64, default = "tea")]
        pub item: std::string::String,
        /// `note`
        #[shard(default = "none")]
        pub note: std::option::Option<std::string::String>,
        /// `quantity`
        #[shard(default = 1 + 1, index)]
        quantity: i32,
        /// `status`
        #[shard(default, unique)]
        pub(crate) status: Status,
        /// `level`
        pub level: std::option::Option<Level>,
        /// `type`
        pub r#type: Vec<u8>,
        /// `tags`
        #[shard(json, default)]
        pub tags: Vec<std::string::String>,
        /// `more`
        #[shard(json)]
        pub more: std::option::Option<std::collections::BTreeMap<std::string::String, i64>>,
        /// `placed`
        #[shard(created_at)]
        pub placed: Moment,
        /// `changed`
        #[shard(updated_at)]
        pub changed: std::option::Option<Moment>,
        /// No column.
        #[shard(skip)]
        pub selected: bool,
        /// No longer used.
        #[deprecated]
        pub old: bool,
    }

    /// The same type in several columns, and a name that is used as a local.
    #[derive(Debug, ShardModel)]
    #[shard(group = "shop", isolated, table = "settings", crate = "shard_orm")]
    pub struct Setting {
        /// `row`
        #[shard(primary_key)]
        pub row: i64,
        /// `args`
        #[shard(primary_key)]
        pub args: i64,
        /// `first`
        pub first: i64,
        /// `value`
        #[shard(default = 7)]
        pub value: i64,
        /// A private type in a private field.
        kept: Kept,
    }

    #[derive(Debug, ShardField)]
    struct Kept(bool);

    /// Not sharded.
    #[derive(Debug, ShardModel)]
    #[shard(database = "default", table = "countries")]
    pub(super) struct Country {
        #[shard(primary_key)]
        pub(super) code: std::string::String,
    }

    /// Some columns of an order.
    #[derive(Debug, ShardProjection)]
    #[shard(model = Order)]
    pub struct Line {
        /// `item`
        pub item: std::string::String,
        /// `quantity`
        #[shard(field = "quantity")]
        pub pieces: i32,
        /// `type`
        #[shard(field = "type")]
        pub kind: Vec<u8>,
        /// `tags`
        #[shard(json)]
        pub tags: Vec<std::string::String>,
        /// `more`
        #[shard(json)]
        pub more: std::option::Option<std::collections::BTreeMap<std::string::String, i64>>,
    }

    /// Within a function, where items are looked up otherwise.
    ///
    /// # Panics
    /// When they are not found.
    pub fn local() {
        #[derive(Debug, ShardModel)]
        #[shard(group = "shop", table = "local")]
        struct Local {
            #[shard(key, primary_key)]
            id: i64,
        }
        assert_eq!(Local::ID.ordinal(), 0);
    }

    /// Marked as deleted, with hooks and validation.
    #[derive(Debug, ShardModel)]
    #[shard(group = "shop", table = "kept", hooks, validate)]
    pub struct Marked {
        /// The key.
        #[shard(key, primary_key)]
        pub id: i64,
        /// When it was deleted.
        #[shard(soft_delete)]
        pub gone: ::core::option::Option<Moment>,
    }

    impl shard_orm::hooks::Hooks for Marked {
        async fn before_insert(
            &mut self,
            on: shard_orm::hooks::WriteContext<'_>,
        ) -> ::core::result::Result<(), shard_orm::Error> {
            self.id = i64::from(on.shard());
            ::core::result::Result::Ok(())
        }
    }

    impl shard_orm::hooks::Validate for Marked {
        fn validate(&self, problems: &mut shard_orm::hooks::Problems<Self>) {
            problems.check(Self::ID, self.id > 0, "must be positive");
        }
    }
}

macro_rules! model {
    ($name:ident, $key:ty, $other:ty) => {
        /// Made by a macro, which puts each type into an invisible group.
        #[derive(Debug, shard_orm::ShardModel)]
        #[shard(group = "shop", table = "made", crate = "::shard_orm")]
        pub struct $name {
            /// `id`
            #[shard(key, primary_key)]
            pub id: $key,
            /// `other`
            #[shard(json)]
            pub other: $other,
        }
    };
}

model!(Made, i64, Option<Vec<i32>>);

use shadowed::{Country, Event, Line, Marked, Moment, Order, OrderId, Setting, UserId};
use shard_orm::{
    DatabaseModel, IsolatedModel,
    field::ColumnType,
    model::{Model, ModelLocation, Sharded},
};
use std::time::{Duration, SystemTime};

fn isolated<M: IsolatedModel>() -> ModelLocation {
    M::def().location
}

fn database<M: DatabaseModel>() -> ModelLocation {
    M::def().location
}

#[test]
fn every_attribute_has_its_effect() {
    let def = Order::def();
    assert_eq!((def.name, def.table), ("Order", "orders"));
    assert_eq!(def.location, ModelLocation::Sharded("shop"));
    let names: Vec<&str> = def.columns.iter().map(|column| column.name).collect();
    assert_eq!(
        names,
        [
            "id", "place", "user_id", "item", "note", "quantity", "status", "level", "type",
            "tags", "more", "placed", "changed", "old"
        ]
    );
    assert_eq!(def.primary_key, [0, 2]);
    assert_eq!((def.key, def.region), (Some(2), Some(1)));
    let indexes: Vec<(&[usize], bool)> = def
        .indexes
        .iter()
        .map(|index| (index.columns, index.unique))
        .collect();
    assert_eq!(
        indexes,
        [
            (&[5][..], false),
            (&[6][..], true),
            (&[2, 3][..], false),
            (&[5, 11][..], false),
            (&[8, 3][..], true),
        ]
    );
    assert_eq!(Order::LEVEL.def().column_type, ColumnType::I16);
    assert_eq!(Order::STATUS.def().column_type, ColumnType::Text);
    assert_eq!(Order::TAGS.def().column_type, ColumnType::Json);
    let nullable: Vec<&str> = def
        .columns
        .iter()
        .filter(|column| column.nullable)
        .map(|column| column.name)
        .collect();
    assert_eq!(nullable, ["note", "level", "more", "changed"]);
    assert_eq!(Order::ITEM.def().length, Some(64));
    let defaults: Vec<&str> = def
        .columns
        .iter()
        .filter(|column| column.default.is_some())
        .map(|c| c.name)
        .collect();
    assert_eq!(defaults, ["item", "note", "quantity", "status", "tags"]);
    let stamps: Vec<(&str, bool)> = def
        .columns
        .iter()
        .filter(|column| column.now.is_some())
        .map(|column| (column.name, column.keep))
        .collect();
    assert_eq!(stamps, [("placed", true), ("changed", false)]);

    let _: Option<<Order as Model>::Id> = None::<OrderId>;
    let _: Option<<Order as Sharded>::Key> = None::<(String, UserId)>;
    let _: Option<<Made as Model>::Id> = None::<()>;
    let _: Option<<Setting as Model>::Id> = None::<(i64, i64)>;

    let at = <Moment as shard_orm::field::Timestamp>::at(
        SystemTime::UNIX_EPOCH + Duration::from_secs(9),
    );
    assert_eq!(format!("{at:?}"), "Moment { seconds: 9 }");
    assert_eq!(isolated::<Setting>(), ModelLocation::Isolated("shop"));
    assert_eq!(database::<Country>(), ModelLocation::Database("default"));
    assert_eq!(Made::OTHER.def().column_type, ColumnType::Json);
    assert_eq!(
        <Line as shard_orm::query::Projection>::COLUMNS,
        [3, 5, 8, 9, 10]
    );
    shadowed::local();
    assert_eq!(
        Event::def().generated.map(|generated| generated.column),
        Some(0)
    );
    assert_eq!(Marked::def().soft_delete, Some(1));
    assert!(Marked::HOOKS.is_some() && Marked::VALIDATE.is_some());
    assert!(Order::HOOKS.is_none() && Order::VALIDATE.is_none());

    let made = Made {
        id: -3,
        other: None,
    };
    assert_eq!(made.routing_key().map(|key| key.key).ok(), Some(-3));
}
