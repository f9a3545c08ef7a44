//! Sending: what stands under a name is whole, whatever happens on the way.

use std::time::Instant;

use anyhow::{Result, ensure};
use serde_json::json;
use sluice::domain::attempt::{Attempt, Verdict};

use super::{BRIEF, NAME, PATIENT, body, facts, server};
use crate::support::odd_sftp::{Manners, OddSftp};
use crate::support::proxy::{Mode, Proxy};
use crate::support::sshd::{Sshd, keys};
use crate::support::{SOON, eventually};

fn failed_because(attempt: &Attempt, reason: &str) -> bool {
    attempt.verdict == Verdict::Failed { retry_after: None } && attempt.reason == reason
}

#[tokio::test]
async fn a_document_stands_under_its_name() -> Result<()> {
    let sshd = Sshd::start().await?;
    for directory in [".", "in", "in/"] {
        sshd.put("in/", b"")?;
        let mut parameters = sshd.parameters()?;
        parameters["outbound"] = json!({"directory": directory});
        for length in [0, 1, 32 * 1024, 700_001] {
            let body = body(length);
            let attempt = server(parameters.clone(), PATIENT).await?.put(&facts(), &body).await;
            ensure!(attempt.is_delivered(), "{attempt:?} {}", sshd.log());
            let path = sshd.home().join(directory).join(NAME);
            ensure!(std::fs::read(&path)? == body, "another content in {directory} after {length} bytes");
            std::fs::remove_file(path)?;
        }
        // Nothing else is left.
        ensure!(sshd.names("in")?.is_empty() && sshd.names(".")? == ["in"]);
    }
    Ok(())
}

#[tokio::test]
async fn keys_of_both_kinds_and_passwords_are_accepted() -> Result<()> {
    let (sshd, keys) = (Sshd::start().await?, keys()?);
    for key in [&keys.client, &keys.rsa_client] {
        let mut parameters = sshd.parameters()?;
        parameters["private_key"] = key.private.as_str().into();
        let attempt = server(parameters, PATIENT).await?.put(&facts(), b"1").await;
        ensure!(attempt.is_delivered(), "{attempt:?} {}", sshd.log());
    }
    let mut parameters = sshd.parameters()?;
    parameters["private_key"] = keys.hosts[1].private.as_str().into();
    let attempt = server(parameters, PATIENT).await?.put(&facts(), b"1").await;
    ensure!(failed_because(&attempt, "the server refuses the credentials"), "{attempt:?}");
    for dialogue in [false, true] {
        let odd = OddSftp::start(Manners { dialogue, ..Manners::default() }).await?;
        let attempt = server(odd.parameters()?, PATIENT).await?.put(&facts(), b"1").await;
        ensure!(attempt.is_delivered(), "{attempt:?}");
        let mut parameters = odd.parameters()?;
        parameters["password"] = "another".into();
        let attempt = server(parameters, PATIENT).await?.put(&facts(), b"1").await;
        ensure!(failed_because(&attempt, "the server refuses the credentials"), "{attempt:?}");
    }
    Ok(())
}

/// Lost without it: a document for the partner goes to whoever has its address.
#[tokio::test]
async fn a_host_key_that_changes_is_refused_unless_it_is_pinned_too() -> Result<()> {
    let (sshd, keys) = (Sshd::start().await?, keys()?);
    let [old, new] = &keys.hosts;
    let only_old = server(sshd.parameters()?, PATIENT).await?;
    let mut parameters = sshd.parameters()?;
    parameters["host_key_fingerprints"] = json!([old.fingerprint, new.fingerprint]);
    let both = server(parameters.clone(), PATIENT).await?;
    parameters["host_key_fingerprints"] = json!([]);
    let none = server(parameters, PATIENT).await?;
    ensure!(only_old.put(&facts(), b"1").await.is_delivered() && both.put(&facts(), b"1").await.is_delivered());
    sshd.show(&[new])?;
    std::fs::remove_file(sshd.home().join(NAME))?;
    for refused in [&only_old, &none] {
        let attempt = refused.put(&facts(), b"1").await;
        let reason = format!("the host key {} is not pinned", new.fingerprint);
        ensure!(failed_because(&attempt, &reason) && sshd.names(".")?.is_empty(), "{attempt:?}");
    }
    let attempt = both.put(&facts(), b"1").await;
    ensure!(attempt.is_delivered() && sshd.names(".")? == [NAME], "{attempt:?}");
    Ok(())
}

