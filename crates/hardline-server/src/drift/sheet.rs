//! Drift as people look at it: both sides line by line, who it was, and what puts it right.

use std::sync::Arc;

use hardline_cluster::whole;
use hardline_core::drift::beside::{self, Mask, Row};
use hardline_core::drift::{self, Class, Drift, Judgement, Method, Object, Standing};
use hardline_core::report::Reported;
use hardline_core::resource::{Resource, ResourceId};
use hardline_core::rule::{Rule, Severity};
use hardline_manifest::release::Release;
use tokio::sync::watch;

/// All objects that have drifted, as the detector last saw them.
pub type Sheets = watch::Receiver<Arc<Vec<Arc<Sheet>>>>;

/// An object that has drifted. Nothing in it is secret.
#[derive(Debug)]
pub struct Sheet {
    /// What it is called.
    pub id: ResourceId,
    /// The release that deployed it, such as `shop/checkout`.
    pub release: String,
    /// The revision of that.
    pub revision: u64,
    /// The severity of the worst of it.
    pub severity: Severity,
    /// Whether somebody has deleted it.
    pub is_missing: bool,
    /// The fields that have drifted.
    pub changes: Vec<Change>,
    /// Both sides; rows name changes by their position.
    pub rows: Vec<Row>,
    /// What it takes to put it right, in words.
    pub remedy: String,
    /// What it is as findings.
    pub findings: Vec<Reported>,
}

/// A field that has drifted.
#[derive(Debug)]
pub struct Change {
    /// The field.
    pub path: String,
    /// What became of it.
    pub class: Class,
    /// How much harm it does.
    pub severity: Severity,
    /// Whose hand it was.
    pub who: String,
    /// The rules that it breaks, and how.
    pub breaks: Vec<(&'static Rule, String)>,
}

impl Sheet {
    /// What there is to see of a comparison of one object.
    pub(super) fn new(
        (desired, observed): (&Resource, Option<&Resource>),
        release: &Release,
        drift: &Drift,
        judgement: &Judgement,
        findings: Vec<Reported>,
        mask: &Mask,
    ) -> Self {
        let object = drift.objects.first();
        let differences = object.map(|object| object.differences.as_slice()).unwrap_or_default();
        let restored = object.zip(observed).and_then(|(object, observed)| {
            let restored = beside::restored(object, desired, observed).ok()?;
            whole::parse(restored.to_string())
        });
        let wanted = restored.as_ref().or(Some(desired));
        let changes = differences.iter().enumerate().map(|(of, difference)| Change {
            path: difference.path.to_string(),
            class: difference.class,
            severity: judgement.severities.get(&(0, of)).copied().unwrap_or(Severity::Low),
            who: difference.who(),
            breaks: judgement
                .broken
                .get(&(0, of))
                .into_iter()
                .flatten()
                .map(|it| (it.rule, it.message.clone()))
                .collect(),
        });
        let changes: Vec<Change> = changes.collect();
        let is_missing = object.is_some_and(|object| object.standing == Standing::Missing);
        let worst = changes.iter().map(|change| change.severity).max();
        Self {
            id: observed.unwrap_or(desired).id(),
            release: format!("{}/{}", release.namespace, release.name),
            revision: release.revision,
            severity: worst.unwrap_or(if is_missing { Severity::High } else { Severity::Low }),
            is_missing,
            changes,
            rows: beside::rows(wanted, observed, differences, mask),
            remedy: object.map(|object| remedy(object, desired, observed)).unwrap_or_default(),
            findings,
        }
    }
}

/// What it takes to put an object right.
fn remedy(object: &Object, desired: &Resource, observed: Option<&Resource>) -> String {
    let Some(observed) = observed else { return "it is made again".to_owned() };
    let restoration = match drift::restore(object, desired, observed) {
        Ok(Some(restoration)) => restoration,
        Ok(None) => return "nothing is to be done".to_owned(),
        Err(misfit) => return format!("it cannot be put right by itself: {misfit}"),
    };
    let how = match restoration.method {
        Method::Patch => "a patch",
        Method::Apply => "a server-side apply",
    };
    let template = |path: &str| path.starts_with("spec.template.");
    let replaces = object.differences.iter().any(|it| it.class.is_drift() && template(&it.path.to_string()));
    let pods = match restoration.interrupts {
        Some(why) => format!("; {why}, so it is not done unasked"),
        None if replaces => "; its pods are replaced".to_owned(),
        None => String::new(),
    };
    format!("{how} as `{}`{pods}", restoration.manager)
}
