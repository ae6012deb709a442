//! What `models` has written, compiled.

// As in the crate of a user; not every model has a test of its own.
#![allow(dead_code, unreachable_pub)]

pub(crate) mod mysql {
    pub(crate) mod main;
    pub(crate) mod shared;
    pub(crate) mod shop;
}

pub(crate) mod postgres {
    pub(crate) mod main;
    pub(crate) mod shared;
    pub(crate) mod shop;
}

pub(crate) mod sqlite {
    pub(crate) mod main;
    pub(crate) mod shared;
    pub(crate) mod shop;
}
