//! Where a login comes from, as the throttle and the list of remembered addresses count it.

use std::net::{IpAddr, Ipv6Addr};

/// A source of attempts: an address, this host, or a name that cannot be trusted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Source {
    /// No remote host: a console, `su`, `sudo`.
    Local,
    /// An IPv4 address.
    V4([u8; 4]),
    /// The first 64 bits of an IPv6 address: one site can use all the rest at will.
    V6([u8; 8]),
    /// A host name. It comes from the client's own DNS, so all names are one source.
    Named,
}

impl Source {
    /// Reads PAM_RHOST. An IPv4-mapped IPv6 address is its IPv4 address; a scope (`%eth0`) is ignored.
    pub fn from_rhost(rhost: Option<&str>) -> Self {
        let Some(rhost) = rhost.filter(|rhost| !rhost.is_empty()) else { return Self::Local };
        if let Ok(address) = rhost.parse::<IpAddr>() {
            return Self::from_address(address);
        }
        match rhost.split_once('%').map(|(address, _scope)| address.parse::<Ipv6Addr>()) {
            Some(Ok(address)) => Self::from_address(address.into()),
            _ => Self::Named,
        }
    }

    fn from_address(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(v4) => Self::V4(v4.octets()),
            IpAddr::V6(v6) => {
                let [a, b, c, d, e, f, g, h, ..] = v6.octets();
                Self::V6([a, b, c, d, e, f, g, h])
            }
        }
    }

    /// Sixteen bytes that stand for this source in the ledger; no two sources share them.
    pub fn key(self) -> [u8; 16] {
        let mut key = [0; 16];
        match self {
            Self::Local => key[0] = 1,
            Self::V4(octets) => {
                key[0] = 4;
                key[8..12].copy_from_slice(&octets);
            }
            Self::V6(prefix) => {
                key[0] = 6;
                key[8..].copy_from_slice(&prefix);
            }
            Self::Named => key[0] = 2,
        }
        key
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_literal_address_is_an_address() {
        let cases = [
            (None, Source::Local),
            (Some(""), Source::Local),
            (Some("192.0.2.1"), Source::V4([192, 0, 2, 1])),
            (Some("::ffff:192.0.2.1"), Source::V4([192, 0, 2, 1])),
            (Some("2001:db8::1"), Source::V6([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0])),
            (Some("2001:db8::ffff:1"), Source::V6([0x20, 1, 0x0d, 0xb8, 0, 0, 0, 0])),
            (Some("fe80::1%eth0"), Source::V6([0xfe, 0x80, 0, 0, 0, 0, 0, 0])),
            (Some("192.0.2.1.evil.example"), Source::Named),
            (Some("192.0.2.1%eth0"), Source::Named),
            (Some("host.example"), Source::Named),
        ];
        for (rhost, expected) in cases {
            assert_eq!(Source::from_rhost(rhost), expected, "{rhost:?}");
        }
    }
}
