//! `hardline pin`, against Debian's `docker-registry` and, for what no real registry does, mocks.

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

mod kustomization;
mod lies;
mod mock;
mod registry;

use std::fs;
use std::path::Path;

use snapbox::cmd::Command;
use tempfile::TempDir;

use crate::hardline;
use registry::{Registry, image};

/// A folder with manifests, and what `hardline pin` does with it.
struct Folder(TempDir);

/// What a run gave.
struct Run {
    code: i32,
    stdout: String,
    stderr: String,
}

impl Folder {
    /// With a Deployment of one container for each image.
    fn of(images: &[&str]) -> Self {
        let containers = images.iter().enumerate().map(|(index, image)| {
            format!("        - name: c{index} # container {index}\n          image: {image} # image {index}\n")
        });
        let text = format!(
            "# The shop.\napiVersion: apps/v1\nkind: Deployment\nmetadata: {{name: shop}}\nspec:\n  template:\n    \
             spec:\n      containers:\n{}",
            containers.collect::<String>()
        );
        let folder = Self(tempfile::tempdir().unwrap());
        fs::write(folder.0.path().join("shop.yaml"), text).unwrap();
        folder
    }

    fn path(&self) -> &Path {
        self.0.path()
    }

    fn text(&self) -> String {
        fs::read_to_string(self.path().join("shop.yaml")).unwrap()
    }

    /// The command, which sees neither this machine's credentials nor its proxies.
    fn command(&self, arguments: &[&str]) -> Command {
        let mut command = hardline(&["pin"]).args(arguments).current_dir(self.path());
        for name in ["HTTP_PROXY", "HTTPS_PROXY", "ALL_PROXY", "http_proxy", "https_proxy", "all_proxy"] {
            command = command.env_remove(name);
        }
        command.env("DOCKER_CONFIG", self.path())
    }

    fn pin(&self, arguments: &[&str]) -> Run {
        Run::of(self.command(arguments))
    }
}

impl Run {
    fn of(command: Command) -> Self {
        let output = command.output().expect("the binary runs");
        let text = |bytes: Vec<u8>| String::from_utf8(bytes).expect("the output is UTF-8");
        let code = output.status.code().expect("it exits");
        Self { code, stdout: text(output.stdout), stderr: text(output.stderr) }
    }

    /// Asserts the exit code and a text on either stream.
    #[track_caller]
    fn assert(&self, code: i32, text: &str) -> &Self {
        let Self { stdout, stderr, .. } = self;
        assert_eq!(self.code, code, "{stdout}\n{stderr}");
        assert!(stdout.contains(text) || stderr.contains(text), "no {text:?} in:\n{stdout}\n{stderr}");
        self
    }
}

#[test]
fn tags_become_digests_of_the_whole_index() {
    let registry = Registry::start();
    let digest = registry.push_index("team/shop", "1.4", &[image("amd64"), image("arm64")]);
    let name = format!("{}/team/shop:1.4", registry.address);
    let folder = Folder::of(&[&name, &name]);
    let before = folder.text();

    folder.pin(&["--diff"]).assert(0, &format!("+          image: {name}@{digest} # image 0"));
    assert_eq!(folder.text(), before, "--diff writes nothing");
    folder.pin(&["--check"]).assert(1, &format!("shop.yaml:10:18: image `{name}` is not pinned by a digest"));

    folder.pin(&[]).assert(0, &format!("shop.yaml:10:18: image `{name}` is {digest}"));
    assert_eq!(folder.text(), before.replace(&name, &format!("{name}@{digest}")), "nothing else changes");
    let pinned = folder.text();
    folder.pin(&[]).assert(0, "2 unchanged");
    folder.pin(&["--update"]).assert(0, "2 unchanged");
    folder.pin(&["--check"]).assert(0, "2 unchanged");
    assert_eq!(folder.text(), pinned);
}

