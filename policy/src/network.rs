//! Where a login comes from, and whether that is within a network. Only a literal address is ever within a network:
//! a host name comes from the client's own DNS, so it decides nothing, in either direction.

use std::net::{IpAddr, Ipv4Addr};

use ipnet::{IpNet, Ipv4Net};

/// Where a login comes from, as far as `PAM_RHOST` tells.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Origin<'a> {
    /// No remote host.
    Here,
    /// A literal address; an IPv4-mapped IPv6 address (RFC 4291, 2.5.5.2) as the IPv4 address that it is.
    Address(IpAddr),
    /// Remote, but no literal address: a host name, a scoped address, `UNKNOWN`.
    Unreadable(&'a str),
}

impl<'a> Origin<'a> {
    /// Reads `PAM_RHOST`. A scoped address (`fe80::1%eth0`) counts as unreadable: the same number is another host on
    /// another link, and a name of that shape may come from the client's own DNS.
    pub fn new(rhost: Option<&'a str>) -> Origin<'a> {
        match rhost {
            None | Some("") => Origin::Here,
            Some(text) => match text.parse::<IpAddr>() {
                Ok(address) => Origin::Address(address.to_canonical()),
                Err(_) => Origin::Unreadable(text),
            },
        }
    }
}

/// The `networks` of a rule.
#[derive(Clone, Debug, Default)]
pub(crate) struct Networks {
    /// The word "local" was given: no remote host, never for sshd.
    pub local: bool,
    pub nets: Vec<IpNet>,
}

impl Networks {
    /// Whether the origin is in one of them; `None` where that cannot be decided.
    pub fn contain(&self, origin: Origin<'_>, service: &str) -> Option<bool> {
        match origin {
            // sshd without a remote host is sshd that hides it; nothing of sshd's is local.
            Origin::Here => Some(self.local && service != "sshd"),
            Origin::Address(address) => Some(self.nets.iter().any(|net| net.contains(&address))),
            Origin::Unreadable(_) if self.nets.is_empty() => Some(false),
            Origin::Unreadable(_) => None,
        }
    }

