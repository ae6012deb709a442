//! Copies of static tables, kept in step with their source: on each database, and from one to another.

mod blocked;
mod changes;
mod compared;
mod killed;
mod late;
mod overtaken;
mod pages;
mod site;
mod supervised;
mod traffic;
mod updates;
mod worker;
mod workers;
