use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::image::{GRAMMAR, ImageReference};
use crate::profile::Profile;
use crate::resource::Kind;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers without an image, and images whose reference no container runtime can read.
    ///
    /// ## Why
    /// The kubelet gives up with `InvalidImageName` and does not try again until somebody changes
    /// the pod. What looks like an image and is none is most often a placeholder that nobody filled
    /// in, or a URL with its scheme.
    ///
    /// ## Bad
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: https://registry.example.com/app:1.4 # finding
    /// ```
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: registry.example.com/App:1.4 # finding
    /// ```
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: # finding
    /// ```
    /// ## Good
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: registry.example.com/app:1.4
    /// ```
    "image-reference-invalid" {
        summary: "image reference is not valid",
        help: "write `registry/repository:tag@digest`, all but the tag in lower case",
        category: Category::Image,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Baseline,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "!container.?image.orValue('').matches('^' + variables.imageGrammar.join('') + '$')",
        )
        .with(&[("imageGrammar", &GRAMMAR)])),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let path = || container.path().key("image");
    match container.get("image").map_or("", Value::raw) {
        "" if is_partial(container) => {}
        "" => {
            sink.report(path(), format!("container `{}` has no image", container.name()));
        }
        text => {
            if let Err(invalid) = ImageReference::parse(text) {
                sink.report(path(), format!("`{text}` is no image reference: {invalid}"));
            }
        }
    }
}

/// Whether the workload is a patch for another one, which may leave out what it does not change.
fn is_partial(container: &Container<'_>) -> bool {
    let workload = container.workload;
    let whole = match workload.kind() {
        Kind::Deployment | Kind::StatefulSet | Kind::DaemonSet | Kind::ReplicaSet => {
            workload.resource.spec("selector").is_some()
        }
        kind => kind != Kind::Other,
    };
    !whole
}