#[test]
fn check_finds_tags_that_moved_and_digests_that_are_gone() {
    let registry = Registry::start();
    let old = registry.push("shop", "1.4", &image("old"));
    let name = format!("{}/shop:1.4", registry.address);
    let folder = Folder::of(&[&name, &format!("{}/shop@{old}", registry.address)]);
    folder.pin(&[]).assert(0, "1 pinned, 1 unchanged");
    folder.pin(&["--check"]).assert(0, "2 unchanged");

    let new = registry.push("shop", "1.4", &image("new"));
    assert_ne!(old, new);
    let moved = format!("shop.yaml:10:18: the tag of image `{name}@{old}` has moved: it is {new} now");
    folder.pin(&["--check"]).assert(1, &moved).assert(1, "1 to be looked at, 1 unchanged");
    assert!(folder.text().contains(&old), "--check writes nothing");

    registry.delete("shop", &old);
    let gone = format!("shop.yaml:10:18: the digest of image `{name}@{old}` is gone from the registry");
    folder.pin(&["--check"]).assert(1, &gone).assert(1, "2 to be looked at");

    folder.pin(&["--update"]).assert(0, &format!("image `{name}@{old}` is {new}"));
    assert!(folder.text().contains(&format!("image: {name}@{new} # image 0")));
    registry.delete("shop", &new);
    folder.pin(&["--check"]).assert(1, &new).assert(1, "is gone from the registry");
}

#[test]
fn one_image_that_fails_does_not_stop_the_others() {
    let registry = Registry::start();
    let digest = registry.push("shop", "1", &image("a"));
    let names = ["shop:1", "shop:2", "missing:1"].map(|name| format!("{}/{name}", registry.address));
    let folder = Folder::of(&[&names[1], &names[0], &names[2], "'{{ image }}'"]);
    let run = folder.pin(&[]);
    run.assert(2, &format!("error: shop.yaml:10:18: image `{}`: {} does not have it", names[1], registry.address));
    run.assert(2, &format!("error: shop.yaml:14:18: image `{}`: ", names[2]));
    run.assert(2, "error: shop.yaml:16:18: `{{ image }}` is no image reference");
    run.assert(2, "1 pinned, 3 failed");
    assert!(folder.text().contains(&format!("image: {}@{digest} # image 1", names[0])));

    let report: serde_json::Value = serde_json::from_str(&folder.pin(&["--format", "json"]).stdout).unwrap();
    assert_eq!(report["schema"], "hardline.pin/v1");
    let statuses: Vec<_> = report["images"].as_array().unwrap().iter().map(|image| &image["status"]).collect();
    assert_eq!(statuses, ["failed", "kept", "failed", "failed"]);
    assert_eq!(report["images"][1]["location"]["line"], 12);
}

#[test]
fn credentials_are_those_of_docker_and_are_never_shown() {
    let registry = Registry::start_with_password("ops", "s3cret-pass");
    let digest = registry.push("shop", "1", &image("a"));
    let folder = Folder::of(&[&format!("{}/shop:1", registry.address)]);
    let config = folder.path().join("config.json");
    let write_config = |value: serde_json::Value| fs::write(&config, value.to_string()).unwrap();
    let auth = |password: &str| {
        use base64::Engine as _;
        base64::prelude::BASE64_STANDARD.encode(format!("ops:{password}"))
    };

    folder.pin(&[]).assert(2, &format!("{} refuses: no credentials, for {}", registry.address, config.display()));
    write_config(serde_json::json!({"auths": {"other.example.com": {"auth": auth("s3cret-pass")}}}));
    folder.pin(&[]).assert(2, &format!("{} has no credentials for it", config.display()));
    write_config(serde_json::json!({"auths": {registry.address.as_str(): {"auth": auth("wrong-pass")}}}));
    let run = folder.pin(&[]);
    run.assert(2, &format!("the credentials by {} do not suffice", config.display()));
    assert!(!run.stderr.contains("wrong-pass") && !run.stderr.contains(&auth("wrong-pass")), "{}", run.stderr);
    fs::write(&config, "{").unwrap();
    folder.pin(&[]).assert(2, &format!("{} cannot be read as Docker's configuration", config.display()));

    write_config(serde_json::json!({"auths": {registry.address.as_str(): {"auth": auth("s3cret-pass")}}}));
    let run = folder.pin(&["--diff"]);
    run.assert(0, &digest);
    assert!(!run.stdout.contains("s3cret-pass") && !run.stderr.contains("s3cret-pass"));
}

