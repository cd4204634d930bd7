//! How long a pod takes to stop, by what its manifest says, and how long it is given.

use std::time::Duration;

use crate::duration;
use crate::path::FieldPath;
use crate::tree::Value;
use crate::workload::{Container, Workload};

/// What the kubelet waits between asking a pod to stop and killing it, unless the pod says.
pub const DEFAULT_GRACE: Duration = Duration::from_secs(30);

/// The annotation by which a workload or its pods declare their drain, in seconds.
pub const DRAIN_ANNOTATION: &str = "hardline.dev/drain-seconds";

const SECOND: Duration = Duration::from_secs(1);
const MILLISECOND: Duration = Duration::from_millis(1);

/// Environment variables that say how long a process finishes its work after `SIGTERM`. They also
/// count with a prefix (`SERVER_`) and with a unit at the end (`_SECONDS`).
const VARIABLES: &[&str] = &[
    "DRAIN_DURATION",
    "DRAIN_PERIOD",
    "DRAIN_TIME",
    "DRAIN_TIMEOUT",
    "DRAIN",
    "GRACEFUL_SHUTDOWN_PERIOD",
    "GRACEFUL_SHUTDOWN_TIMEOUT",
    "GRACEFUL_TIMEOUT",
    "SHUTDOWN_GRACE_PERIOD",
    "SHUTDOWN_TIMEOUT",
    "SHUTDOWNTIMEOUT",
];

/// Flags that say the same, without their dashes. Their bare numbers are seconds.
const FLAGS: &[&str] = &[
    "drain-duration",
    "drain-time-s",
    "drain-timeout",
    "graceful-shutdown-timeout",
    "graceful-timeout",
    "shutdown-grace-period",
    "shutdown-timeout",
    "termination-drain-duration",
    "timeout-graceful-shutdown",
];

/// A stretch of time that a field asks for.
#[derive(Debug, Clone)]
pub struct Stated {
    /// How long.
    pub time: Duration,
    /// What says so: `preStop`, or the name of a variable, flag or annotation.
    pub by: String,
    /// The field.
    pub path: FieldPath,
}

/// The time a pod is given to stop: `terminationGracePeriodSeconds`. `None` where it is no number.
pub fn grace(workload: &Workload<'_>) -> Option<Duration> {
    match workload.pod("terminationGracePeriodSeconds") {
        None => Some(DEFAULT_GRACE),
        Some(seconds) => seconds.int()?.try_into().ok().map(Duration::from_secs),
    }
}

/// How long a container's `preStop` hook sleeps. `SIGTERM` comes after it, out of the same grace.
///
/// <https://kubernetes.io/docs/concepts/containers/container-lifecycle-hooks/>
pub fn pre_stop(container: &Container<'_>) -> Option<Stated> {
    let hook = container.at(&["lifecycle", "preStop"])?;
    let path = container.path().keys(&["lifecycle", "preStop"]);
    let (time, path) = if let Some(seconds) = hook.at(&["sleep", "seconds"]) {
        (Duration::from_secs(seconds.int()?.try_into().ok()?), path.keys(&["sleep", "seconds"]))
    } else {
        let words = hook.at(&["exec", "command"])?.items().filter_map(Value::str);
        (slept(words)?, path.keys(&["exec", "command"]))
    };
    Some(Stated { time, by: "preStop".to_owned(), path })
}

/// The time that a command and the shell scripts among its words sleep.
fn slept<'a>(command: impl Iterator<Item = &'a str>) -> Option<Duration> {
    let separators = |c: char| c.is_whitespace() || matches!(c, ';' | '&' | '|' | '(' | ')');
    let words: Vec<&str> = command.flat_map(|word| word.split(separators)).filter(|word| !word.is_empty()).collect();
    let sleeps = words.windows(2).filter(|pair| pair[0].rsplit('/').next() == Some("sleep"));
    sleeps.filter_map(|pair| duration::parse(pair[1], SECOND)).reduce(Duration::saturating_add)
}

/// The longest drain that a container's variables and flags declare, or its pod's annotation.
pub fn drain(container: &Container<'_>) -> Option<Stated> {
    let stated = by_annotation(&container.workload).into_iter().chain(by_variable(container)).chain(by_flag(container));
    stated.max_by_key(|stated| stated.time)
}

