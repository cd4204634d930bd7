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

/// A block of addresses in CIDR notation, and blocks within it that are left out.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// The block.
    pub cidr: String,
    /// What is left out of it.
    pub except: Vec<String>,
}

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

    /// The set as blocks, as few as tell it: of each family its blocks, or all but the others.
    pub fn blocks(&self) -> Vec<Block> {
        let mut blocks = Vec::new();
        for (family, whole) in [(Self::v4(), "0.0.0.0/0"), (Self::v6(), "::/0")] {
            let own = self.intersect(&family).cidrs();
            let others = family.subtract(self).cidrs();
            if others.len() + 1 < own.len() || others.is_empty() {
                blocks.push(Block { cidr: whole.to_owned(), except: others });
            } else {
                blocks.extend(own.into_iter().map(|cidr| Block { cidr, except: Vec::new() }));
            }
        }
        blocks
    }

    /// The largest blocks that make up a set of one family.
    fn cidrs(&self) -> Vec<String> {
        let mut cidrs = Vec::new();
        for (mut first, last) in self.0.iter() {
            let width = if (V4_FIRST..=V4_LAST).contains(&first) { 32 } else { 128 };
            loop {
                let rest = |bits: u32| u128::MAX.checked_shr(128 - bits).unwrap_or(0);
                let mut bits = first.trailing_zeros().min(width);
                while bits > 0 && rest(bits) > last - first {
                    bits -= 1;
                }
                cidrs.push(format!("{}/{}", address(first), width - bits));
                match (first | rest(bits)).checked_add(1) {
                    Some(next) if next <= last => first = next,
                    _ => break,
                }
            }
        }
        cidrs
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
    fn sets_are_told_by_few_blocks() {
        let set = |first: &str, last: &str| {
            Addresses(Intervals::range(number(first.parse().unwrap()), number(last.parse().unwrap())))
        };
        let told = |set: &Addresses| {
            let blocks = set.blocks().into_iter().map(|Block { cidr, except }| match except.join(",") {
                except if except.is_empty() => cidr,
                except => format!("{cidr} except {except}"),
            });
            blocks.collect::<Vec<_>>().join(" ")
        };
        assert_eq!(told(&set("10.0.0.1", "10.0.0.6")), "10.0.0.1/32 10.0.0.2/31 10.0.0.4/31 10.0.0.6/32");
        assert_eq!(told(&Addresses::v4()), "0.0.0.0/0");
        let mut all = Addresses::v4();
        all.unite(&Addresses::v6());
        assert_eq!(told(&all), "0.0.0.0/0 ::/0");
        let metadata = set("169.254.169.254", "169.254.169.254");
        assert_eq!(told(&Addresses::v4().subtract(&metadata)), "0.0.0.0/0 except 169.254.169.254/32");
        assert_eq!(told(&set("fd00::", "fd00::ff")), "fd00::/120");
        for set in [set("0.0.0.0", "200.1.2.3"), set("fd00::3", "ffff::"), set("10.1.2.3", "10.255.0.0")] {
            let mut again = Addresses::default();
            for Block { cidr, except } in set.blocks() {
                let mut block = Addresses::block(&cidr).unwrap();
                for except in except {
                    block = block.subtract(&Addresses::block(&except).unwrap());
                }
                again.unite(&block);
            }
            assert_eq!(again, set);
        }
    }

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
