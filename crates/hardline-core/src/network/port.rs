//! Protocols and sets of ports.

use std::fmt;

use super::intervals::Intervals;

/// A transport protocol that policies tell apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[allow(missing_docs, reason = "the names are the protocols' own")]
pub enum Protocol {
    Sctp,
    Tcp,
    Udp,
}

impl Protocol {
    /// All protocols, in the order of their names.
    pub const ALL: [Self; 3] = [Self::Sctp, Self::Tcp, Self::Udp];

    /// The protocol by its name in manifests.
    pub fn of(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|protocol| protocol.name() == name)
    }

    /// The protocol's name in manifests.
    pub fn name(self) -> &'static str {
        match self {
            Self::Sctp => "SCTP",
            Self::Tcp => "TCP",
            Self::Udp => "UDP",
        }
    }

    /// Where the protocol's ports start on the line that [`Ports`] keeps.
    fn base(self) -> u32 {
        (self as u32) << 16
    }
}

impl fmt::Display for Protocol {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A set of ports of all protocols.
///
/// All three protocols lie on one line of numbers, 65,536 each, so that one set of intervals
/// holds them. Displays as `TCP 80,443,UDP 53`.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Ports(pub(super) Intervals<u32>);

impl Ports {
    /// No port.
    pub fn none() -> Self {
        Self::default()
    }

    /// Every port of every protocol.
    pub fn all() -> Self {
        Self(Protocol::ALL.into_iter().map(|protocol| (protocol.base() + 1, protocol.base() + 0xffff)).collect())
    }

    /// The ports of a protocol from `first` to `last`, both included.
    pub fn range(protocol: Protocol, first: u16, last: u16) -> Self {
        Self(Intervals::range(protocol.base() + u32::from(first), protocol.base() + u32::from(last)))
    }

    /// One port.
    pub fn one(protocol: Protocol, port: u16) -> Self {
        Self::range(protocol, port, port)
    }

    /// Every port of a protocol.
    pub fn all_of(protocol: Protocol) -> Self {
        Self::range(protocol, 1, u16::MAX)
    }

    /// Whether there is no port.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the port is in the set.
    pub fn contains(&self, protocol: Protocol, port: u16) -> bool {
        self.0.contains(protocol.base() + u32::from(port))
    }

    /// Whether every port of the other set is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.covers(&other.0)
    }

    /// Adds all ports of another set.
    pub fn unite(&mut self, other: &Self) {
        self.0.unite(&other.0);
    }

    /// The ports that both sets have.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self(self.0.intersect(&other.0))
    }

    /// The ports of this set that the other one lacks.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self(self.0.subtract(&other.0))
    }

    /// The set's intervals by protocol: first and last port.
    pub fn iter(&self) -> impl Iterator<Item = (Protocol, u16, u16)> + use<'_> {
        self.0.iter().filter_map(|(first, last)| {
            let protocol = Protocol::ALL.into_iter().find(|protocol| protocol.base() == first & !0xffff)?;
            Some((protocol, (first & 0xffff) as u16, (last & 0xffff) as u16))
        })
    }
}

impl fmt::Display for Ports {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_empty() {
            return f.write_str("No Connections");
        }
        if *self == Self::all() {
            return f.write_str("All Connections");
        }
        let mut previous = None;
        for (protocol, first, last) in self.iter() {
            match previous {
                Some(same) if same == protocol => f.write_str(",")?,
                Some(_) => write!(f, ",{protocol} ")?,
                None => write!(f, "{protocol} ")?,
            }
            previous = Some(protocol);
            if first == last { write!(f, "{first}")? } else { write!(f, "{first}-{last}")? }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn displays_by_protocol() {
        let mut ports = Ports::one(Protocol::Udp, 53);
        ports.unite(&Ports::one(Protocol::Tcp, 443));
        ports.unite(&Ports::range(Protocol::Tcp, 80, 82));
        assert_eq!(ports.to_string(), "TCP 80-82,443,UDP 53");
        assert_eq!(Ports::all().to_string(), "All Connections");
        assert_eq!(Ports::all().subtract(&Ports::all_of(Protocol::Udp)).to_string(), "SCTP 1-65535,TCP 1-65535");
    }
}
