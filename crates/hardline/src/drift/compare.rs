//! Reads both sides, and holds them against each other.

use std::path::Path;

use hardline_core::config::Config;
use hardline_core::drift::{self, Drift, Expectation, Judgement, Options};
use hardline_core::resource::Resource;
use hardline_manifest::load;
use hardline_manifest::release::Release;

use super::cluster::Live;
use super::desired::{self, Desired};
use super::{Args, cluster, exact, log, release};
use crate::source::{self, Source};

/// Everything that a comparison is made of, and what came of it.
pub(super) struct Compared {
    pub(super) desired: Vec<Resource>,
    pub(super) released: Vec<Resource>,
    pub(super) observed: Vec<Resource>,
    pub(super) releases: Vec<Release>,
    /// What is expected to differ.
    pub(super) expectations: Vec<Expectation>,
    pub(super) drift: Drift,
    pub(super) judgement: Judgement,
    pub(super) notices: Vec<String>,
    /// Whether what is no drift is shown as well.
    pub(super) explained: bool,
    /// How the desired side was named.
    pub(super) desired_flag: String,
}

/// Compares what the arguments name. What cannot be read is a notice where the rest can.
pub(super) fn compare(args: &Args, live: Option<&Live>) -> anyhow::Result<Compared> {
    let config = config(args)?;
    let namespace = args.cluster.namespace().map(str::to_owned);
    let namespace = namespace.or_else(|| live.map(|live| live.cluster.namespace.clone()));
    let options = load::Options {
        namespace: Some(namespace.clone().unwrap_or_else(|| "default".to_owned())),
        helm: args.chart.options(&config),
        ..load::Options::default()
    };
    let mut observed = source::read(&args.observed, &options)?;
    let mut notices = std::mem::take(&mut observed.notices);
    if let Some(live) = live {
        let namespace = match &args.desired {
            Some(Source::Helm { namespace: Some(namespace), .. }) => Some(namespace.as_str()),
            _ => namespace.as_deref().filter(|_| !args.cluster.is_everywhere()),
        };
        let held = cluster::releases(live, namespace)?;
        observed.resources = held.resources;
        // Who compares with files need not be able to read releases.
        let needed = matches!(args.desired, None | Some(Source::Helm { .. }));
        notices.extend(held.gaps.iter().filter(|_| needed).map(cluster::notice));
    }
    let (revisions, problems) = release::releases(&observed.resources);
    notices.extend(problems);
    let wanted = desired::read(args, &options, revisions, &observed.resources, live)?;
    let Desired { loaded, releases: current, deployed, is_deployed, expectations: mut expected, notices: problems } =
        wanted;
    notices.extend(problems);
    notices.extend(loaded.notices);
    notices.extend(loaded.findings.iter().chain(&observed.findings).map(|finding| finding.message.to_string()));
    if let Some(live) = live {
        let whole = cluster::objects(live, &loaded.resources, args.orphans)?;
        notices.extend(whole.gaps.iter().map(cluster::notice));
        observed.resources = whole.resources;
    }
    let (desired, observed) = (loaded.resources, observed.resources);
    let released = match deployed {
        _ if is_deployed => Vec::new(),
        Some(deployed) => deployed,
        None => release::objects(&current).resources,
    };
    let known = (!released.is_empty()).then_some(&*released);
    let options = Options { explained: args.explain_suppressed, deployed: args.deployed || is_deployed };
    let mut drift = drift::drift(&desired, known, &observed, options, args.orphans);
    let named = args.desired.as_ref().map_or_else(String::new, ToString::to_string);
    notices.extend(config.expected_drift.iter().filter_map(|it| ended(it, &config)));
    expected.extend(config.expected_drift.iter().filter(|it| it.holds(config.today, &named)).cloned());
    drift::expect(&mut drift, &desired, &observed, &expected, options);
    if let Some(live) = live.filter(|_| args.exact) {
        notices.extend(exact::ask(live, &mut drift, &desired, &observed, options));
    }
    if !args.audit_log.is_empty() {
        let (records, problems) = log::read(&args.audit_log)?;
        drift::attribute(&mut drift, &desired, &observed, &records);
        notices.extend(problems);
    }
    let judgement = drift::judge(&drift, &desired, &observed, &config);
    notices.extend(untracked(&drift));
    let desired_flag = if named.is_empty() { named } else { format!("--desired {named}") };
    let explained = options.explained;
    Ok(Compared {
        desired,
        released,
        observed,
        releases: current,
        expectations: expected,
        drift,
        judgement,
        notices,
        explained,
        desired_flag,
    })
}

fn config(args: &Args) -> anyhow::Result<Config> {
    let beside = match &args.desired {
        Some(Source::Path(path)) => path.as_path(),
        _ => Path::new("."),
    };
    args.configuration.read(beside)?.config()
}

/// That a declaration no longer holds.
fn ended(expectation: &Expectation, config: &Config) -> Option<String> {
    let until = expectation.until.filter(|until| *until < config.today)?;
    Some(format!("expected drift of {} has ended on {until}: what it covers is told again", expectation.origin))
}

/// That nothing tells who wrote what, and how to ask so that it does.
fn untracked(drift: &Drift) -> Option<String> {
    let untracked = drift.objects.iter().filter(|object| object.untracked && object.observed.is_some()).count();
    (untracked > 0).then(|| {
        format!(
            "{untracked} of {} objects have no `managedFields`: nothing tells who changed them, nor what was added by \
             hand; dump them by `kubectl get .. -o yaml --show-managed-fields`",
            drift.objects.len()
        )
    })
}
