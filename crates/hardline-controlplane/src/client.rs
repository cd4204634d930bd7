//! Plain requests to the API server.

use std::sync::Arc;

use anyhow::{Context, bail};
use serde_json::Value as Json;
use ureq::Agent;
use ureq::http::Request;
use ureq::tls::{Certificate, RootCerts, TlsConfig};

/// Somebody who asks the API server.
pub(crate) struct Client {
    server: String,
    token: String,
    agent: Agent,
}

/// What the API server answers.
#[derive(Debug, Clone)]
pub struct Response {
    /// The HTTP status.
    pub status: u16,
    /// The texts of the `Warning` headers.
    pub warnings: Vec<String>,
    /// The body: an object of Kubernetes, or its `Status`; a string if it is not JSON.
    pub body: Json,
}

impl Client {
    /// `authority` is the DER of the certificate that the server's own must be signed by.
    pub(crate) fn new(server: &str, token: &str, authority: &[u8]) -> Self {
        let authority = Certificate::from_der(authority).to_owned();
        let tls = TlsConfig::builder()
            .root_certs(RootCerts::Specific(Arc::new(vec![authority])))
            .unversioned_rustls_crypto_provider(Arc::new(rustls::crypto::ring::default_provider()))
            .build();
        let agent = Agent::config_builder().proxy(None).tls_config(tls).http_status_as_error(false).build().into();
        Self { server: server.to_owned(), token: token.to_owned(), agent }
    }

    pub(crate) fn request(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Response> {
        let request = Request::builder()
            .method(method)
            .uri(format!("{}{path}", self.server))
            .header("Authorization", format!("Bearer {}", self.token))
            .header("Accept", "application/json")
            .header(
                "Content-Type",
                if method == "PATCH" { "application/merge-patch+json" } else { "application/json" },
            );
        let answer = match body {
            Some(body) => self.agent.run(request.body(body.to_string())?),
            None => self.agent.run(request.body(())?),
        };
        let mut answer = answer.with_context(|| format!("{method} {path}"))?;
        let warnings = answer.headers().get_all("Warning").iter().filter_map(|warning| warning.to_str().ok());
        let warnings =
            warnings.map(|warning| warning.trim_start_matches("299 - ").trim_matches('"').to_owned()).collect();
        let text = answer.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        let body = serde_json::from_str(&text).unwrap_or(Json::String(text));
        Ok(Response { status: answer.status().as_u16(), warnings, body })
    }

    /// The body of an answer of success.
    pub(crate) fn expect(&self, method: &str, path: &str, body: Option<&Json>) -> anyhow::Result<Json> {
        let response = self.request(method, path, body)?;
        if !(200..300).contains(&response.status) {
            bail!("{method} {path}: {} {}", response.status, response.body);
        }
        Ok(response.body)
    }

    pub(crate) fn succeeds(&self, path: &str) -> bool {
        self.expect("GET", path, None).is_ok()
    }
}
