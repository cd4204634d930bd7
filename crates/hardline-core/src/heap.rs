//! The heap that a container's runtime is told to use: flags and environment of the JVM, Node.js,
//! Go and .NET.

use crate::path::FieldPath;
use crate::quantity::Quantity;
use crate::workload::{Container, Variable};

/// A language runtime with a heap of its own.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Runtime {
    /// Java and all that runs on its virtual machine.
    Jvm,
    /// Node.js.
    Node,
    /// Go, whose limit is soft and counts all that the runtime holds.
    Go,
    /// .NET.
    DotNet,
}

/// How much memory a heap may grow to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Size {
    /// An amount.
    Amount(Quantity),
    /// A share of the container's memory limit, in hundredths.
    Percent(f64),
}

/// A heap as a container declares it.
#[derive(Debug, Clone, PartialEq)]
pub struct Heap {
    /// Whose heap it is.
    pub runtime: Runtime,
    /// How large it may grow.
    pub size: Size,
    /// The setting as written, such as `-Xmx2g`.
    pub setting: String,
    /// Where it is written.
    pub path: FieldPath,
}

const MI: i64 = 1 << 20;

impl Runtime {
    /// What the runtime needs of a memory limit beside its heap: threads' stacks, code, metadata,
    /// buffers. A share of the limit, and no more than an amount. Deliberately low: a process
    /// with less is killed under load, while many need more.
    pub fn overhead(self, limit: Quantity) -> Quantity {
        let (percent, most) = match self {
            Self::Jvm => (20.0, 256 * MI),
            Self::Node | Self::DotNet => (10.0, 128 * MI),
            Self::Go => (5.0, 64 * MI),
        };
        limit.percent(percent).min(Quantity::of_bytes(most))
    }
}

impl Heap {
    /// The heap that a container declares; of several settings, the one that its runtime obeys.
    pub fn of(container: &Container<'_>) -> Option<Self> {
        let mut declared = None;
        // The JVM lets its command line override the environment, and `_JAVA_OPTIONS` override both.
        // Variables of start scripts, such as KAFKA_HEAP_OPTS, end up on the command line.
        let rank = |name: &str| match name {
            "JAVA_TOOL_OPTIONS" => 0,
            "JDK_JAVA_OPTIONS" | "NODE_OPTIONS" => 1,
            "_JAVA_OPTIONS" => 4,
            _ => 2,
        };
        let mut consider = |rank: u8, heap: Self| {
            // An amount wins over a percentage, whatever the order.
            let key = (matches!(heap.size, Size::Amount(_)), rank);
            if declared.as_ref().is_none_or(|(best, _)| key >= *best) {
                declared = Some((key, heap));
            }
        };
        for variable in container.variables() {
            let Variable { name, value, .. } = variable;
            if let Some((runtime, size)) = of_variable(name, value) {
                let setting = format!("{name}={}", value.trim());
                consider(rank(name), Self { runtime, size, setting, path: variable.path() });
            } else if let Some((setting, runtime, size)) = of_words(value) {
                consider(rank(name), Self { runtime, size, setting: setting.to_owned(), path: variable.path() });
            }
        }
        for word in container.words() {
            if let Some((setting, runtime, size)) = of_words(word.text) {
                consider(3, Self { runtime, size, setting: setting.to_owned(), path: word.path() });
            }
        }
        declared.map(|(_, heap)| heap)
    }

    /// How large the heap may grow under a memory limit.
    pub fn under(&self, limit: Quantity) -> Quantity {
        match self.size {
            Size::Amount(amount) => amount,
            Size::Percent(percent) => limit.percent(percent),
        }
    }
}

/// Variables that hold nothing but the size.
fn of_variable(name: &str, value: &str) -> Option<(Runtime, Size)> {
    let value = value.trim();
    let hexadecimal = || i64::from_str_radix(value.trim_start_matches("0x").trim_start_matches("0X"), 16).ok();
    let size = match name {
        // <https://pkg.go.dev/runtime#hdr-Environment_Variables>
        "GOMEMLIMIT" => (Runtime::Go, Size::Amount(go_bytes(value)?)),
        // <https://learn.microsoft.com/dotnet/core/runtime-config/garbage-collector>: in hexadecimal.
        "DOTNET_GCHeapHardLimit" | "COMPlus_GCHeapHardLimit" => {
            (Runtime::DotNet, Size::Amount(Quantity::of_bytes(hexadecimal()?)))
        }
        "DOTNET_GCHeapHardLimitPercent" | "COMPlus_GCHeapHardLimitPercent" => {
            let percent = u8::try_from(hexadecimal()?).ok()?;
            (Runtime::DotNet, Size::Percent(f64::from(percent)))
        }
        _ => return None,
    };
    Some(size)
}

