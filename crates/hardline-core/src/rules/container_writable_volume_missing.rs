use serde_json::json;

use crate::declare_rule;
use crate::edit::{Edit, Safety};
use crate::finding::{Finding, Sink};
use crate::host_path::without_link;
use crate::image::ImageReference;
use crate::path::FieldPath;
use crate::profile::Profile;
use crate::rule::{Category, Check, Severity};
use crate::tree::Value;
use crate::workload::Container;

declare_rule! {
    /// Flags containers with a read-only root filesystem that are told to write where no writable
    /// volume is mounted.
    ///
    /// ## Why
    /// `readOnlyRootFilesystem: true` without the `emptyDir` that goes with it: the program starts,
    /// tries to write its first temporary file, upload or PID file, and dies of `Read-only file
    /// system`. In a rollout that is a crash loop; with a file that is seldom written, it is one at
    /// night.
    ///
    /// The rule knows a path to be written to by its name: variables such as `TMPDIR`, options such
    /// as `-Djava.io.tmpdir` and `--data-dir`, and what the official images of nginx, httpd,
    /// postgres, mysql and mariadb need.
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
    ///       image: example.com/app:1.4
    ///       args:
    ///         - --data-dir=/data
    ///         - --cache-dir
    ///         - /cache # finding
    ///       env:
    ///         - name: JAVA_TOOL_OPTIONS
    ///           value: -Xmx512m -Djava.io.tmpdir=/scratch # finding
    ///       securityContext:
    ///         readOnlyRootFilesystem: true
    ///       volumeMounts:
    ///         - name: data
    ///           mountPath: /data
    ///   volumes:
    ///     - name: data
    ///       emptyDir: {}
    /// ```
    /// ```yaml bad
    /// apiVersion: v1
    /// kind: Pod
    /// metadata:
    ///   name: web
    /// spec:
    ///   containers:
    ///     - name: web
    ///       image: nginx:1.29
    ///       securityContext:
    ///         readOnlyRootFilesystem: true # finding
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
    ///       env:
    ///         - name: TMPDIR
    ///           value: /tmp
    ///       securityContext:
    ///         readOnlyRootFilesystem: true
    ///       volumeMounts:
    ///         - name: tmp
    ///           mountPath: /tmp
    ///   volumes:
    ///     - name: tmp
    ///       emptyDir:
    ///         sizeLimit: 64Mi
    /// ```
    "container-writable-volume-missing" {
        summary: "container writes where nothing is writable",
        help: "mount an `emptyDir` at the path",
        category: Category::Security,
        severity: Severity::High,
        since: "0.1.0",
        profile: Profile::Production,
        check: Check::Container(check),
    }
}

/// Variables that name a directory or file to write to.
const VARIABLES: [&str; 9] = [
    "CACHE_DIR",
    "DATA_DIR",
    "HF_HOME",
    "LOG_DIR",
    "MPLCONFIGDIR",
    "PROMETHEUS_MULTIPROC_DIR",
    "TEMP",
    "TMPDIR",
    "XDG_CACHE_HOME",
];

/// Variables that hold options of a Java virtual machine.
const JAVA_VARIABLES: [&str; 5] =
    ["CATALINA_OPTS", "JAVA_OPTS", "JAVA_TOOL_OPTIONS", "JDK_JAVA_OPTIONS", "_JAVA_OPTIONS"];

/// Options, without their dashes, that name a directory or file to write to.
const OPTIONS: [&str; 17] = [
    "Djava.io.tmpdir",
    "XX:ErrorFile",
    "XX:HeapDumpPath",
    "cache-dir",
    "data-dir",
    "data-path",
    "datadir",
    "dbpath",
    "log-dir",
    "log-file",
    "log_dir",
    "pid-file",
    "pidfile",
    "storage.path",
    "storage.tsdb.path",
    "temp-dir",
    "tmp-dir",
];

/// Official images, the configuration that may change where they write, and where they do.
const IMAGES: [(&str, &str, &[&str]); 5] = [
    ("httpd", "/usr/local/apache2/conf", &["/usr/local/apache2/logs"]),
    ("mariadb", "/etc/mysql", &["/run/mysqld", "/tmp"]),
    ("mysql", "/etc/my", &["/run/mysqld", "/tmp"]),
    ("nginx", "/etc/nginx/nginx.conf", &["/run", "/var/cache/nginx"]),
    ("postgres", "/etc/postgresql", &["/run/postgresql"]),
];

