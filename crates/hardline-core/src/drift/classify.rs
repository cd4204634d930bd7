//! From the owners of a field to what became of it, and who is to be asked.

use super::managed::{Element, Manager};
use super::roles::{Ownership, Role};
use super::{Author, Blame, Class, Confidence};

/// Who has a field.
pub(super) struct Owners<'o, 'r> {
    ownership: &'o Ownership<'r>,
    /// Those who own the field itself.
    here: Vec<(Role, &'o Manager<'r>)>,
    /// Those who own something below it.
    below: Vec<(Role, &'o Manager<'r>)>,
}

/// What is to be done about a field that only the observed object has.
pub(super) enum Extra {
    /// It is this, as a whole.
    Is(Class),
    /// Its parts have different owners.
    Look,
}

impl<'o, 'r> Owners<'o, 'r> {
    pub(super) fn of(ownership: &'o Ownership<'r>, path: &[Element]) -> Self {
        let mut owners = Self { ownership, here: Vec::new(), below: Vec::new() };
        for (role, manager) in &ownership.entries {
            let Some(set) = manager.fields.below(path) else { continue };
            if set.own {
                owners.here.push((*role, manager));
            }
            owners.below.push((*role, manager));
        }
        owners
    }

    fn has(&self, role: Role) -> bool {
        self.here.iter().any(|(of, _)| *of == role)
    }

    /// Whether a person has set the field, or something below it.
    pub(super) fn any_person(&self) -> bool {
        self.below.iter().any(|(role, _)| matches!(role, Role::Person | Role::Lost))
    }

    /// What a field is that has another value than desired.
    pub(super) fn changed(&self) -> Class {
        if self.has(Role::Person) || self.has(Role::Lost) || self.here.is_empty() {
            Class::Changed
        } else if self.has(Role::Controller) {
            Class::Controlled
        } else {
            Class::Admission
        }
    }

    /// What a field is that is not desired. `may_default` says that the API server, of another
    /// version maybe, may have set it; `has_parts` that its parts may have other owners.
    pub(super) fn extra(&self, may_default: bool, has_parts: bool) -> Extra {
        let below = |role: Role| self.below.iter().any(|(of, _)| *of == role);
        if self.ownership.entries.is_empty() {
            return Extra::Is(Class::Unattributed);
        }
        if self.below.is_empty() {
            return Extra::Is(Class::Admission);
        }
        if self.has(Role::Person) || self.has(Role::Lost) {
            return Extra::Is(Class::Added);
        }
        if has_parts && self.any_person() {
            return Extra::Look;
        }
        if below(Role::Controller) && !below(Role::Deployer) {
            return Extra::Is(Class::Controlled);
        }
        match (self.here.is_empty() && has_parts, may_default) {
            (true, _) => Extra::Look,
            // What a deployer's request was defaulted to is the deployer's.
            (false, true) => Extra::Is(Class::Default),
            (false, false) => Extra::Is(Class::Leftover),
        }
    }

    /// Who is to be asked about a field that is there.
    pub(super) fn blame(&self, class: Class) -> Blame {
        let wanted = |role: Role| match class {
            Class::Changed | Class::Added => matches!(role, Role::Person | Role::Lost),
            _ => true,
        };
        let of = if self.here.is_empty() { &self.below } else { &self.here };
        let authors = of.iter().filter(|(role, _)| wanted(*role));
        let authors: Vec<_> =
            authors.filter(|(role, _)| *role != Role::Lost).map(|(_, manager)| author(manager)).collect();
        let confidence = if authors.is_empty() { Confidence::None } else { Confidence::Owner };
        Blame { authors: newest_first(authors), confidence }
    }
}

/// Who comes into question for a removal, which nothing records: people who wrote later than the
/// deployer.
pub(super) fn blame_removal(ownership: &Ownership<'_>) -> Blame {
    let deployed = ownership.deployed();
    let later =
        |manager: &Manager<'_>| deployed.is_none_or(|deployed| manager.time.is_some_and(|time| time > deployed));
    let people = ownership.entries.iter().filter(|(role, manager)| *role == Role::Person && later(manager));
    let authors: Vec<_> = people.map(|(_, manager)| Author { exact: false, ..author(manager) }).collect();
    let confidence = if authors.is_empty() { Confidence::None } else { Confidence::Inferred };
    Blame { authors: newest_first(authors), confidence }
}

fn author(manager: &Manager<'_>) -> Author {
    Author {
        manager: manager.name.to_owned(),
        operation: manager.operation,
        subresource: manager.subresource.map(str::to_owned),
        time: manager.time.map(str::to_owned),
        exact: manager.fields.len() == 1,
        user: None,
    }
}

fn newest_first(mut authors: Vec<Author>) -> Vec<Author> {
    authors.sort_by(|a, b| b.time.cmp(&a.time));
    authors
}
