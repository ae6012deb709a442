//! The command `shard-orm`. Everything is in the library of this crate.

use std::process::ExitCode;

fn main() -> ExitCode {
    shard_orm_cli::main()
}
