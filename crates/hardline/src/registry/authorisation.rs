//! What a registry wants as `Authorization`, and what it gets.

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use docker_credential::DockerCredential;
use serde::Deserialize;
use ureq::http::HeaderMap;

use super::http::Request;

/// What a registry asks for in `WWW-Authenticate`.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Challenge {
    /// User name and password with each request.
    Basic,
    /// A token, to be had elsewhere.
    Bearer {
        /// The URL that gives tokens.
        realm: String,
        /// What the token is for.
        service: Option<String>,
        /// What the token allows.
        scope: Option<String>,
    },
}

impl Challenge {
    /// The first challenge that can be met.
    pub(super) fn read(headers: &HeaderMap) -> Result<Self, &'static str> {
        let texts = headers.get_all("www-authenticate").iter().filter_map(|value| value.to_str().ok());
        let mut challenges = texts.filter_map(|text| http_auth::parse_challenges(text).ok()).flatten();
        challenges.find_map(|challenge| Self::of(&challenge)).ok_or("it names no method that is known")
    }

    fn of(challenge: &http_auth::ChallengeRef<'_>) -> Option<Self> {
        let parameter = |name: &str| {
            let found = challenge.params.iter().find(|(key, _)| key.eq_ignore_ascii_case(name));
            found.map(|(_, value)| value.to_unescaped())
        };
        if challenge.scheme.eq_ignore_ascii_case("basic") {
            return Some(Self::Basic);
        }
        if !challenge.scheme.eq_ignore_ascii_case("bearer") {
            return None;
        }
        Some(Self::Bearer { realm: parameter("realm")?, service: parameter("service"), scope: parameter("scope") })
    }
}

/// The header for a user name and a password.
pub(super) fn basic(credential: Option<&DockerCredential>) -> Option<String> {
    match credential? {
        DockerCredential::UsernamePassword(user, password) => {
            Some(format!("Basic {}", BASE64_STANDARD.encode(format!("{user}:{password}"))))
        }
        DockerCredential::IdentityToken(_) => None,
    }
}

/// The request for a token: by user name and password, by identity token (OAuth 2), or by nothing
/// where images are public.
pub(super) fn token_request(
    realm: String,
    service: Option<String>,
    scope: String,
    credential: Option<&DockerCredential>,
) -> Request {
    let accept = "application/json".to_owned();
    let mut parameters = vec![("scope", scope)];
    parameters.extend(service.map(|service| ("service", service)));
    let Some(DockerCredential::IdentityToken(token)) = credential else {
        return Request { url: realm, accept, query: parameters, authorisation: basic(credential), form: Vec::new() };
    };
    parameters.push(("grant_type", "refresh_token".to_owned()));
    parameters.push(("client_id", "hardline".to_owned()));
    parameters.push(("refresh_token", token.clone()));
    Request { url: realm, accept, form: parameters, ..Request::default() }
}

/// The header for the token in an answer.
pub(super) fn bearer(body: &[u8]) -> Option<String> {
    #[derive(Deserialize)]
    struct Token {
        token: Option<String>,
        access_token: Option<String>,
    }
    let answer: Token = serde_json::from_slice(body).ok()?;
    let token = answer.token.or(answer.access_token).filter(|token| !token.is_empty())?;
    Some(format!("Bearer {token}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(values: &[&str]) -> Result<Challenge, &'static str> {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append("www-authenticate", value.parse().unwrap());
        }
        Challenge::read(&headers)
    }

    #[test]
    fn challenges_are_read_as_registries_write_them() {
        let hub = r#"Bearer realm="https://auth.docker.io/token",service="registry.docker.io",scope="repository:a/b:pull,push""#;
        let expected = Challenge::Bearer {
            realm: "https://auth.docker.io/token".to_owned(),
            service: Some("registry.docker.io".to_owned()),
            scope: Some("repository:a/b:pull,push".to_owned()),
        };
        assert_eq!(read(&[hub]), Ok(expected));
        assert_eq!(read(&[r#"BASIC realm="Registry""#]), Ok(Challenge::Basic));
        assert_eq!(read(&["Negotiate", r#"Basic realm="Registry""#]), Ok(Challenge::Basic));
        for unknown in [&[][..], &["Negotiate"], &["Bearer service=x"], &["\"\","]] {
            assert!(read(unknown).is_err(), "{unknown:?}");
        }
    }

    #[test]
    fn identity_tokens_are_sent_in_the_body_and_passwords_in_the_header() {
        let request = |credential: &DockerCredential| {
            token_request(
                "https://a".to_owned(),
                Some("s".to_owned()),
                "repository:a:pull".to_owned(),
                Some(credential),
            )
        };
        let token = request(&DockerCredential::IdentityToken("secret".to_owned()));
        assert!(token.form.contains(&("refresh_token", "secret".to_owned())) && token.authorisation.is_none());
        let password = request(&DockerCredential::UsernamePassword("u".to_owned(), "p".to_owned()));
        assert_eq!((password.form, password.authorisation.as_deref()), (Vec::new(), Some("Basic dTpw")));
    }

    #[test]
    fn tokens_have_either_name() {
        assert_eq!(bearer(br#"{"token":"a"}"#).as_deref(), Some("Bearer a"));
        assert_eq!(bearer(br#"{"access_token":"b","token":null}"#).as_deref(), Some("Bearer b"));
        assert_eq!(bearer(br#"{"token":""}"#), None);
        assert_eq!(bearer(b"<html>"), None);
    }
}
