//! The file of findings that were there when a team began: `--baseline` and `--write-baseline`.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use anyhow::{Context as _, anyhow};
use hardline_core::baseline::Baseline;
use hardline_core::source::Source;
use hardline_manifest::write;

use crate::configuration::parse;
use crate::terminal;

/// The name of the file, where nobody chooses another.
const NAME: &str = "hardline-baseline.json";

/// Which findings are not held against anybody.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Baseline")]
pub(crate) struct BaselineFile {
    /// Do not count the findings in this file [default: the one that hardline.yaml names]
    #[arg(long, value_name = "FILE")]
    baseline: Option<PathBuf>,

    /// Count all findings, whatever hardline.yaml says
    #[arg(long, conflicts_with = "baseline")]
    no_baseline: bool,

    /// Write all findings to the baseline file, and print none [default: the one that is read, else
    /// hardline-baseline.json]
    #[arg(long, value_name = "FILE", num_args = 0..=1, require_equals = true)]
    #[arg(conflicts_with = "no_baseline")]
    #[expect(clippy::option_option, reason = "not given, given, given with a file")]
    write_baseline: Option<Option<PathBuf>>,
}

impl BaselineFile {
    /// The findings that are not counted. `configured` is the file that the configuration names.
    pub(crate) fn read(&self, configured: Option<&Path>) -> anyhow::Result<Baseline> {
        let path = self.baseline.as_deref().or(configured).filter(|_| !self.no_baseline);
        match path.filter(|_| self.write_baseline.is_none()) {
            Some(path) => {
                let text = fs::read_to_string(path).with_context(|| {
                    format!("cannot read the baseline `{}`; `--write-baseline` writes one", path.display())
                })?;
                read(path, text)
            }
            None => Ok(Baseline::default()),
        }
    }

    /// Whether the findings are written instead of printed.
    pub(crate) fn is_written(&self) -> bool {
        self.write_baseline.is_some()
    }

    /// Writes the findings of a command to the file. Only a baseline is ever replaced.
    pub(crate) fn write(
        &self,
        command: &str,
        baseline: &Baseline,
        configured: Option<&Path>,
        quiet: bool,
    ) -> anyhow::Result<()> {
        let given = self.write_baseline.as_ref().and_then(Option::as_deref);
        let path = given.or(self.baseline.as_deref()).or(configured).unwrap_or(Path::new(NAME));
        match fs::read_to_string(path) {
            Ok(before) => {
                read(path, before.clone()).context("the file is not replaced")?;
                write::replace(path, &before, &baseline.to_text())?;
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => write::create(path, &baseline.to_text())?,
            Err(error) => return Err(anyhow!(error).context(format!("cannot read `{}`", path.display()))),
        }
        if !quiet {
            let total = baseline.total();
            let plural = if total == 1 { "" } else { "s" };
            terminal::done("wrote", &format!("{total} finding{plural} to {}", path.display()));
            if configured != Some(path) {
                let name = path.display();
                terminal::notice(&format!(
                    "`hardline {command} --baseline {name}` counts what is new; so does `baseline: {name}` in hardline.yaml"
                ));
            }
        }
        Ok(())
    }
}

fn read(path: &Path, text: String) -> anyhow::Result<Baseline> {
    Ok(parse(Source::new(path.display().to_string(), text), Baseline::read)?.0)
}
