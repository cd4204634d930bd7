use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags images of registries that are frozen or shut down: `k8s.gcr.io`,
    /// `gcr.io/google_containers` and `gcr.io/google-containers`.
    ///
    /// ## Why
    /// `k8s.gcr.io` has had no new images since April 2023 and may go away any day. A pod that moves
    /// to a fresh node then waits for an image that nobody serves.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: k8s.gcr.io/pause:3.9 # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: registry.k8s.io/pause:3.9
    /// ```
    "image-registry-retired" {
        summary: "image is in a registry that is retired",
        help: "take the image from `registry.k8s.io`",
        category: Category::Image,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "variables.retiredRegistries.exists(registry, \
             container.?image.orValue('').startsWith(registry))",
        )
        .with(&[("retiredRegistries", &RETIRED)])),
    }
}

const RETIRED: [&str; 3] = ["k8s.gcr.io/", "gcr.io/google_containers/", "gcr.io/google-containers/"];

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(image) = container.image() else { return };
    if let Some(registry) = RETIRED.iter().find(|registry| image.starts_with(**registry)) {
        let message = format!("`{}` is frozen since 2023", registry.trim_end_matches('/'));
        sink.report(container.path().key("image"), message);
    }
}
