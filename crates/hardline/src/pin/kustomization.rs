//! Images in the `images` of kustomizations, which say what others in manifests become.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use hardline_core::path::FieldPath;
use hardline_core::resource::{Resource, ResourceId};
use hardline_core::source::Source;
use hardline_core::tree::{Tree, Value};
use hardline_manifest::document::{self, Problem};
use hardline_manifest::load;

use super::image::{self, Holder, Image};

/// A file of a kustomization.
pub(super) struct Kustomization {
    tree: Arc<Tree>,
    /// What it is made from: folders, absolute and without links, its own among them.
    folders: Vec<PathBuf>,
    /// The images that it gives another name, tag or digest.
    changed: BTreeSet<String>,
}

/// All kustomizations of the input.
#[derive(Default)]
pub(super) struct Kustomizations {
    read: Vec<Kustomization>,
    /// What is wrong with those that cannot be read, each with its place.
    pub(super) malformed: Vec<String>,
    /// What cannot be pinned here, one sentence each.
    pub(super) notices: Vec<String>,
}

impl Kustomizations {
    pub(super) fn read(files: &[PathBuf]) -> Self {
        let mut all = Self::default();
        for file in files {
            match fs::read_to_string(file) {
                Ok(text) => all.add(file, text),
                Err(error) => all.malformed.push(format!("{}: cannot be read: {error}", name(file))),
            }
        }
        all
    }

    fn add(&mut self, file: &Path, text: String) {
        let source = Arc::new(Source::new(name(file), text));
        let documents = document::parse(&source);
        let malformed = |problem: &Problem| {
            let position = source.position(problem.span.start);
            format!("{}:{}:{}: {}", source.name, position.line, position.column, problem.message)
        };
        self.malformed.extend(documents.problems.iter().map(malformed));
        let mut changed = BTreeSet::new();
        for entry in documents.tree.roots().filter_map(|root| root.get("images")).flat_map(Value::items) {
            let field = |key| entry.get(key).and_then(Value::str);
            let Some(image) = field("name") else { continue };
            let named = ["newName", "newTag", "digest"].map(|key| field(key).is_some());
            if named.contains(&true) {
                changed.insert(image.to_owned());
            }
            if named == [true, false, false] {
                let name = &source.name;
                self.notices.push(format!("{name}: image `{image}` has no `newTag`: its digest cannot be asked for"));
            }
        }
        let directory = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let folders = load::made_from(directory);
        self.read.push(Kustomization { tree: documents.tree, folders, changed });
    }

    /// The images that the kustomizations say, as manifests have them in the end.
    pub(super) fn images(&self) -> Vec<Image<'_>> {
        self.read.iter().flat_map(Kustomization::images).collect()
    }

    /// Whether whoever applies this file gets another image in the place of this one: every
    /// kustomization that it ends in changes it.
    pub(super) fn change(&self, image: &str, file: &Path) -> bool {
        if self.read.is_empty() {
            return false;
        }
        let parent = file.parent().filter(|parent| !parent.as_os_str().is_empty()).unwrap_or(Path::new("."));
        let Ok(folder) = parent.canonicalize() else { return false };
        let (name, ..) = hardline_core::image::parts(image);
        let mut ends = self.read.iter().filter(|one| one.folders.contains(&folder) && !self.is_used(one)).peekable();
        ends.peek().is_some() && ends.all(|end| self.parts(end).any(|part| part.changed.contains(name)))
    }

    /// Whether another kustomization is made from this one.
    fn is_used(&self, one: &Kustomization) -> bool {
        let Some(folder) = one.folders.first() else { return false };
        self.read.iter().any(|other| other.folders.first() != Some(folder) && other.folders.contains(folder))
    }

    /// The kustomizations that one is made from, itself among them.
    fn parts<'a>(&'a self, one: &'a Kustomization) -> impl Iterator<Item = &'a Kustomization> {
        self.read.iter().filter(|part| part.folders.first().is_some_and(|folder| one.folders.contains(folder)))
    }
}

impl Kustomization {
    /// Where both are written, Kustomize makes `name:tag@digest` of `newTag` and `digest`; `tagSuffix`
    /// counts only without them.
    fn images(&self) -> Vec<Image<'_>> {
        let mut images = Vec::new();
        for (document, root) in self.tree.roots().enumerate() {
            let entries = root.get("images").into_iter().flat_map(Value::items).enumerate();
            images.extend(entries.filter_map(|(index, entry)| {
                let field = |key| entry.get(key).and_then(Value::str);
                let name = field("newName").or_else(|| field("name"))?;
                let text = match (field("newTag"), field("digest")) {
                    (Some(tag), Some(digest)) => format!("{name}:{tag}@{digest}"),
                    (Some(tag), None) => format!("{name}:{tag}"),
                    (None, Some(digest)) => format!("{name}@{digest}"),
                    (None, None) => return None,
                };
                let path = FieldPath::of(&["images"]).index(index);
                Some(Image { holder: Holder::Kustomization { root, document }, path, text: text.into() })
            }));
        }
        images
    }
}

/// What to call a kustomization: those of Kustomize's format go without saying.
pub(super) fn id(root: Value<'_>) -> ResourceId {
    let field = |key, default: &str| root.get(key).and_then(Value::str).unwrap_or(default).to_owned();
    ResourceId {
        api_version: field("apiVersion", "kustomize.config.k8s.io/v1beta1"),
        kind: field("kind", "Kustomization"),
        namespace: None,
        name: root.at(&["metadata", "name"]).and_then(Value::str).unwrap_or_default().to_owned(),
    }
}

/// The images of manifests, without those that kustomizations change on their way to a cluster, and
/// without what is rendered if kustomizations say it.
pub(super) fn remaining<'a>(resources: &'a [Resource], kustomizations: &Kustomizations) -> Vec<Image<'a>> {
    let said: BTreeSet<String> = kustomizations.images().into_iter().map(|image| image.text.into_owned()).collect();
    let mut images = image::all(resources);
    images.retain(|image| match image.holder.source() {
        source if source.rendered => !said.contains(&*image.text),
        source => !kustomizations.change(&image.text, Path::new(&source.name)),
    });
    images
}

fn name(file: &Path) -> String {
    file.strip_prefix(".").unwrap_or(file).display().to_string()
}
