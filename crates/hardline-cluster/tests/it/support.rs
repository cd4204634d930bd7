//! An API server's answers, without one.

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::{Arc, Mutex};

use hardline_cluster::client::Cluster;
use http::{Request, Response};
use kube::Client;
use kube::client::Body;
use serde_json::{Value as Json, json};

/// Lists by their paths, and how they are answered.
#[derive(Debug, Clone, Default)]
pub struct Answers {
    pub lists: BTreeMap<String, Vec<Json>>,
    pub forbidden: BTreeSet<String>,
    /// Paths that are asked for too often, and for how many requests to come.
    pub busy: BTreeMap<String, u32>,
    /// Continue tokens other than the first page's expire once.
    pub forgetful: bool,
    /// Lists may be streamed by watches.
    pub streams: bool,
    /// What watches of a path say, one list of events for each watch; then nothing.
    pub watches: BTreeMap<String, VecDeque<Vec<Json>>>,
    /// The requests that came, path and query.
    pub requests: Arc<Mutex<Vec<String>>>,
}

impl Answers {
    /// Adds an object to the list at a path, and to that of its namespace.
    pub fn add(&mut self, root: &str, plural: &str, mut object: Json) {
        let fields = object.as_object_mut().unwrap();
        // As the API server's lists have it.
        fields.remove("apiVersion");
        fields.remove("kind");
        if let Some(namespace) = object["metadata"]["namespace"].as_str() {
            let path = format!("{root}/namespaces/{namespace}/{plural}");
            self.lists.entry(path).or_default().push(object.clone());
        }
        self.lists.entry(format!("{root}/{plural}")).or_default().push(object);
    }

    pub fn cluster(&self) -> Cluster {
        Self::shared(&Arc::new(Mutex::new(self.clone())))
    }

    /// A cluster whose answers may be changed while it is asked.
    pub fn shared(answers: &Arc<Mutex<Self>>) -> Cluster {
        let answers = answers.clone();
        let service = tower::service_fn(move |request: Request<Body>| {
            let response = answers.lock().unwrap().answer(&request);
            async move { Ok::<_, std::convert::Infallible>(response) }
        });
        Cluster { client: Client::new(service, "default"), name: "fake".to_owned(), namespace: "default".to_owned() }
    }

    fn answer(&mut self, request: &Request<Body>) -> Response<Body> {
        let (path, query) = (request.uri().path(), request.uri().query().unwrap_or_default());
        self.requests.lock().unwrap().push(format!("{path}?{query}"));
        let parameter = |name: &str| {
            let pairs = query.split('&').filter_map(|pair| pair.split_once('='));
            pairs.into_iter().find(|(key, _)| *key == name).map(|(_, value)| value.to_owned())
        };
        if self.forbidden.contains(path) {
            return status(403, &format!("user cannot list {path}"), None);
        }
        if let Some(left) = self.busy.get_mut(path).filter(|left| **left > 0) {
            *left -= 1;
            return status(429, "too many requests, please try again later", None);
        }
        if path == "/apis" {
            let group = json!({"name": "apps", "versions": [{"groupVersion": "apps/v1", "version": "v1"}]});
            return ok(&json!({"kind": "APIGroupList", "apiVersion": "v1", "groups": [group]}));
        }
        if let Some(name) = path.strip_prefix("/api/v1/namespaces/").filter(|rest| !rest.contains('/')) {
            let namespaces = self.lists.get("/api/v1/namespaces").into_iter().flatten();
            let found = namespaces.into_iter().find(|it| it["metadata"]["name"] == name);
            return found.map_or_else(|| status(404, "no such namespace", None), ok);
        }
        let built_in = ["/api/v1/", "/apis/apps/v1/"].iter().any(|root| path.starts_with(root));
        let items = match self.lists.get(path) {
            Some(items) => items.clone(),
            None if built_in => Vec::new(),
            None => return status(404, "the server could not find the requested resource", None),
        };
        if parameter("watch").is_some() {
            return self.watch(path, items, parameter("sendInitialEvents").is_some());
        }
        let from: usize = parameter("continue").map_or(0, |token| token.parse().unwrap());
        let limit: usize = parameter("limit").map_or(usize::MAX, |limit| limit.parse().unwrap());
        if from > 0 && std::mem::take(&mut self.forgetful) {
            return status(410, "the provided continue parameter is too old", Some(&from.to_string()));
        }
        let to = from.saturating_add(limit).min(items.len());
        let token = if to < items.len() { to.to_string() } else { String::new() };
        let metadata = json!({"continue": token, "resourceVersion": "7"});
        ok(&json!({"kind": "List", "metadata": metadata, "items": items[from..to]}))
    }

    fn watch(&mut self, path: &str, items: Vec<Json>, initial: bool) -> Response<Body> {
        if initial && !self.streams {
            return status(422, "sendInitialEvents is forbidden for watch", None);
        }
        let mut events = Vec::new();
        if initial {
            events.extend(items.into_iter().map(|item| json!({"type": "ADDED", "object": item})));
            events.push(bookmark("8", true));
        }
        events.extend(self.watches.get_mut(path).and_then(VecDeque::pop_front).into_iter().flatten());
        // The type comes first, as from the API server; the reader of objects counts on it.
        let line = |event: &Json| format!("{{\"type\":{},\"object\":{}}}", event["type"], event["object"]);
        let lines = events.iter().map(line).collect::<Vec<_>>().join("\n");
        Response::builder().status(200).body(Body::from(lines.into_bytes())).unwrap()
    }
}

