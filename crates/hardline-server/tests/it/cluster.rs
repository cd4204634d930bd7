//! Leader election, certificates and registration on a real API server.

use std::collections::BTreeMap;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::{Arc, LazyLock};
use std::time::{Duration, SystemTime};

use hardline_controlplane::ControlPlane;
use hardline_server::install::{NAME, NAMESPACE, Options, PATH, SECRET};
use hardline_server::lease::{Contender, Timing};
use hardline_server::metrics::Metrics;
use hardline_server::registration::{FailurePolicy, Target, Unregistered};
use hardline_server::tls::authority::{Keys, Lifetimes};
use hardline_server::tls::keeper::{Keeper, Problem, Source};
use hardline_server::tls::{self, Shown};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::TokioIo;
use k8s_openapi::api::admissionregistration::v1::ValidatingWebhookConfiguration;
use k8s_openapi::api::core::v1::Secret;
use kube::api::{Patch, PatchParams};
use kube::config::{KubeConfigOptions, Kubeconfig};
use kube::{Api, Client, Config};
use serde_json::{Value as Json, json};
use tokio::net::TcpListener;
use tokio::sync::watch;
use tokio_rustls::TlsAcceptor;

use crate::support::configuration;

/// A control plane in which hardline is installed.
fn plane() -> &'static ControlPlane {
    static PLANE: LazyLock<ControlPlane> = LazyLock::new(|| {
        let plane = ControlPlane::start().unwrap();
        let options = Options {
            namespace: NAMESPACE.to_owned(),
            image: "registry.example.com/hardline:0.1.0".to_owned(),
            profile: "production".to_owned(),
            enforcement: "warn".to_owned(),
            failure: "ignore".to_owned(),
            certificates: None,
            configuration: "{}".to_owned(),
            longest_grant: "4h".to_owned(),
            drift: "false".to_owned(),
        };
        let objects = [options.namespace(), options.objects()].concat();
        let list = json!({"apiVersion": "v1", "kind": "List", "items": objects});
        let file = plane.folder().join("hardline.json");
        std::fs::write(&file, list.to_string()).unwrap();
        let applied = plane.kubectl(&["apply", "-f"]).arg(file).output().unwrap();
        assert!(applied.status.success(), "{}", String::from_utf8_lossy(&applied.stderr));
        plane
    });
    &PLANE
}