/// The last setting among words: a word of a command line, or a whole script.
fn of_words(text: &str) -> Option<(&str, Runtime, Size)> {
    let ends_word = |c: char| c.is_whitespace() || matches!(c, '"' | '\'' | ';' | ',');
    // All settings begin with `-X` or `--max`, and few words do.
    let bytes = text.as_bytes();
    let may_begin = |at: &usize| bytes[*at..].starts_with(b"-X") || bytes[*at..].starts_with(b"--max");
    let words = memchr::memchr_iter(b'-', bytes).filter(may_begin).filter_map(|at| {
        let (before, word) = text.split_at(at);
        (before.is_empty() || before.ends_with(ends_word)).then(|| word.split(ends_word).next())?
    });
    let declared = words.filter_map(|word| of_word(word).map(|(runtime, size)| (word, runtime, size)));
    declared.fold(None, |best: Option<(&str, Runtime, Size)>, next| match best {
        Some(best) if matches!((best.2, next.2), (Size::Amount(_), Size::Percent(_))) => Some(best),
        _ => Some(next),
    })
}

fn of_word(word: &str) -> Option<(Runtime, Size)> {
    let value = |names: &[&str]| names.iter().find_map(|name| word.strip_prefix(name));
    if let Some(size) = value(&["-Xmx", "-XX:MaxHeapSize="]) {
        return Some((Runtime::Jvm, Size::Amount(jvm_bytes(size)?)));
    }
    if let Some(percent) = value(&["-XX:MaxRAMPercentage="]) {
        return Some((Runtime::Jvm, Size::Percent(percent_of(percent)?)));
    }
    if let Some(megabytes) = value(&["--max-old-space-size=", "--max_old_space_size="]) {
        let bytes = megabytes.parse::<i64>().ok()?.checked_mul(MI)?;
        return Some((Runtime::Node, Size::Amount(Quantity::of_bytes(bytes))));
    }
    let percent = value(&["--max-old-space-size-percentage="])?;
    Some((Runtime::Node, Size::Percent(percent_of(percent)?)))
}

fn percent_of(text: &str) -> Option<f64> {
    text.parse().ok().filter(|percent| (0.0..=100.0).contains(percent))
}

/// `2g`, `512M`, `1048576`: powers of 1024.
fn jvm_bytes(text: &str) -> Option<Quantity> {
    let (digits, shift) = match text.char_indices().last()? {
        (at, 'k' | 'K') => (&text[..at], 10),
        (at, 'm' | 'M') => (&text[..at], 20),
        (at, 'g' | 'G') => (&text[..at], 30),
        (at, 't' | 'T') => (&text[..at], 40),
        _ => (text, 0),
    };
    positive_bytes(digits, shift)
}

/// `512MiB`, `1073741824`; `off` is no size.
fn go_bytes(text: &str) -> Option<Quantity> {
    let suffixes = [("KiB", 10), ("MiB", 20), ("GiB", 30), ("TiB", 40), ("B", 0)];
    let stripped = suffixes.iter().find_map(|(suffix, shift)| Some((text.strip_suffix(suffix)?, *shift)));
    let (digits, shift) = stripped.unwrap_or((text, 0));
    positive_bytes(digits, shift)
}

fn positive_bytes(digits: &str, shift: u32) -> Option<Quantity> {
    let bytes = digits.parse::<i64>().ok()?.checked_mul(1 << shift)?;
    (bytes > 0).then(|| Quantity::of_bytes(bytes))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_setting_that_counts_is_found_in_scripts() {
        let amount = |bytes| Size::Amount(Quantity::of_bytes(bytes));
        for (text, word, size) in [
            ("exec java -Xms1g -Xmx2g -jar app.jar", "-Xmx2g", amount(2 << 30)),
            ("-Xmx512m -Xmx1G", "-Xmx1G", amount(1 << 30)),
            ("-Xmx512m -XX:MaxRAMPercentage=80", "-Xmx512m", amount(512 * MI)),
            ("-XX:MaxRAMPercentage=80.0", "-XX:MaxRAMPercentage=80.0", Size::Percent(80.0)),
            ("node --max-old-space-size=4096 app.js", "--max-old-space-size=4096", amount(4096 * MI)),
        ] {
            let (found, _, found_size) = of_words(text).unwrap();
            assert_eq!((found, found_size), (word, size), "{text}");
        }
        for text in ["-Xmx$(HEAP)", "-Xmx", "-Xmxg", "-Xmx9999999999999g", "-XX:MaxRAMPercentage=900", "-Xmxé", ""] {
            assert_eq!(of_words(text), None, "{text}");
        }
    }

    #[test]
    fn variables_are_read_in_their_own_notation() {
        let amount = |bytes| Some(Size::Amount(Quantity::of_bytes(bytes)));
        let size = |name, value| of_variable(name, value).map(|(_, size)| size);
        assert_eq!(size("GOMEMLIMIT", "1GiB"), amount(1 << 30));
        assert_eq!(size("GOMEMLIMIT", "off"), None);
        assert_eq!(size("DOTNET_GCHeapHardLimit", "C800000"), amount(200 * MI));
        assert_eq!(size("DOTNET_GCHeapHardLimit", "0x10000000"), amount(256 * MI));
        assert_eq!(size("DOTNET_GCHeapHardLimitPercent", "0x5A"), Some(Size::Percent(90.0)));
    }
}
