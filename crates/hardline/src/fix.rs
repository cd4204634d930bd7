//! `hardline check --fix` and `--diff`: from fixes of findings to changed files.
//!
//! Fixes are made in memory, round by round, until no finding offers one more: a fix may uncover
//! another finding, and two fixes of one field wait for each other. Only then are files written, each
//! of them whole.

use std::collections::{BTreeMap, BTreeSet};
use std::io;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::bail;
use hardline_core::edit::{Change as FixChange, Edit, Fix, Safety};
use hardline_core::finding::{Finding, Place};
use hardline_core::inventory::Inventory;
use hardline_core::resource::{Kind, Resource};
use hardline_core::source::Source;
use hardline_core::verdict::Judgement;
use hardline_manifest::edit::{self, Change, Target};
use hardline_manifest::load::Loaded;
use hardline_manifest::write;
use serde_json::Value as Json;
use similar::{ChangeTag, TextDiff};

use crate::terminal;

/// Fixes that take more rounds than this go round in circles.
const ROUNDS: usize = 10;
/// The name of standard input among the sources.
const STDIN: &str = "-";
/// The files that make a folder a kustomization.
const KUSTOMIZATIONS: [&str; 3] = ["kustomization.yaml", "kustomization.yml", "Kustomization"];

/// What becomes of the fixes that findings offer.
#[derive(Debug, clap::Args)]
#[command(next_help_heading = "Fixes")]
pub(crate) struct Fixes {
    /// Make the safe fixes: a workload that runs well before runs well after
    #[arg(long, group = "mending", conflicts_with = "write_baseline")]
    fix: bool,

    /// Print what `--fix` would change, and change nothing; exits with 1 where it would
    #[arg(long, group = "mending", conflicts_with = "write_baseline")]
    pub(crate) diff: bool,

    /// Make the other fixes too: somebody has to know whether the workload bears them
    #[arg(long = "unsafe-fixes", requires = "mending")]
    all: bool,
}

/// What the fixes made of the files.
#[derive(Debug, Default)]
pub(crate) struct Mended {
    files: BTreeMap<String, File>,
    fixed: usize,
    notices: BTreeSet<String>,
    /// The fixes that were tried and not made.
    given_up: BTreeSet<String>,
    /// What standard input holds now, where it is to be printed.
    stdin: Option<String>,
}

/// A text that was changed.
#[derive(Debug)]
struct File {
    /// What it was; a new file has no past.
    before: Option<String>,
    after: String,
}

/// The fixes of one source in one round.
#[derive(Debug)]
struct Batch {
    source: Arc<Source>,
    changes: Vec<Change>,
    /// What each of them mends.
    mends: Vec<String>,
}

impl Fixes {
    /// Makes the fixes that are asked for, and judges what is left.
    pub(crate) fn mend(
        &self,
        loaded: &mut Loaded,
        judge: impl Fn(&Loaded) -> (Judgement, Inventory),
    ) -> (Judgement, Inventory, Mended) {
        let mut mended = Mended::default();
        let allowed = if self.all { Safety::Unsafe } else { Safety::Safe };
        let mut rounds = if self.fix || self.diff { ROUNDS } else { 0 };
        loop {
            let (judgement, inventory) = judge(loaded);
            if rounds == 0 || !mended.round(&judgement, &inventory, allowed, loaded) {
                mended.stdin = loaded.resources.iter().find_map(stdin_text).filter(|_| self.fix);
                return (judgement, inventory, mended);
            }
            rounds -= 1;
        }
    }
}

