//! One pass over a cluster.

use hardline_cluster::client::Error;
use hardline_cluster::list::{Options, observe};
use hardline_cluster::observed::{Observed, Scope};
use hardline_core::resource::Kind;
use serde_json::{Value as Json, json};

use crate::support::{Answers, deployment, pod, replica_set, shop};

const EVERYTHING: Options = Options { scope: Scope::Everything, grouped: true };

async fn read(answers: &Answers) -> Observed {
    observe(&answers.cluster(), &EVERYTHING, &|_| {}).await.unwrap()
}

fn names(observed: &Observed) -> Vec<String> {
    observed.inventory.resources().map(|resource| resource.id().to_string()).collect()
}

#[tokio::test]
async fn a_deployment_stands_for_its_pods() {
    let observed = read(&shop(1234)).await;
    assert_eq!(names(&observed), ["Namespace shop", "Deployment shop/web"]);
    assert_eq!(observed.objects, 1237);
    let origin = &observed.origins[1];
    assert_eq!(origin.pods, 1234);
    assert_eq!(origin.created.as_deref(), Some("2026-01-02T03:04:05Z"));
    assert_eq!(&*origin.author().unwrap().name, "kubectl-edit");
}

#[tokio::test]
async fn what_is_kept_is_legible_and_lean() {
    let observed = read(&shop(1)).await;
    let deployment = observed.inventory.find(Kind::Deployment, Some("shop"), "web").unwrap();
    let source = deployment.source();
    assert_eq!(source.name, "cluster/shop/Deployment/web");
    assert!(source.text.starts_with("apiVersion: apps/v1\nkind: Deployment\nmetadata:\n"), "{}", source.text);
    for gone in ["managedFields", "status"] {
        assert!(!source.text.contains(gone), "{}", source.text);
    }
}

/// A change of a pod, and whether the pod is then judged by itself.
#[tokio::test]
async fn a_pod_that_differs_from_its_template_is_kept_once() {
    type Change = fn(&mut Json);
    let changes: [(&str, bool, Change); 9] = [
        ("nothing", false, |_| {}),
        ("an annotation", false, |pod| pod["metadata"]["annotations"] = json!({"cni.example/ip": "10.0.0.1"})),
        ("an image", true, |pod| pod["spec"]["containers"][0]["image"] = json!("example.com/app:debug")),
        ("a label", true, |pod| pod["metadata"]["labels"]["debug"] = json!("yes")),
        ("a sidecar", true, |pod| {
            let sidecar = json!({"name": "proxy", "image": "example.com/proxy:1"});
            pod["spec"]["containers"].as_array_mut().unwrap().push(sidecar);
        }),
        ("an ephemeral container", true, |pod| {
            pod["spec"]["ephemeralContainers"] = json!([{"name": "debugger", "image": "busybox"}]);
        }),
        ("a toleration", true, |pod| {
            pod["spec"]["tolerations"].as_array_mut().unwrap().push(json!({"operator": "Exists"}));
        }),
        ("a request", true, |pod| pod["spec"]["containers"][0]["resources"]["requests"]["cpu"] = json!("3")),
        ("its end", false, |pod| {
            pod["spec"]["containers"][0]["image"] = json!("example.com/app:old");
            pod["status"]["phase"] = json!("Failed");
        }),
    ];
    for (what, kept, change) in changes {
        let mut answers = shop(3);
        for number in 10..12 {
            let mut pod = pod("web", "abc", number);
            change(&mut pod);
            answers.add("/api/v1", "pods", pod);
        }
        let observed = read(&answers).await;
        let pods: Vec<_> = observed.inventory.of_kind(Kind::Pod, Some("shop")).collect();
        assert_eq!(pods.len(), usize::from(kept), "{what}");
        let stands_for: Vec<_> = observed.origins.iter().map(|origin| (origin.pods, origin.variant_of)).collect();
        let expected = if kept { vec![(0, None), (3, None), (1, Some(1))] } else { vec![(0, None), (5, None)] };
        assert_eq!(stands_for, expected, "{what}");
    }
}

#[tokio::test]
async fn demands_of_a_limit_range_are_no_difference() {
    let mut answers = shop(0);
    let mut pod = pod("web", "abc", 1);
    pod["spec"]["containers"][0]["resources"]["requests"]["ephemeral-storage"] = json!("1Gi");
    pod["metadata"]["annotations"] = json!({"kubernetes.io/limit-ranger": "LimitRanger plugin set: ..."});
    answers.add("/api/v1", "pods", pod);
    assert_eq!(names(&read(&answers).await), ["Namespace shop", "Deployment shop/web"]);
}

