use crate::cel::Cel;
use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::Sink;
use crate::image::{GRAMMAR, ImageReference};
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags images whose tag moves, such as `latest`, with an `imagePullPolicy` that keeps what a
    /// node already has.
    ///
    /// ## Why
    /// Each node runs what the tag meant when it first pulled it. Two pods of one Deployment then run
    /// different programs, and a restart on another node changes the version at night.
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
    ///       image: example.com/web:latest
    ///       imagePullPolicy: IfNotPresent # finding
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
    ///       image: example.com/web:latest
    ///       imagePullPolicy: Always
    /// ```
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: example.com/web:1.4
    ///       imagePullPolicy: IfNotPresent
    /// ```
    "image-pull-stale" {
        summary: "node keeps an old image of a tag that moves",
        help: "pin the image by version or digest, or pull it `Always`",
        category: Category::Image,
        severity: Severity::Medium,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?imagePullPolicy.orValue('Always') != 'Always' && \
             container.?image.orValue('').matches('^' + variables.imageGrammar.join('') + '$') && \
             !container.?image.orValue('').contains('@') && \
             (container.?image.orValue('').endsWith(':latest') || \
             !container.?image.orValue('').matches(':[^/:]*$'))",
        )
        .with(&[("imageGrammar", &GRAMMAR)])),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    // Where nothing is written, `latest` is pulled always.
    let Some(kept) = container.get("imagePullPolicy").and_then(Value::str).filter(|pull| *pull != "Always") else {
        return;
    };
    let image = container.image().and_then(|image| ImageReference::parse(image).ok());
    if image.and_then(|image| image.pulled_tag()) == Some("latest") {
        let message =
            format!("`{kept}` keeps what each node once pulled as `latest` for container `{}`", container.name());
        let path = container.path().key("imagePullPolicy");
        let edits = vec![Edit::set(path.clone(), "Always")];
        sink.report(path, message).fix(Safety::Unsafe, "pull the image at each start", edits);
    }
}
