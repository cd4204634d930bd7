//! The guard: in namespaces that are marked so, only those who deploy may change things, or somebody
//! with a break-glass grant.
//!
//! Who somebody is, is what the API server says in `userInfo`; what clients say about themselves, such
//! as their field manager, counts for nothing. Parts of Kubernetes itself are never caught.

use std::fmt::Write as _;

use hardline_core::drift;
use hardline_core::guard::{GUARD_LABEL, Guard, asked};
use hardline_core::inventory::Inventory;
use hardline_core::ledger::{Change, Grant, Role};
use hardline_core::profile::Enforcement;
use hardline_core::resource::{Kind, Resource};
use hardline_core::tree::Value;
use jiff::{SignedDuration, Timestamp};

use crate::admission::{controller_of, is_from_template};
use crate::review::{Operation, Review};

/// How long the grant lasts that a refusal proposes, unless so long a one is not allowed.
const PROPOSED: SignedDuration = SignedDuration::from_hours(1);

/// How many changed fields a refusal names.
const NAMED: usize = 5;

/// What the guard makes of a request in a guarded namespace.
#[derive(Debug, Clone)]
pub struct Guarded {
    /// What the user is.
    pub role: Role,
    /// The grant that the user acts under.
    pub grant: Option<Grant>,
    /// What is done about the request; [`Enforcement::Off`] for those who may.
    pub enforcement: Enforcement,
    /// What an update changes.
    pub changes: Vec<Change>,
    /// Why the user should not do this; `None` where the guard says nothing.
    message: Option<String>,
}

impl Guarded {
    /// Why the request is refused, if the guard refuses it.
    pub fn refusal(&self) -> Option<&str> {
        self.message.as_deref().filter(|_| self.enforcement == Enforcement::Deny)
    }

    /// What the user is told although the request passes.
    pub fn warning(&self) -> Option<&str> {
        let message = self.message.as_deref().filter(|_| self.enforcement == Enforcement::Warn)?;
        message.lines().next()
    }

    /// Looks at a request. `None` where no guard is asked for, nothing changes, or a controller makes
    /// what a template says. `own` is the user name of hardline itself, which puts back what was deployed.
    pub fn of(review: &Review, cluster: &Inventory, guard: &Guard, own: Option<&str>, now: Timestamp) -> Option<Self> {
        let namespace = review.namespace()?;
        let asked = asked(label(review, cluster, namespace))?;
        let change = Requested::of(review)?;
        let user = review.user();
        let grants = Grants::of(cluster, namespace, user.name(), guard, now);
        let (role, grant) = match grants.open {
            _ if user.is_system() => (Role::System, None),
            _ if own == Some(user.name()) || guard.is_deployer(user.name(), user.groups()) => (Role::Deployer, None),
            Some(grant) => (Role::Granted, Some(grant)),
            None => (Role::Other, None),
        };
        let enforcement = match change.kind {
            Request::Change => asked,
            Request::Connection => asked.min(guard.connections),
            Request::Restart | Request::Grant => asked.min(Enforcement::Audit),
        };
        // Not even written down.
        if enforcement == Enforcement::Off {
            return None;
        }
        let enforcement = if role == Role::Other { enforcement } else { Enforcement::Off };
        let message = (enforcement >= Enforcement::Warn)
            .then(|| message(review, &change, namespace, grants.ended.as_ref(), guard, now));
        Some(Self { role, grant, enforcement, changes: change.changes, message })
    }
}

/// The guard's label of the namespace, as it is before the request.
fn label<'r>(review: &'r Review, cluster: &'r Inventory, namespace: &str) -> Option<&'r str> {
    let known = match &review.old {
        Some(old) if old.kind() == Kind::Namespace => Some(old),
        _ => cluster.find(Kind::Namespace, None, namespace),
    };
    known?.label(GUARD_LABEL)
}