/// Lost without it: a partner who tells the fingerprint of its RSA key is refused, for its server shows another first.
#[tokio::test]
async fn a_pinned_key_is_asked_for_where_another_is_shown_first() -> Result<()> {
    let keys = keys()?;
    let sshd = Sshd::with(&[&keys.hosts[0], &keys.rsa_host]).await?;
    let mut parameters = sshd.parameters()?;
    parameters["host_key_fingerprints"] = json!([keys.rsa_host.fingerprint]);
    let attempt = server(parameters.clone(), PATIENT).await?.put(&facts(), b"1").await;
    ensure!(attempt.is_delivered(), "{attempt:?} {}", sshd.log());
    parameters["host_key_fingerprints"] = json!([keys.hosts[1].fingerprint]);
    let attempt = server(parameters, PATIENT).await?.put(&facts(), b"1").await;
    let reason = format!("the host key {} is not pinned", keys.hosts[0].fingerprint);
    ensure!(failed_because(&attempt, &reason), "{attempt:?}");
    Ok(())
}

#[tokio::test]
async fn a_cut_upload_shows_nothing_and_its_retry_completes_it() -> Result<()> {
    let (sshd, body) = (Sshd::start().await?, body(3_000_000));
    let proxy = Proxy::start(&format!("http://{}", sshd.address), Mode::CutRequest(1_000_000)).await?;
    let mut parameters = sshd.parameters()?;
    parameters["port"] = proxy.url.rsplit(':').next().and_then(|port| port.parse::<u16>().ok()).into();
    let server = server(parameters, PATIENT).await?;
    let attempt = server.put(&facts(), &body).await;
    ensure!(matches!(attempt.verdict, Verdict::Failed { .. }) && proxy.cuts() == 1, "{attempt:?}");
    let names = sshd.names(".")?;
    ensure!(names.len() == 1 && names[0].ends_with(".part"), "{names:?}");
    proxy.set(Mode::Pass);
    let attempt = server.put(&facts(), &body).await;
    ensure!(attempt.is_delivered(), "{attempt:?} {}", sshd.log());
    ensure!(sshd.names(".")? == [NAME] && std::fs::read(sshd.home().join(NAME))? == body);
    Ok(())
}

/// Lost without it: a partner gets a document twice, or one that arrived is given up as failed.
#[tokio::test]
async fn a_retry_after_a_lost_answer_finds_the_file() -> Result<()> {
    let odd = OddSftp::start(Manners { loses_rename: true, ..Manners::default() }).await?;
    let server = server(odd.parameters()?, BRIEF).await?;
    let attempt = server.put(&facts(), b"whole").await;
    ensure!(failed_because(&attempt, "timeout"), "{attempt:?}");
    ensure!(odd.files().into_iter().eq([(NAME.to_owned(), b"whole".to_vec())]), "{:?}", odd.files());
    let attempt = server.put(&facts(), b"whole").await;
    ensure!(attempt.is_delivered() && odd.files().len() == 1, "{attempt:?} {:?}", odd.files());
    Ok(())
}

#[tokio::test]
async fn a_retry_in_the_middle_of_a_renaming_leaves_one_name() -> Result<()> {
    let sshd = Sshd::start().await?;
    let server = server(sshd.parameters()?, PATIENT).await?;
    ensure!(server.put(&facts(), b"whole").await.is_delivered());
    // As a server that died between its two steps left it.
    let digest = "5d5766cf2d78";
    sshd.put(&format!("{NAME}.{digest}.part"), b"whole")?;
    ensure!(server.put(&facts(), b"whole").await.is_delivered());
    ensure!(sshd.names(".")?[0] == NAME, "{:?}", sshd.names(".")?);
    Ok(())
}

