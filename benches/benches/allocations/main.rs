//! Allocations of one operation: the contenders of `statements`, counted instead of timed.
//!
//! A program of its own, so that the counting costs nothing where time is measured.

#[path = "../statements/catalog.rs"]
mod catalog;
#[path = "../statements/cluster.rs"]
mod cluster;
#[path = "../statements/contender.rs"]
mod contender;
#[path = "../shared/cost.rs"]
mod cost;
#[path = "../statements/databases.rs"]
mod databases;
#[path = "../statements/hand_written.rs"]
mod hand_written;
#[path = "../shared/machine.rs"]
mod machine;
#[path = "../shared/order.rs"]
mod order;
#[path = "../statements/peer.rs"]
mod peer;
#[path = "../statements/rows.rs"]
mod rows;

use std::alloc::System;

use stats_alloc::{INSTRUMENTED_SYSTEM, Region, StatsAlloc};

use crate::contender::Operation;
use crate::databases::Field;

#[global_allocator]
static ALLOCATOR: &StatsAlloc<System> = &INSTRUMENTED_SYSTEM;

const OPERATIONS: usize = 2_000;

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(async {
        count(databases::sqlite().await).await;
        count(databases::postgres().await).await;
        count(databases::mariadb().await).await;
    });
}

async fn count(mut field: Field) {
    println!("\n{}: allocations of one operation", field.database);
    println!("{:<24}{:>10}{:>10}{:>10}", "", "select", "insert", "update");
    for contender in &mut field.contenders {
        let counts = {
            let mut counts = [0.0; 3];
            for (count, operation) in counts.iter_mut().zip(Operation::ALL) {
                // Twice as many operations first, in which statements are prepared and buffers grow.
                for _ in 0..2 {
                    let rows = operation.rows(&mut field.rows, OPERATIONS, contender.shard);
                    contender.run(operation, rows).await;
                }
                let rows = operation.rows(&mut field.rows, OPERATIONS, contender.shard);
                let region = Region::new(ALLOCATOR);
                contender.run(operation, rows).await;
                let change = region.change();
                *count = (change.allocations + change.reallocations) as f64 / OPERATIONS as f64;
            }
            counts
        };
        println!(
            "{:<24}{:>10.1}{:>10.1}{:>10.1}",
            contender.name, counts[0], counts[1], counts[2]
        );
    }
}
