//! Images in manifests, what to ask registries about them, and what the answers mean.

use std::borrow::Cow;
use std::collections::BTreeMap;
use std::sync::Arc;

use hardline_core::edit::Edit;
use hardline_core::image::ImageReference;
use hardline_core::path::FieldPath;
use hardline_core::resource::{Resource, ResourceId};
use hardline_core::source::{Position, Source};
use hardline_core::tree::Value;
use hardline_core::workload::Workload;
use hardline_manifest::edit::Target;

use super::kustomization;
use crate::registry::{Error, Manifest};

/// What registries said: digests, or why there is none.
pub(super) type Answers = BTreeMap<Manifest, Result<String, Error>>;

/// What is to be done with images.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Task {
    /// Pin those that have no digest.
    Pin,
    /// Pin all that have a tag, to what the tag is now.
    Update,
    /// Find those that are not pinned, and those whose digest or tag is not what it was.
    Check,
}

/// An image where a manifest or a kustomization names it.
pub(super) struct Image<'a> {
    pub(super) holder: Holder<'a>,
    /// The field of a manifest, the entry of a kustomization.
    pub(super) path: FieldPath,
    /// As the manifest has it.
    pub(super) text: Cow<'a, str>,
}

/// What an image is written in.
#[derive(Clone, Copy)]
pub(super) enum Holder<'a> {
    /// An object with a pod template.
    Resource(&'a Resource),
    /// A kustomization, which is a document of its file.
    Kustomization { root: Value<'a>, document: usize },
}

impl<'a> Holder<'a> {
    fn value(self) -> Value<'a> {
        match self {
            Self::Resource(resource) => resource.value(),
            Self::Kustomization { root, .. } => root,
        }
    }

    pub(super) fn source(self) -> &'a Arc<Source> {
        match self {
            Self::Resource(resource) => resource.source(),
            Self::Kustomization { root, .. } => root.tree().source(),
        }
    }

    pub(super) fn id(self) -> ResourceId {
        match self {
            Self::Resource(resource) => resource.id(),
            Self::Kustomization { root, .. } => kustomization::id(root),
        }
    }

    pub(super) fn target(self) -> Target {
        match self {
            Self::Resource(resource) => Target::of(resource),
            Self::Kustomization { document, .. } => Target { document, item: FieldPath::ROOT },
        }
    }
}

/// How it stands with an image.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Standing {
    /// Nothing is to be done.
    Kept,
    /// It should be written like this.
    Pinned(String),
    /// It has no digest.
    Unpinned,
    /// Its tag has another digest now, or is gone.
    Moved(Option<String>),
    /// The registry does not have its digest.
    Missing,
    /// It is not known, and why.
    Failed(String),
}

/// The images of containers, and those that are mounted as volumes (KEP-4639).
pub(super) fn all<'a>(resources: impl IntoIterator<Item = &'a Resource>) -> Vec<Image<'a>> {
    let mut images = Vec::new();
    for workload in resources.into_iter().filter_map(Workload::of) {
        let resource = workload.resource;
        let containers = workload.containers().map(|container| (container.path().key("image"), container.get("image")));
        let reference = ["image", "reference"];
        let volumes = workload.volumes().map(|volume| (volume.path().keys(&reference), volume.value.at(&reference)));
        let named = containers.chain(volumes).filter_map(|(path, value)| Some((path, value.and_then(Value::str)?)));
        let holder = Holder::Resource(resource);
        images.extend(named.map(|(path, text)| Image { holder, path, text: text.into() }));
    }
    images
}

