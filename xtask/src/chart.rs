//! The Helm chart: what `hardline install` prints, with placeholders for what its values say.

use std::collections::BTreeMap;
use std::path::PathBuf;

use hardline_core::cel::wall::{Acts, Origin};
use hardline_core::config::file::json_schema;
use hardline_core::config::{Config, Date};
use hardline_core::profile::Profile;
use hardline_manifest::edit;
use hardline_server::install::Options;
use serde_json::{Value as Json, json};

/// Where the chart lies.
const FOLDER: &str = "deploy/chart";

/// What stands for the configuration until its place in the text is known: a string of YAML is one of
/// JSON, and only Helm can make that.
const CONFIGURATION: &str = "(configuration)";

const CERTIFICATES: &str = "{{ .Values.certificates }}";

/// The files of the chart.
pub(crate) fn files() -> BTreeMap<PathBuf, String> {
    let config = Config::new(Date { year: 1970, month: 1, day: 1 });
    let own = Options {
        namespace: "{{ .Release.Namespace }}".to_owned(),
        image: "{{ .Values.image }}".to_owned(),
        profile: "{{ .Values.profile }}".to_owned(),
        enforcement: "{{ .Values.enforcement }}".to_owned(),
        failure: "{{ .Values.failurePolicy }}".to_owned(),
        certificates: None,
        configuration: CONFIGURATION.to_owned(),
        longest_grant: "{{ ((.Values.configuration).guard).longestGrant | default `4h` }}".to_owned(),
        drift: "{{ .Values.drift }}".to_owned(),
    };
    let mounted = Options { certificates: Some(CERTIFICATES.to_owned()), ..own.clone() };
    let policies = documents(&own.wall(&config, Origin::Api, Acts::Denied));
    let server = either(&mounted.objects(), &own.objects());
    let server = server.replace(CONFIGURATION, "{{ toJson .Values.configuration | toJson }}");
    let files = [
        ("Chart.yaml", chart()),
        ("values.yaml", VALUES.to_owned()),
        ("values.schema.json", format!("{:#}\n", schema())),
        ("templates/drift.yaml", format!("{{{{- if .Values.drift }}}}\n{}{{{{- end }}}}\n", documents(&own.drift()))),
        ("templates/server.yaml", server),
        ("templates/policies.yaml", format!("{{{{- if .Values.policies }}}}\n{policies}{{{{- end }}}}\n")),
    ];
    files.into_iter().map(|(name, text)| (PathBuf::from(FOLDER).join(name), text)).collect()
}

fn documents(objects: &[Json]) -> String {
    objects.iter().flat_map(|object| ["---\n".to_owned(), edit::document(object)]).collect()
}

/// The first objects where a Secret with certificates is named, the second where none is.
fn either(mounted: &[Json], own: &[Json]) -> String {
    let id = |object: &Json| (object["kind"].clone(), object["metadata"]["name"].clone());
    let documents = own.iter().map(|object| {
        let text = edit::document(object);
        match mounted.iter().find(|other| id(other) == id(object)) {
            Some(other) if other == object => format!("---\n{text}"),
            Some(other) => {
                let other = edit::document(other);
                format!("---\n{{{{- if .Values.certificates }}}}\n{other}{{{{- else }}}}\n{text}{{{{- end }}}}\n")
            }
            None => format!("{{{{- if not .Values.certificates }}}}\n---\n{text}{{{{- end }}}}\n"),
        }
    });
    documents.collect()
}

fn chart() -> String {
    let version = env!("CARGO_PKG_VERSION");
    edit::document(&json!({
        "apiVersion": "v2",
        "name": "hardline",
        "description": "The Kubernetes production checklist, enforced from laptop to incident.",
        "type": "application",
        "version": version,
        "appVersion": version,
        "kubeVersion": ">=1.30.0-0",
    }))
}

const VALUES: &str = "\
# The image of hardline, by its digest.
image: \"\"

# The profile where no label `hardline.dev/profile` chooses another.
profile: production

# How much findings may do where no label `hardline.dev/enforcement` says so: audit, warn or deny.
enforcement: warn

# What the API server does with a request that the webhook does not answer: ignore or fail.
failurePolicy: ignore

# A Secret with the webhook's certificate that somebody else keeps fresh, such as cert-manager.
# Without one hardline makes its own.
certificates: \"\"

# What `hardline.yaml` says: rules, exemptions, and who may change guarded namespaces.
configuration: {}

# Whether the API server also enforces what can be said in CEL, and so while hardline is down.
policies: true

# Whether to look for drift from what Helm has deployed. Needs to read all objects, Secrets as well.
drift: false
";

fn schema() -> Json {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "type": "object",
        "additionalProperties": false,
        "required": ["image"],
        "properties": {
            "image": {"type": "string", "minLength": 1, "description": "The image of hardline, by its digest"},
            "profile": {"enum": Profile::ALL.map(Profile::name)},
            "enforcement": {"enum": ["audit", "warn", "deny"]},
            "failurePolicy": {"enum": ["ignore", "fail"]},
            "certificates": {"type": "string"},
            "configuration": json_schema(),
            "policies": {"type": "boolean"},
            "drift": {"type": "boolean"},
            "global": {"type": "object"},
        },
    })
}
