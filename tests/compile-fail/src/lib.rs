//! What does not compile with shard-orm: see its tests.