#[tokio::test]
async fn a_replica_set_edited_by_hand_is_kept_and_judges_its_pods() {
    let mut answers = shop(2);
    let mut edited = replica_set("web", "def");
    edited["spec"]["template"]["spec"]["containers"][0]["image"] = json!("example.com/app:debug");
    answers.add("/apis/apps/v1", "replicasets", edited);
    let mut old = replica_set("web", "old");
    old["spec"]["template"]["spec"]["containers"][0]["image"] = json!("example.com/app:1.1");
    old["spec"]["replicas"] = json!(0);
    answers.add("/apis/apps/v1", "replicasets", old);
    let mut of_edited = pod("web", "def", 1);
    of_edited["spec"]["containers"][0]["image"] = json!("example.com/app:debug");
    answers.add("/api/v1", "pods", of_edited);
    let observed = read(&answers).await;
    assert_eq!(names(&observed), ["Namespace shop", "Deployment shop/web", "ReplicaSet shop/web-def"]);
    assert_eq!(observed.origins[2].pods, 1);
}

#[tokio::test]
async fn an_owner_counts_only_where_it_is_known() {
    for (field, forged) in [("uid", "somebody-else"), ("controller", "")] {
        let mut answers = shop(0);
        let mut pod = pod("web", "abc", 1);
        pod["metadata"]["ownerReferences"][0][field] = json!(forged);
        answers.add("/api/v1", "pods", pod);
        assert!(names(&read(&answers).await).contains(&"Pod shop/web-abc-00001".to_owned()), "{field}");
    }
    let mut answers = shop(0);
    let mut pod = pod("web", "abc", 1);
    pod["metadata"]["namespace"] = json!("elsewhere");
    answers.add("/api/v1", "pods", pod);
    assert!(names(&read(&answers).await).contains(&"Pod elsewhere/web-abc-00001".to_owned()));
}

#[tokio::test]
async fn every_pod_is_there_where_that_is_asked_for() {
    let options = Options { grouped: false, ..EVERYTHING };
    let observed = observe(&shop(7).cluster(), &options, &|_| {}).await.unwrap();
    assert_eq!(observed.inventory.of_kind(Kind::Pod, Some("shop")).count(), 7);
    assert_eq!(observed.inventory.of_kind(Kind::ReplicaSet, Some("shop")).count(), 1);
}

#[tokio::test]
async fn lists_come_in_pages_and_go_on_when_their_place_is_forgotten() {
    let mut answers = shop(1100);
    answers.forgetful = true;
    assert_eq!(read(&answers).await.origins[1].pods, 1100);
    let requests = answers.requests.lock().unwrap();
    let pods = requests.iter().filter(|request| request.starts_with("/api/v1/pods?"));
    assert_eq!(pods.count(), 4, "three pages, one of them asked for twice");
    assert!(requests.iter().all(|request| !request.contains("resourceVersion")), "{requests:?}");
}

#[tokio::test]
async fn an_api_server_that_is_busy_is_asked_again() {
    let mut answers = shop(3);
    answers.busy.insert("/api/v1/pods".to_owned(), 2);
    let observed = read(&answers).await;
    assert_eq!((observed.gaps, observed.origins[1].pods), (Vec::new(), 3));
}

#[tokio::test]
async fn what_may_not_be_read_is_a_gap_and_not_covered() {
    let mut answers = shop(1);
    answers.forbidden.insert("/api/v1/secrets".to_owned());
    let observed = read(&answers).await;
    assert_eq!(observed.gaps.len(), 1);
    assert_eq!(observed.gaps[0].what, "secrets");
    let covers = |kind| observed.inventory.covers(kind, Some("shop"));
    assert!(!covers(Kind::Secret));
    assert!(covers(Kind::ConfigMap) && covers(Kind::Pod));
    // A cluster that does not serve a kind has none of it.
    assert!(covers(Kind::PodDisruptionBudget) && observed.inventory.covers(Kind::StorageClass, None));
}

#[tokio::test]
async fn a_cluster_of_which_nothing_may_be_read_is_an_error() {
    let mut answers = Answers::default();
    for observed in hardline_cluster::kinds::OBSERVED {
        let root = if observed.group.is_empty() { "/api".to_owned() } else { format!("/apis/{}", observed.group) };
        answers.forbidden.insert(format!("{root}/{}/{}", observed.version, observed.plural));
    }
    let error = observe(&answers.cluster(), &EVERYTHING, &|_| {}).await.unwrap_err();
    assert!(matches!(error, Error::Forbidden(_)), "{error}");
    assert!(error.help().is_some());
}

#[tokio::test]
async fn one_namespace_is_read_by_its_own_lists() {
    let mut answers = shop(2);
    let mut other = deployment("other");
    other["metadata"]["namespace"] = json!("elsewhere");
    answers.add("/apis/apps/v1", "deployments", other);
    let scope = |namespace: &str| Options { scope: Scope::Namespace(namespace.to_owned()), grouped: true };
    let observed = observe(&answers.cluster(), &scope("shop"), &|_| {}).await.unwrap();
    assert_eq!(names(&observed), ["Namespace shop", "Deployment shop/web"]);
    assert!(observed.inventory.covers(Kind::Secret, Some("shop")));
    assert!(!observed.inventory.covers(Kind::Secret, Some("elsewhere")));
    for (namespace, message) in
        [("sohp", "the cluster has no namespace `sohp`"), ("a/b", "no namespace can be called `a/b`")]
    {
        let error = observe(&answers.cluster(), &scope(namespace), &|_| {}).await.unwrap_err();
        assert_eq!(error.to_string(), message);
    }
}
