//! The static models: reference tables that are copied to each server of the group `flights`.

use shard_orm::prelude::*;

/// An airline.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["flights"], table = "airlines")]
pub(crate) struct Airline {
    #[static_model(primary_key, length = 2)]
    pub(crate) carrier: String,
    pub(crate) name: String,
}

/// An airport.
#[derive(Debug, Clone, PartialEq, StaticModel)]
#[static_model(source = "default", groups = ["flights"], table = "airports")]
pub(crate) struct Airport {
    /// The code of the FAA, such as `JFK`.
    #[static_model(primary_key, length = 3)]
    pub(crate) faa: String,
    pub(crate) name: String,
    /// In degrees.
    pub(crate) latitude: f64,
    /// In degrees.
    pub(crate) longitude: f64,
    /// In feet.
    pub(crate) altitude: i32,
}
