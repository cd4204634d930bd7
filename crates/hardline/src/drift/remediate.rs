//! Takes back what has drifted, and nothing else.

use std::io::{self, BufRead as _, IsTerminal as _};

use anyhow::{Context as _, bail};
use hardline_cluster::whole::{Write, write};
use hardline_core::drift::{self, Method, Object, Standing};
use hardline_core::edit::PatchOperation;
use hardline_core::resource::Resource;
use hardline_manifest::release::Release;
use serde_json::Value as Json;

use super::Args;
use super::cluster::Live;
use super::compare::Compared;
use crate::terminal;

/// What is to be written to one object.
struct Step<'c> {
    object: &'c Resource,
    /// What people are told.
    title: String,
    manager: String,
    /// Operations first, then the object to apply, where there are any.
    patch: Vec<PatchOperation>,
    apply: Option<Json>,
}

/// Shows what would be written, has the API server try it, asks, and writes it.
pub(super) fn run(args: &Args, compared: &Compared, live: &Live) -> anyhow::Result<()> {
    let mut steps = plan(args, compared)?;
    steps.retain(|step| match send(live, step, true) {
        Ok(()) => true,
        Err(error) => {
            terminal::notice(&format!("{} cannot be restored: {error:#}", step.title));
            false
        }
    });
    if steps.is_empty() {
        return Ok(());
    }
    terminal::print_error(|err| {
        writeln!(err, "to be restored in {}:", live.cluster.name)?;
        steps.iter().try_for_each(|step| writeln!(err, "  {}, as {}", terminal::visible(&step.title), step.manager))
    })?;
    if !args.yes {
        confirm()?;
    }
    for step in &steps {
        send(live, step, false).with_context(|| step.title.clone())?;
        terminal::done("restored", &step.title);
    }
    Ok(())
}

fn confirm() -> anyhow::Result<()> {
    if !io::stdin().is_terminal() {
        bail!("nobody is there to confirm\nhelp: say `--yes`");
    }
    terminal::print_error(|err| {
        write!(err, "restore? [y/N] ")?;
        err.flush()
    })?;
    let mut answer = String::new();
    io::stdin().lock().read_line(&mut answer)?;
    if !answer.trim().eq_ignore_ascii_case("y") {
        bail!("nothing was changed");
    }
    Ok(())
}

fn send(live: &Live, step: &Step<'_>, dry_run: bool) -> anyhow::Result<()> {
    if !step.patch.is_empty() {
        live.waiter.wait(write(&live.cluster, step.object, Write::Patch(&step.patch), &step.manager, dry_run))?;
    }
    // What is applied may need what the patch changes: it can be tried alone only.
    let alone = step.patch.is_empty();
    if let Some(apply) = step.apply.as_ref().filter(|_| alone || !dry_run) {
        live.waiter.wait(write(&live.cluster, step.object, Write::Apply(apply), &step.manager, dry_run))?;
    }
    Ok(())
}

fn plan<'c>(args: &Args, compared: &'c Compared) -> anyhow::Result<Vec<Step<'c>>> {
    let mut steps = Vec::new();
    let mut deployer = None;
    for object in &compared.drift.objects {
        let [Some(desired), _, Some(observed)] = compared.sides(object) else { continue };
        let Some(restoration) = drift::restore(object, desired, observed)? else { continue };
        if let Some(why) = restoration.interrupts.filter(|_| !args.restart) {
            terminal::notice(&format!("{} is left as it is: {why}; say `--restart` to restore it", observed.id()));
            continue;
        }
        let paths = object.differences.iter().filter(|it| it.class.is_drift()).map(|it| it.path.to_string());
        let apply = restoration.method == Method::Apply;
        steps.push(Step {
            object: observed,
            title: format!("{}: {}", observed.id(), paths.collect::<Vec<_>>().join(", ")),
            manager: restoration.manager.clone(),
            patch: restoration.patch,
            apply: if apply { Some(to_apply(desired, Some(observed), compared)?) } else { None },
        });
        deployer.get_or_insert(restoration.manager);
    }
    for object in compared.drift.objects.iter().filter(|object| object.standing == Standing::Missing) {
        let [Some(desired), ..] = compared.sides(object) else { continue };
        steps.push(Step {
            object: desired,
            title: format!("{}, which is missing", desired.id()),
            manager: deployer.clone().unwrap_or_else(|| deployer_of(&compared.drift.objects, compared)),
            patch: Vec::new(),
            apply: Some(to_apply(desired, None, compared)?),
        });
    }
    Ok(steps)
}

/// Who deployed the objects that are there.
fn deployer_of(objects: &[Object], compared: &Compared) -> String {
    let managers = objects.iter().filter_map(|object| compared.sides(object)[2]).filter_map(drift::deployer);
    managers.into_iter().next().unwrap_or_else(|| "hardline".to_owned())
}

/// The desired object as its deployer applies it.
fn to_apply(desired: &Resource, observed: Option<&Resource>, compared: &Compared) -> anyhow::Result<Json> {
    let of_release = |release: &&Release| release.source().name == desired.source().name;
    let release = compared.releases.iter().find(of_release).map(|it| (&*it.name, &*it.namespace));
    Ok(drift::to_apply(desired, observed, release, &compared.expectations)?)
}
