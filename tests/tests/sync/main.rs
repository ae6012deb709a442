//! Copies of static tables, kept in step with their source: on each database, and from one to another.

mod blocked;
mod changes;
mod compared;
mod first;
mod killed;
mod late;
mod overtaken;
mod pages;
mod passed;
mod site;
mod supervised;
mod traffic;
mod worker;
mod workers;
