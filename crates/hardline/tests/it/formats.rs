//! What each format prints.

use std::collections::HashSet;

use serde_json::Value;
use snapbox::{file, str};

use crate::{check, hardline};

/// Two files of the folder `shop`: a finding, an exemption, one that is not valid, a broken document.
const SHOP: &[&str] = &["shop"];

fn json(arguments: &[&str]) -> Value {
    let output = check(arguments).output().expect("the binary runs");
    serde_json::from_slice(&output.stdout).expect("the output is JSON")
}

#[test]
fn no_format_shows_what_is_secret() {
    let folder = tempfile::tempdir().unwrap();
    let text = "apiVersion: v1\nkind: Secret\nmetadata:\n  name: db\n  labels: {a b: c}\ndata:\n  password: aHVudGVyMg==\n\
                stringData:\n  other: kept-to-itself\n---\napiVersion: v1\nkind: Pod\nmetadata: {name: p}\nspec:\n  containers:\n\
                \x20   - name: c\n      env: [{name: DB_PASSWORD, value: kept-to-itself}]\n      args: [--token, kept-to-itself]\n      tty: 1\n\
                ---\nkind: Secret\ndata:\n  password: kept-to-itself\n\tbroken: x\n";
    std::fs::write(folder.path().join("secrets.yaml"), text).unwrap();
    for format in ["human", "concise", "json", "sarif", "junit", "github", "gitlab", "markdown", "html"] {
        let path = folder.path().to_str().unwrap();
        let output =
            hardline(&["check", path, "--profile", "critical", "--format", format]).output().expect("the binary runs");
        let text = String::from_utf8(output.stdout).unwrap();
        assert!(text.contains("variable-holds-secret") && text.contains("manifest-malformed"), "{format}: {text}");
        assert!(!text.contains("kept-to-itself") && !text.contains("aHVudGVyMg"), "{format}: {text}");
    }
}

