use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::image::{GRAMMAR, ImageReference};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags images that are not pinned by a digest.
    ///
    /// ## Why
    /// A tag can be pushed again. Then two nodes run two builds under one name, a rollback is none,
    /// and whoever gets hold of the registry's credentials puts code into production without
    /// touching the cluster. A digest names the bytes. Keep the tag beside it for people:
    /// `app:1.4@sha256:…`. Images tagged `latest` are reported by `image-tag-latest`.
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
    ///       image: example.com/app:1.4 # finding
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
    ///       image: example.com/app:1.4@sha256:5b0d2c0a3e8f4c7d9a1b6e2f3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f
    /// ```
    "image-digest-missing" {
        summary: "image is not pinned by a digest",
        help: "append the digest of the image that was tested",
        category: Category::Image,
        severity: Severity::Medium,
        since: "0.1.0",
        profile: Profile::Production,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?image.orValue('').matches('^' + variables.imageGrammar.join('') + '$') && \
             container.?image.orValue('').matches('^[^@]+:[^/:@]+$') && \
             !container.?image.orValue('').endsWith(':latest')",
        )
        .with(&[("imageGrammar", &GRAMMAR)])),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(text) = container.image() else { return };
    let Ok(image) = ImageReference::parse(text) else { return };
    // `latest` is the matter of `image-tag-latest`.
    if image.pulled_tag().is_some_and(|tag| tag != "latest") {
        let message = format!("image `{text}` of container `{}` has no digest", container.name());
        sink.report(container.path().key("image"), message);
    }
}