impl Image<'_> {
    /// Where it is written.
    pub(super) fn position(&self) -> Position {
        let span = self.holder.value().follow(&self.path).value.span();
        self.holder.source().position(span.start)
    }

    /// What makes it a pinned one. A kustomization keeps the digest in a field of its own.
    pub(super) fn edit(&self, pinned: &str) -> Edit {
        match (self.holder, pinned.split_once('@')) {
            (Holder::Kustomization { .. }, Some((_, digest))) => Edit::set(self.path.clone().key("digest"), digest),
            _ => Edit::set(self.path.clone(), pinned),
        }
    }

    /// What has yet to be asked.
    pub(super) fn question(&self, task: Task, answers: &Answers) -> Option<Manifest> {
        let image = ImageReference::parse(&self.text).ok()?;
        let question = match (task, image.digest) {
            (Task::Pin, Some(_)) | (Task::Check, None) => return None,
            (Task::Pin | Task::Update, _) => tag(&image)?,
            (Task::Check, Some(digest)) => match tag(&image) {
                Some(tag) if !answers.contains_key(&tag) => tag,
                Some(tag) if answers[&tag].as_deref().ok() == Some(digest) => return None,
                _ => Manifest::of(&image, digest),
            },
        };
        (!answers.contains_key(&question)).then_some(question)
    }

    /// How it stands, once all is asked.
    pub(super) fn standing(&self, task: Task, answers: &Answers) -> Standing {
        let image = match ImageReference::parse(&self.text) {
            Ok(image) => image,
            Err(error) => return Standing::Failed(format!("`{}` is no image reference: {error}", self.text)),
        };
        let tag = tag(&image);
        let tag_answer = tag.as_ref().and_then(|tag| answers.get(tag));
        match (task, image.digest) {
            (Task::Pin, Some(_)) => Standing::Kept,
            (Task::Check, None) => Standing::Unpinned,
            (Task::Check, Some(digest)) => {
                if let Some(Ok(now)) = tag_answer
                    && now == digest
                {
                    return Standing::Kept;
                }
                match (answers.get(&Manifest::of(&image, digest)), tag_answer) {
                    (Some(Err(Error::NotFound(_))), _) => Standing::Missing,
                    (Some(Err(error)), _) | (_, Some(Err(error))) if !matches!(error, Error::NotFound(_)) => {
                        self.failed(error)
                    }
                    (_, Some(Ok(now))) => Standing::Moved(Some(now.clone())),
                    (_, Some(Err(_))) => Standing::Moved(None),
                    (_, None) => Standing::Kept,
                }
            }
            (Task::Pin | Task::Update, digest) => match tag_answer {
                None => Standing::Kept,
                Some(Ok(now)) if digest == Some(now) => Standing::Kept,
                Some(Ok(now)) => Standing::Pinned(format!("{}@{now}", self.without_digest())),
                Some(Err(error)) => self.failed(error),
            },
        }
    }

    fn failed(&self, error: &Error) -> Standing {
        Standing::Failed(format!("image `{}`: {error}", self.text))
    }

    fn without_digest(&self) -> &str {
        self.text.split_once('@').map_or(&*self.text, |(name, _)| name)
    }
}

/// The manifest that the tag of an image names: `latest` where neither tag nor digest is written.
fn tag(image: &ImageReference<'_>) -> Option<Manifest> {
    let tag = image.tag.or(image.pulled_tag())?;
    Some(Manifest::of(image, tag))
}

impl Standing {
    /// One word for it, for programs.
    pub(super) fn name(&self) -> &'static str {
        match self {
            Self::Kept => "kept",
            Self::Pinned(_) => "pinned",
            Self::Unpinned => "unpinned",
            Self::Moved(_) => "moved",
            Self::Missing => "missing",
            Self::Failed(_) => "failed",
        }
    }

    /// A sentence about an image that stands so; `None` where nothing is to be said.
    pub(super) fn message(&self, image: &str) -> Option<String> {
        match self {
            Self::Kept => None,
            Self::Pinned(pinned) => {
                let digest = pinned.split_once('@').map_or(pinned.as_str(), |(_, digest)| digest);
                Some(format!("image `{image}` is {digest}"))
            }
            Self::Unpinned => Some(format!("image `{image}` is not pinned by a digest")),
            Self::Moved(Some(now)) => Some(format!("the tag of image `{image}` has moved: it is {now} now")),
            Self::Moved(None) => Some(format!("the tag of image `{image}` is gone from the registry")),
            Self::Missing => {
                Some(format!("the digest of image `{image}` is gone from the registry: it cannot be pulled"))
            }
            Self::Failed(message) => Some(message.clone()),
        }
    }
}