/// Lost without it: a document that the partner has not fetched yet.
#[tokio::test]
async fn another_file_of_the_name_is_never_overwritten() -> Result<()> {
    let sshd = Sshd::start().await?;
    let mut parameters = sshd.parameters()?;
    parameters["outbound"] = json!({"file_name": "orders.edi"});
    let fixed = server(parameters, PATIENT).await?;
    let large = body(1_500_000);
    ensure!(fixed.put(&facts(), &large).await.is_delivered());
    // Of the same size, and too large to be compared where names are unique.
    let mut other = large.clone();
    other[1_400_000] ^= 1;
    let reason = "another file stands under this name";
    for body in [&other[..], b"2"] {
        let attempt = fixed.put(&facts(), body).await;
        ensure!(failed_because(&attempt, reason), "{attempt:?}");
    }
    ensure!(std::fs::read(sshd.home().join("orders.edi"))? == large && sshd.names(".")? == ["orders.edi"]);
    // A link or a directory of the name is another file too.
    std::fs::remove_file(sshd.home().join("orders.edi"))?;
    std::os::unix::fs::symlink("/etc/hostname", sshd.home().join("orders.edi"))?;
    let attempt = fixed.put(&facts(), b"2").await;
    ensure!(failed_because(&attempt, reason), "{attempt:?}");
    // It appears between our look and our renaming, and the server says so in a code that it invented.
    let odd = OddSftp::start(Manners { appears: Some(b"other"), ..Manners::default() }).await?;
    let attempt = server(odd.parameters()?, PATIENT).await?.put(&facts(), b"whole").await;
    ensure!(failed_because(&attempt, reason), "{attempt:?}");
    ensure!(odd.files().get(NAME).is_some_and(|body| body == b"other"));
    // Or it is the very file: another worker was faster.
    let odd = OddSftp::start(Manners { appears: Some(b"whole"), ..Manners::default() }).await?;
    let attempt = server(odd.parameters()?, PATIENT).await?.put(&facts(), b"whole").await;
    ensure!(attempt.is_delivered() && odd.files().len() == 1, "{attempt:?} {:?}", odd.files());
    Ok(())
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn two_workers_with_one_document_make_one_whole_file() -> Result<()> {
    let (sshd, body) = (Sshd::start().await?, body(2_000_000));
    let (one, two) = (server(sshd.parameters()?, PATIENT).await?, server(sshd.parameters()?, PATIENT).await?);
    let facts = facts();
    let (first, second) = tokio::join!(one.put(&facts, &body), two.put(&facts, &body));
    ensure!(first.is_delivered() || second.is_delivered(), "{first:?} {second:?}");
    ensure!(std::fs::read(sshd.home().join(NAME))? == body);
    // Who was too slow finds it.
    ensure!(one.put(&facts, &body).await.is_delivered() && sshd.names(".")? == [NAME], "{:?}", sshd.names(".")?);
    Ok(())
}

/// Lost without it: a worker waits for ever, and with it every document behind.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_freezes_is_given_up() -> Result<()> {
    let (sshd, body) = (Sshd::start().await?, body(100_000_000));
    let server = server(sshd.parameters()?, BRIEF).await?;
    let sending = async {
        let attempt = server.put(&facts(), &body).await;
        (attempt, Instant::now())
    };
    let freezing = async {
        eventually("the upload has begun", SOON, async || Ok((!sshd.names(".")?.is_empty()).then_some(()))).await?;
        sshd.freeze()?;
        anyhow::Ok(Instant::now())
    };
    let ((attempt, ended), frozen) = tokio::join!(sending, freezing);
    ensure!(failed_because(&attempt, "timeout"), "{attempt:?} {}", sshd.log());
    ensure!(ended.duration_since(frozen?) < 4 * BRIEF, "{attempt:?}");
    ensure!(sshd.names(".")?.iter().all(|name| name.ends_with(".part")));
    Ok(())
}

#[tokio::test]
async fn what_the_server_does_not_allow_is_told_in_plain_words() -> Result<()> {
    let sshd = Sshd::start().await?;
    for (directory, reason) in [
        ("missing", "cannot create the file: there is no such file or directory"),
        ("/", "cannot create the file: permission denied"),
    ] {
        let mut parameters = sshd.parameters()?;
        parameters["outbound"] = json!({"directory": directory});
        let attempt = server(parameters, PATIENT).await?.put(&facts(), b"1").await;
        ensure!(failed_because(&attempt, reason), "{attempt:?}");
    }
    Ok(())
}
