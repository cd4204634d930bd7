//! What inputs stand for, and what bad ones do.

use std::fs::{self, File};
use std::os::unix::fs::symlink;
use std::os::unix::net::UnixListener;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicUsize, Ordering};

use hardline_core::finding::{Finding, Place};
use hardline_manifest::load::{Error, Input, Loaded, Options, load};

use crate::inputs::{config_map, directory, names, try_read};

fn read<P: AsRef<Path>>(paths: &[P]) -> Loaded {
    try_read(paths, &Options::default()).unwrap()
}

/// `file:line: message`, with files relative to a directory.
fn findings(loaded: &Loaded, directory: &Path) -> Vec<String> {
    let describe = |finding: &Finding| {
        let Place::Text { source, span } = &finding.place else { panic!("{finding:?} is not in text") };
        let file = Path::new(&source.name).strip_prefix(directory).unwrap().display();
        format!("{file}:{}: {}", source.position(span.start).line, finding.message)
    };
    loaded.findings.iter().map(describe).collect()
}

#[test]
fn a_directory_gives_its_manifests_by_path_and_counts_the_rest() {
    let directory = directory(&[
        ("b.yaml", &config_map("b")),
        ("a/z.yml", &config_map("az")),
        ("a/a.json", r#"{"apiVersion": "v1", "kind": "ConfigMap", "metadata": {"name": "aa"}}"#),
        ("c.yaml", &(config_map("c1") + "---\n" + &config_map("c2"))),
        ("notes.txt", &config_map("notes")),
        (".hidden/d.yaml", &config_map("hidden")),
        ("tsconfig.json", "{ // not even JSON\n}"),
        ("empty.yaml", "# nothing\n"),
        ("compose.yaml", "services: {}\n"),
    ]);
    let loaded = read(&[directory.path()]);
    assert_eq!(names(&loaded), ["aa", "az", "b", "c1", "c2"]);
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
    assert_eq!(loaded.read.documents, 5);
    assert_eq!(loaded.read.skipped, 3, "the files of other tools, and the one that only has a comment");
}

#[test]
fn what_git_ignores_is_read_only_when_named() {
    let directory = directory(&[
        (".gitignore", "build/\n*.gen.yaml\n"),
        ("a.yaml", &config_map("a")),
        ("b.gen.yaml", &config_map("b")),
        ("build/c.yaml", &config_map("c")),
    ]);
    let git = Command::new("git").args(["init", "-q"]).current_dir(directory.path()).status().unwrap();
    assert!(git.success());
    assert_eq!(names(&read(&[directory.path()])), ["a"]);
    let named = [directory.path().join("b.gen.yaml"), directory.path().join("build")];
    assert_eq!(names(&read(&named)), ["b", "c"]);
}

#[test]
fn a_glob_stands_for_what_a_shell_makes_of_it() {
    let directory = directory(&[
        ("a/1.yaml", &config_map("a1")),
        ("a/b/2.yaml", &config_map("b2")),
        ("a/3.txt", &config_map("a3")),
        ("a/.4.yaml", &config_map("a4")),
    ]);
    let glob = |pattern: &str| read(&[directory.path().join(pattern)]);
    assert_eq!(names(&glob("a/*.yaml")), ["a1"]);
    assert_eq!(names(&glob("**/*.yaml")), ["a1", "b2"]);
    assert_eq!(names(&glob("a/[0-9].*")), ["a1", "a3"], "what a glob matches is named");
    assert!(matches!(try_read(&[directory.path().join("*.yml")], &Options::default()), Err(Error::NoMatch(_))));
    assert!(matches!(try_read(&[directory.path().join("***")], &Options::default()), Err(Error::Glob { .. })));
}

#[test]
fn a_file_is_read_once_however_often_it_is_reached() {
    let directory = directory(&[("a/1.yaml", &config_map("a1")), ("b.yaml", &config_map("b"))]);
    let path = directory.path();
    symlink(path.join("b.yaml"), path.join("link.yaml")).unwrap();
    symlink(path.join("a"), path.join("also-a")).unwrap();
    symlink("/", path.join("everything")).unwrap();
    symlink(path, path.join("a/circle")).unwrap();
    let loaded = read(&[path.join("b.yaml"), path.to_owned(), path.join("a"), path.join("a/../b.yaml")]);
    assert_eq!(names(&loaded), ["b", "a1"]);
    assert!(loaded.findings.is_empty(), "{:?}", loaded.findings);
}

#[test]
fn text_in_hand_is_read_under_its_name() {
    let text = Input::Text { name: "-".to_owned(), bytes: config_map("piped").into_bytes() };
    let options = Options { namespace: Some("shop".to_owned()), ..Options::default() };
    let loaded = load(vec![text], &options, &|_| {}).unwrap();
    assert_eq!(names(&loaded), ["piped"]);
    assert_eq!(loaded.resources[0].source().name, "-");
    assert_eq!(loaded.resources[0].namespace(), Some("shop"));
}

#[test]
fn nothing_is_no_verdict() {
    let empty = Input::Text { name: "-".to_owned(), bytes: Vec::new() };
    let error = load(vec![empty], &Options::default(), &|_| {}).unwrap_err();
    assert_eq!(error.to_string(), "nothing to judge: no Kubernetes object in the input");
    let directory = directory(&[("readme.md", ""), ("values.yaml", "replicas: 2\n")]);
    assert!(matches!(try_read(&[directory.path()], &Options::default()), Err(Error::Nothing(_))));
    let missing = directory.path().join("missing.yaml");
    let error = try_read(&[directory.path(), missing.as_path()], &Options::default()).unwrap_err();
    assert_eq!(error.to_string(), format!("{}: no such file or directory", missing.display()));
}

#[test]
fn what_cannot_be_read_is_a_finding_and_the_rest_is_read() {
    let directory = directory(&[("good.yaml", &config_map("good")), ("truncated.yaml", "apiVersion: v1\nkind: {a")]);
    let path = directory.path();
    fs::write(path.join("binary.yaml"), b"apiVersion: v1\n\x7fELF\0\0\xff").unwrap();
    fs::write(path.join("latin1.yaml"), b"apiVersion: v1\nkind: ConfigMap\nmetadata:\n  name: caf\xe9\n").unwrap();
    fs::write(path.join("nul.yaml"), b"apiVersion: v1\0\n").unwrap();
    fs::write(path.join("powershell.yaml"), b"\xff\xfea\0p\0i\0").unwrap();
    symlink("nowhere", path.join("dangling.yaml")).unwrap();
    symlink("nowhere", path.join("dangling")).unwrap();
    File::create(path.join("huge.yaml")).unwrap().set_len(200 << 20).unwrap();
    let _socket = UnixListener::bind(path.join("socket.yaml")).unwrap();
    assert!(Command::new("mkfifo").arg(path.join("pipe.yaml")).status().unwrap().success());

    let loaded = read(&[path]);
    assert_eq!(names(&loaded), ["good"]);
    let mut findings = findings(&loaded, path);
    let truncated = findings.pop().unwrap();
    assert!(truncated.starts_with("truncated.yaml:"), "{truncated}");
    assert_eq!(
        findings,
        [
            "binary.yaml:2: file is binary",
            "dangling.yaml:1: cannot be read: No such file or directory (os error 2)",
            "huge.yaml:1: 209715200 bytes are more than the 67108864 that are read of one file",
            "latin1.yaml:4: text is not UTF-8",
            "nul.yaml:1: file is binary",
            "powershell.yaml:1: text is UTF-16, not UTF-8",
        ]
    );
}

#[test]
fn a_pipe_that_is_named_is_read_up_to_the_limit() {
    let directory = tempfile::tempdir().unwrap();
    let pipe = directory.path().join("pipe");
    assert!(Command::new("mkfifo").arg(&pipe).status().unwrap().success());
    let write = |text: &'static [u8]| {
        let pipe = pipe.clone();
        // The reader may hang up before everything is written.
        std::thread::spawn(move || drop(fs::write(pipe, text)))
    };
    let read = |limit| {
        let options = Options { max_file_size: limit, ..Options::default() };
        load(vec![Input::Path(pipe.clone())], &options, &|_| {}).unwrap()
    };
    let text = b"apiVersion: v1\nkind: ConfigMap\nmetadata: {name: piped}\n";
    let writer = write(text);
    assert_eq!(names(&read(64)), ["piped"]);
    writer.join().unwrap();
    let writer = write(text);
    let loaded = read(10);
    writer.join().unwrap();
    assert!(loaded.resources.is_empty());
    assert_eq!(&*loaded.findings[0].message, "11 bytes are more than the 10 that are read of one file");
}

