//! `hardline.yaml`: where it is looked for, and what it changes.

use snapbox::str;

use crate::hardline;

const CONCISE: [&str; 6] = ["check", "-q", "-o", "concise", "--select", "container-privileged"];

#[test]
fn the_configuration_is_found_upward_from_the_input() {
    let both = str![[r#"
configured/dev.yaml:11:21: critical[container-privileged] container `main` runs privileged
configured/prod/web.yaml:11:21: critical[container-privileged] container `main` runs privileged

"#]];
    hardline(&CONCISE).arg("configured").assert().code(1).stdout_eq(both);
    hardline(&CONCISE).arg("configured/prod").assert().code(1);
    // Only a warning there.
    hardline(&CONCISE).arg("configured/dev.yaml").assert().success();
    // What is named is read, excluded or not.
    hardline(&CONCISE).arg("configured/generated/web.yaml").assert().success();
}

#[test]
fn paths_in_it_are_relative_to_it() {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests/configured/prod");
    hardline(&CONCISE).arg("web.yaml").current_dir(folder).assert().code(1);
    hardline(&CONCISE).arg("../dev.yaml").current_dir(folder).assert().success();
    hardline(&CONCISE).arg(folder).assert().code(1);
}

#[test]
fn it_can_be_named_or_left_out() {
    let config = ["--config", "configured/hardline.yaml"];
    hardline(&CONCISE).args(config).arg("shop/checkout.yaml").assert().success();
    hardline(&CONCISE).arg("--no-config").arg("configured/dev.yaml").assert().code(1);
    hardline(&CONCISE).args(["--config", "missing.yaml"]).assert().code(2).stderr_eq(str![[r#"
error: cannot read `missing.yaml`: No such file or directory (os error 2)

"#]]);
}

#[test]
fn the_command_line_counts_more() {
    hardline(&["check", "-o", "json", "--profile", "critical", "configured/dev.yaml"]).assert().code(1);
    hardline(&["check", "-o", "json", "configured/dev.yaml"]).assert().success();
}

#[test]
fn mistakes_in_it_are_named_by_line() {
    hardline(&["check", "--config", "mistyped-config.yaml", "good.yaml"]).assert().code(2).stderr_eq(str![[r#"
error: mistyped-config.yaml:1:1: no key is called `profil`; did you mean `profile`?
mistyped-config.yaml:3:3: no rule is called `container-privilegd`; did you mean `container-privileged`?

"#]]);
}

#[test]
fn show_names_the_origin_of_each_value() {
    let output = hardline(&["config", "show", "configured/prod"]).assert().success().get_output().stdout.clone();
    let output = String::from_utf8(output).unwrap();
    for line in ["kubernetesVersion: v1.37 # default", "  manifest-malformed: deny # profile baseline, severity high"] {
        assert!(output.lines().any(|shown| shown == line), "{line}\n{output}");
    }
    assert!(output.contains(" # configured/hardline.yaml:"), "{output}");
    let schema = hardline(&["config", "schema"]).assert().success().get_output().stdout.clone();
    assert!(
        serde_json::from_slice::<serde_json::Value>(&schema).unwrap().pointer("/properties/profile/enum").is_some()
    );
}
