//! Releases among objects, and the objects of releases.

use hardline_core::resource::Resource;
use hardline_manifest::load::Loaded;
use hardline_manifest::release::{self as helm, Release};

/// The releases that objects hold, every revision of each, and what people should know about them.
pub(super) fn releases<'r>(objects: impl IntoIterator<Item = &'r Resource>) -> (Vec<Release>, Vec<String>) {
    let (mut releases, mut notices) = (Vec::new(), Vec::new());
    for object in objects.into_iter().filter(|object| helm::is_release(object)) {
        match helm::decode(object) {
            Ok(release) => releases.push(release),
            Err(error) => notices.push(format!("{} is no release that can be read: {error}", object.id())),
        }
    }
    for release in &helm::current(releases.clone()) {
        let newest = releases.iter().filter(|it| it.name == release.name && it.namespace == release.namespace);
        if let Some(newest) = newest.max_by_key(|it| it.revision).filter(|it| it.revision > release.revision) {
            notices.push(format!(
                "release {}/{}: revision {} is {}, and may be applied in part; compared is revision {}",
                release.namespace, release.name, newest.revision, newest.status, release.revision
            ));
        }
    }
    (releases, notices)
}

/// The objects of releases.
pub(super) fn objects(releases: &[Release]) -> Loaded {
    let mut loaded = Loaded::default();
    for release in releases {
        loaded.add_source(release.source(), Some(&release.namespace));
    }
    loaded
}