#[test]
fn human_shows_each_finding_in_its_manifest() {
    check(SHOP).assert().code(1).stdout_eq(str![[r#"
high[manifest-malformed]: `apiVersion` is missing or not a string
 --> shop/broken.yaml:1:1
  |
1 | kind: ConfigMap
  | ^^^^
2 | metadata:
3 |   name: settings
  |
  = help: correct the text; `kubectl apply --dry-run=client -f FILE` reads it the same way

critical[container-privileged]: container `agent` runs privileged
  --> shop/broken.yaml:13:21
   |
11 |     - name: agent
12 |       securityContext:
13 |         privileged: true
   |                     ^^^^ in Pod agent
   |
   = help: remove `privileged: true`; add the single capability or device that is needed instead
   = fix: remove `privileged: true` (hardline check --fix --unsafe-fixes)

medium[exemption-invalid]: an exemption needs a reason
 --> shop/checkout.yaml:7:47
  |
5 |   namespace: shop
6 |   annotations:
7 |     exempt.hardline.dev/container-privileged: ""
  |                                               ^^ in Deployment shop/checkout
8 | spec:
9 |   selector:
  |
  = help: write `exempt.hardline.dev/<rule>: "reason; owner=…; until=YYYY-MM-DD"`; owner and until may be left out

critical[container-privileged]: container `checkout` runs privileged
  --> shop/checkout.yaml:19:25
   |
17 |           image: example.com/checkout:1.4
18 |           securityContext:
19 |             privileged: true
   |                         ^^^^ in Deployment shop/checkout
   |
   = help: remove `privileged: true`; add the single capability or device that is needed instead
   = fix: remove `privileged: true` (hardline check --fix --unsafe-fixes)

4 findings (2 critical, 1 high, 1 medium) in 3 resources (3 workloads) in 2 files; 1 exempted; skipped 1 other document ([..] s)
`hardline explain manifest-malformed` says why and how to fix it

"#]]).stderr_eq("");
}

#[test]
fn human_points_at_evidence() {
    hardline(&["check", "-q", "--select", "grace-period-too-short", "evidence.yaml"]).assert().code(1).stdout_eq(str![
        [r#"
high[grace-period-too-short]: container `slow` takes 45s by `hardline.dev/drain-seconds` to stop, but is given 30s
  --> evidence.yaml:8:34
   |
 4 |   name: slow
 5 |   annotations:
 6 |     hardline.dev/drain-seconds: "45"
   |                                 ---- asks for 45s
 7 | spec:
 8 |   terminationGracePeriodSeconds: 30
   |                                  ^^ in Pod slow
 9 |   containers:
10 |     - name: slow
   |
   = help: set `terminationGracePeriodSeconds` above the `preStop` sleep and the drain together
   = fix: raise `terminationGracePeriodSeconds` to 60 (hardline check --fix)


"#]
    ]);
}

#[test]
fn human_says_when_all_is_clear() {
    check(&["good.yaml"]).assert().success().stdout_eq(str![[r#"
all clear: 1 resource (0 workloads) in 1 file ([..] s)

"#]]);
}

#[test]
fn human_names_what_was_not_evaluated() {
    hardline(&["check", "--select", "pdb-missing", "replicated.yaml"]).assert().success().stdout_eq(str![[r#"
not evaluated, for want of what these manifests do not hold:
  pdb-missing  needs every PodDisruptionBudget of namespace shop
  if nothing exists outside these manifests, `--assume-complete` evaluates them

all clear: 1 resource (1 workload) in 1 file ([..] s)

"#]]);
}

#[test]
fn statistics_count_by_rule() {
    check(&["--statistics", "shop"]).assert().code(1).stdout_eq(str![[r#"
     2  critical  container-privileged  container runs privileged
     1  high      manifest-malformed    document cannot be read
     1  medium    exemption-invalid     exemption is not valid

4 findings (2 critical, 1 high, 1 medium) in 3 resources (3 workloads) in 2 files; 1 exempted; skipped 1 other document ([..] s)

"#]]);
}

#[test]
fn statistics_are_for_people() {
    check(&["--statistics", "--format", "sarif", "shop"]).assert().code(2).stdout_eq("").stderr_eq(str![[r#"
error: `--statistics` is for people: leave out `--format`, or count in the report

"#]]);
}

#[test]
fn concise_takes_a_line_for_each_finding() {
    check(&["--format", "concise", "shop"]).assert().code(1).stdout_eq(str![[r#"
shop/broken.yaml:1:1: high[manifest-malformed] `apiVersion` is missing or not a string
shop/broken.yaml:13:21: critical[container-privileged] container `agent` runs privileged
shop/checkout.yaml:7:47: medium[exemption-invalid] an exemption needs a reason
shop/checkout.yaml:19:25: critical[container-privileged] container `checkout` runs privileged

"#]]).stderr_eq(str![[r#"
4 findings (2 critical, 1 high, 1 medium) in 3 resources (3 workloads) in 2 files; 1 exempted; skipped 1 other document ([..] s)

"#]]);
}

#[test]
fn github_annotates_lines() {
    check(&["--format", "github", "shop"]).assert().code(1).stdout_eq(str![[r#"
::error file=shop/broken.yaml,line=1,endLine=1,col=1,endColumn=5,title=high[manifest-malformed]::`apiVersion` is missing or not a string%0Ahelp: correct the text; `kubectl apply --dry-run=client -f FILE` reads it the same way
::error file=shop/broken.yaml,line=13,endLine=13,col=21,endColumn=25,title=critical[container-privileged]::container `agent` runs privileged%0Ahelp: remove `privileged: true`; add the single capability or device that is needed instead
::warning file=shop/checkout.yaml,line=7,endLine=7,col=47,endColumn=49,title=medium[exemption-invalid]::an exemption needs a reason%0Ahelp: write `exempt.hardline.dev/<rule>: "reason; owner=…; until=YYYY-MM-DD"`; owner and until may be left out
::error file=shop/checkout.yaml,line=19,endLine=19,col=25,endColumn=29,title=critical[container-privileged]::container `checkout` runs privileged%0Ahelp: remove `privileged: true`; add the single capability or device that is needed instead

"#]]);
}

#[test]
fn json_is_the_published_schema() {
    let expected = file!["snapshots/report.json"].raw();
    check(&["--format", "json", "--ignore", "exemption-invalid", "shop/checkout.yaml"])
        .assert()
        .code(1)
        .stdout_eq(expected);
}

#[test]
fn sarif_says_what_code_scanning_needs() {
    let expected = file!["snapshots/report.sarif"].raw();
    check(&["--format", "sarif", "shop/broken.yaml"]).assert().code(1).stdout_eq(expected);
}

#[test]
fn junit_has_a_failed_case_for_each_finding() {
    let expected = file!["snapshots/report.junit.xml"];
    check(&["--format", "junit", "shop", "hostile.yaml"]).assert().code(1).stdout_eq(expected);
    check(&["--format", "junit", "good.yaml"]).assert().success().stdout_eq(str![[r#"
<?xml version="1.0" encoding="UTF-8"?>
<testsuites name="hardline" tests="1" failures="0" errors="0" time="[..]">
  <testsuite name="hardline" tests="1" failures="0" errors="0" skipped="0" time="[..]">
    <testcase classname="hardline" name="1 resource judged" time="[..]"/>
  </testsuite>
</testsuites>

"#]]);
}

/// The attributes that the strictest schema, `junit-10.xsd` of Jenkins' xUnit plugin, allows; and of a case
/// those that GitLab and actions for GitHub read.
const JUNIT: [(&str, &[&str]); 4] = [
    ("testsuites", &["name", "time", "tests", "failures", "errors"]),
    ("testsuite", &["name", "file", "tests", "failures", "errors", "skipped", "time"]),
    ("testcase", &["name", "classname", "time", "file", "line"]),
    ("failure", &["type", "message"]),
];

#[test]
fn junit_has_what_its_readers_take() {
    let output = check(&["--format", "junit", "shop", "hostile.yaml"]).output().unwrap();
    let text = String::from_utf8(output.stdout).unwrap();
    let document = roxmltree::Document::parse(&text).expect("it is XML");
    let mut cases = HashSet::new();
    for node in document.descendants().filter(roxmltree::Node::is_element) {
        let at = JUNIT.iter().position(|(name, _)| node.has_tag_name(*name)).expect("the element is known");
        let parent = node.parent_element().map(|parent| parent.tag_name().name().to_owned());
        assert_eq!(parent.as_deref(), at.checked_sub(1).map(|above| JUNIT[above].0), "where an element may be");
        for attribute in node.attributes() {
            assert!(JUNIT[at].1.contains(&attribute.name()), "{attribute:?}");
        }
        let children = |name| node.children().filter(|child| child.has_tag_name(name)).count().to_string();
        match JUNIT[at].0 {
            "testsuite" => {
                assert_eq!(node.attribute("tests"), Some(children("testcase").as_str()));
                assert_eq!(node.attribute("failures"), node.attribute("tests"));
                assert_eq!(node.attribute("errors"), Some("0"));
            }
            // Of cases of one name GitLab takes the first.
            "testcase" => {
                assert!(cases.insert((node.attribute("classname"), node.attribute("name"))), "{node:?}");
                assert!(node.attribute("line").is_some_and(|line| line.parse::<u32>().is_ok()));
            }
            "failure" => assert!(node.text().is_some_and(|text| text.contains("help: "))),
            _ => {}
        }
    }
    assert_eq!(cases.len(), 5);
}

#[test]
fn gitlab_is_a_code_quality_report() {
    let expected = file!["snapshots/report.gitlab.json"].raw();
    check(&["--format", "gitlab", "shop", "hostile.yaml"]).assert().code(1).stdout_eq(expected);
    check(&["--format", "gitlab", "good.yaml"]).assert().success().stdout_eq("[]\n");
}

#[test]
fn markdown_is_a_comment_on_a_pull_request() {
    let expected = file!["snapshots/report.md"].raw();
    check(&["--format", "markdown", "shop", "hostile.yaml"]).assert().code(1).stdout_eq(expected);
    check(&["--format", "markdown", "good.yaml"]).assert().success().stdout_eq(str![[r#"
## hardline: all clear

1 resource, 0 workloads in 1 file

"#]]);
}

#[test]
fn html_is_one_page_that_loads_nothing() {
    let output = check(&["--format", "html", "shop", "hostile.yaml"]).assert().code(1).get_output().stdout.clone();
    let page = String::from_utf8(output).unwrap();
    assert!(page.starts_with("<!doctype html>\n"));
    assert!(page.contains("default-src 'none'"));
    for loads in [" src=", "<link", "@import", "url(", "fetch(", "XMLHttpRequest", "<iframe"] {
        assert!(!page.contains(loads), "{loads}");
    }
    assert_eq!(page.matches("<details class=\"finding").count(), page.matches("</details>").count() - docs(&page));
    // Each anchor that is named exists, and each once.
    let ids = attributes(&page, " id=\"");
    let mut unique = ids.clone();
    unique.sort_unstable();
    unique.dedup();
    assert_eq!(unique.len(), ids.len());
    for target in attributes(&page, "href=\"#") {
        assert!(ids.contains(&target), "{target}");
    }
    check(&["--format", "html", "good.yaml"]).assert().success().stdout_eq(str![[r#"
...
<h1>All clear</h1>
...
"#]]);
}

fn docs(page: &str) -> usize {
    page.matches("<details class=\"doc\"").count()
}

fn attributes<'p>(page: &'p str, attribute: &str) -> Vec<&'p str> {
    page.split(attribute).skip(1).filter_map(|rest| rest.split('"').next()).collect()
}

#[test]
fn html_takes_no_markup_from_manifests() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod<script>alert(1)</script>", "metadata": {"name": "a\"><script>alert(2)</script>"},
        "spec": {"containers": [{"name": "</code><img onerror=alert(3)>", "securityContext": {"privileged": true}}]}}
        {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "</title><script>alert(4)</script>", "namespace": "'\"><b>"},
        "spec": {"containers": [{"name": "</code><img onerror=alert(5)>", "securityContext": {"privileged": true}}]}}"#;
    let output = check(&["--format", "html", "-"]).stdin(pod).output().unwrap();
    let page = String::from_utf8(output.stdout).unwrap();
    assert!(page.contains("alert(4)"));
    assert_eq!(page.matches("<script>").count(), 1);
    assert!(!page.contains("<img") && !page.contains("<b>&"));
    assert!(attributes(&page, "value=\"").iter().all(|value| !value.contains('<')));
}

#[test]
fn sarif_results_name_their_rules_and_have_fingerprints_of_their_own() {
    let log = json(&["--format", "sarif", "shop", "hostile.yaml"]);
    let run = &log["runs"][0];
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    let results = run["results"].as_array().unwrap();
    assert!(results.len() > 3);
    let mut fingerprints: Vec<_> =
        results.iter().map(|it| it["partialFingerprints"]["hardline/v1"].as_str().unwrap()).collect();
    fingerprints.sort_unstable();
    fingerprints.dedup();
    assert_eq!(fingerprints.len(), results.len());
    for result in results {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        assert_eq!(rules[index]["id"], result["ruleId"]);
    }
}

#[test]
fn sarif_fixes_give_the_text_that_check_gives() {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/tests/manifests/evidence.yaml")).unwrap();
    let rule = ["check", "--select", "grace-period-too-short", "-q"];
    let output = hardline(&rule).args(["-o", "sarif", "evidence.yaml"]).output().unwrap();
    let log: Value = serde_json::from_slice(&output.stdout).unwrap();
    let change = &log["runs"][0]["results"][0]["fixes"][0]["artifactChanges"][0];
    assert_eq!(change["artifactLocation"]["uri"], "evidence.yaml");
    let replacement = &change["replacements"][0];
    let number = |key: &str| usize::try_from(replacement["deletedRegion"][key].as_u64().unwrap()).unwrap();
    let at = |line: usize, column: usize| {
        text.split_inclusive('\n').take(line - 1).map(str::len).sum::<usize>() + column - 1
    };
    let (from, to) = (at(number("startLine"), number("startColumn")), at(number("endLine"), number("endColumn")));
    let mended =
        format!("{}{}{}", &text[..from], replacement["insertedContent"]["text"].as_str().unwrap(), &text[to..]);
    let fixed = hardline(&rule).args(["--fix", "-"]).stdin(text).output().unwrap();
    assert_eq!(mended, String::from_utf8(fixed.stdout).unwrap());
}

#[test]
fn fingerprints_stay_when_lines_move() {
    let pod = r#"{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "a"},
        "spec": {"containers": [{"name": "a", "securityContext": {"privileged": true}}]}}"#;
    let fingerprint = |text: String| {
        let output = check(&["--format", "sarif", "-"]).stdin(text).output().unwrap();
        let log: Value = serde_json::from_slice(&output.stdout).unwrap();
        log["runs"][0]["results"][0]["partialFingerprints"].clone()
    };
    assert_eq!(fingerprint(pod.to_owned()), fingerprint(format!("# moved\n\n{pod}")));
}

#[test]
fn no_format_lets_a_manifest_steer_the_terminal() {
    for format in ["human", "concise", "github", "gitlab", "markdown", "junit", "html", "json", "sarif"] {
        let output = check(&["--color", "never", "--format", format, "hostile.yaml"]).output().unwrap();
        let text = String::from_utf8(output.stdout).unwrap();
        let steering: Vec<_> = text
            .chars()
            .filter(|it| (it.is_control() && *it != '\n') || matches!(it, '\u{202a}'..='\u{202e}'))
            .collect();
        assert!(
            steering.is_empty() || matches!(format, "json" | "sarif" | "gitlab" | "junit"),
            "{format}: {steering:?}"
        );
        // JSON and XML keep text as it is, in escapes where it must.
        assert!(!steering.contains(&'\u{1b}'), "{format}");
    }
}

#[test]
fn colour_is_for_terminals_and_for_those_who_ask() {
    let piped = check(SHOP).output().unwrap();
    assert!(!piped.stdout.contains(&b'\x1b'));
    let asked = check(&["--color", "always", "shop"]).output().unwrap();
    assert!(asked.stdout.contains(&b'\x1b'));
    let refused = check(&["shop"]).env("CLICOLOR_FORCE", "1").output().unwrap();
    assert!(refused.stdout.contains(&b'\x1b'), "CLICOLOR_FORCE asks for colour");
}

#[test]
fn one_line_of_megabytes_does_not_flood() {
    let pod = |at: usize| {
        format!(
            r#"{{"apiVersion":"v1","kind":"Pod","metadata":{{"name":"p{at}","labels":{{"filler":"{}"}}}},"spec":{{"containers":[{{"name":"a","securityContext":{{"privileged":{}}}}}]}}}}"#,
            "x".repeat(90),
            at % 1000 == 7
        )
    };
    let pods: Vec<_> = (0..10_000).map(pod).collect();
    let text = format!(r#"{{"apiVersion":"v1","kind":"List","items":[{}]}}"#, pods.join(","));
    let output = check(&["-"]).stdin(text).output().unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();
    assert_eq!(printed.matches("critical[container-privileged]").count(), 10);
    assert!(printed.lines().all(|line| line.len() < 400));
}
