use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::image::{GRAMMAR, ImageReference};
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags images without a tag, or with the tag `latest`.
    ///
    /// ## Why
    /// What `latest` means changes without a rollout: a node that restarts at night pulls another
    /// build than its neighbours run, and rolling back the Deployment brings the same tag again.
    /// With a digest beside it the tag does no harm, and the rule is silent.
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
    ///       image: example.com/app # finding
    /// ```
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:latest # finding
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
    ///       image: example.com/app:1.4
    /// ```
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/app:latest@sha256:5b0d2c0a3e8f4c7d9a1b6e2f3c4d5e6f708192a3b4c5d6e7f8091a2b3c4d5e6f
    /// ```
    "image-tag-latest" {
        summary: "image tag is latest",
        help: "name the version that was tested, and its digest",
        category: Category::Image,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Production,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?image.orValue('').matches('^' + variables.imageGrammar.join('') + '$') && \
             !container.?image.orValue('').contains('@') && \
             (container.?image.orValue('').endsWith(':latest') || \
             !container.?image.orValue('').matches(':[^/:]*$'))",
        )
        .with(&[("imageGrammar", &GRAMMAR)])),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(text) = container.image() else { return };
    let Ok(image) = ImageReference::parse(text) else { return };
    if image.pulled_tag() == Some("latest") {
        let reason = if image.tag.is_some() { "moves with each build" } else { "has no tag, which means `latest`" };
        let message = format!("image `{text}` of container `{}` {reason}", container.name());
        sink.report(container.path().key("image"), message);
    }
}
