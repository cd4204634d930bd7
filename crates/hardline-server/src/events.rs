//! Kubernetes Events about what is new and critical, where people look first: at the object.
//!
//! An Event is called after its finding, so that two who tell of the same make one.

use std::time::Duration;

use hardline_core::inventory::Inventory;
use hardline_core::report::Reported;
use hardline_core::resource::{Kind, Resource, ResourceId};
use hardline_core::rule::Severity;
use k8s_openapi::api::core::v1::ObjectReference;
use k8s_openapi::api::events::v1::Event;
use k8s_openapi::apimachinery::pkg::apis::meta::v1::MicroTime;
use k8s_openapi::jiff::Timestamp;
use kube::api::{ObjectMeta, PostParams};
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::auditor::Snapshots;
use crate::news::News;
use crate::policy_report::hash;
use crate::snapshot::group_of;

/// How many Events are made of one change. Etcd keeps them for an hour, and people read a few.
const MOST: usize = 20;

/// How long to wait after each change that was told.
const PAUSE: Duration = Duration::from_secs(2);

/// Who tells, as Events say it.
const CONTROLLER: &str = "hardline.dev/auditor";

/// The longest note of an Event, in bytes: the API server takes 1024.
pub(crate) const LONGEST: usize = 1000;

/// Text of at most so many bytes.
pub(crate) fn cut(mut text: String, longest: usize) -> String {
    text.truncate(text.floor_char_boundary(longest));
    text
}

/// An object as Events name it.
pub(crate) fn regarding(id: &ResourceId, uid: Option<String>) -> ObjectReference {
    ObjectReference {
        api_version: Some(id.api_version.clone()),
        kind: Some(id.kind.clone()),
        name: Some(id.name.clone()),
        namespace: id.namespace.clone(),
        uid,
        ..ObjectReference::default()
    }
}

/// Makes Events of new critical findings, while this replica leads.
pub async fn tell(client: Client, replica: String, snapshots: Snapshots, leading: watch::Receiver<bool>) {
    let mut news = News::new(snapshots.clone(), leading);
    while let Some(items) = news.next().await {
        // Who looks for drift tells of it.
        let is_told =
            |finding: &Reported| finding.severity == Severity::Critical && !finding.rule.id.starts_with("drift-");
        let new = items.into_iter().filter(|item| item.appeared && is_told(&item.finding));
        let new: Vec<_> = new.map(|item| item.finding).collect();
        if new.len() > MOST {
            tracing::warn!(findings = new.len(), most = MOST, "more critical findings are new than Events are made");
        }
        let snapshot = snapshots.borrow().clone();
        for finding in new.iter().take(MOST) {
            let inventory = snapshot.as_ref().map(|snapshot| &snapshot.observed.inventory);
            let Some(event) = event(finding, inventory, &replica) else { continue };
            let namespace = event.metadata.namespace.clone().unwrap_or_default();
            match Api::namespaced(client.clone(), &namespace).create(&PostParams::default(), &event).await {
                Ok(_) => {}
                // Told by another, or the namespace goes.
                Err(kube::Error::Api(status)) if matches!(status.code, 404 | 409) => {}
                Err(error) => tracing::warn!(%error, "an Event cannot be made"),
            }
        }
        sleep(PAUSE).await;
    }
}

/// The Event about a finding on an object; text that is no object has none.
fn event(finding: &Reported, inventory: Option<&Inventory>, replica: &str) -> Option<Event> {
    let id = finding.resource.as_ref()?;
    let uid = inventory.and_then(|inventory| find(inventory, id)?.value().at(&["metadata", "uid"])?.str());
    // Events about what is in no namespace are kept in the one that is always there.
    let namespace = id.namespace.clone().unwrap_or_else(|| "default".to_owned());
    let mut name: String =
        id.name.chars().filter(|letter| letter.is_ascii_alphanumeric() || "-.".contains(*letter)).collect();
    name.truncate(200);
    let note = format!("{}: {}; {}", finding.rule.id, finding.message, finding.help);
    Some(Event {
        metadata: ObjectMeta {
            name: Some(format!("{}.{:016x}", name.trim_matches(['.', '-']), hash(&(&finding.fingerprint, uid)))),
            namespace: Some(namespace.clone()),
            ..ObjectMeta::default()
        },
        event_time: Some(MicroTime(Timestamp::now())),
        action: Some("Judge".to_owned()),
        reason: Some("CriticalFinding".to_owned()),
        note: Some(cut(note, LONGEST)),
        type_: Some("Warning".to_owned()),
        reporting_controller: Some(CONTROLLER.to_owned()),
        reporting_instance: Some(cut(replica.to_owned(), 128)),
        regarding: Some(regarding(id, uid.map(str::to_owned))),
        ..Event::default()
    })
}

fn find<'i>(inventory: &'i Inventory, id: &'i ResourceId) -> Option<&'i Resource> {
    let kind = Kind::of(group_of(id), &id.kind);
    inventory.named(kind, id.namespace.as_deref(), &id.name).find(|resource| resource.kind_name() == id.kind)
}