    /// Whether every origin in `other` is in `self` as well.
    pub fn cover(&self, other: &Networks) -> bool {
        (self.local || !other.local)
            && other.nets.iter().all(|net| self.nets.iter().any(|own| own.contains(net)))
    }
}

/// A network as the policy writes it: an address, or an address with a prefix length and no bits beyond it. IPv4
/// within IPv6 becomes IPv4. The error says how to mend it.
pub(crate) fn read(text: &str) -> Result<IpNet, String> {
    let neither =
        || "write an address (192.0.2.7), a network (192.0.2.0/24, 2001:db8::/48) or \"local\"".to_owned();
    if !text.contains('/') {
        let address: IpAddr = text.parse().map_err(|_| neither())?;
        return Ok(IpNet::from(address.to_canonical()));
    }
    let net = match usual(text) {
        Some(net) => net,
        None => text.parse().map_err(|_| neither())?,
    };
    if net.trunc() != net {
        return Err(format!("write {} for the network, or {} for the one host", net.trunc(), net.addr()));
    }
    match net {
        IpNet::V6(v6) => match v6.addr().to_ipv4_mapped() {
            Some(address) => mapped(address, v6.prefix_len()),
            None => Ok(net),
        },
        IpNet::V4(_) => Ok(net),
    }
}

/// A network as ipnet reads it, but at a third of the cost; None for what is no network or a less usual spelling of one,
/// such as octets with leading zeros.
fn usual(text: &str) -> Option<IpNet> {
    let (address, prefix) = text.split_once('/')?;
    let ([b'0'] | [b'1'..=b'9', ..]) = prefix.as_bytes() else { return None };
    IpNet::new(address.parse().ok()?, prefix.parse().ok()?).ok()
}

fn mapped(address: Ipv4Addr, prefix: u8) -> Result<IpNet, String> {
    prefix
        .checked_sub(96)
        .and_then(|prefix| Ipv4Net::new(address, prefix).ok())
        .map(IpNet::V4)
        .ok_or_else(|| "write IPv4 networks as IPv4".to_owned())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use proptest::prelude::*;
    use proptest::sample::select;

    use super::*;

    #[test]
    fn only_literal_addresses_are_within_networks() {
        let nets = ["192.0.2.0/24", "2001:db8::/48", "::ffff:198.51.100.0/120", "fe80::/10", "203.0.113.9"];
        let networks = Networks { local: false, nets: nets.iter().map(|net| read(net).unwrap()).collect() };
        for (rhost, expected) in [
            (Some("192.0.2.1"), Some(true)),
            (Some("::ffff:192.0.2.1"), Some(true)),
            (Some("::ffff:c000:201"), Some(true)),
            (Some("192.0.3.1"), Some(false)),
            (Some("198.51.100.7"), Some(true)),
            (Some("2001:db8::1"), Some(true)),
            (Some("2001:DB8:0:0::1"), Some(true)),
            (Some("2001:db9::1"), Some(false)),
            (Some("203.0.113.9"), Some(true)),
            (Some("203.0.113.8"), Some(false)),
            (Some("fe80::1"), Some(true)),
            (Some("fe80::1%eth0"), None),
            (Some("fe80::1%"), None),
            (Some("host.example"), None),
            (Some("192.0.2.1.evil.example"), None),
            (Some("192.0.2.01"), None),
            (Some("192.0.2"), None),
            (Some("0xc0000201"), None),
            (Some(" 192.0.2.1"), None),
            (Some("192.0.2.1\n"), None),
            (Some("[2001:db8::1]"), None),
            (Some("192.0.2.1:22"), None),
            (Some("UNKNOWN"), None),
            (Some(":0"), None),
            (Some(""), Some(false)),
            (None, Some(false)),
        ] {
            assert_eq!(networks.contain(Origin::new(rhost), "sshd"), expected, "{rhost:?}");
        }
    }

    #[test]
    fn local_is_no_remote_host_and_never_sshd() {
        let networks = Networks { local: true, nets: Vec::new() };
        for (rhost, service, expected) in [
            (None, "login", true),
            (Some(""), "login", true),
            (None, "sshd", false),
            (Some(""), "sshd", false),
            (Some("127.0.0.1"), "login", false),
            (Some("::1"), "login", false),
            (Some("localhost"), "login", false),
        ] {
            assert_eq!(networks.contain(Origin::new(rhost), service), Some(expected), "{rhost:?} {service}");
        }
    }

    proptest! {
        #[test]
        fn a_usual_network_is_read_as_ipnet_reads_it(
            octets in any::<[u8; 4]>(),
            segments in prop::collection::vec(select(vec!["", "0", "1", "db8", "2001", "FFFF", "1.2.3.4"]), 1..10),
            prefix in prop_oneof!["[0-9]{0,4}", "[ +0-9a-]{0,3}"],
        ) {
            let addresses = [Ipv4Addr::from(octets).to_string(), segments.join(":"), segments.join(".")];
            for text in addresses.map(|address| format!("{address}/{prefix}")) {
                if let Some(net) = usual(&text) {
                    prop_assert_eq!(Some(net), text.parse().ok());
                }
            }
        }
    }

    #[test]
    fn usual_networks_need_no_parser_of_ipnet() {
        for text in ["10.20.0.0/16", "0.0.0.0/0", "192.0.2.7/32", "2001:db8::/48", "::/0", "2001:db8::1/128"]
        {
            assert_eq!(usual(text), text.parse().ok(), "{text}");
        }
        assert_eq!(
            (usual("010.0.0.0/8"), read("010.0.0.0/8")),
            (None, "10.0.0.0/8".parse().map_err(|_| String::new()))
        );
    }

    #[test]
    fn a_network_is_read_strictly() {
        for (text, expected) in [
            ("10.20.0.0/16", Some("10.20.0.0/16")),
            ("10.20.0.1", Some("10.20.0.1/32")),
            ("::ffff:192.0.2.7", Some("192.0.2.7/32")),
            ("::ffff:10.0.0.0/104", Some("10.0.0.0/8")),
            ("0.0.0.0/0", Some("0.0.0.0/0")),
            ("::/0", Some("::/0")),
            ("10.20.0.1/16", None),
            ("10.20.0.0/33", None),
            ("10.20.0.0/255.255.0.0", None),
            ("::ffff:0:0/95", None),
            ("10.20", None),
            ("localhost", None),
            ("Local", None),
            ("fe80::1%eth0", None),
            ("", None),
        ] {
            assert_eq!(read(text).ok().map(|net| net.to_string()).as_deref(), expected, "{text}");
        }
    }
}