fn by_annotation(workload: &Workload<'_>) -> Option<Stated> {
    let of_pod = (workload.template(), workload.template_path());
    let of_resource = (Some(workload.resource.value()), FieldPath::ROOT);
    [of_pod, of_resource].into_iter().find_map(|(value, path)| {
        let text = value?.at(&["metadata", "annotations"])?.get(DRAIN_ANNOTATION)?.raw();
        let path = path.keys(&["metadata", "annotations"]).key(DRAIN_ANNOTATION);
        Some(Stated { time: duration::parse(text, SECOND)?, by: DRAIN_ANNOTATION.to_owned(), path })
    })
}

fn by_variable(container: &Container<'_>) -> impl Iterator<Item = Stated> {
    container.variables().filter_map(|variable| {
        let time = declared(variable.name, variable.value)?;
        Some(Stated { time, by: variable.name.to_owned(), path: variable.path() })
    })
}

/// The drain that a variable declares, if it is one of those that do.
///
/// A number of 1,000 and more without a unit counts in milliseconds: nobody drains for 16 minutes.
fn declared(name: &str, text: &str) -> Option<Duration> {
    if name == "SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE" {
        return duration::parse(text, MILLISECOND);
    }
    let units = [
        ("_SECONDS", SECOND),
        ("_SECS", SECOND),
        ("_SEC", SECOND),
        ("_MILLISECONDS", MILLISECOND),
        ("_MILLIS", MILLISECOND),
        ("_MS", MILLISECOND),
        // As .NET's `DOTNET_SHUTDOWNTIMEOUTSECONDS`.
        ("SECONDS", SECOND),
    ];
    let unit = units.into_iter().find_map(|(ending, unit)| Some((name.strip_suffix(ending)?, unit)));
    let bare = || if text.parse().is_ok_and(|number: f64| number >= 1000.0) { MILLISECOND } else { SECOND };
    let (name, unit) = unit.unwrap_or_else(|| (name, bare()));
    let known = |known: &&str| name.strip_suffix(*known).is_some_and(|rest| rest.is_empty() || rest.ends_with('_'));
    VARIABLES.iter().any(known).then(|| duration::parse(text, unit))?
}

fn by_flag(container: &Container<'_>) -> Vec<Stated> {
    let words: Vec<_> = container.words().collect();
    let flags = words.iter().enumerate().filter_map(|(at, word)| {
        let flag = word.text.strip_prefix("--").or_else(|| word.text.strip_prefix('-'))?;
        let (flag, word, text) = match flag.split_once('=') {
            Some((flag, value)) => (flag, word, value),
            None => words.get(at + 1).map(|next| (flag, next, next.text))?,
        };
        FLAGS.contains(&flag).then_some(())?;
        Some(Stated { time: duration::parse(text, SECOND)?, by: format!("--{flag}"), path: word.path() })
    });
    flags.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sleeps_of_hooks_add_up() {
        let seconds = |words: &[&str]| slept(words.iter().copied()).map(|time| time.as_secs());
        assert_eq!(seconds(&["sleep", "30"]), Some(30));
        assert_eq!(seconds(&["/bin/sleep", "30"]), Some(30));
        assert_eq!(seconds(&["sh", "-c", "sleep 10; nginx -s quit && sleep 1m"]), Some(70));
        assert_eq!(seconds(&["sh", "-c", "sleep $DELAY"]), None);
        assert_eq!(seconds(&["nginx", "-s", "quit"]), None);
    }

    #[test]
    fn variables_that_declare_a_drain() {
        for (name, text, millis) in [
            ("DRAIN_SECONDS", "45", 45_000),
            ("SHUTDOWN_TIMEOUT", "45s", 45_000),
            ("SHUTDOWN_TIMEOUT", "45000", 45_000),
            ("SERVER_SHUTDOWN_TIMEOUT_MS", "900", 900),
            ("SPRING_LIFECYCLE_TIMEOUT_PER_SHUTDOWN_PHASE", "45000", 45_000),
            ("DOTNET_SHUTDOWNTIMEOUTSECONDS", "60", 60_000),
        ] {
            assert_eq!(declared(name, text), Some(Duration::from_millis(millis)), "{name}");
        }
        for (name, text) in [("TIMEOUT", "45"), ("SHUTDOWN_TIMEOUT", "soon"), ("RAINDRAIN", "1"), ("DRAIN", "true")] {
            assert_eq!(declared(name, text), None, "{name}");
        }
    }
}
