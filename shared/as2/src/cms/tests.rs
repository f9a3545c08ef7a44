//! Tests of signatures as odd programs make them, and of hostile structures.

use super::signed::{Signed, build};
use super::*;
use crate::algorithms::Digest;
use crate::asn1::ber::{INTEGER, SET};
use crate::asn1::tests::streamed;
use crate::asn1::{der, oids};
use crate::keys::tests::identities;
use crate::keys::{Certificate, Identity};

const CONTENT: &[u8] = b"Content-Type: text/plain\r\n\r\ncontent";

/// A signature whose attributes are sent in this order, and signed in that order.
fn with_attributes(identity: &Identity, sent: &[Vec<u8>], signed: &[Vec<u8>], certificates: &[u8]) -> Vec<u8> {
    let signature = identity.sign(Digest::Sha256, &der::value(SET, &[&signed.concat()])).expect("a signature");
    with_signers(&[signer(identity, &der::value(context(0), &[&sent.concat()]), &signature)], certificates)
}

fn signer(identity: &Identity, attributes: &[u8], signature: &[u8]) -> Vec<u8> {
    let certificate = identity.certificate();
    der::sequence(&[
        &der::number(1),
        &der::sequence(&[&certificate.issuer, &der::value(INTEGER, &[&certificate.serial])]),
        &der::algorithm(oids::SHA256),
        attributes,
        &der::algorithm(oids::RSA_WITH_SHA256),
        &der::octets(signature),
    ])
}

fn with_signers(signers: &[Vec<u8>], certificates: &[u8]) -> Vec<u8> {
    let body = der::sequence(&[
        &der::number(1),
        &der::set_of(vec![der::algorithm(oids::SHA256)]),
        &der::sequence(&[&der::oid(oids::DATA)]),
        certificates,
        &der::value(SET, &[&signers.concat()]),
    ]);
    der::sequence(&[&der::oid(oids::SIGNED_DATA), &der::value(context(0), &[&body])])
}

fn attribute(kind: Oid, value: &[u8]) -> Vec<u8> {
    der::sequence(&[&der::oid(kind), &der::value(SET, &[value])])
}

fn attributes() -> [Vec<u8>; 2] {
    let digest = der::octets(&Digest::Sha256.of(CONTENT));
    [attribute(oids::CONTENT_TYPE, &der::oid(oids::DATA)), attribute(oids::MESSAGE_DIGEST, &digest)]
}

fn verified(signature: &[u8], content: &[u8], pinned: &[&Identity]) -> Result<Digest, CmsError> {
    let pinned: Vec<Certificate> = pinned.iter().map(|identity| identity.certificate().clone()).collect();
    Signed::read(signature)?.verify(content, &pinned, &Digest::ALL)
}

#[test]
fn attributes_may_be_signed_as_sent_or_as_der_has_them() {
    let [ours, ..] = identities();
    let [kind, digest] = attributes();
    let (one, other) = ([kind.clone(), digest.clone()], [digest, kind]);
    for (sent, signed) in [(&one, &one), (&other, &other), (&other, &one)] {
        for certificates in [Vec::new(), der::value(context(0), &[ours.certificate().der()])] {
            let signature = with_attributes(ours, sent, signed, &certificates);
            assert_eq!(verified(&signature, CONTENT, &[ours]), Ok(Digest::Sha256));
            assert_eq!(verified(&streamed(&signature, 20), CONTENT, &[ours]), Ok(Digest::Sha256));
        }
    }
}

#[test]
fn odd_certificates_and_revocation_lists_disturb_nothing() {
    let [ours, ..] = identities();
    let sent = attributes();
    let junk =
        [b"no certificate".to_vec(), der::sequence(&[]), der::octets(b"x"), ours.certificate().der()[4..].to_vec()];
    for junk in junk {
        let certificates = [der::value(context(0), &[&junk]), der::value(context(1), &[&junk])].concat();
        assert_eq!(verified(&with_attributes(ours, &sent, &sent, &certificates), CONTENT, &[ours]), Ok(Digest::Sha256));
    }
}

