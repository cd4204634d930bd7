//! `hardline audit`: what a cluster holds, here from a dump.

use snapbox::str;

use crate::hardline;

fn audit(arguments: &[&str]) -> snapbox::cmd::Command {
    let rules = "container-privileged,network-default-deny-missing,secret-missing,image-tag-forbidden";
    hardline(&["audit", "--dump", "dump.yaml", "--select", rules]).args(arguments)
}

#[test]
fn a_finding_says_since_when_by_whom_and_for_how_many() {
    audit(&[])
        .assert()
        .code(1)
        .stdout_eq(str![[r#"
critical[container-privileged]: container `web` runs privileged
  --> cluster/shop/Deployment/web:22:25
   |
20 |           name: web
21 |           securityContext:
22 |             privileged: true
   |                         ^^^^ in Deployment shop/web
   |
   = note: created 2026-01-02, last changed by kubectl-edit on 2026-03-01, holds for 2 pods
   = help: remove `privileged: true`; add the single capability or device that is needed instead
   = fix: remove `privileged: true`

critical[image-tag-forbidden]: the image of container `web` has the tag `1.4-debug`, which says `debug`
  --> cluster/shop/Pod/web-abc-3:19:14
   |
17 | spec:
18 |   containers:
19 |     - image: example.com/web:1.4-debug
   |              ^^^^^^^^^^^^^^^^^^^^^^^^^ in Pod shop/web-abc-3
20 |       name: web
21 |       securityContext:
   |
   = note: differs from the template of Deployment shop/web, created 2026-03-01
   = help: deploy a build that was released

not evaluated, for want of what could not be read:
  network-default-deny-missing  needs every NetworkPolicy of namespace elsewhere, and 1 more

2 findings (2 critical) in 4 resources (2 workloads) in dump.yaml ([..] s)
`hardline explain container-privileged` says why and how to fix it

"#]])
        .stderr_eq(str![[""]]);
}

#[test]
fn other_namespaces_are_left_out() {
    audit(&["-n", "elsewhere", "-o", "concise"]).assert().success().stdout_eq(str![[""]]);
}

#[test]
fn what_comes_from_where_is_in_the_json() {
    let output = audit(&["-o", "json"]).output().expect("the binary runs");
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("the report is JSON");
    let of = |rule: &str| {
        let findings = report["findings"].as_array().into_iter().flatten();
        findings.filter(|finding| finding["rule"] == rule).collect::<Vec<_>>()
    };
    let privileged = of("container-privileged");
    assert_eq!(privileged.len(), 1, "the pod that differs has it in common with its deployment");
    assert_eq!(privileged[0]["origin"]["author"], "kubectl-edit");
    assert_eq!(privileged[0]["origin"]["pods"], 2);
    let debug = of("image-tag-forbidden");
    assert_eq!(debug.len(), 1);
    assert_eq!(debug[0]["resource"]["kind"], "Pod");
    assert_eq!(debug[0]["origin"]["differsFrom"]["name"], "web");
    assert_eq!(debug[0]["location"]["file"], "cluster/shop/Pod/web-abc-3");
}

#[test]
fn a_baseline_holds_for_a_cluster_too() {
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("cluster.json").display().to_string();
    let written = audit(&[&format!("--write-baseline={file}")]).assert().success().stdout_eq("");
    let notice = String::from_utf8_lossy(&written.get_output().stderr).into_owned();
    assert!(notice.contains("wrote: 2 findings"), "{notice}");
    assert!(notice.contains(&format!("`hardline audit --baseline {file}`")), "{notice}");
    let rest = audit(&["--baseline", &file, "-o", "concise"]).assert().success().stdout_eq("");
    assert!(String::from_utf8_lossy(&rest.get_output().stderr).contains("2 in the baseline"));

    // A run of one namespace writes what it reports, and forgives no more.
    audit(&["-n", "elsewhere", &format!("--write-baseline={file}")]).assert().success();
    audit(&["--baseline", &file, "-o", "concise"]).assert().code(1);
}

#[test]
fn no_cluster_is_an_error_that_says_what_to_do() {
    let nowhere = || hardline(&["audit"]).env("HOME", "/nonexistent").env_remove("KUBERNETES_SERVICE_HOST");
    nowhere().env("KUBECONFIG", "").assert().code(2).stderr_eq(str![[r#"
error: no cluster is configured
help: name a kubeconfig by `--kubeconfig` or `KUBECONFIG`, or read a dump: `hardline audit --dump PATH`

"#]]);
    nowhere().args(["--kubeconfig", "kubeconfig.yaml", "--context", "prd"]).assert().code(2).stderr_eq(str![[r#"
error: no context is called `prd`
help: did you mean `prod`?

"#]]);
    nowhere().args(["--kubeconfig", "kubeconfig.yaml"]).assert().code(2).stderr_eq(str![[r#"
error: the cluster cannot be reached: client error (Connect): tcp connect error: Connection refused (os error 111)
help: check the context's address, the network and the VPN

"#]]);
    nowhere().args(["--dump", "good.yaml/nothing"]).assert().code(2).stderr_eq(str![[r#"
error: cannot read `good.yaml/nothing`: Not a directory (os error 20)

"#]]);
}
