//! SARIF reports have the structure that SARIF 2.1.0 prescribes.
//!
//! <https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json>

#![allow(clippy::unwrap_used, reason = "a helper that fails is a test that fails")]

use std::path::Path;

use serde_json::Value;

use crate::hardline;

/// The standard's objects as far as hardline fills them: their properties with what they hold, `!`
/// where the standard demands one, `*` for a list. The standard allows no others in any of them.
const OBJECTS: &str = "
log                          $schema:uri version!:2.1.0 runs!:run*
run                          tool!:tool invocations:invocation* results:result* properties:bag \
                             columnKind:utf16CodeUnits|unicodeCodePoints
tool                         driver!:toolComponent
toolComponent                name!:text semanticVersion:text rules:reportingDescriptor*
reportingDescriptor          id!:text shortDescription:multiformatMessageString \
                             fullDescription:multiformatMessageString help:multiformatMessageString \
                             defaultConfiguration:reportingConfiguration properties:bag
multiformatMessageString     text!:text markdown:text
reportingConfiguration       level:none|note|warning|error
invocation                   executionSuccessful!:flag toolExecutionNotifications:notification*
notification                 message!:message level:none|note|warning|error \
                             associatedRule:reportingDescriptorReference
reportingDescriptorReference id:text
message                      text:text
result                       message!:message ruleId:text ruleIndex:index level:none|note|warning|error \
                             locations:location* relatedLocations:location* partialFingerprints:texts fixes:fix*
location                     id:index physicalLocation:physicalLocation logicalLocations:logicalLocation* \
                             message:message
physicalLocation             artifactLocation:artifactLocation region:region
artifactLocation             uri:uri
region                       startLine:place startColumn:place endLine:place endColumn:place
logicalLocation              name:text fullyQualifiedName:text kind:text
fix                          description:message artifactChanges!:artifactChange*
artifactChange               artifactLocation!:artifactLocation replacements!:replacement*
replacement                  deletedRegion!:region insertedContent:artifactContent
artifactContent              text:text
";

/// Asserts that a value is what the standard says; `at` is where it is in the report.
fn assert_is(value: &Value, what: &str, at: &str) {
    if let Some(item) = what.strip_suffix('*') {
        let items = value.as_array().unwrap_or_else(|| panic!("{at} is no list: {value}"));
        items.iter().enumerate().for_each(|(index, value)| assert_is(value, item, &format!("{at}/{index}")));
        return;
    }
    let text = |value: &Value| value.as_str().map(str::to_owned);
    let good = match what {
        "text" => value.is_string(),
        "texts" => value.as_object().is_some_and(|texts| texts.values().all(Value::is_string)),
        "flag" => value.is_boolean(),
        "bag" => value.is_object(),
        "index" => value.as_u64().is_some(),
        "place" => value.as_u64().is_some_and(|place| place > 0),
        "uri" => text(value).is_some_and(|uri| is_uri_reference(&uri)),
        words if words.contains(['|', '.']) => text(value).is_some_and(|word| words.split('|').any(|it| it == word)),
        object => return assert_is_object(value, object, at),
    };
    assert!(good, "{at} is no {what}: {value}");
}

fn assert_is_object(value: &Value, name: &str, at: &str) {
    let line = OBJECTS.lines().find(|line| line.split_whitespace().next() == Some(name));
    let properties = line.unwrap_or_else(|| panic!("no object {name}")).split_whitespace().skip(1);
    let properties: Vec<(&str, &str)> = properties.map(|property| property.split_once(':').unwrap()).collect();
    let object = value.as_object().unwrap_or_else(|| panic!("{at} is no {name}: {value}"));
    for (property, _) in &properties {
        let demanded = property.strip_suffix('!');
        assert!(demanded.is_none_or(|property| object.contains_key(property)), "{at} lacks {property}");
    }
    for (key, value) in object {
        let known = properties.iter().find(|(property, _)| property.trim_end_matches('!') == key);
        let (_, what) = known.unwrap_or_else(|| panic!("{at}/{key} is not of SARIF"));
        assert_is(value, what, &format!("{at}/{key}"));
    }
}

/// RFC 3986, without what needs a parser: its characters, and escapes of two digits.
fn is_uri_reference(text: &str) -> bool {
    let good = |byte: u8| byte.is_ascii_alphanumeric() || b"-._~:/?#[]@!$&'()*+,;=%".contains(&byte);
    let escapes = text.split('%').skip(1);
    let is_escape = |escape: &str| escape.len() >= 2 && escape.bytes().take(2).all(|byte| byte.is_ascii_hexdigit());
    text.bytes().all(good) && escapes.into_iter().all(is_escape)
}

fn report(path: &str) -> Value {
    let output = hardline(&["check", "-q", "-o", "sarif", path]).output().unwrap();
    serde_json::from_slice(&output.stdout).unwrap()
}

#[test]
fn reports_have_the_structure_of_the_standard() {
    let repository = Path::new(env!("CARGO_MANIFEST_DIR")).join("../..");
    let corpus = repository.join("../shared/corpus");
    let examples = repository.join("examples");
    let mut results = 0;
    for path in [".", examples.to_str().unwrap(), corpus.to_str().unwrap()] {
        let report = report(path);
        assert_is(&report, "log", "");
        results += report["runs"][0]["results"].as_array().unwrap().len();
    }
    assert!(results > 1000, "{results}");
}

#[test]
fn other_structures_are_told_apart() {
    let good = report("shop");
    let wrong = |change: &dyn Fn(&mut Value)| {
        let mut report = good.clone();
        change(&mut report);
        assert!(std::panic::catch_unwind(|| assert_is(&report, "log", "")).is_err(), "{report:#}");
    };
    wrong(&|report| report["version"] = "2.2.0".into());
    wrong(&|report| report["runs"][0]["columns"] = 1.into());
    wrong(&|report| drop(report["runs"][0].as_object_mut().unwrap().remove("tool")));
    wrong(&|report| report["runs"][0]["results"][0]["level"] = "high".into());
    wrong(&|report| {
        report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = 0.into();
    });
    wrong(&|report| {
        report["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["artifactLocation"]["uri"] = "a b".into();
    });
}
