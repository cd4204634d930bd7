//! The webhook's entry in the API server: what is sent here, and whom the API server trusts.
//!
//! The `ValidatingWebhookConfiguration` is installed without webhooks, so that it is removed with all
//! the rest. The server fills it in once it has called itself as the API server will, by the name of
//! the Service and with the authorities to trust, and was answered. Until then nothing waits for it.

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::str::FromStr;
use std::sync::Arc;
use std::time::Duration;

use hardline_cluster::kinds::OBSERVED;
use hardline_core::admission::SYSTEM_NAMESPACES;
use hardline_core::guard::GUARD_LABEL;
use http_body_util::{BodyExt as _, Collected, Full, Limited};
use hyper::body::Bytes;
use hyper::{Request, StatusCode, Uri};
use hyper_util::rt::TokioIo;
use k8s_openapi::ByteString;
use k8s_openapi::api::admissionregistration::v1::{
    MatchCondition, RuleWithOperations, ServiceReference, ValidatingWebhook, ValidatingWebhookConfiguration,
    WebhookClientConfig,
};
use k8s_openapi::apimachinery::pkg::apis::meta::v1::{LabelSelector, LabelSelectorRequirement};
use kube::Api;
use kube::api::{Patch, PatchParams};
use rustls::ClientConfig;
use rustls::crypto::ring;
use rustls::pki_types::ServerName;
use serde_json::{Value as Json, json};
use tokio::net::TcpStream;
use tokio_rustls::TlsConnector;

use crate::admission::DELETE_PROTECTION_LABEL;
use crate::install::{NAME, PATH};
use crate::tls::{self, Unfit};

/// Kinds that are read but not judged: whoever changes them holds the cluster already, or their
/// content is nobody's business. The API server asks no webhook about webhooks.
const NOT_SENT: [&str; 3] = ["mutatingwebhookconfigurations", "secrets", "validatingwebhookconfigurations"];

/// The port of the Service.
const SERVICE_PORT: u16 = 443;

/// Seconds after which the API server goes on without an answer.
const TIMEOUT: i32 = 3;

/// What happens to a request that is not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum FailurePolicy {
    /// It passes, and only the second wall holds.
    Ignore,
    /// It is refused: while no replica answers, nothing can be changed in the judged namespaces.
    Fail,
}

impl FailurePolicy {
    /// The word that Kubernetes has for it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Ignore => "Ignore",
            Self::Fail => "Fail",
        }
    }
}

/// Where the API server reaches the webhook.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Target {
    /// At the Service of this server.
    Service,
    /// At an address of its own, for a server that runs outside of the cluster.
    Url(Url),
}

/// `https://HOST` or `https://HOST:PORT`, and nothing behind it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Url {
    host: String,
    port: u16,
}

impl FromStr for Url {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        const FORM: &str = "it is not of the form `https://HOST:PORT`";
        let uri: Uri = text.parse().map_err(|_| FORM)?;
        let authority = uri.authority().filter(|authority| !authority.as_str().contains('@')).ok_or(FORM)?;
        if uri.scheme_str() != Some("https") || !matches!(uri.path(), "" | "/") || uri.query().is_some() {
            return Err(FORM);
        }
        Ok(Self { host: authority.host().to_owned(), port: authority.port_u16().unwrap_or(443) })
    }
}

impl Target {
    /// The name that the API server calls it by, and that its certificate must be for.
    pub fn host(&self, namespace: &str) -> String {
        match self {
            Self::Service => format!("{NAME}.{namespace}.svc"),
            // An address of IPv6 stands in brackets in a URL only.
            Self::Url(url) => url.host.trim_matches(['[', ']']).to_owned(),
        }
    }

    /// The port that the API server calls.
    pub fn port(&self) -> u16 {
        match self {
            Self::Service => SERVICE_PORT,
            Self::Url(url) => url.port,
        }
    }

    fn client_config(&self, namespace: &str, bundle: &str) -> WebhookClientConfig {
        let ca_bundle = Some(ByteString(bundle.as_bytes().to_vec()));
        match self {
            Self::Service => WebhookClientConfig {
                ca_bundle,
                service: Some(ServiceReference {
                    name: NAME.to_owned(),
                    namespace: namespace.to_owned(),
                    path: Some(PATH.to_owned()),
                    port: Some(SERVICE_PORT.into()),
                }),
                url: None,
            },
            Self::Url(Url { host, port }) => {
                WebhookClientConfig { ca_bundle, service: None, url: Some(format!("https://{host}:{port}{PATH}")) }
            }
        }
    }
}

