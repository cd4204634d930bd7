//! `hardline pin`: writes the digests of images behind their tags.

mod image;
mod kustomization;
mod output;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{self, IsTerminal as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::bail;
use clap::ValueEnum;
use hardline_core::finding::{Finding, Place};
use hardline_core::rules::MANIFEST_MALFORMED;
use hardline_core::source::Source;
use hardline_manifest::edit;
use hardline_manifest::write;

use self::image::{Answers, Image, Standing, Task};
use self::kustomization::Kustomizations;
use self::output::Outcome;
use crate::progress::Progress;
use crate::registry::{self, Manifest, Registries};
use crate::sources::{Configured, Sources};
use crate::{UNABLE, diff, terminal};

/// Write the digests of images behind their tags
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline pin                        pin all images below this folder
  hardline pin --diff deploy/         show what would change
  hardline pin --update deploy/       take the digests that the tags have now
  hardline pin --check deploy/        for CI: all pinned, and the digests are still there
  hardline pin --ca-file ca.pem --plain-http registry.test:5000

Credentials are those of Docker: `docker login`, or a credential helper in its configuration.

Exit codes: 0 done, or all is well; 1 `--check` has found something; 2 something could not be done")]
#[allow(clippy::struct_excessive_bools, reason = "each is a flag of its own")]
pub(crate) struct Args {
    #[command(flatten)]
    sources: Sources,

    /// Write nothing; exit with 1 if an image is not pinned, its digest is gone, or its tag has moved
    #[arg(long)]
    check: bool,

    /// Write nothing; print what would change
    #[arg(long, conflicts_with_all = ["check", "format"])]
    diff: bool,

    /// Ask for the tags of images that are pinned already, too
    #[arg(long, conflicts_with = "check")]
    update: bool,

    /// How to print what was done
    #[arg(short = 'o', long, default_value = "human")]
    format: Format,

    /// Print findings and errors only
    #[arg(short, long)]
    quiet: bool,

    /// How many images to ask for at once
    #[arg(long, value_name = "N", default_value_t = 8, help_heading = "Registries", value_parser = clap::value_parser!(u16).range(1..=64))]
    jobs: u16,

    /// The longest that one request may take, in seconds
    #[arg(long, value_name = "SECONDS", default_value_t = 30, help_heading = "Registries", value_parser = clap::value_parser!(u64).range(1..=3600))]
    timeout: u64,

    /// How often to ask again when a registry is busy or away
    #[arg(long, value_name = "N", default_value_t = 3, help_heading = "Registries", value_parser = clap::value_parser!(u32).range(0..=20))]
    retries: u32,

    /// Certificates to trust beside the system's, as PEM
    #[arg(long, value_name = "FILE", help_heading = "Registries")]
    ca_file: Option<PathBuf>,

    /// A registry that speaks plain HTTP, as images name it; on this machine it is found out
    #[arg(long, value_name = "HOST", help_heading = "Registries")]
    plain_http: Vec<String>,
}

/// How to print what was done.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Format {
    /// For people: one line for each image that changes or fails
    Human,
    /// For programs: hardline.pin/v1
    Json,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    let reading = Progress::start("reading", args.quiet);
    let Configured { config, exclude, .. } = args.sources.config()?;
    let loaded = args.sources.load_images(&config, exclude, &reading)?;
    let kustomizations = Kustomizations::read(&loaded.kustomizations);
    drop(reading);
    let mut notices = [loaded.notices, kustomizations.notices.clone()].concat();
    let mut images = kustomization::remaining(&loaded.resources, &kustomizations);
    if !args.check {
        let all = images.len();
        images.retain(|image| !image.holder.source().rendered);
        let rendered = all - images.len();
        if rendered > 0 {
            notices.push(format!(
                "{rendered} images are rendered from charts or kustomizations, and stay as they are: \
                 pin them in the values, the files that the kustomization is made from, or its `images`"
            ));
        }
        if !args.diff && images.iter().any(|image| image.holder.source().name == "-") {
            bail!("standard input cannot be written: name a file, or use `--diff` or `--check`");
        }
    }

    images.extend(kustomizations.images());

    let resolving = Progress::counting("images", "resolving", args.quiet);
    let answers = args.ask(&images, &resolving)?;
    drop(resolving);
    let standings = images.iter().map(|image| image.standing(args.task(), &answers)).collect();
    let malformed = loaded.findings.iter().filter_map(malformed).chain(kustomizations.malformed.iter().cloned());
    let mut outcome = Outcome { images, standings, malformed: malformed.collect() };
    let changed = rewrite(&mut outcome);
    if args.diff {
        print_diff(&changed)?;
    } else {
        for file in changed {
            if let Err(error) = write::replace(Path::new(&file.source.name), &file.source.text, &file.text) {
                outcome.fail(&file.source, &error.to_string());
            }
        }
    }

