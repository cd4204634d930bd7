//! `hardline config`: what holds, and where that is said.

use std::collections::BTreeMap;
use std::io::{self, Write};
use std::path::PathBuf;
use std::process::ExitCode;

use clap::Subcommand;
use hardline_core::config::Config;
use hardline_core::config::file::json_schema;
use hardline_core::duration;
use hardline_core::rule::Rule;
use hardline_core::rules::RULES;

use crate::configuration::{Configuration, ConfigurationFile};
use crate::terminal::{self, DIM};

/// Show the configuration that holds, or the schema of hardline.yaml
#[derive(Debug, clap::Args)]
#[command(after_help = "\
Examples:
  hardline config show
  hardline config show overlays/prod
  hardline config schema > hardline.schema.json")]
pub(crate) struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Print the configuration that holds for a path, and where each value comes from
    Show {
        /// What would be checked
        #[arg(default_value = ".")]
        path: PathBuf,

        #[command(flatten)]
        configuration: ConfigurationFile,
    },
    /// Print the JSON Schema of hardline.yaml
    Schema,
}

pub(crate) fn run(args: &Args) -> anyhow::Result<ExitCode> {
    match &args.command {
        Command::Show { path, configuration } => {
            let file = configuration.read(path)?;
            let config = file.config()?;
            terminal::print(|out| show(&file, &config, out))?;
        }
        Command::Schema => terminal::print(|out| writeln!(out, "{:#}", json_schema()))?,
    }
    Ok(ExitCode::SUCCESS)
}

/// The configuration as a file that says the same, with the origin of each value behind it.
fn show(file: &Configuration, config: &Config, out: &mut dyn Write) -> io::Result<()> {
    let origin = |keys: &[&str]| match file.place(keys) {
        Some(place) => format!("{DIM}# {}{DIM:#}", terminal::visible(&place)),
        None => format!("{DIM}# default{DIM:#}"),
    };
    writeln!(out, "profile: {} {}", config.profile, origin(&["profile"]))?;
    writeln!(out, "kubernetesVersion: {} {}", config.settings.kubernetes_version, origin(&["kubernetesVersion"]))?;
    writeln!(out, "exclude: {} {}", list(file.exclude()), origin(&["exclude"]))?;
    let baseline = file.baseline().map_or("null".to_owned(), |path| path.display().to_string());
    writeln!(out, "baseline: {} {}", terminal::visible(&baseline), origin(&["baseline"]))?;
    writeln!(out, "settings:")?;
    let registries = origin(&["settings", "allowedRegistries"]);
    writeln!(out, "  allowedRegistries: {} {registries}", list(&config.settings.allowed_registries))?;
    let tags = origin(&["settings", "forbiddenTags"]);
    writeln!(out, "  forbiddenTags: {} {tags}", list(&config.settings.forbidden_tags))?;
    let count = |count: Option<i64>| count.map_or("null".to_owned(), |count| count.to_string());
    let (replicas, volumes) = (count(config.settings.minimum_replicas), count(config.settings.volumes_per_node));
    writeln!(out, "  minimumReplicas: {replicas} {}", origin(&["settings", "minimumReplicas"]))?;
    writeln!(out, "  volumesPerNode: {volumes} {}", origin(&["settings", "volumesPerNode"]))?;
    let guard = &config.guard;
    writeln!(out, "guard:")?;
    for (key, value) in [
        ("users", list(&guard.users)),
        ("groups", list(&guard.groups)),
        ("serviceAccounts", list(&guard.service_accounts)),
        ("connections", guard.connections.name().to_owned()),
        ("secrets", guard.secrets.to_string()),
        ("longestGrant", duration::compact(guard.longest_grant)),
    ] {
        writeln!(out, "  {key}: {} {}", terminal::visible(&value), origin(&["guard", key]))?;
    }
    writeln!(out, "overrides: {DIM}# {} of them{DIM:#}", config.overrides.len())?;
    writeln!(out, "exemptions: {DIM}# {} of them{DIM:#}", config.exemptions.len())?;
    writeln!(out, "rules:")?;
    let mut by_enforcement: BTreeMap<_, Vec<(&Rule, String)>> = BTreeMap::new();
    for rule in RULES {
        let (enforcement, severity) = config.standing(rule, config.profile, []);
        let said = file.place(&["rules", rule.id]);
        let origin = said.unwrap_or_else(|| format!("profile {}, severity {severity}", config.profile));
        by_enforcement.entry(std::cmp::Reverse(enforcement)).or_default().push((rule, origin));
    }
    for (std::cmp::Reverse(enforcement), rules) in by_enforcement {
        for (rule, origin) in rules {
            writeln!(out, "  {}: {} {DIM}# {}{DIM:#}", rule.id, enforcement.name(), terminal::visible(&origin))?;
        }
    }
    Ok(())
}

fn list(texts: &[String]) -> String {
    serde_json::Value::from(texts).to_string()
}
