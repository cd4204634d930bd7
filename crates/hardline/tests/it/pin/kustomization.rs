//! Images that kustomizations say.

use std::fs;

use snapbox::cmd::Command;

use super::registry::{Registry, image};
use super::{Folder, Run};

/// A base with placeholders for images, and an overlay that says what they are.
fn overlay(address: &str) -> Folder {
    let folder = Folder(tempfile::tempdir().unwrap());
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    };
    write(
        "base/shop.yaml",
        "apiVersion: v1\nkind: Pod\nmetadata: {name: shop}\nspec:\n  containers:\n    - {name: shop, image: SHOP}\n    \
         - {name: cart, image: cart}\n",
    );
    write("base/kustomization.yaml", "resources: [shop.yaml]\n");
    write(
        "overlay/kustomization.yaml",
        &format!(
            "# The overlay.\nresources: [../base] # relative\nimages:\n  # The shop itself.\n  - name: SHOP\n    newName: \
             {address}/shop\n    newTag: \"1.4\" # keep\n\n  - {{name: cart, newName: {address}/cart, newTag: v2}}\n"
        ),
    );
    folder
}

fn text(folder: &Folder) -> String {
    fs::read_to_string(folder.path().join("overlay/kustomization.yaml")).unwrap()
}

#[test]
fn the_images_of_kustomizations_are_pinned_in_place() {
    let registry = Registry::start();
    let shop = registry.push("shop", "1.4", &image("shop"));
    let cart = registry.push("cart", "v2", &image("cart"));
    let folder = overlay(&registry.address);
    let before = text(&folder);
    let pinned = before
        .replace("\"1.4\" # keep\n", &format!("\"1.4\" # keep\n    digest: {shop}\n"))
        .replace("newTag: v2}", &format!("newTag: v2, digest: \"{cart}\"}}"));
    let name = format!("{}/shop:1.4", registry.address);

    let message = format!("overlay/kustomization.yaml:5:5: image `{name}` is not pinned by a digest");
    folder.pin(&["--check"]).assert(1, &message).assert(1, "2 to be looked at");
    folder.pin(&["--diff"]).assert(0, &format!("+    digest: {shop}"));
    assert_eq!(text(&folder), before, "--diff writes nothing");
    folder.pin(&[]).assert(0, &format!("image `{name}` is {shop}")).assert(0, "2 pinned");
    assert_eq!(text(&folder), pinned);
    folder.pin(&[]).assert(0, "2 unchanged");
    folder.pin(&["--check"]).assert(0, "2 unchanged");

    let moved = registry.push("shop", "1.4", &image("moved"));
    folder.pin(&["--check"]).assert(1, &format!("the tag of image `{name}@{shop}` has moved: it is {moved} now"));
    folder.pin(&["--update"]).assert(0, "1 pinned, 1 unchanged");
    assert_eq!(text(&folder), pinned.replace(&shop, &moved));
}

#[test]
fn what_kustomize_builds_has_the_digests() {
    let registry = Registry::start();
    let shop = registry.push("shop", "1.4", &image("shop"));
    registry.push("cart", "v2", &image("cart"));
    let folder = overlay(&registry.address);
    let kustomize = hardline_controlplane::tool("kustomize").unwrap();
    let pin = |arguments: &[&str]| Run::of(folder.command(arguments).env("PATH", kustomize.parent().unwrap()));
    pin(&["overlay"]).assert(0, "2 pinned");
    let built = Run::of(Command::new(&kustomize).arg("build").arg(folder.path().join("overlay")));
    built.assert(0, &format!("image: {}/shop:1.4@{shop}", registry.address));

    let report: serde_json::Value =
        serde_json::from_str(&pin(&["overlay", "--check", "--format", "json"]).stdout).unwrap();
    let images = report["images"].as_array().unwrap();
    assert_eq!(images.len(), 2, "what is rendered is not told twice: {report:#}");
    assert_eq!(images[0]["resource"]["kind"], "Kustomization");
    assert_eq!(images[0]["path"], "/images/0");
}

#[test]
fn images_that_reach_the_cluster_as_they_are_written_are_pinned_where_they_are_written() {
    let registry = Registry::start();
    for name in ["shop", "cart"] {
        registry.push(name, "v2", &image(name));
    }
    let folder = overlay(&registry.address);
    // A second overlay takes the base as it is.
    let other = folder.path().join("other");
    fs::create_dir(&other).unwrap();
    fs::write(other.join("kustomization.yaml"), "resources: [../base]\nimages: [{name: SHOP, newName: shop}]\n")
        .unwrap();
    let run = folder.pin(&["--check"]);
    run.assert(1, "base/shop.yaml:7:27: image `cart` is not pinned");
    run.assert(1, "other/kustomization.yaml: image `SHOP` has no `newTag`: its digest cannot be asked for");
    assert!(!run.stdout.contains("SHOP"), "{}", run.stdout);
}

#[test]
fn kustomizations_that_cannot_be_read_fail_and_hide_no_others() {
    let registry = Registry::start();
    registry.push("shop", "1.4", &image("shop"));
    registry.push("cart", "v2", &image("cart"));
    let folder = overlay(&registry.address);
    fs::create_dir(folder.path().join("broken")).unwrap();
    fs::write(folder.path().join("broken/kustomization.yaml"), "images: [{name: a\n").unwrap();
    folder.pin(&[]).assert(2, "error: broken/kustomization.yaml:").assert(2, "2 pinned, 1 failed");
    fs::remove_dir_all(folder.path().join("overlay")).unwrap();
    fs::remove_dir_all(folder.path().join("base")).unwrap();
    fs::remove_dir_all(folder.path().join("broken")).unwrap();
    folder.pin(&[]).assert(2, "nothing to pin: neither a Kubernetes object nor a kustomization in the input");
}
