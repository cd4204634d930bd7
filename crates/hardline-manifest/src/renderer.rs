//! Programs that print manifests, and bounds on what they print.

use std::io::{self, Read};
use std::process::{Command, Stdio};

/// Why a renderer gave no manifests.
#[derive(Debug, thiserror::Error)]
pub enum RenderError {
    /// There is no such program.
    #[error("{0} is not installed")]
    Missing(String),
    /// It says why itself.
    #[error("{0}")]
    Failed(String),
    /// It printed more than is read of one text.
    #[error("it renders to more than the {0} bytes that are read of one text")]
    TooLong(u64),
    /// It printed something else than text.
    #[error("it renders to text that is not UTF-8")]
    NotUtf8,
    /// It could not be run to its end.
    #[error("{program} cannot be run: {error}")]
    Io {
        /// The program.
        program: String,
        /// Why.
        error: io::Error,
    },
}

/// What a program prints, when it succeeds and prints no more than `limit` bytes.
pub(crate) fn run(command: &mut Command, limit: u64) -> Result<String, RenderError> {
    let program = command.get_program().display().to_string();
    output(command, limit).map_err(|error| match error.kind() {
        io::ErrorKind::NotFound => RenderError::Missing(program.clone()),
        _ => RenderError::Io { program: program.clone(), error },
    })?
}

/// Both pipes are read at once: a program that fills one while the other is read waits for ever.
fn output(command: &mut Command, limit: u64) -> io::Result<Result<String, RenderError>> {
    let mut child = command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn()?;
    let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
    let complaint = std::thread::spawn(|| stderr.map_or(Ok(Vec::new()), beginning));
    let mut printed = Vec::new();
    if let Some(stdout) = stdout {
        stdout.take(limit.saturating_add(1)).read_to_end(&mut printed)?;
    }
    let too_long = printed.len() as u64 > limit;
    if too_long {
        child.kill()?;
    }
    let success = child.wait()?.success();
    let complaint = complaint.join().unwrap_or_else(|_| Ok(Vec::new()))?;
    Ok(match String::from_utf8(printed) {
        _ if too_long => Err(RenderError::TooLong(limit)),
        _ if !success => Err(RenderError::Failed(reason(&complaint))),
        printed => printed.map_err(|_| RenderError::NotUtf8),
    })
}

/// The first 64 KiB of what a program prints; the rest is read and forgotten.
fn beginning(mut output: impl Read) -> io::Result<Vec<u8>> {
    let mut beginning = Vec::new();
    output.by_ref().take(64 << 10).read_to_end(&mut beginning)?;
    io::copy(&mut output, &mut io::sink())?;
    Ok(beginning)
}

/// What a program complains about, in one line. What comes before its first `Error: ` are warnings,
/// what comes after an empty line is advice about its own flags.
fn reason(complaint: &[u8]) -> String {
    let complaint = String::from_utf8_lossy(complaint);
    let error = complaint.find("Error: ").map_or(&*complaint, |at| &complaint[at + "Error: ".len()..]);
    let lines = error.trim().lines().map(str::trim).take_while(|line| !line.is_empty());
    lines.collect::<Vec<_>>().join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_reason_is_the_error_without_warnings_and_advice() {
        let helm =
            b"level=WARN msg=old\nError: shop.yaml:4:11\n  executing \"shop.yaml\":\n    no template\n\nUse --debug\n";
        assert_eq!(reason(helm), "shop.yaml:4:11 executing \"shop.yaml\": no template");
        assert_eq!(reason(b"it broke\n"), "it broke");
    }
}
