//! Copies of static tables, kept in step with their source: on each database, and from one to another.

mod blocked;
mod changes;
mod compared;
mod course;
mod first;
mod foreign;
mod grants;
mod hooks;
mod killed;
mod kinds;
mod late;
mod law;
mod outage;
mod overtaken;
mod pages;
mod passed;
mod site;
mod supervised;
mod tables;
mod through;
mod traffic;
mod trees;
mod unfit;
mod updates;
mod worker;
mod workers;
