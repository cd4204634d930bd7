use crate::cel::Cel;
use crate::declare_rule;
use crate::finding::Sink;
use crate::image::{GRAMMAR, ImageReference};
use crate::pattern;
use crate::rule::{Category, Check, Severity};
use crate::workload::Container;

declare_rule! {
    /// Flags images from a registry that is not one of the allowed ones. Nothing is flagged until some
    /// are allowed.
    ///
    /// ## Why
    /// An image from a public registry is pulled when the node is new, at the hour when the registry
    /// limits the rate, is down, or no longer has it; and what is in it was never scanned.
    ///
    /// ## Settings
    /// `settings.allowedRegistries` lists registries, with a path where only a part is allowed; `*`
    /// stands for any characters. An image that names no registry is `docker.io`'s.
    /// ```yaml settings
    /// settings:
    ///   allowedRegistries: [registry.example.com, ghcr.io/example]
    /// ```
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
    ///       image: registry.example.com/app:1.4
    ///     - name: proxy
    ///       image: nginx:1.29 # finding
    ///     - name: agent
    ///       image: ghcr.io/examples/agent:2.1 # finding
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
    ///     - name: agent
    ///       image: ghcr.io/example/agent:2.1
    /// ```
    "image-registry-forbidden" {
        summary: "image is from a registry that is not allowed",
        help: "copy the image into an allowed registry",
        category: Category::Image,
        severity: Severity::High,
        since: "0.1.0",
        check: Check::Container(check),
        cel: Some(
            Cel::flags(
                "variables.allowedRegistries != '' && \
                 container.?image.orValue('').matches('^' + variables.imageGrammar.join('') + '$') && \
                 ![container.image.find('^' + variables.imageGrammar[0] + variables.imageGrammar[1])].exists(name, \
                 (name.matches('^(localhost|[^/]*[.:A-Z][^/]*)/') ? name : \
                 'docker.io/' + (name.contains('/') ? '' : 'library/') + name).matches(variables.allowedRegistries))",
            )
            .with(&[("imageGrammar", &GRAMMAR)]),
        ),
    }
}

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    let allowed = &sink.settings().allowed_registries;
    if allowed.is_empty() {
        return;
    }
    let Some(Ok(image)) = container.image().map(ImageReference::parse) else { return };
    let registry = image.registry.unwrap_or("docker.io");
    let place = match image.registry {
        None if !image.repository.contains('/') => format!("{registry}/library/{}", image.repository),
        _ => format!("{registry}/{}", image.repository),
    };
    let allows = |pattern: &String| {
        let pattern = pattern.trim_end_matches('/');
        // All that begins with the pattern, whole parts of the path only.
        place
            .match_indices('/')
            .map(|(at, _)| &place[..at])
            .chain([&*place])
            .any(|part| pattern::matches(pattern, part))
    };
    if !allowed.iter().any(allows) {
        let message = format!("the image of container `{}` is from `{registry}`: `{place}`", container.name());
        sink.report(container.path().key("image"), message);
    }
}
