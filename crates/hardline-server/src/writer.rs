//! Keeps reports of policy in the API server, in each form that is installed there.
//!
//! Only the leader writes, and what is there already is not written again. What it writes depends on
//! the cluster alone: two who both believe that they lead write the same.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use hardline_core::report::Report;
use kube::api::{DeleteParams, DynamicObject, ListParams, Patch, PatchParams};
use kube::core::ApiResource;
use kube::{Api, Client};
use tokio::sync::watch;
use tokio::time::sleep;

use crate::auditor::Snapshots;
use crate::install::NAME;
use crate::policy_report::{DIGEST, FORMS, Form, Key, MANAGED_BY, objects};

/// How long changes are gathered before they are written.
const GATHER: Duration = Duration::from_secs(1);

/// How often to look whether the API server still has what was written, and which forms it has.
const LOOK: Duration = Duration::from_mins(1);

/// Writes reports.
pub struct Writer {
    client: Client,
    snapshots: Snapshots,
    leading: watch::Receiver<bool>,
    shelves: [Shelf; FORMS.len()],
}

/// The reports of one form, as the API server has them.
struct Shelf {
    form: &'static Form,
    /// When that was last asked.
    looked: Option<Instant>,
    /// The digest of each; none where the API server does not have the form.
    held: Option<BTreeMap<Key, String>>,
}

impl Writer {
    /// Writes what the snapshots say, while it leads.
    pub fn new(client: Client, snapshots: Snapshots, leading: watch::Receiver<bool>) -> Self {
        let shelves = [0, 1].map(|at| Shelf { form: &FORMS[at], looked: None, held: None });
        Self { client, snapshots, leading, shelves }
    }

    /// Writes until there are no more snapshots.
    pub async fn run(mut self) {
        loop {
            let snapshot = self.snapshots.borrow_and_update().clone();
            let leads = *self.leading.borrow_and_update();
            if let Some(snapshot) = snapshot.filter(|_| leads) {
                for shelf in &mut self.shelves {
                    if let Err(error) = shelf.keep(&self.client, &snapshot.report, &self.leading).await {
                        tracing::warn!(%error, group = shelf.form.group, "reports cannot be written");
                        shelf.looked = None;
                    }
                }
            } else {
                // Whoever leads meanwhile may write something else.
                self.shelves.iter_mut().for_each(|shelf| shelf.looked = None);
            }
            sleep(GATHER).await;
            tokio::select! {
                changed = self.snapshots.changed() => if changed.is_err() { return },
                changed = self.leading.changed() => if changed.is_err() { return },
                () = sleep(LOOK) => {}
            }
        }
    }
}

impl Shelf {
    /// Makes the API server have what the report says, and nothing else of hardline's.
    async fn keep(&mut self, client: &Client, report: &Report, leading: &watch::Receiver<bool>) -> kube::Result<()> {
        if self.looked.is_none_or(|at| at.elapsed() > LOOK) {
            self.held = self.look(client).await?;
            self.looked = Some(Instant::now());
        }
        let Some(held) = &mut self.held else { return Ok(()) };
        let wanted = objects(report, self.form);
        let gone: Vec<Key> = held.keys().filter(|key| !wanted.contains_key(key)).cloned().collect();
        let changed = wanted.into_iter().filter(|(key, written)| held.get(key) != Some(&written.digest));
        for (key, written) in changed.collect::<Vec<_>>() {
            if !*leading.borrow() {
                return Ok(());
            }
            let params = PatchParams::apply(NAME).force();
            match self.form.api(client, &key).patch(&key.name, &params, &Patch::Apply(&written.object)).await {
                Ok(_) => _ = held.insert(key, written.digest),
                // The namespace is going or gone, and its reports with it.
                Err(kube::Error::Api(status)) if key.namespace.is_some() && is_of_namespace(&status.message) => {}
                Err(error) => return Err(error),
            }
        }
        for key in gone {
            if !*leading.borrow() {
                return Ok(());
            }
            match self.form.api(client, &key).delete(&key.name, &DeleteParams::default()).await {
                Ok(_) => {}
                Err(kube::Error::Api(status)) if status.code == 404 => {}
                Err(error) => return Err(error),
            }
            held.remove(&key);
        }
        Ok(())
    }

    /// The digests of the reports that the API server has of hardline; none where it has no such API.
    async fn look(&self, client: &Client) -> kube::Result<Option<BTreeMap<Key, String>>> {
        let mut held = BTreeMap::new();
        let own = ListParams::default().labels(&format!("{}={}", MANAGED_BY.0, MANAGED_BY.1));
        for kind in [self.form.namespaced, self.form.cluster_wide] {
            let api: Api<DynamicObject> = Api::all_with(client.clone(), &self.form.resource(kind));
            let list = match api.list_metadata(&own).await {
                Ok(list) => list,
                Err(kube::Error::Api(status)) if status.code == 404 => return Ok(None),
                Err(error) => return Err(error),
            };
            for object in list.items {
                let metadata = object.metadata;
                let digest = metadata.annotations.and_then(|mut all| all.remove(DIGEST)).unwrap_or_default();
                let key = Key { namespace: metadata.namespace, name: metadata.name.unwrap_or_default() };
                held.insert(key, digest);
            }
        }
        Ok(Some(held))
    }
}

impl Form {
    fn resource(&self, (kind, plural): (&str, &str)) -> ApiResource {
        ApiResource {
            group: self.group.to_owned(),
            version: self.version.to_owned(),
            api_version: format!("{}/{}", self.group, self.version),
            kind: kind.to_owned(),
            plural: plural.to_owned(),
        }
    }

    fn api(&self, client: &Client, key: &Key) -> Api<DynamicObject> {
        match &key.namespace {
            Some(namespace) => Api::namespaced_with(client.clone(), namespace, &self.resource(self.namespaced)),
            None => Api::all_with(client.clone(), &self.resource(self.cluster_wide)),
        }
    }
}

/// Whether an answer is about the namespace and not about what was to be written into it.
fn is_of_namespace(message: &str) -> bool {
    message.starts_with("namespaces ") || message.contains("because it is being terminated")
}