impl Mended {
    /// Makes all fixes that do not touch each other, and says whether there were any.
    fn round(&mut self, judgement: &Judgement, inventory: &Inventory, allowed: Safety, loaded: &mut Loaded) -> bool {
        let mut batches: BTreeMap<String, Batch> = BTreeMap::new();
        let mut companions = Vec::new();
        for finding in judgement.findings.iter().map(|judged| &judged.finding) {
            let Some((fix, resource)) = fix_of(finding, inventory).filter(|(fix, _)| fix.safety <= allowed) else {
                continue;
            };
            let mends = format!("{}: {} of {}", resource.source().name, finding.rule.id, resource.id());
            let key = format!("{mends} {}", finding.path());
            if self.given_up.contains(&key) {
                continue;
            }
            if resource.source().rendered {
                self.notices.insert(format!("{mends} is not fixed: the text is rendered; change what it is made from"));
                self.given_up.insert(key);
                continue;
            }
            match &fix.change {
                FixChange::Edits(edits) => {
                    let change = Change { target: Target::of(resource), edits: edits.clone() };
                    let batch = batches.entry(resource.source().name.clone()).or_insert_with(|| Batch {
                        source: resource.source().clone(),
                        changes: Vec::new(),
                        mends: Vec::new(),
                    });
                    if !batch.changes.iter().any(|other| overlap(other, &change)) {
                        batch.changes.push(change);
                        batch.mends.push(key);
                    }
                }
                FixChange::NewResource(new) => companions.push((resource.clone(), new.resource(), key)),
            }
        }
        let before = self.fixed;
        for batch in batches.into_values() {
            self.edit(&batch, loaded);
        }
        for (beside, new, key) in companions {
            self.add(&beside, &new, key, loaded);
        }
        self.fixed > before
    }

    fn edit(&mut self, batch: &Batch, loaded: &mut Loaded) {
        let (text, refused) = edit::apply_all(&batch.source, &batch.changes);
        for (at, reason) in &refused {
            let mends = &batch.mends[*at];
            self.notices.insert(format!("{mends} is not fixed: {reason}"));
            self.given_up.insert(mends.clone());
        }
        if text != batch.source.text {
            self.fixed += batch.changes.len() - refused.len();
            self.set(&batch.source, text, loaded);
        }
    }

    /// Puts a new resource into a file beside the one it belongs to; behind it, in standard input.
    fn add(&mut self, beside: &Resource, new: &Json, key: String, loaded: &mut Loaded) {
        let document = edit::document(new);
        let name = &beside.source().name;
        let (file, is_new) = if name == STDIN { (STDIN.to_owned(), false) } else { self.companion_file(name, new) };
        if !is_new {
            let source = loaded.resources.iter().map(Resource::source).find(|source| source.name == file).cloned();
            if let Some(source) = source.filter(|source| !source.text.trim_start().starts_with('{')) {
                let text = format!("{}\n---\n{document}", source.text.trim_end());
                self.fixed += 1;
                return self.set(&source, text, loaded);
            }
        }
        if !is_new || Path::new(&file).exists() {
            self.notices.insert(format!("{key} is not fixed: {file} exists already and is not added to"));
            self.given_up.insert(key);
            return;
        }
        let folder = Path::new(&file).parent().unwrap_or(Path::new(""));
        if KUSTOMIZATIONS.iter().any(|kustomization| folder.join(kustomization).is_file()) {
            self.notices.insert(format!("{file} is new: list it in the kustomization of its folder"));
        }
        self.fixed += 1;
        self.files.insert(file.clone(), File { before: None, after: document.clone() });
        loaded.add_source(Source::new(file, document), beside.default_namespace());
    }

    /// The file for a new resource, and whether it is not one that was made before in this run.
    fn companion_file(&self, beside: &str, new: &Json) -> (String, bool) {
        let name = new.pointer("/metadata/name").and_then(Json::as_str).unwrap_or("new");
        let kind = new.get("kind").and_then(Json::as_str).unwrap_or_default();
        // The short names of kubectl.
        let short = match Kind::of(group(new), kind) {
            Kind::PodDisruptionBudget => "pdb",
            Kind::NetworkPolicy => "netpol",
            Kind::ResourceQuota => "quota",
            Kind::LimitRange => "limits",
            _ => "new",
        };
        let file = Path::new(beside).with_file_name(format!("{name}-{short}.yaml")).display().to_string();
        let is_new = self.files.get(&file).is_none_or(|file| file.before.is_some());
        (file, is_new)
    }

    fn set(&mut self, source: &Arc<Source>, text: String, loaded: &mut Loaded) {
        let new = || File { before: Some(source.text.clone()), after: String::new() };
        self.files.entry(source.name.clone()).or_insert_with(new).after.clone_from(&text);
        loaded.replace_source(source, text);
    }

