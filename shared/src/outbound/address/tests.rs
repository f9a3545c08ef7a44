//! Every special-purpose block at its edges, and the forms that hide an address.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use super::*;
use TargetPolicy::{AllowAll, AllowLoopback, PublicOnly};

fn ip(text: &str) -> IpAddr {
    text.parse().expect("an address")
}

#[test]
fn refuses_every_special_block_at_both_edges() {
    let refused = [
        ("this network", "0.0.0.0 0.255.255.255"),
        ("private", "10.0.0.0 10.255.255.255 172.16.0.0 172.31.255.255"),
        ("private", "192.168.0.0 192.168.255.255"),
        ("carrier NAT", "100.64.0.0 100.100.100.200 100.127.255.255"),
        ("loopback", "127.0.0.0 127.0.0.1 127.255.255.255"),
        ("Azure's agent", "168.63.129.16"),
        ("link-local", "169.254.0.0 169.254.169.254 169.254.170.2 169.254.255.255"),
        ("assignments", "192.0.0.0 192.0.0.192 192.0.0.255"),
        ("documentation", "192.0.2.0 192.0.2.255 198.51.100.0 198.51.100.255"),
        ("documentation", "203.0.113.0 203.0.113.255"),
        ("anycast relays", "192.31.196.1 192.52.193.1 192.88.99.1 192.175.48.1"),
        ("benchmarks", "198.18.0.0 198.19.255.255"),
        ("multicast", "224.0.0.0 239.255.255.255"),
        ("reserved", "240.0.0.0 255.255.255.254 255.255.255.255"),
        ("unspecified, loopback", ":: ::1 ::2"),
        ("IPv4-compatible", "::127.0.0.1 ::8.8.8.8"),
        ("IPv4-mapped", "::ffff:127.0.0.1 ::ffff:10.0.0.1 ::ffff:8.8.8.8"),
        ("IPv4-translated", "::ffff:0:8.8.8.8"),
        ("NAT64", "64:ff9b:: 64:ff9b::7f00:1 64:ff9b::8.8.8.8 64:ff9b:1::1"),
        ("discard", "100:: 100::1 100:0:0:1::1"),
        ("below global unicast", "1fff:ffff::1"),
        ("Teredo", "2001:: 2001:0:4136:e378:8000:63bf:3fff:fdd2"),
        ("benchmarks, AMT, AS112", "2001:2::1 2001:3::1 2001:4:112::1 2001:5::1"),
        ("ORCHID", "2001:10::1 2001:1f::1 2001:20::1 2001:2f:ffff::1"),
        ("assignments", "2001:1ff:ffff:ffff:ffff:ffff:ffff:ffff"),
        ("documentation", "2001:db8:: 2001:db8:ffff::1 3fff:: 3fff:fff:ffff::1"),
        ("6to4", "2002:: 2002:7f00:1:: 2002:808:808::1 2002:ffff:ffff::"),
        ("AS112, 6bone", "2620:4f:8000::1 3ffe::1"),
        ("SRv6 and unassigned", "4000:: 5f00:: 5f00::1 8000::1"),
        ("unique local", "fc00:: fd00::1 fd00:ec2::254 fdff:ffff::1"),
        ("link-local", "fe80:: fe80::1 fe80::a9fe:a9fe febf:ffff::1"),
        ("site-local", "fec0:: feff::1"),
        ("multicast", "ff00:: ff02::1 ff0e::1 ffff:ffff::1"),
        ("ISATAP", "2606:4700::5efe:10.0.0.1 2606:4700::200:5efe:8.8.8.8"),
    ];
    for (block, addresses) in refused {
        for text in addresses.split(' ') {
            assert!(!is_public(ip(text)), "{text} is {block}");
            assert!(!PublicOnly.permits(ip(text)), "{text} is {block}");
            assert!(AllowAll.permits(ip(text)), "{text}");
        }
    }
}

