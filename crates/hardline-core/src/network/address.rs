//! IPv4 and IPv6 addresses on one line, and blocks of them.

use std::fmt;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::intervals::Intervals;

/// The first of the IPv6 addresses that stand for IPv4 ones (RFC 4291, section 2.5.5.2).
const V4_FIRST: u128 = 0xffff << 32;
/// The last of them.
const V4_LAST: u128 = V4_FIRST | 0xffff_ffff;

/// A set of addresses of both families.
///
/// IPv4 addresses lie where IPv6 maps them. An IPv6 block such as `::/0` never includes those:
/// a packet has one family. Displays as `10.0.0.0-10.0.0.255`, intervals joined by commas.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct Addresses(pub(super) Intervals<u128>);

/// Why a text is no block of addresses.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NotABlock {
    /// No `/`, or no address before it.
    #[error("is not a block such as 10.0.0.0/8 or fd00::/8")]
    Malformed,
    /// The number of bits is larger than the family has.
    #[error("has more bits than its address")]
    TooLong,
}

impl Addresses {
    /// Every IPv4 address.
    pub fn v4() -> Self {
        Self(Intervals::range(V4_FIRST, V4_LAST))
    }

    /// Every IPv6 address.
    pub fn v6() -> Self {
        Self([(0, V4_FIRST - 1), (V4_LAST + 1, u128::MAX)].into_iter().collect())
    }

    /// One address.
    pub fn one(address: IpAddr) -> Self {
        Self(Intervals::range(number(address), number(address)))
    }

    /// The addresses of a block in CIDR notation. Bits beyond its length are ignored, as
    /// Kubernetes does.
    pub fn block(text: &str) -> Result<Self, NotABlock> {
        let (address, bits) = text.split_once('/').ok_or(NotABlock::Malformed)?;
        let address: IpAddr = address.parse().map_err(|_| NotABlock::Malformed)?;
        if bits.is_empty() || !bits.bytes().all(|byte| byte.is_ascii_digit()) {
            return Err(NotABlock::Malformed);
        }
        let (width, family) = match address {
            IpAddr::V4(_) => (32, Self::v4()),
            IpAddr::V6(_) => (128, Self::v6()),
        };
        let bits: u32 = bits.parse().ok().filter(|&bits| bits <= width).ok_or(NotABlock::TooLong)?;
        let host = u128::MAX.checked_shr(128 - (width - bits)).unwrap_or(0);
        let first = number(address) & !host;
        Ok(Self(Intervals::range(first, first | host).intersect(&family.0)))
    }

    /// Whether there is no address.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether the address is in the set.
    pub fn contains(&self, address: IpAddr) -> bool {
        self.0.contains(number(address))
    }

    /// Whether every address of the other set is in this one.
    pub fn covers(&self, other: &Self) -> bool {
        self.0.covers(&other.0)
    }

    /// Whether the sets share an address.
    pub fn meets(&self, other: &Self) -> bool {
        !self.0.intersect(&other.0).is_empty()
    }

    /// Whether the set has every address of one family.
    pub fn is_whole_family(&self) -> bool {
        self.covers(&Self::v4()) || self.covers(&Self::v6())
    }

    /// Adds all addresses of another set.
    pub fn unite(&mut self, other: &Self) {
        self.0.unite(&other.0);
    }

    /// The addresses that both sets have.
    #[must_use]
    pub fn intersect(&self, other: &Self) -> Self {
        Self(self.0.intersect(&other.0))
    }

    /// The addresses of this set that the other one lacks.
    #[must_use]
    pub fn subtract(&self, other: &Self) -> Self {
        Self(self.0.subtract(&other.0))
    }

    /// The set's intervals: first and last address.
    pub fn iter(&self) -> impl Iterator<Item = (IpAddr, IpAddr)> + use<'_> {
        self.0.iter().map(|(first, last)| (address(first), address(last)))
    }
}

impl fmt::Display for Addresses {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (at, (first, last)) in self.iter().enumerate() {
            let comma = if at == 0 { "" } else { "," };
            write!(f, "{comma}{first}-{last}")?;
        }
        Ok(())
    }
}

/// The address's place on the line.
fn number(address: IpAddr) -> u128 {
    match address {
        IpAddr::V4(v4) => V4_FIRST | u128::from(v4.to_bits()),
        IpAddr::V6(v6) => v6.to_bits(),
    }
}

fn address(number: u128) -> IpAddr {
    if (V4_FIRST..=V4_LAST).contains(&number) {
        IpAddr::V4(Ipv4Addr::from_bits((number & 0xffff_ffff) as u32))
    } else {
        IpAddr::V6(Ipv6Addr::from_bits(number))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn blocks_keep_their_family() {
        let shown = |text| Addresses::block(text).unwrap().to_string();
        assert_eq!(shown("10.1.2.3/8"), "10.0.0.0-10.255.255.255");
        assert_eq!(shown("0.0.0.0/0"), "0.0.0.0-255.255.255.255");
        assert_eq!(shown("10.0.0.1/32"), "10.0.0.1-10.0.0.1");
        assert_eq!(shown("fd00::/8"), "fd00::-fdff:ffff:ffff:ffff:ffff:ffff:ffff:ffff");
        assert!(!Addresses::block("::/0").unwrap().meets(&Addresses::v4()));
        for bad in ["10.0.0.0", "10.0.0/8", "10.0.0.0/33", "10.0.0.0/-1", "::/129", "/8", "10.0.0.0/", "10.0.0.0/+8"] {
            assert!(Addresses::block(bad).is_err(), "{bad}");
        }
    }
}