#[cfg(unix)]
#[test]
fn credential_helpers_are_asked_and_their_failures_hide_what_they_print() {
    use std::os::unix::fs::PermissionsExt as _;

    let registry = Registry::start_with_password("ops", "s3cret-pass");
    let digest = registry.push("shop", "1", &image("a"));
    let folder = Folder::of(&[&format!("{}/shop:1", registry.address)]);
    let helper = folder.path().join("docker-credential-test");
    let write_helper = |script: &str| {
        fs::write(&helper, format!("#!/bin/sh\ncat >/dev/null\n{script}\n")).unwrap();
        fs::set_permissions(&helper, fs::Permissions::from_mode(0o755)).unwrap();
    };
    let config = serde_json::json!({"credHelpers": {registry.address.as_str(): "test"}});
    fs::write(folder.path().join("config.json"), config.to_string()).unwrap();
    let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
    let pin = || Run::of(folder.command(&["--diff"]).env("PATH", &path));

    write_helper("echo s3cret-pass; echo s3cret-pass >&2; exit 1");
    let run = pin();
    run.assert(2, "`docker-credential-test`, which").assert(2, "fails");
    assert!(!run.stderr.contains("s3cret-pass"), "{}", run.stderr);
    write_helper("echo 'credentials not found in native keychain'; exit 1");
    pin().assert(2, "has no credentials for it");
    write_helper(r#"echo '{"Username":"ops","Secret":"s3cret-pass"}'"#);
    let run = pin();
    run.assert(0, &digest);
    assert!(!run.stdout.contains("s3cret-pass") && !run.stderr.contains("s3cret-pass"));
}

#[test]
fn certificates_of_a_private_authority_are_trusted_when_named() {
    let registry = Registry::start_with_tls();
    let digest = registry.push("shop", "1", &image("a"));
    let folder = Folder::of(&[&format!("{}/shop:1", registry.address)]);
    let run = folder.pin(&[]);
    run.assert(2, "its certificate is not trusted").assert(2, "`--ca-file`");
    let authority = registry.authority().display().to_string();
    folder.pin(&["--ca-file", &authority]).assert(0, &digest);
    folder.pin(&["--ca-file", "shop.yaml"]).assert(2, "`shop.yaml` has no certificate");
    folder.pin(&["--ca-file", "missing.pem"]).assert(2, "cannot read the certificates of `missing.pem`");
}

#[test]
fn files_that_cannot_be_written_keep_their_text() {
    let registry = Registry::start();
    registry.push("shop", "1", &image("a"));
    let folder = Folder::of(&[&format!("{}/shop:1", registry.address)]);
    let (file, before) = (folder.path().join("shop.yaml"), folder.text());
    let mut permissions = fs::metadata(&file).unwrap().permissions();
    permissions.set_readonly(true);
    fs::set_permissions(&file, permissions).unwrap();
    folder.pin(&[]).assert(2, "shop.yaml is read-only").assert(2, "1 failed");
    assert_eq!(folder.text(), before);
}

#[test]
fn standard_input_is_read_and_not_written() {
    let registry = Registry::start();
    let digest = registry.push("shop", "1", &image("a"));
    let folder = Folder::of(&[&format!("{}/shop:1", registry.address)]);
    let run = |arguments: &[&str]| Run::of(folder.command(arguments).stdin(folder.text()));
    run(&["-"]).assert(2, "standard input cannot be written");
    run(&["--diff", "-"]).assert(0, &format!("+          image: {}/shop:1@{digest}", registry.address));
    run(&["--check", "-"]).assert(1, "-:10:18: image");
}

#[test]
fn texts_that_cannot_be_read_fail_and_hide_no_others() {
    let registry = Registry::start();
    let digest = registry.push("shop", "1", &image("a"));
    let folder = Folder::of(&[&format!("{}/shop:1", registry.address)]);
    fs::write(folder.path().join("broken.yaml"), "apiVersion: v1\nkind: [Pod\n").unwrap();
    folder.pin(&[]).assert(2, "error: broken.yaml:").assert(2, "1 pinned, 1 failed");
    assert!(folder.text().contains(&digest));
}