    /// Whether the fixed text goes to standard output.
    pub(crate) fn is_printed(&self) -> bool {
        self.stdin.is_some()
    }

    /// Writes the files. One that cannot be written does not keep the others from being.
    pub(crate) fn write(&self, quiet: bool) -> anyhow::Result<()> {
        if let Some(text) = &self.stdin {
            terminal::print(|out| out.write_all(text.as_bytes()))?;
        }
        let mut failed = 0;
        for (name, file) in self.files.iter().filter(|(name, _)| *name != STDIN) {
            let written = match &file.before {
                Some(before) => write::replace(Path::new(name), before, &file.after),
                None => write::create(Path::new(name), &file.after),
            };
            if let Err(error) = written {
                terminal::error(&error.to_string());
                failed += 1;
            }
        }
        self.tell("fixed", quiet);
        match failed {
            0 => Ok(()),
            _ => bail!("{failed} of {} files are not fixed", self.files.len()),
        }
    }

    /// Prints what would change; the exit code says whether anything would.
    pub(crate) fn print_diff(&self, quiet: bool) -> anyhow::Result<ExitCode> {
        terminal::print(|out| self.files.iter().try_for_each(|(name, file)| diff(name, file, out)))?;
        self.tell("would fix", quiet);
        Ok(ExitCode::from(u8::from(!self.files.is_empty())))
    }

    fn tell(&self, word: &str, quiet: bool) {
        // That a fix is not made is never kept from whoever asked for it.
        self.notices.iter().for_each(|notice| terminal::notice(notice));
        if !quiet && self.fixed > 0 {
            let plural = |count: usize| if count == 1 { "" } else { "s" };
            let (fixed, files) = (self.fixed, self.files.len());
            terminal::done(word, &format!("{fixed} finding{} in {files} file{}", plural(fixed), plural(files)));
        }
    }
}

fn fix_of<'a>(finding: &'a Finding, inventory: &'a Inventory) -> Option<(&'a Fix, &'a Resource)> {
    match finding.place {
        Place::Field { resource, .. } => Some((finding.fix.as_deref()?, &inventory[resource])),
        Place::Text { .. } => None,
    }
}

/// Whether two changes touch the same field, or one a field in the other's.
fn overlap(a: &Change, b: &Change) -> bool {
    let meet = |a: &Edit, b: &Edit| {
        let (a, b) = (a.path.segments(), b.path.segments());
        a.starts_with(b) || b.starts_with(a)
    };
    a.target == b.target && a.edits.iter().any(|one| b.edits.iter().any(|other| meet(one, other)))
}

fn stdin_text(resource: &Resource) -> Option<String> {
    (resource.source().name == STDIN).then(|| resource.source().text.clone())
}

fn group(resource: &Json) -> &str {
    let version = resource.get("apiVersion").and_then(Json::as_str).unwrap_or_default();
    version.rsplit_once('/').map_or("", |(group, _)| group)
}

/// Writes a unified diff, as `patch` and `git apply -p0` take it.
fn diff(name: &str, file: &File, out: &mut dyn io::Write) -> io::Result<()> {
    let before = file.before.as_deref();
    let diff = TextDiff::from_lines(before.unwrap_or_default(), &file.after);
    writeln!(out, "--- {}\n+++ {name}", if before.is_some() { name } else { "/dev/null" })?;
    for hunk in diff.unified_diff().iter_hunks() {
        writeln!(out, "{}", hunk.header())?;
        for change in hunk.iter_changes() {
            let (sign, style) = match change.tag() {
                ChangeTag::Equal => (' ', anstyle::Style::new()),
                ChangeTag::Delete => ('-', anstyle::AnsiColor::Red.on_default()),
                ChangeTag::Insert => ('+', anstyle::AnsiColor::Green.on_default()),
            };
            let line = change.value();
            writeln!(out, "{style}{sign}{}{style:#}", line.strip_suffix('\n').unwrap_or(line))?;
            if change.missing_newline() {
                writeln!(out, "\\ No newline at end of file")?;
            }
        }
    }
    Ok(())
}