fn check(container: &Container<'_>, sink: &mut Sink<'_>) {
    if container.security("readOnlyRootFilesystem").and_then(Value::bool) != Some(true) {
        return;
    }
    let name = container.name();
    for (path, target) in written(container) {
        if !is_writable(container, target) {
            let message = format!("container `{name}` writes to `{target}`, which no writable volume covers");
            let finding = sink.report(path, message);
            // What else lies in another folder of the image nobody knows: a volume would hide it.
            if target == "/tmp" || target.starts_with("/tmp/") {
                offer_volumes(finding, container, &["/tmp"]);
            }
        }
    }
    let missing = written_by_image(container).iter().filter(|target| !is_writable(container, target));
    let missing: Vec<&str> = missing.copied().collect();
    if !missing.is_empty() {
        let path = container.path().keys(&["securityContext", "readOnlyRootFilesystem"]);
        let names: Vec<String> = missing.iter().map(|target| format!("`{target}`")).collect();
        let names = names.join(" and ");
        let message = format!("the image of container `{name}` writes to {names}, which no writable volume covers");
        offer_volumes(sink.report(path, message), container, &missing);
    }
}

/// Offers an `emptyDir` mounted at each of these folders. A volume of the same name that exists is
/// mounted, if it is one.
fn offer_volumes(finding: &mut Finding, container: &Container<'_>, folders: &[&str]) {
    let mut edits = Vec::new();
    for folder in folders {
        let name = folder.trim_start_matches('/').replace('/', "-");
        match container.workload.volumes().find(|volume| volume.name() == name) {
            None => {
                let volume = json!({"name": name, "emptyDir": {}});
                edits.push(Edit::append(container.workload.pod_path().key("volumes"), volume));
            }
            Some(volume) if volume.get("emptyDir").is_none() => return,
            Some(_) => {}
        }
        let mount = json!({"name": name, "mountPath": folder});
        edits.push(Edit::append(container.path().key("volumeMounts"), mount));
    }
    finding.fix(Safety::Unsafe, format!("mount an `emptyDir` at `{}`", folders.join("` and `")), edits);
}

/// The paths that variables and options tell the container to write to, with the fields that do.
fn written<'a>(container: &Container<'a>) -> Vec<(FieldPath, &'a str)> {
    let mut written = Vec::new();
    for variable in container.variables() {
        if VARIABLES.contains(&variable.name) && is_literal(variable.value) {
            written.push((variable.path(), variable.value));
        } else if JAVA_VARIABLES.contains(&variable.name) {
            let options = variable.value.split_whitespace().filter_map(option);
            written.extend(options.map(|target| (variable.path(), target)));
        }
    }
    let mut named = false;
    for script in container.words() {
        for word in script.text.split_whitespace() {
            let target = if named && is_literal(word) { Some(word) } else { option(word) };
            written.extend(target.map(|target| (script.path(), target)));
            named = word.strip_prefix('-').is_some_and(|word| OPTIONS.contains(&word.trim_start_matches('-')));
        }
    }
    written
}

/// The path in an option such as `--data-dir=/data`.
fn option(word: &str) -> Option<&str> {
    let (name, value) = word.strip_prefix('-')?.trim_start_matches('-').split_once('=')?;
    (OPTIONS.contains(&name) && is_literal(value)).then_some(value)
}

/// Whether a text is an absolute path that nothing is substituted in, outside of `/dev`.
fn is_literal(text: &str) -> bool {
    text.starts_with('/') && !text.starts_with("/dev/") && !text.contains(['$', '%', '*']) && !text.contains("..")
}

fn written_by_image(container: &Container<'_>) -> &'static [&'static str] {
    let image = container.image().and_then(|image| ImageReference::parse(image).ok());
    let official = image.and_then(|image| image.official());
    let Some((_, config, paths)) = IMAGES.iter().find(|known| official == Some(known.0)) else { return &[] };
    let mut mounts = container.get("volumeMounts").into_iter().flat_map(Value::items);
    let configured = mounts.any(|mount| {
        let path = mount.get("mountPath").map_or("", Value::raw).trim_end_matches('/');
        !path.is_empty() && (path.starts_with(config) || config.starts_with(path))
    });
    // A command or a configuration of its own may write elsewhere.
    if configured || container.get("command").is_some() || container.get("args").is_some() { &[] } else { paths }
}

/// Whether the innermost volume that covers a path can be written to.
fn is_writable(container: &Container<'_>, target: &str) -> bool {
    let target = without_link(target);
    let covers = |mount: &Value<'_>| {
        let path = without_link(mount.get("mountPath").map_or("", Value::raw)).trim_end_matches('/');
        target.strip_prefix(path).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let mounts = container.get("volumeMounts").into_iter().flat_map(Value::items).filter(covers);
    let Some(mount) = mounts.max_by_key(|mount| mount.get("mountPath").map_or(0, |path| path.raw().len())) else {
        return false;
    };
    let name = mount.get("name").map_or("", Value::raw);
    let volume = container.workload.volumes().find(|volume| volume.name() == name);
    let read_only = ["configMap", "secret", "downwardAPI", "projected", "image"];
    mount.get("readOnly").and_then(Value::bool) != Some(true)
        && !volume.is_some_and(|volume| read_only.iter().any(|source| volume.get(source).is_some()))
}
