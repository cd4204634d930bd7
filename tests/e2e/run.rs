//! Commands and what they give.

use std::env;
use std::io::Write as _;
use std::iter;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::LazyLock;
use std::thread;

use hardline_controlplane::{cargo, tool};
use serde_json::Value as Json;

/// What a command gave.
#[derive(Debug)]
pub(crate) struct Run {
    pub(crate) code: i32,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

/// Runs a command to its end.
pub(crate) fn run(command: &mut Command) -> Run {
    run_with(command, "")
}

/// Runs a command with a text as its standard input.
pub(crate) fn run_with(command: &mut Command, input: &str) -> Run {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    let output = thread::scope(|scope| {
        // A command that ends without reading closes the pipe, which is no failure.
        scope.spawn(move || stdin.write_all(input.as_bytes()));
        child.wait_with_output().unwrap()
    });
    let text = |bytes| String::from_utf8(bytes).unwrap();
    Run { code: output.status.code().unwrap(), stdout: text(output.stdout), stderr: text(output.stderr) }
}

impl Run {
    /// Asserts an exit code.
    #[track_caller]
    pub(crate) fn exits(self, code: i32) -> Self {
        assert_eq!(self.code, code, "{}\n{}", self.stdout, self.stderr);
        self
    }

    #[track_caller]
    pub(crate) fn succeeds(self) -> Self {
        self.exits(0)
    }

    /// What it printed, as JSON.
    #[track_caller]
    pub(crate) fn json(&self) -> Json {
        serde_json::from_str(&self.stdout).unwrap()
    }
}

/// The repository.
pub(crate) fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

/// `hardline`, built as these tests are, in the root of the repository, with Helm on its `PATH`. Which
/// control plane it asks is for `KUBECONFIG` to say.
pub(crate) fn hardline(arguments: &[&str]) -> Command {
    static PROGRAM: LazyLock<PathBuf> = LazyLock::new(|| {
        let built = cargo().args(["build", "--quiet", "--package=hardline"]).status().unwrap();
        assert!(built.success(), "hardline does not build");
        // target/debug/deps/e2e-0123456789abcdef
        env::current_exe().unwrap().ancestors().nth(2).unwrap().join("hardline")
    });
    let mut command = Command::new(&*PROGRAM);
    let tools = tool("helm").unwrap().parent().unwrap().to_owned();
    let path = env::var_os("PATH").unwrap_or_default();
    let path = env::join_paths(iter::once(tools).chain(env::split_paths(&path))).unwrap();
    command.args(arguments).current_dir(root()).env("PATH", path).env_remove("KUBECONFIG");
    command
}
