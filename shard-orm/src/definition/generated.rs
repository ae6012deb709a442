//! The declaration of generated ids.

/// The id generator of a model, declared by `generate` on a field of its primary key.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Generate {
    /// 63 bits of time, sequence, worker and shard.
    Snowflake,
    /// Numbers from a table of a named database, reserved in blocks.
    Table,
    /// A version 7 UUID.
    UuidV7,
    /// Microseconds, part of the shard key, and random bits.
    Nanosecond,
}

/// The column with a generated id, and its generator.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Generated {
    /// The ordinal of the column.
    pub column: usize,
    /// The generator.
    pub by: Generate,
}
