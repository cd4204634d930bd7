//! Who may change guarded namespaces, and how much a guard does about others.

use std::time::Duration;

use crate::pattern;
use crate::profile::Enforcement;

/// The label on a namespace that guards it: `deny`, `warn` or `audit` say what becomes of changes by
/// those who do not deploy. `off` is no guard; any other word is taken for `deny`.
pub const GUARD_LABEL: &str = "hardline.dev/guard";

/// Who may change guarded namespaces.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Guard {
    /// The users who deploy, where `*` stands for any characters.
    pub users: Vec<String>,
    /// The groups of users who deploy.
    pub groups: Vec<String>,
    /// The service accounts that deploy, as `namespace/name`.
    pub service_accounts: Vec<String>,
    /// The most that is done about those who enter a container by `exec`, `attach`, `port-forward` or
    /// `debug`.
    pub connections: Enforcement,
    /// Whether Secrets are guarded as well. Their content is then sent to hardline.
    pub secrets: bool,
    /// How long a break-glass grant lasts at most.
    pub longest_grant: Duration,
}

impl Default for Guard {
    fn default() -> Self {
        Self {
            users: Vec::new(),
            groups: Vec::new(),
            service_accounts: Vec::new(),
            connections: Enforcement::Audit,
            secrets: false,
            longest_grant: Duration::from_hours(4),
        }
    }
}

impl Guard {
    /// Whether somebody whom the API server knows by this name and these groups is one of those who
    /// deploy.
    pub fn is_deployer<'u>(&self, user: &str, groups: impl IntoIterator<Item = &'u str>) -> bool {
        let any = |patterns: &[String], text: &str| patterns.iter().any(|pattern| pattern::matches(pattern, text));
        let account = user.strip_prefix("system:serviceaccount:").map(|account| account.replacen(':', "/", 1));
        any(&self.users, user)
            || account.is_some_and(|account| any(&self.service_accounts, &account))
            || groups.into_iter().any(|group| any(&self.groups, group))
    }
}

/// What a namespace's label asks of the guard; `None` where it is not guarded.
pub fn asked(label: Option<&str>) -> Option<Enforcement> {
    let known = Enforcement::ALL.into_iter().find(|enforcement| label == Some(enforcement.name()));
    label.map(|_| known.unwrap_or(Enforcement::Deny)).filter(|asked| *asked != Enforcement::Off)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn deployers_are_told_by_what_the_api_server_says() {
        let of = |texts: &[&str]| texts.iter().map(|&text| text.to_owned()).collect();
        let guard = Guard {
            users: of(&["ci-*"]),
            groups: of(&["release"]),
            service_accounts: of(&["argocd/*", "flux-system/kustomize-controller"]),
            ..Guard::default()
        };
        for (user, groups) in [
            ("ci-shop", [].as_slice()),
            ("ada", &["developers", "release"]),
            ("system:serviceaccount:argocd:argocd-application-controller", &[]),
            ("system:serviceaccount:flux-system:kustomize-controller", &[]),
        ] {
            assert!(guard.is_deployer(user, groups.iter().copied()), "{user}");
        }
        for (user, groups) in [
            ("", [].as_slice()),
            ("ada", &["developers"]),
            ("argocd/argocd-application-controller", &[]),
            ("system:serviceaccount:flux-system:source-controller", &[]),
            ("system:serviceaccount:argocd-copy:argocd-application-controller", &["system:serviceaccounts"]),
        ] {
            assert!(!guard.is_deployer(user, groups.iter().copied()), "{user}");
        }
    }

    #[test]
    fn a_word_that_nobody_knows_guards() {
        let asked = |label| asked(Some(label));
        assert_eq!([asked("audit"), asked("warn")], [Some(Enforcement::Audit), Some(Enforcement::Warn)]);
        assert_eq!([asked("deny"), asked("true"), asked("")], [Some(Enforcement::Deny); 3]);
        assert_eq!([asked("off"), super::asked(None)], [None; 2]);
    }
}
