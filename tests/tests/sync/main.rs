//! Copies of static tables, kept in step with their source: on each database, and from one to another.

mod changes;
mod compared;
mod late;
mod overtaken;
mod site;
mod supervised;