/// What a watch says where nothing has changed.
pub fn bookmark(version: &str, ends_list: bool) -> Json {
    let annotations = if ends_list { json!({"k8s.io/initial-events-end": "true"}) } else { json!({}) };
    let metadata = json!({"resourceVersion": version, "annotations": annotations});
    json!({"type": "BOOKMARK", "object": {"apiVersion": "v1", "kind": "Pod", "metadata": metadata}})
}

fn ok(body: &Json) -> Response<Body> {
    Response::builder().status(200).body(Body::from(body.to_string().into_bytes())).unwrap()
}

fn status(code: u16, message: &str, token: Option<&str>) -> Response<Body> {
    let body = json!({"kind": "Status", "apiVersion": "v1", "status": "Failure", "message": message,
        "code": code, "metadata": {"continue": token}});
    Response::builder().status(code).body(Body::from(body.to_string().into_bytes())).unwrap()
}

/// A deployment as the API server returns it.
pub fn deployment(name: &str) -> Json {
    json!({
        "metadata": {"name": name, "namespace": "shop", "uid": format!("d-{name}"),
            "creationTimestamp": "2026-01-02T03:04:05Z",
            "annotations": {"deployment.kubernetes.io/revision": "1"},
            "managedFields": [
                {"manager": "helm", "operation": "Update", "time": "2026-01-02T03:04:05Z", "fieldsV1": {"f:spec": {}}},
                {"manager": "kubectl-edit", "operation": "Update", "time": "2026-03-01T00:00:00Z", "fieldsV1": {}}]},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": name}},
            "template": {"metadata": {"labels": {"app": name}}, "spec": template_spec()}},
        "status": {"replicas": 3},
    })
}

fn template_spec() -> Json {
    json!({
        "containers": [{"name": "app", "image": "example.com/app:1.2", "imagePullPolicy": "IfNotPresent",
            "ports": [{"containerPort": 8080, "protocol": "TCP"}],
            "resources": {"limits": {"cpu": "1", "memory": "1Gi"}, "requests": {"cpu": "100m"}},
            "terminationMessagePath": "/dev/termination-log", "terminationMessagePolicy": "File"}],
        "dnsPolicy": "ClusterFirst", "restartPolicy": "Always", "schedulerName": "default-scheduler",
        "securityContext": {}, "terminationGracePeriodSeconds": 30,
        "tolerations": [{"key": "spot", "operator": "Exists"}],
    })
}

/// The replica set that a deployment makes.
pub fn replica_set(of: &str, hash: &str) -> Json {
    json!({
        "metadata": {"name": format!("{of}-{hash}"), "namespace": "shop", "uid": format!("r-{of}-{hash}"),
            "labels": {"app": of, "pod-template-hash": hash},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "Deployment", "name": of,
                "uid": format!("d-{of}"), "controller": true, "blockOwnerDeletion": true}]},
        "spec": {"replicas": 3, "selector": {"matchLabels": {"app": of, "pod-template-hash": hash}},
            "template": {"metadata": {"labels": {"app": of, "pod-template-hash": hash}}, "spec": template_spec()}},
        "status": {"replicas": 3},
    })
}

/// A pod of a replica set, with what admission, scheduler and defaulting add to it.
pub fn pod(of: &str, hash: &str, number: usize) -> Json {
    let mut spec = template_spec();
    let token = json!({"name": format!("kube-api-access-{number:05}"), "readOnly": true,
        "mountPath": "/var/run/secrets/kubernetes.io/serviceaccount"});
    spec["containers"][0]["volumeMounts"] = json!([token]);
    spec["containers"][0]["resources"]["requests"]["memory"] = json!("1Gi");
    spec["volumes"] = json!([{"name": format!("kube-api-access-{number:05}"), "projected": {"sources": []}}]);
    spec["nodeName"] = json!(format!("node-{number}"));
    spec["serviceAccount"] = json!("default");
    spec["serviceAccountName"] = json!("default");
    spec["enableServiceLinks"] = json!(true);
    spec["priority"] = json!(0);
    spec["preemptionPolicy"] = json!("PreemptLowerPriority");
    for taint in ["not-ready", "unreachable"] {
        let key = format!("node.kubernetes.io/{taint}");
        let toleration = json!({"effect": "NoExecute", "key": key, "operator": "Exists", "tolerationSeconds": 300});
        spec["tolerations"].as_array_mut().unwrap().push(toleration);
    }
    json!({
        "metadata": {"name": format!("{of}-{hash}-{number:05}"), "namespace": "shop",
            "uid": format!("p-{of}-{hash}-{number}"),
            "labels": {"app": of, "pod-template-hash": hash, "topology.kubernetes.io/zone": "a"},
            "ownerReferences": [{"apiVersion": "apps/v1", "kind": "ReplicaSet", "name": format!("{of}-{hash}"),
                "uid": format!("r-{of}-{hash}"), "controller": true}]},
        "spec": spec,
        "status": {"phase": "Running", "podIP": "10.0.0.1", "conditions": [{"type": "Ready", "status": "True"}]},
    })
}

/// A namespace `shop` with one deployment of so many pods.
pub fn shop(pods: usize) -> Answers {
    let mut answers = Answers::default();
    answers.add("/api/v1", "namespaces", json!({"metadata": {"name": "shop", "uid": "n"}}));
    answers.add("/apis/apps/v1", "deployments", deployment("web"));
    answers.add("/apis/apps/v1", "replicasets", replica_set("web", "abc"));
    (0..pods).for_each(|number| answers.add("/api/v1", "pods", pod("web", "abc", number)));
    answers
}
