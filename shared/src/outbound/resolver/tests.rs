//! The vetting of answers.

use aws_smithy_runtime_api::client::dns::ResolveDns;

use super::*;
use TargetPolicy::{AllowAll, AllowLoopback, PublicOnly};

fn ips(list: &[&str]) -> Vec<IpAddr> {
    list.iter().map(|ip| ip.parse().expect("an address")).collect()
}

#[test]
fn one_forbidden_address_refuses_the_whole_answer() {
    let resolver = SafeResolver::new(PublicOnly);
    let good = ips(&["93.184.216.34", "2606:4700::1111"]);
    assert_eq!(resolver.vet(good.clone()).expect("public"), good);
    for bad in ["10.0.0.1", "::1", "169.254.169.254", "::ffff:8.8.8.8"] {
        let mixed = ips(&["93.184.216.34", bad, "2606:4700::1111"]);
        assert!(matches!(resolver.vet(mixed), Err(ResolveError::Forbidden)), "{bad}");
    }
    assert!(matches!(resolver.vet(vec![]), Err(ResolveError::Empty)));
}

#[tokio::test]
async fn localhost_is_loopback_without_a_lookup() {
    for name in ["localhost", "LocalHost.", "anything.localhost"] {
        let refused = SafeResolver::new(PublicOnly).lookup(name).await;
        assert!(matches!(refused, Err(ResolveError::Forbidden)), "{name}");
        for policy in [AllowLoopback, AllowAll] {
            let found = SafeResolver::new(policy).lookup(name).await.expect("loopback");
            assert!(found.iter().all(IpAddr::is_loopback), "{name}");
        }
    }
}

#[tokio::test]
async fn the_system_lookup_is_vetted_too() {
    // getaddrinfo accepts numbers, in forms the URL parser never lets through to here.
    for name in ["10.0.0.1", "169.254.169.254", "0x7f.1", "2130706433"] {
        let error = SafeResolver::new(PublicOnly).lookup(name).await.expect_err(name);
        assert!(matches!(error, ResolveError::Forbidden), "{name}: {error:?}");
    }
    let found = SafeResolver::new(PublicOnly).lookup("8.8.8.8").await.expect("public");
    assert_eq!(found, ips(&["8.8.8.8"]));
}

#[tokio::test]
async fn an_unknown_name_is_a_lookup_error() {
    let error = SafeResolver::new(AllowAll).lookup("no-such-host.invalid").await;
    assert!(matches!(error, Err(ResolveError::Lookup(_))));
}

#[tokio::test]
async fn the_error_is_found_by_type_through_wrappers() {
    let resolver = SafeResolver::new(PublicOnly);
    let error = ResolveDns::resolve_dns(&resolver, "localhost").await.expect_err("loopback");
    assert!(matches!(ResolveError::find(&error), Some(ResolveError::Forbidden)));
    let wrapped = io::Error::other(io::Error::other(error));
    assert!(matches!(ResolveError::find(&wrapped), Some(ResolveError::Forbidden)));
    assert!(ResolveError::find(&io::Error::other("the host resolves")).is_none());
}
