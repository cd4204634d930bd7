//! What a cluster holds, as an inventory.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on has failed")]

mod dump;
mod kinds;
mod list;
mod live;
mod plane;
mod support;