#[test]
fn accepts_the_neighbours_of_every_block() {
    let public = "1.0.0.0 1.1.1.1 8.8.8.8 9.255.255.255 11.0.0.0 100.63.255.255 100.128.0.0 \
        126.255.255.255 128.0.0.0 168.63.129.15 168.63.129.17 169.253.255.255 169.255.0.0 \
        172.15.255.255 172.32.0.0 191.255.255.255 192.0.1.0 192.0.3.0 192.88.98.255 192.88.100.0 \
        192.167.255.255 192.169.0.0 198.17.255.255 198.20.0.0 198.51.99.255 198.51.101.0 \
        203.0.112.255 203.0.114.0 223.255.255.255 2000:: 2001:200::1 2001:4860:4860::8888 \
        2001:db7:ffff::1 2001:db9::1 2003::1 2606:4700:4700::1111 2620:fe::fe 2a00:1450:4001::1 \
        2c0f:f248::1 3ffd::1 3fff:1000::1 2606:4700::1:5efe:808:808";
    for text in public.split(' ') {
        for policy in [PublicOnly, AllowLoopback, AllowAll] {
            assert!(policy.permits(ip(text)), "{text} must pass {policy}");
        }
    }
}

#[test]
fn loopback_policy_opens_plain_loopback_and_nothing_else() {
    for text in ["127.0.0.1", "127.0.0.0", "127.1.2.3", "127.255.255.255", "::1"] {
        assert!(AllowLoopback.permits(ip(text)), "{text}");
    }
    for text in [
        "0.0.0.0",
        "::",
        "10.0.0.1",
        "169.254.169.254",
        "192.168.1.1",
        "::ffff:127.0.0.1",
        "::127.0.0.1",
        "64:ff9b::7f00:1",
        "2002:7f00:1::",
        "fe80::1",
        "fd00:ec2::254",
    ] {
        assert!(!AllowLoopback.permits(ip(text)), "{text}");
    }
}

#[test]
fn policy_words() {
    for policy in [PublicOnly, AllowLoopback, AllowAll] {
        assert_eq!(policy.to_string().parse(), Ok(policy));
    }
    assert_eq!(" loopback ".parse(), Ok(AllowLoopback));
    assert_eq!(TargetPolicy::default(), PublicOnly);
    let error = "on".parse::<TargetPolicy>().expect_err("no such word");
    assert_eq!(error.to_string(), "`on` is not a target policy: use `off`, `loopback` or `all`");
}

mod fuzz {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn v4_never_passes_what_the_standard_library_knows_as_special(bits: u32) {
            let ip = Ipv4Addr::from_bits(bits);
            let special = ip.is_private() || ip.is_loopback() || ip.is_link_local()
                || ip.is_broadcast() || ip.is_documentation() || ip.is_multicast()
                || ip.is_unspecified();
            prop_assert!(!(special && is_public(ip.into())), "{}", ip);
        }

        #[test]
        fn v6_outside_global_unicast_is_refused(bits: u128) {
            let ip = Ipv6Addr::from_bits(bits);
            if ip.segments()[0] >> 13 != 1 {
                prop_assert!(!is_public(ip.into()), "{}", ip);
            }
        }

        #[test]
        fn an_embedded_v4_address_is_refused_whatever_it_is(bits: u32, low: u64) {
            let (high, lower) = ((bits >> 16) as u16, bits as u16);
            let tail = u128::from(bits);
            let [_, _, _, _, e, f, g, h] = Ipv6Addr::from_bits(u128::from(low)).segments();
            for ip in [
                Ipv4Addr::from_bits(bits).to_ipv6_mapped(),
                Ipv4Addr::from_bits(bits).to_ipv6_compatible(),
                Ipv6Addr::from_bits((0x0064_ff9b_u128 << 96) | tail),
                Ipv6Addr::new(0x2002, high, lower, e, e, f, g, h),
                Ipv6Addr::new(0x2001, 0, e, f, g, h, !high, !lower),
                Ipv6Addr::new(0x2606, 0x4700, e, f, 0, 0x5efe, high, lower),
            ] {
                prop_assert!(!PublicOnly.permits(ip.into()), "{}", ip);
                // Only the true `::1` counts as loopback, and it is the compatible form of 0.0.0.1.
                prop_assert!(bits == 1 || !AllowLoopback.permits(ip.into()), "{}", ip);
            }
        }

        #[test]
        fn loopback_policy_adds_exactly_the_loopback_addresses(bits: u128, small: u32) {
            for ip in [
                IpAddr::V6(Ipv6Addr::from_bits(bits)),
                IpAddr::V4(Ipv4Addr::from_bits(small)),
                IpAddr::V4(Ipv4Addr::from_bits(0x7f00_0000 | (small >> 8))),
            ] {
                let added = AllowLoopback.permits(ip) && !PublicOnly.permits(ip);
                prop_assert_eq!(added, ip.is_loopback());
            }
        }
    }
}
