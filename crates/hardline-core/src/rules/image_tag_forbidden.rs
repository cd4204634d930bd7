use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::image::ImageReference;
use crate::pattern;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags images whose tag says that they must not reach a cluster.
    ///
    /// ## Why
    /// A tag such as `v1.2.3-debug-DONT-PUSH` is a note from a colleague: this build has a
    /// debugger, a back door for tests, or code that nobody reviewed. The rule reads it before the
    /// rollout does. It looks at the words between `.`, `-`, `_` and `+`, whatever their case:
    /// `1.4-debug` and `debug-nonroot` have the word `debug`, `1.4-debugger` has not. A digest
    /// beside the tag changes nothing: it pins the same build.
    ///
    /// ## Settings
    /// `settings.forbiddenTags` lists the words; `*` stands for any characters within one, and words
    /// with separators such as `dont-push` stand for several next to each other.
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
    ///       image: example.com/app:v1.2.3-debug-DONT-PUSH # finding
    /// ```
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: gcr.io/distroless/base:debug-nonroot # finding
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
    ///       image: example.com/app:v1.2.3
    /// ```
    /// ```yaml good
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: app
    /// spec:
    ///   containers:
    ///     - name: app
    ///       image: example.com/debug:1.4-debugger
    /// ```
    "image-tag-forbidden" {
        summary: "image tag is one that must not be deployed",
        help: "deploy a build that was released",
        category: Category::Image,
        severity: Severity::Critical,
        since: "0.1.0",
        profile: Profile::Production,
        check: Check::Container(check),
        cel: Some(Cel::flags(
            "container.?image.orValue('').lowerAscii().split('@')[0].matches(variables.forbiddenTags)",
        )),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let Some(Ok(image)) = container.image().map(ImageReference::parse) else { return };
    let Some(tag) = image.tag else { return };
    let lower = tag.to_lowercase();
    let words: Vec<&str> = lower.split(SEPARATORS).collect();
    let forbidden: Vec<String> = sink
        .settings()
        .forbidden_tags
        .iter()
        .filter(|forbidden| contains(&words, &forbidden.to_lowercase()))
        .map(|forbidden| format!("`{forbidden}`"))
        .collect();
    if !forbidden.is_empty() {
        let (name, says) = (container.name(), forbidden.join(" and "));
        sink.report(
            container.path().key("image"),
            format!("the image of container `{name}` has the tag `{tag}`, which says {says}"),
        );
    }
}

const SEPARATORS: [char; 4] = ['.', '-', '_', '+'];

/// Whether the words of a forbidden tag stand among those of a tag, next to each other.
fn contains(words: &[&str], forbidden: &str) -> bool {
    let patterns: Vec<&str> = forbidden.split(SEPARATORS).collect();
    let fit = |words: &[&str]| patterns.iter().zip(words).all(|(pattern, word)| pattern::matches(pattern, word));
    words.windows(patterns.len()).any(fit)
}
