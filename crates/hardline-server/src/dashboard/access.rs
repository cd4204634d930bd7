//! Who may see what: whom the cluster knows a token to belong to, and what it lets them read.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use futures::stream::{self, StreamExt as _, TryStreamExt as _};
use k8s_openapi::api::authentication::v1::{TokenReview, TokenReviewSpec, UserInfo};
use k8s_openapi::api::authorization::v1::{ResourceAttributes, SubjectAccessReview, SubjectAccessReviewSpec};
use kube::api::PostParams;
use kube::{Api, Client};
use ring::digest::{SHA256, digest};
use tokio::sync::Semaphore;

use super::sight::{Extent, Sight};
use crate::snapshot::Area;

/// How long what the cluster said is believed: a token that is revoked is good for so long.
const BELIEVED: Duration = Duration::from_mins(1);
/// How many people are remembered.
const PEOPLE: usize = 1000;
/// How many questions are asked at once.
const QUESTIONS: usize = 8;

/// For whom a dashboard is.
#[derive(Debug)]
pub enum Access {
    /// For whoever reaches it, which only people on this machine do.
    Open,
    /// For those whose token the cluster takes.
    Tokens(Tokens),
}

/// Somebody who asks.
#[derive(Debug)]
pub struct Person {
    /// Their name in the cluster, if it was asked.
    pub(crate) name: Option<String>,
    /// What they may see.
    pub(crate) sight: Sight,
}

/// Why somebody gets nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// They gave no token.
    #[error("no token")]
    NoToken,
    /// The cluster does not take it.
    #[error("the cluster does not take this token")]
    Unknown,
    /// The cluster does not answer.
    #[error("the cluster does not answer")]
    Unanswered,
}

/// Asks a cluster about tokens.
pub struct Tokens {
    client: Client,
    asking: Semaphore,
    known: Mutex<HashMap<Key, (Instant, Arc<Person>)>>,
}

/// A digest of a token: the tokens themselves are not kept.
type Key = [u8; 32];

impl Person {
    pub(crate) fn anybody() -> Self {
        Self { name: None, sight: Sight::everything() }
    }
}

impl Tokens {
    /// What asks this cluster, by `TokenReview` and `SubjectAccessReview`.
    pub fn new(client: Client) -> Self {
        Self { client, asking: Semaphore::new(QUESTIONS), known: Mutex::default() }
    }

    /// Who a token belongs to, and what of these namespaces they may see.
    pub(crate) async fn person(&self, token: &str, areas: &[Area]) -> Result<Arc<Person>, Refused> {
        let mut key = Key::default();
        key.copy_from_slice(digest(&SHA256, token.as_bytes()).as_ref());
        if let Some(person) = self.remembered(&key) {
            return Ok(person);
        }
        let user = self.user(token).await.inspect_err(|refused| tracing::warn!(%refused, "a token is not taken"))?;
        let name = user.username.clone();
        let sight = self.sight(&user, areas).await.map_err(|error| {
            tracing::warn!(%error, "what a person may see cannot be asked");
            Refused::Unanswered
        })?;
        let person = Arc::new(Person { name, sight });
        self.remember(key, person.clone());
        Ok(person)
    }

    fn remembered(&self, key: &Key) -> Option<Arc<Person>> {
        let known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        known.get(key).filter(|(at, _)| at.elapsed() < BELIEVED).map(|(_, person)| person.clone())
    }

    fn remember(&self, key: Key, person: Arc<Person>) {
        let mut known = self.known.lock().unwrap_or_else(PoisonError::into_inner);
        if known.len() >= PEOPLE {
            known.retain(|_, (at, _)| at.elapsed() < BELIEVED);
        }
        if known.len() < PEOPLE {
            known.insert(key, (Instant::now(), person));
        }
    }

    async fn user(&self, token: &str) -> Result<UserInfo, Refused> {
        let spec = TokenReviewSpec { token: token.to_owned(), ..TokenReviewSpec::default() };
        let review = TokenReview { spec, ..TokenReview::default() };
        let _permit = self.asking.acquire().await.map_err(|_| Refused::Unanswered)?;
        let answer = Api::all(self.client.clone()).create(&PostParams::default(), &review).await;
        let answer: TokenReview = answer.map_err(|error| {
            tracing::warn!(%error, "a token cannot be reviewed");
            Refused::Unanswered
        })?;
        let status = answer.status.unwrap_or_default();
        match (status.authenticated, status.user) {
            (Some(true), Some(user)) => Ok(user),
            _ => Err(Refused::Unknown),
        }
    }

    /// What a person may see. Most may read all or next to nothing, so that is asked first.
    async fn sight(&self, user: &UserInfo, areas: &[Area]) -> Result<Sight, kube::Error> {
        let everywhere = self.extent(user, None, Extent::ALL).await?;
        let pods = self.may_list(user, "", "nodes", None).await?;
        let roles = self.may_list(user, RBAC, "clusterroles", None).await?;
        let cluster = Extent { pods, secrets: pods, roles };
        let mut questions = Vec::new();
        for area in areas {
            let Some(namespace) = &area.namespace else { continue };
            let has = |kinds: &[&str]| area.subjects.iter().any(|subject| kinds.contains(&subject.id.kind.as_str()));
            let (secrets, roles) = (has(&["Secret"]), has(&["Role", "RoleBinding"]));
            questions.push(self.within(user, namespace, Extent { secrets, roles, pods: true }.without(everywhere)));
        }
        let namespaces = stream::iter(questions).buffer_unordered(QUESTIONS).try_collect().await?;
        Ok(Sight { cluster, everywhere, namespaces })
    }

    async fn within(&self, user: &UserInfo, namespace: &str, asked: Extent) -> Result<(String, Extent), kube::Error> {
        Ok((namespace.to_owned(), self.extent(user, Some(namespace), asked).await?))
    }

    /// Of what is asked, what a person may read in a namespace; none is all of them.
    async fn extent(&self, user: &UserInfo, namespace: Option<&str>, asked: Extent) -> Result<Extent, kube::Error> {
        Ok(Extent {
            pods: asked.pods && self.may_list(user, "", "pods", namespace).await?,
            secrets: asked.secrets && self.may_list(user, "", "secrets", namespace).await?,
            roles: asked.roles && self.may_list(user, RBAC, "rolebindings", namespace).await?,
        })
    }

    async fn may_list(
        &self,
        user: &UserInfo,
        group: &str,
        resource: &str,
        namespace: Option<&str>,
    ) -> Result<bool, kube::Error> {
        let attributes = ResourceAttributes {
            group: Some(group.to_owned()),
            resource: Some(resource.to_owned()),
            namespace: namespace.map(str::to_owned),
            verb: Some("list".to_owned()),
            ..ResourceAttributes::default()
        };
        let spec = SubjectAccessReviewSpec {
            user: user.username.clone(),
            uid: user.uid.clone(),
            groups: user.groups.clone(),
            extra: user.extra.clone(),
            resource_attributes: Some(attributes),
            ..SubjectAccessReviewSpec::default()
        };
        let review = SubjectAccessReview { spec, ..SubjectAccessReview::default() };
        let answer = Api::all(self.client.clone()).create(&PostParams::default(), &review).await?;
        let answer: SubjectAccessReview = answer;
        Ok(answer.status.is_some_and(|status| status.allowed))
    }
}

/// The API group of roles and bindings.
const RBAC: &str = "rbac.authorization.k8s.io";

impl fmt::Debug for Tokens {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Tokens").finish_non_exhaustive()
    }
}
