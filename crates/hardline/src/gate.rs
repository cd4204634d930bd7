//! The arguments that say what becomes of a request, the same where the gate is installed and where
//! it is served.

use clap::ValueEnum;
use hardline_core::profile::Enforcement;
use hardline_server::registration::FailurePolicy;

/// The most that a finding may do.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Most {
    /// They are written down
    Audit,
    /// The user is told
    Warn,
    /// The request is refused
    Deny,
}

/// What becomes of a request that is not answered.
#[derive(Debug, Clone, Copy, ValueEnum)]
pub(crate) enum Failure {
    /// It passes, unless the policies refuse it
    Ignore,
    /// It is refused
    Fail,
}

impl From<Most> for Enforcement {
    fn from(most: Most) -> Self {
        match most {
            Most::Audit => Self::Audit,
            Most::Warn => Self::Warn,
            Most::Deny => Self::Deny,
        }
    }
}

impl From<Failure> for FailurePolicy {
    fn from(failure: Failure) -> Self {
        match failure {
            Failure::Ignore => Self::Ignore,
            Failure::Fail => Self::Fail,
        }
    }
}

impl Failure {
    /// The word that the flag takes.
    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Ignore => "ignore",
            Self::Fail => "fail",
        }
    }
}