/// Why the webhook is not registered.
#[derive(Debug, thiserror::Error)]
pub enum Unregistered {
    /// The server cannot be reached.
    #[error("it cannot be reached: {0}")]
    Unreachable(#[from] std::io::Error),
    /// The authorities to trust cannot be read.
    #[error("the authorities to trust are no good: {0}")]
    Authorities(#[from] Unfit),
    /// The conversation broke.
    #[error("it broke off: {0}")]
    Http(#[from] hyper::Error),
    /// It answered something else.
    #[error("it answered {0}: {1}")]
    Answer(StatusCode, String),
    /// It took too long.
    #[error("it did not answer within {0:?}")]
    Late(Duration),
    /// The API server refused the registration.
    #[error("the API server refuses it: {0}")]
    Refused(#[from] kube::Error),
}

/// The webhooks to register for a server of a namespace. Secrets are sent only if they are guarded.
pub fn webhooks(
    namespace: &str,
    target: &Target,
    bundle: &str,
    failure: FailurePolicy,
    secrets: bool,
) -> Vec<ValidatingWebhook> {
    let requirement = |key: &str, operator: &str, values| LabelSelectorRequirement {
        key: key.to_owned(),
        operator: operator.to_owned(),
        values,
    };
    let excluded: Vec<String> = SYSTEM_NAMESPACES.into_iter().chain([namespace]).map(str::to_owned).collect();
    let elsewhere = requirement("kubernetes.io/metadata.name", "NotIn", Some(excluded));
    let is_guarded = |operator| requirement(GUARD_LABEL, operator, None);
    let condition = |name: &str, expression: String| MatchCondition { name: name.to_owned(), expression };
    let conditions = vec![
        condition("not-a-node", "!('system:nodes' in request.userInfo.?groups.orValue([]))".to_owned()),
        condition("not-hardline", format!("request.userInfo.username != 'system:serviceaccount:{namespace}:{NAME}'")),
    ];
    let webhook = |name: &str, rules, namespaces: Option<LabelSelectorRequirement>, objects| ValidatingWebhook {
        name: format!("{name}.hardline.dev"),
        admission_review_versions: vec!["v1".to_owned()],
        client_config: target.client_config(namespace, bundle),
        failure_policy: Some(failure.name().to_owned()),
        match_conditions: Some(conditions.clone()),
        match_policy: Some("Equivalent".to_owned()),
        namespace_selector: Some(LabelSelector {
            match_expressions: Some([elsewhere.clone()].into_iter().chain(namespaces).collect()),
            ..LabelSelector::default()
        }),
        object_selector: Some(objects),
        rules: Some(rules),
        // Events are written about requests, but not about those that are only tried.
        side_effects: "NoneOnDryRun".to_owned(),
        timeout_seconds: Some(TIMEOUT),
    };
    let protected = LabelSelector {
        match_labels: Some([(DELETE_PROTECTION_LABEL.to_owned(), "true".to_owned())].into()),
        ..LabelSelector::default()
    };
    let any = LabelSelector::default;
    let changes = [objects(&["CREATE", "UPDATE"]), subresources(), policies()].concat();
    let every = ["CREATE", "UPDATE", "DELETE"];
    let guarded = secrets.then(|| rule("", vec!["secrets".to_owned()], &every)).into_iter();
    let guarded = guarded.chain(deletions()).collect();
    vec![
        webhook("changes", changes, None, any()),
        webhook("deletions", deletions(), Some(is_guarded("DoesNotExist")), protected),
        webhook("guard", guarded, Some(is_guarded("Exists")), any()),
    ]
}

fn rule(group: &str, resources: Vec<String>, operations: &[&str]) -> RuleWithOperations {
    RuleWithOperations {
        api_groups: Some(vec![group.to_owned()]),
        api_versions: Some(vec!["*".to_owned()]),
        operations: Some(operations.iter().map(|&operation| operation.to_owned()).collect()),
        resources: Some(resources),
        scope: Some("*".to_owned()),
    }
}

/// What hardline reads of a cluster, it judges as well.
fn objects(operations: &[&str]) -> Vec<RuleWithOperations> {
    let mut groups: BTreeMap<&str, Vec<String>> = BTreeMap::new();
    for observed in OBSERVED.iter().filter(|observed| !NOT_SENT.contains(&observed.plural)) {
        groups.entry(observed.group).or_default().push(observed.plural.to_owned());
    }
    groups.into_iter().map(|(group, resources)| rule(group, resources, operations)).collect()
}

/// What opens something when it goes.
fn policies() -> Vec<RuleWithOperations> {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    let cluster_wide = ["adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"];
    vec![
        rule("networking.k8s.io", list(&["networkpolicies"]), &["DELETE"]),
        rule("policy.networking.k8s.io", list(&cluster_wide), &["DELETE"]),
    ]
}

/// All else that goes.
fn deletions() -> Vec<RuleWithOperations> {
    let sent = policies();
    let mut rules = objects(&["DELETE"]);
    for rule in &mut rules {
        let told = sent.iter().filter(|sent| sent.api_groups == rule.api_groups);
        let told: Vec<&String> = told.flat_map(|sent| sent.resources.iter().flatten()).collect();
        rule.resources.iter_mut().for_each(|resources| resources.retain(|resource| !told.contains(&resource)));
    }
    rules.retain(|rule| rule.resources.as_ref().is_some_and(|resources| !resources.is_empty()));
    rules
}

/// The other ways to change what runs, or to enter it.
fn subresources() -> Vec<RuleWithOperations> {
    let list = |names: &[&str]| names.iter().map(|&name| name.to_owned()).collect();
    vec![
        rule("", list(&["pods/ephemeralcontainers", "pods/resize", "replicationcontrollers/scale"]), &["UPDATE"]),
        rule("apps", list(&["deployments/scale", "replicasets/scale", "statefulsets/scale"]), &["UPDATE"]),
        rule("", list(&["pods/eviction"]), &["CREATE"]),
        rule("", list(&["pods/attach", "pods/exec", "pods/portforward"]), &["CONNECT"]),
    ]
}

/// Calls the server as the API server will: with a review, at an address, by a name, trusting the
/// bundle.
pub async fn verify(address: SocketAddr, name: &str, bundle: &str, patience: Duration) -> Result<(), Unregistered> {
    let late = |_| Unregistered::Late(patience);
    tokio::time::timeout(patience, call(address, name, bundle)).await.map_err(late)?
}

async fn call(address: SocketAddr, name: &str, bundle: &str) -> Result<(), Unregistered> {
    /// Answers are small; anything longer is not hardline's.
    const LONGEST: usize = 64 << 10;
    let config = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(Unfit::from)?
        .with_root_certificates(tls::roots(bundle.as_bytes())?)
        .with_no_client_auth();
    let name = name.to_owned();
    let server = ServerName::try_from(name.clone()).map_err(|_| Unfit::Name(name.clone()))?;
    let stream = TcpStream::connect(address).await?;
    let stream = TlsConnector::from(Arc::new(config)).connect(server, stream).await?;
    let (mut sender, connection) = hyper::client::conn::http1::handshake(TokioIo::new(stream)).await?;
    let connection = tokio::spawn(connection);
    let request = Request::post(PATH)
        .header("Host", name)
        .header("Content-Type", "application/json")
        .body(Full::new(Bytes::from(review().to_string())))
        .expect("the parts are valid");
    let response = sender.send_request(request).await?;
    let status = response.status();
    let body = Limited::new(response.into_body(), LONGEST).collect().await.map(Collected::to_bytes);
    connection.abort();
    let body = String::from_utf8_lossy(&body.unwrap_or_default()).into_owned();
    let answer: Option<Json> = serde_json::from_str(&body).ok();
    let answered = answer.is_some_and(|answer| answer["response"]["uid"] == UID);
    if status == StatusCode::OK && answered { Ok(()) } else { Err(Unregistered::Answer(status, body)) }
}

const UID: &str = "hardline-calls-itself";

/// A review of a `ConfigMap` that nobody would refuse, only tried.
fn review() -> Json {
    let resource = json!({"group": "", "version": "v1", "resource": "configmaps"});
    let kind = json!({"group": "", "version": "v1", "kind": "ConfigMap"});
    let (name, namespace) = ("hardline-calls-itself", "default");
    json!({
        "apiVersion": "admission.k8s.io/v1",
        "kind": "AdmissionReview",
        "request": {
            "uid": UID,
            "kind": kind,
            "requestKind": kind,
            "resource": resource,
            "requestResource": resource,
            "name": name,
            "namespace": namespace,
            "operation": "CREATE",
            "userInfo": {"username": "system:serviceaccount:hardline-system:hardline"},
            "object": {"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": name, "namespace": namespace}},
            "dryRun": true,
        },
    })
}

/// Whether the API server has other webhooks than these.
pub async fn is_stale(client: &kube::Client, wanted: &[ValidatingWebhook]) -> Result<bool, Unregistered> {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    Ok(api.get(NAME).await?.webhooks.as_deref() != Some(wanted))
}

/// Registers the webhooks in place of those that are registered.
pub async fn register(client: &kube::Client, webhooks: &[ValidatingWebhook]) -> Result<(), Unregistered> {
    let api: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    api.patch(NAME, &PatchParams::default(), &Patch::Merge(json!({"webhooks": webhooks}))).await?;
    Ok(())
}