    if !args.quiet {
        for notice in &notices {
            terminal::notice(notice);
        }
    }
    match args.format {
        Format::Json => terminal::print(|out| outcome.write_json(out))?,
        Format::Human => {
            if !args.diff {
                terminal::print(|out| outcome.write_lines(args.quiet, out))?;
            }
            terminal::print_error(|err| outcome.write_failures(err))?;
            if !args.quiet {
                terminal::print_error(|err| outcome.write_summary(err))?;
            }
        }
    }
    Ok(match outcome.totals() {
        totals if totals.failed > 0 => ExitCode::from(UNABLE),
        totals => ExitCode::from(u8::from(totals.findings > 0)),
    })
}

impl Args {
    fn task(&self) -> Task {
        match (self.check, self.update) {
            (true, _) => Task::Check,
            (_, true) => Task::Update,
            _ => Task::Pin,
        }
    }

    /// Asks the registries all that is needed to judge the images, each thing once.
    fn ask(&self, images: &[Image<'_>], progress: &Progress) -> anyhow::Result<Answers> {
        let options = registry::Options {
            ca_file: self.ca_file.clone(),
            plain_http: self.plain_http.clone(),
            timeout: Duration::from_secs(self.timeout),
            retries: self.retries,
        };
        let waiting = |why: &str| progress.note(why);
        let registries = Registries::new(&options, &waiting)?;
        let mut answers = Answers::new();
        // What is asked second depends on the first answers, as with tags that have moved.
        for _ in 0..2 {
            let questions = images.iter().filter_map(|image| image.question(self.task(), &answers));
            answers.extend(ask(&registries, questions.collect(), self.jobs.into(), progress));
        }
        Ok(answers)
    }
}

/// Asks for manifests, several at once.
fn ask(registries: &Registries<'_>, manifests: BTreeSet<Manifest>, jobs: usize, progress: &Progress) -> Answers {
    let manifests: Vec<_> = manifests.into_iter().collect();
    let next = AtomicUsize::new(0);
    let answers = Mutex::new(BTreeMap::new());
    thread::scope(|scope| {
        for _ in 0..jobs.min(manifests.len()) {
            scope.spawn(|| {
                while let Some(manifest) = manifests.get(next.fetch_add(1, Ordering::Relaxed)) {
                    let answer = registries.digest(manifest);
                    answers.lock().unwrap_or_else(PoisonError::into_inner).insert(manifest.clone(), answer);
                    progress.advance();
                }
            });
        }
    });
    answers.into_inner().unwrap_or_else(PoisonError::into_inner)
}

/// A file, and the text that it should have.
struct Changed {
    source: Arc<Source>,
    text: String,
}

/// The files with their images pinned. An image that cannot be edited in place fails.
fn rewrite(outcome: &mut Outcome<'_>) -> Vec<Changed> {
    let mut changed: Vec<Changed> = Vec::new();
    for (image, standing) in outcome.images.iter().zip(&mut outcome.standings) {
        let Standing::Pinned(pinned) = standing else { continue };
        let source = image.holder.source();
        if changed.last().is_none_or(|last| !Arc::ptr_eq(&last.source, source)) {
            changed.push(Changed { source: source.clone(), text: source.text.clone() });
        }
        let Some(file) = changed.last_mut() else { continue };
        let now = Arc::new(Source::new(source.name.clone(), file.text.clone()));
        match edit::apply(&now, &image.holder.target(), &[image.edit(pinned)]) {
            Ok(text) => file.text = text,
            Err(refused) => *standing = Standing::Failed(format!("image `{}`: {refused}", image.text)),
        }
    }
    changed.retain(|file| file.text != file.source.text);
    changed
}

fn print_diff(changed: &[Changed]) -> io::Result<()> {
    let diffs = changed.iter().map(|file| diff::unified(&file.source.name, &file.source.text, &file.text));
    let diffs: String = diffs.collect();
    terminal::print(|out| {
        if !io::stdout().is_terminal() {
            return out.write_all(diffs.as_bytes());
        }
        diffs.lines().try_for_each(|line| writeln!(out, "{}", terminal::visible(line)))
    })
}

/// A text that cannot be read, whose images nobody knows.
fn malformed(finding: &Finding) -> Option<String> {
    let Place::Text { source, span } = &finding.place else { return None };
    let position = source.position(span.start);
    let place = format!("{}:{}:{}", source.name, position.line, position.column);
    (finding.rule.id == MANIFEST_MALFORMED.id).then(|| format!("{place}: {}", finding.message))
}
