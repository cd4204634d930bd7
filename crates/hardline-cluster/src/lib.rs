//! OBSERVED: a live cluster or a dump as an inventory.