#[test]
fn a_directory_that_may_not_be_listed_is_a_finding() {
    let directory = directory(&[("a.yaml", &config_map("a")), ("locked/b.yaml", &config_map("b"))]);
    let locked = directory.path().join("locked");
    let set = |mode| fs::set_permissions(&locked, std::os::unix::fs::PermissionsExt::from_mode(mode)).unwrap();
    set(0o000);
    let may_list = fs::read_dir(&locked).is_ok();
    let loaded = read(&[directory.path()]);
    set(0o755);
    if may_list {
        // The superuser may list everything, and there is nothing to be found.
        assert_eq!(names(&loaded), ["a", "b"]);
    } else {
        assert_eq!(names(&loaded), ["a"]);
        assert_eq!(findings(&loaded, directory.path()), ["locked:1: cannot be read: Permission denied (os error 13)"]);
    }
}

#[test]
fn progress_counts_every_source() {
    let directory = directory(&[("a.yaml", &config_map("a")), ("b.yaml", &config_map("b"))]);
    let (calls, most) = (AtomicUsize::new(0), AtomicUsize::new(0));
    let progress = |done| {
        calls.fetch_add(1, Ordering::Relaxed);
        most.fetch_max(done, Ordering::Relaxed);
    };
    load(vec![Input::Path(PathBuf::from(directory.path()))], &Options::default(), &progress).unwrap();
    assert_eq!((calls.into_inner(), most.into_inner()), (2, 2));
}
