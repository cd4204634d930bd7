use crate::declare_rule;
use crate::finding::Sink;
use crate::image::ImageReference;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags images whose reference no container runtime can read.
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
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(image) = container.get("image") else { return };
    if let Err(invalid) = ImageReference::parse(image.raw()) {
        sink.report(container.path().key("image"), format!("`{}` is no image reference: {invalid}", image.raw()));
    }
}