/// What is asked for.
struct Requested {
    kind: Request,
    changes: Vec<Change>,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Request {
    /// Something is made, changed or deleted.
    Change,
    /// A container is entered.
    Connection,
    /// A pod goes that its controller makes anew.
    Restart,
    /// A break-glass grant is opened or ended: who may, RBAC says.
    Grant,
}

impl Requested {
    /// `None` where nothing changes that somebody asks for.
    fn of(review: &Review) -> Option<Self> {
        let plain = |kind| Some(Self { kind, changes: Vec::new() });
        let (object, old) = (review.object.as_ref(), review.old.as_ref());
        if review.resource() == ("hardline.dev", "breakglasses") {
            return plain(Request::Grant);
        }
        match (review.operation, review.subresource()) {
            (Operation::Connect, _) => plain(Request::Connection),
            (Operation::Create, "eviction") => plain(Request::Restart),
            (Operation::Create, _) if object.is_some_and(|object| is_from_template(review, object)) => None,
            (Operation::Create, _) => plain(Request::Change),
            (Operation::Delete, _) => {
                let old = old?;
                if is_from_template(review, old) {
                    return None;
                }
                // What is stored says so, and who may write that, the guard has seen to.
                let is_made_anew = old.kind() == Kind::Pod && controller_of(old).is_some();
                plain(if is_made_anew { Request::Restart } else { Request::Change })
            }
            (Operation::Update, subresource) => {
                let (before, after) = (old?, object?);
                // What is being deleted is let go.
                let is_going = before.value().at(&["metadata", "deletionTimestamp"]).is_some();
                let changes = drift::changes(before, after);
                let enters = subresource == "ephemeralcontainers";
                let kind = if enters { Request::Connection } else { Request::Change };
                (!changes.is_empty() && !is_going).then_some(Self { kind, changes })
            }
        }
    }
}

/// The grants of a user in a namespace.
#[derive(Default)]
struct Grants {
    /// One that is open.
    open: Option<Grant>,
    /// The last that has ended, and when.
    ended: Option<(String, Timestamp)>,
}

impl Grants {
    fn of(cluster: &Inventory, namespace: &str, user: &str, guard: &Guard, now: Timestamp) -> Self {
        let mut grants = Self::default();
        let all = cluster.of_kind(Kind::BreakGlass, Some(namespace));
        for grant in all.filter(|grant| text(grant, &["spec", "user"]) == user) {
            let Some(end) = end(grant, guard) else { continue };
            if now < end {
                let (name, reason) = (grant.name().to_owned(), text(grant, &["spec", "reason"]).to_owned());
                grants.open = Some(Grant { name, reason });
            } else if grants.ended.as_ref().is_none_or(|(_, latest)| *latest < end) {
                grants.ended = Some((grant.name().to_owned(), end));
            }
        }
        grants
    }
}

/// When a grant ends: when it says, but no later than the configuration allows from when it was opened.
/// `None` for one that says nothing that can be read, and opens nothing.
pub(crate) fn end(grant: &Resource, guard: &Guard) -> Option<Timestamp> {
    let time = |path: &[&str]| text(grant, path).parse::<Timestamp>().ok();
    let opened = time(&["metadata", "creationTimestamp"])?;
    let latest = opened.checked_add(longest(guard)).ok()?;
    Some(time(&["spec", "until"])?.min(latest))
}

fn longest(guard: &Guard) -> SignedDuration {
    SignedDuration::try_from(guard.longest_grant).unwrap_or(SignedDuration::MAX)
}

fn text<'r>(resource: &'r Resource, path: &[&str]) -> &'r str {
    resource.value().at(path).and_then(Value::str).unwrap_or_default()
}

/// Why somebody may not do this, how it is done right, and what to do while something is on fire.
fn message(
    review: &Review,
    change: &Requested,
    namespace: &str,
    ended: Option<&(String, Timestamp)>,
    guard: &Guard,
    now: Timestamp,
) -> String {
    let (subject, user) = (review.subject(), review.user().name());
    let mut text = match change.kind {
        Request::Connection => format!("{subject} is guarded: `{user}` may not enter containers in `{namespace}`"),
        _ => format!("{subject} is guarded: `{user}` may not change things in `{namespace}` by hand"),
    };
    let fields = change.changes.iter().map(|change| format!("changes  {}", change.field));
    let mut facts: Vec<String> = fields.take(NAMED).collect();
    if change.changes.len() > NAMED {
        facts.push(format!("changes  {} more", change.changes.len() - NAMED));
    }
    if change.kind == Request::Change {
        facts.push("instead  change it in Git".to_owned());
    }
    if let Some((name, end)) = ended {
        facts.push(format!("grant    `{name}` has ended at {end:.0}"));
    }
    for (at, fact) in facts.iter().enumerate() {
        let gap = if at == 0 { "\n" } else { "" };
        _ = write!(text, "{gap}\n  {fact}");
    }
    let until = now.checked_add(longest(guard).min(PROPOSED)).unwrap_or(now);
    let [user, until] = [user.to_owned(), format!("{until:.0}")].map(serde_json::Value::from);
    _ = write!(
        text,
        "\n\n\
        In an emergency, open a break-glass grant. It ends by itself, and what is done under it is recorded:\n\n\
        kubectl create -f - <<'END'\n\
        apiVersion: hardline.dev/v1alpha1\n\
        kind: BreakGlass\n\
        metadata: {{namespace: {namespace}, generateName: break-glass-}}\n\
        spec:\n  \
          user: {user}\n  \
          until: {until}\n  \
          reason: what is on fire\n\
        END\n"
    );
    text
}