/// The signature of a stranger whose certificate is valid, and stands in the message, is a stranger's.
#[test]
fn only_pinned_keys_count() {
    let [ours, theirs, stranger] = identities();
    let signature = build(CONTENT, Digest::Sha256, stranger, crate::message::tests::at()).expect("a signature");
    assert_eq!(verified(&signature, CONTENT, &[theirs]), Err(CmsError::Stranger));
    assert_eq!(verified(&signature, CONTENT, &[]), Err(CmsError::Stranger));
    assert_eq!(verified(&signature, CONTENT, &[ours, stranger]), Ok(Digest::Sha256));
    // Nor does it help to name the partner as the signer.
    let sent = attributes();
    let bytes = stranger.sign(Digest::Sha256, &der::value(SET, &[&sent.concat()])).expect("a signature");
    let signer = signer(theirs, &der::value(context(0), &[&sent.concat()]), &bytes);
    assert_eq!(verified(&with_signers(&[signer], &[]), CONTENT, &[theirs]), Err(CmsError::Stranger));
}

#[test]
fn one_good_signer_of_several_is_enough() {
    let [ours, theirs, stranger] = identities();
    let sent = attributes();
    let set = der::value(SET, &[&sent.concat()]);
    let field = der::value(context(0), &[&sent.concat()]);
    let signers: Vec<_> = [stranger, ours, theirs]
        .map(|identity| signer(identity, &field, &identity.sign(Digest::Sha256, &set).expect("a signature")))
        .into();
    assert_eq!(verified(&with_signers(&signers, &[]), CONTENT, &[theirs]), Ok(Digest::Sha256));
    // Ten thousand of them cost no more than a few.
    assert_eq!(
        verified(&with_signers(&vec![signers[0].clone(); 10_000], &[]), CONTENT, &[theirs]),
        Err(CmsError::Stranger)
    );
}

#[test]
fn a_signature_needs_exactly_one_digest_of_this_content() {
    let [ours, ..] = identities();
    let [kind, digest] = attributes();
    let other = attribute(oids::MESSAGE_DIGEST, &der::octets(&Digest::Sha256.of(b"other")));
    for (sent, error) in [
        (vec![kind.clone(), other.clone()], CmsError::Altered),
        (vec![kind.clone()], CmsError::Malformed),
        (vec![kind.clone(), digest.clone(), other.clone()], CmsError::Malformed),
        (vec![kind, other, digest], CmsError::Malformed),
    ] {
        assert_eq!(verified(&with_attributes(ours, &sent, &sent, &[]), CONTENT, &[ours]), Err(error));
    }
    // Attributes signed as a content are not a signature of it, and the other way round.
    let sent = attributes();
    let set = der::value(SET, &[&sent.concat()]);
    let bare = signer(ours, &[], &ours.sign(Digest::Sha256, CONTENT).expect("a signature"));
    assert_eq!(verified(&with_signers(std::slice::from_ref(&bare), &[]), CONTENT, &[ours]), Ok(Digest::Sha256));
    assert_eq!(verified(&with_signers(&[bare], &[]), &set, &[ours]), Err(CmsError::Stranger));
}

#[test]
fn no_signer_is_no_signature() {
    let [ours, ..] = identities();
    assert_eq!(verified(&with_signers(&[], &[]), CONTENT, &[ours]), Err(CmsError::Stranger));
}

#[test]
fn what_inflates_too_far_is_refused() {
    let bomb = compressed::build(&vec![0; 50 << 20]).expect("a bomb");
    assert!(bomb.len() < 100_000);
    assert_eq!(compressed::open(&bomb, 1 << 20), Err(CmsError::Inflated));
    assert_eq!(compressed::open(&bomb, 50 << 20).map(|content| content.len()), Ok(50 << 20));
    let mut broken = compressed::build(CONTENT).expect("a structure");
    let last = broken.len() - 1;
    broken[last] ^= 1;
    assert_eq!(compressed::open(&broken, 1 << 20), Err(CmsError::Incompressible));
}
