//! Nothing: the package is there for its dependencies. See its `Cargo.toml`, and `scripts/test`.