async fn client() -> Client {
    let kubeconfig = Kubeconfig::read_from(plane().kubeconfig()).unwrap();
    let config = Config::from_custom_kubeconfig(kubeconfig, &KubeConfigOptions::default()).await.unwrap();
    Client::try_from(config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn one_contender_leads_and_another_takes_over() {
    let timing = Timing {
        lasts: Duration::from_secs(3),
        renew_within: Duration::from_secs(2),
        retry: Duration::from_millis(100),
    };
    let client = client().await;
    let contend = |identity: &str| {
        let contender = Contender::new(client.clone(), NAMESPACE, NAME, identity, timing);
        let (leads, is_leading) = watch::channel(false);
        (tokio::spawn(contender.run(leads)), is_leading)
    };
    let (first, mut first_leads) = contend("first");
    first_leads.wait_for(|leads| *leads).await.unwrap();
    let (second, mut second_leads) = contend("second");
    let (third, mut third_leads) = contend("third");

    // Who stops gives the lease back. Nobody else leads before.
    assert!(!*second_leads.borrow() && !*third_leads.borrow());
    drop(first_leads);
    first.await.unwrap();
    let second_won = tokio::select! {
        leads = second_leads.wait_for(|leads| *leads) => { leads.unwrap(); true }
        leads = third_leads.wait_for(|leads| *leads) => { leads.unwrap(); false }
    };
    // Who dies is followed when its lease has ended.
    let (dies, mut follows) = if second_won { (second, third_leads) } else { (third, second_leads) };
    assert!(!*follows.borrow(), "two lead");
    dies.abort();
    follows.wait_for(|leads| *leads).await.unwrap();
}

/// Answers each request with this.
async fn serve(shown: Arc<Shown>, answer: fn(&Json) -> Json) -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap();
    let acceptor = TlsAcceptor::from(Arc::new(tls::server_config(shown, None).unwrap()));
    tokio::spawn(async move {
        while let Ok((stream, _)) = listener.accept().await {
            let Ok(stream) = acceptor.accept(stream).await else { continue };
            let service = service_fn(move |request: Request<Incoming>| async move {
                assert_eq!(request.uri().path(), PATH);
                let body = request.into_body().collect().await.unwrap().to_bytes();
                let answer = answer(&serde_json::from_slice(&body).unwrap()).to_string();
                Ok::<_, Infallible>(Response::new(Full::new(Bytes::from(answer))))
            });
            tokio::spawn(hyper::server::conn::http1::Builder::new().serve_connection(TokioIo::new(stream), service));
        }
    });
    address
}

#[tokio::test(flavor = "multi_thread")]
async fn the_webhook_is_registered_once_it_answers() {
    let client = client().await;
    let (shown, metrics) = (Arc::new(Shown::default()), Metrics::default());
    let keeper = |address: SocketAddr| Keeper {
        client: client.clone(),
        namespace: NAMESPACE.to_owned(),
        source: Source::Own(Lifetimes::default()),
        failure: FailurePolicy::Ignore,
        target: Target::Url(format!("https://{address}").parse().unwrap()),
        configuration: configuration(),
        period: Duration::from_secs(1),
    };
    let configurations: Api<ValidatingWebhookConfiguration> = Api::all(client.clone());
    let registered = || async { configurations.get(NAME).await.unwrap().webhooks.unwrap_or_default() };
    let nowhere = keeper("127.0.0.1:1".parse().unwrap());

    // Nobody but the leader makes a certificate.
    nowhere.look(&shown, &metrics, false).await.unwrap();
    assert!(!shown.is_valid(SystemTime::now()));
    let problem = nowhere.look(&shown, &metrics, true).await.unwrap_err();
    assert!(matches!(problem, Problem::Unregistered(Unregistered::Unreachable(_))), "{problem}");
    assert!(shown.is_valid(SystemTime::now()));
    assert!(registered().await.is_empty(), "a server that does not answer is not registered");

    // What answers nonsense is not hardline.
    let odd = keeper(serve(shown.clone(), |_| json!({"response": {"uid": "another"}})).await);
    let problem = odd.look(&shown, &metrics, true).await.unwrap_err();
    assert!(matches!(problem, Problem::Unregistered(Unregistered::Answer(..))), "{problem}");
    assert!(registered().await.is_empty());

    let good = keeper(serve(shown.clone(), |review| json!({"response": {"uid": review["request"]["uid"]}})).await);
    good.look(&shown, &metrics, true).await.unwrap();
    let webhooks = registered().await;
    let names: Vec<&str> = webhooks.iter().map(|webhook| &*webhook.name).collect();
    assert_eq!(names, ["changes.hardline.dev", "deletions.hardline.dev", "guard.hardline.dev"]);
    let version = || async { configurations.get(NAME).await.unwrap().metadata.resource_version };
    let before = version().await;
    good.look(&shown, &metrics, true).await.unwrap();
    assert_eq!(version().await, before, "what is registered is left alone");

    // An authority that grows old is joined by the next one, which the API server trusts before it is used.
    let secrets: Api<Secret> = Api::namespaced(client.clone(), NAMESPACE);
    let old = SystemTime::now() - Duration::from_hours(300 * 24);
    let names = [good.server_name()];
    let keys = Keys::found(&names, &Lifetimes::default(), old).unwrap();
    let fresh = keys.advance(&names, &Lifetimes::default(), SystemTime::now()).unwrap().unwrap();
    let data = Patch::Merge(json!({"data": fresh.to_secret()}));
    secrets.patch(SECRET, &PatchParams::default(), &data).await.unwrap();
    good.look(&shown, &metrics, true).await.unwrap();
    let bundle = registered().await[0].client_config.ca_bundle.clone().unwrap();
    assert_eq!(tls::roots(&bundle.0).unwrap().len(), 2);
    let kept: BTreeMap<_, _> = secrets.get(SECRET).await.unwrap().data.unwrap();
    assert_eq!(kept["ca.crt"], bundle);
}
