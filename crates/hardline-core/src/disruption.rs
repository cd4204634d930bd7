//! `PodDisruptionBudgets`: which guards a workload, and how many pods it lets go.

use crate::inventory::Inventory;
use crate::resource::{Kind, Resource};
use crate::scale::{self, Round};
use crate::selector::Selector;
use crate::tree::{NodeKind, Value};
use crate::workload::Workload;

/// The budgets that select a workload's pods.
pub fn guarding<'i>(inventory: &'i Inventory, workload: &Workload<'i>) -> impl Iterator<Item = &'i Resource> {
    inventory.selecting(Kind::PodDisruptionBudget, workload)
}

/// The workloads whose pods a budget selects.
pub fn guarded<'i>(inventory: &'i Inventory, budget: &'i Resource) -> impl Iterator<Item = Workload<'i>> {
    inventory.selected(budget.namespace(), Selector::of(budget.spec("selector")))
}

/// How many of `expected` healthy pods may be evicted at once. `None` where the budget is not valid.
///
/// As the disruption controller counts: both fields round percentages up, and a budget with
/// neither lets nothing go (`getExpectedPodCount` and `updatePdbStatus` in
/// `pkg/controller/disruption/disruption.go`).
pub fn allowed(budget: &Resource, expected: i64) -> Option<i64> {
    let (most, least) = (budget.spec("maxUnavailable"), budget.spec("minAvailable"));
    let healthy = match (most, least) {
        (Some(most), _) => expected.saturating_sub(scale::scaled(most, expected, Round::Up)?).max(0),
        (None, Some(least)) => scale::scaled(least, expected, Round::Up)?,
        (None, None) => expected,
    };
    Some(expected.saturating_sub(healthy).max(0))
}

/// Whether the budget lets nothing go, however many pods it guards.
pub fn is_closed(budget: &Resource) -> bool {
    let zero = |value: Value<'_>| matches!(value.raw(), "0" | "0%") && value.kind() != NodeKind::Null;
    match (budget.spec("maxUnavailable"), budget.spec("minAvailable")) {
        (Some(most), _) => zero(most),
        (None, Some(least)) => least.str() == Some("100%"),
        (None, None) => true,
    }
}
