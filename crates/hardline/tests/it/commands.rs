//! `explain`, `completions`, `man` and what all commands share.

use snapbox::cmd::Command;
use snapbox::str;

use crate::hardline;

fn stdout(command: Command) -> String {
    let output = command.output().expect("the binary runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("the output is UTF-8")
}

#[test]
fn explain_renders_the_documentation_of_a_rule() {
    hardline(&["explain", "container-privileged"]).assert().success().stdout_eq(str![[r#"
container-privileged: container runs privileged

severity  critical
category  security
profile   baseline, production, critical
standard  Pod Security Standards, baseline
wall      also in CEL, for the API server itself
since     0.1.0
fix       remove `privileged: true`; add the single capability or device that is needed instead

Flags containers that run with `privileged: true`.

Why
A privileged container has every capability, sees every device of its node and is held by
no seccomp or AppArmor profile. Whoever gets into it owns the node and all pods on it.

Bad
    apiVersion: v1
    kind: Pod
    metadata:
      name: agent
    spec:
      containers:
        - name: agent
          image: example.com/agent:1.4
          securityContext:
            privileged: true # finding

Good
    apiVersion: v1
    kind: Pod
    metadata:
      name: agent
    spec:
      containers:
        - name: agent
          image: example.com/agent:1.4
          securityContext:
            capabilities:
              drop: [ALL]
              add: [NET_BIND_SERVICE]

"#]]);
}

#[test]
fn explain_lists_every_rule_by_category() {
    let list = stdout(hardline(&["explain"]));
    for rule in hardline_core::rules::RULES {
        assert!(list.contains(rule.id), "{}", rule.id);
    }
    let heading = |name: &str| list.lines().position(|line| line == name).unwrap();
    assert!(heading("manifest") < heading("security"));
}

#[test]
fn explain_speaks_json() {
    let one: serde_json::Value =
        serde_json::from_str(&stdout(hardline(&["explain", "container-privileged", "-o", "json"]))).unwrap();
    assert_eq!(one["standard"], "baseline");
    assert_eq!(one["severity"], "critical");
    let all: serde_json::Value = serde_json::from_str(&stdout(hardline(&["explain", "--format", "json"]))).unwrap();
    assert_eq!(all.as_array().unwrap().len(), hardline_core::rules::RULES.len());
}

#[test]
fn explain_corrects_typing_errors() {
    hardline(&["explain", "container-privlieged"]).assert().code(2).stderr_eq(str![[r#"
error: no rule is called `container-privlieged`; did you mean `container-privileged`?

`hardline explain` lists all rules.

"#]]);
    hardline(&["explain", "qqqq"]).assert().code(2).stderr_eq(str![[r#"
error: no rule is called `qqqq`

`hardline explain` lists all rules.

"#]]);
}

#[test]
fn completions_know_commands_and_rules() {
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = stdout(hardline(&["completions", shell]));
        assert!(script.contains("explain"), "{shell}");
        assert!(script.contains("container-privileged") || matches!(shell, "powershell" | "elvish"), "{shell}");
    }
}

#[test]
fn manual_pages_are_written() {
    let page = stdout(hardline(&["man"]));
    assert!(page.contains(".TH hardline 1"), "{page}");
    let folder = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("man");
    stdout(hardline(&["man", "--out", folder.to_str().unwrap()]));
    assert!(std::fs::read_to_string(folder.join("hardline-check.1")).unwrap().contains("pod\\-security\\-baseline"));
}

#[test]
fn help_shows_examples() {
    for command in ["check", "explain", "completions", "man"] {
        assert!(stdout(hardline(&[command, "--help"])).contains("Examples:"), "{command}");
    }
}

#[cfg(unix)]
#[test]
fn as_a_plugin_of_kubectl_it_answers_to_that_name() {
    let plugin = std::path::Path::new(env!("CARGO_TARGET_TMPDIR")).join("kubectl-hardline");
    let _ = std::fs::remove_file(&plugin);
    std::os::unix::fs::symlink(snapbox::cmd::cargo_bin!("hardline"), &plugin).unwrap();
    let help = stdout(Command::new(&plugin).args(["check", "-h"]));
    assert!(help.contains("Usage: kubectl hardline check"), "{help}");
}

#[cfg(unix)]
#[test]
fn a_reader_that_leaves_early_is_no_error() {
    let program = snapbox::cmd::cargo_bin!("hardline");
    let script = format!("set -o pipefail; {} explain | true; echo code $?", program.display());
    let output = Command::new("bash").args(["-c", &script]).output().unwrap();
    assert_eq!(String::from_utf8_lossy(&output.stdout), "code 0\n");
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_check_of_another_linter_is_answered_with_our_rule() {
    let answer = |check: &str| {
        let output = std::process::Command::new(env!("CARGO_BIN_EXE_hardline")).args(["explain", check]).output();
        let output = output.expect("the binary runs");
        assert_eq!(output.status.code(), Some(2));
        String::from_utf8(output.stderr).expect("text")
    };
    let message = answer("no-read-only-root-fs");
    assert!(message.contains("is `container-root-filesystem-writable` here"), "{message}");
    let message = answer("sorted-keys");
    assert!(message.contains("`sorted-keys` of kube-linter has no rule here"), "{message}");
}
