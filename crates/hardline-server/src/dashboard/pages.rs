//! The pages, one module each.

pub(crate) mod admissions;
pub(crate) mod changes;
pub(crate) mod coverage;
pub(crate) mod drift;
pub(crate) mod exemptions;
pub(crate) mod findings;
pub(crate) mod login;
pub(crate) mod namespace;
pub(crate) mod namespaces;
pub(crate) mod network;
pub(crate) mod overview;
pub(crate) mod rules;
pub(crate) mod subject;
pub(crate) mod trend;

use super::address::{Address, Filter};
use super::parts::{Frame, Page};

/// A page that every page leads to.
pub(crate) struct Tab {
    /// Where it is.
    pub(crate) address: Address,
    /// What it is called.
    pub(crate) name: &'static str,
    /// Whether there is anything to see on it.
    pub(crate) is_shown: fn(&Frame<'_>) -> bool,
    /// What is on it.
    pub(crate) page: fn(&Frame<'_>, &Filter) -> Page,
}

/// The pages that every page leads to, in the order that they are named in.
pub(crate) static TABS: [Tab; 10] = [
    Tab { address: Address::Overview, name: "Overview", is_shown: always, page: |frame, _| overview::page(frame) },
    Tab { address: Address::Namespaces, name: "Namespaces", is_shown: always, page: namespaces::page },
    Tab { address: Address::Findings, name: "Findings", is_shown: always, page: findings::page },
    Tab { address: Address::Network, name: "Network", is_shown: always, page: |frame, _| network::page(frame) },
    Tab { address: Address::Changes, name: "Changes", is_shown: always, page: |frame, _| changes::page(frame) },
    Tab {
        address: Address::Drift,
        name: "Drift",
        is_shown: |frame| frame.dashboard.drift.is_some(),
        page: drift::page,
    },
    Tab { address: Address::Exemptions, name: "Exemptions", is_shown: always, page: exemptions::page },
    Tab {
        address: Address::Admissions,
        name: "Admissions",
        is_shown: |frame| frame.dashboard.ledger.is_some(),
        page: admissions::page,
    },
    Tab { address: Address::Rules, name: "Rules", is_shown: always, page: rules::list },
    Tab { address: Address::Coverage, name: "Coverage", is_shown: always, page: |frame, _| coverage::page(frame) },
];

fn always(_: &Frame<'_>) -> bool {
    true
}
