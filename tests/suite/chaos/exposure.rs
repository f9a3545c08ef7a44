//! What other users and programs of the machine can reach: ports, and files of the data folder.

use std::collections::BTreeSet;
use std::fs::{self, DirBuilder, Permissions};
use std::net::TcpListener;
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, PermissionsExt as _, chown, symlink};
use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, ensure};

use super::start::refused;
use crate::support::process::{Serve, run};

fn port(url: &str) -> Result<u16> {
    Ok(url.rsplit(':').next().context("no port")?.parse()?)
}

/// The ports on which a process listens, over IPv4 and IPv6.
fn listening(process: u32) -> Result<BTreeSet<u16>> {
    const LISTEN: &str = "0A";
    let of = Path::new("/proc").join(process.to_string());
    let mut sockets = BTreeSet::new();
    for file in fs::read_dir(of.join("fd"))? {
        // A file may have been closed meanwhile.
        let Ok(target) = fs::read_link(file?.path()) else { continue };
        let inode = target.to_str().and_then(|text| text.strip_prefix("socket:[")?.strip_suffix(']'));
        sockets.extend(inode.map(str::to_owned));
    }
    let mut ports = BTreeSet::new();
    for table in ["net/tcp", "net/tcp6"] {
        for line in fs::read_to_string(of.join(table))?.lines().skip(1) {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (local, state, inode) = (fields[1], fields[3], fields[9]);
            if state == LISTEN && sockets.contains(inode) {
                ports.insert(u16::from_str_radix(local.rsplit(':').next().context("no port")?, 16)?);
            }
        }
    }
    Ok(ports)
}

#[tokio::test]
async fn only_the_api_and_the_bucket_listen() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let serve = Serve::start(folder.path(), &[]).await?;
    let (api, s3) = (port(&serve.credentials.base_url)?, port(&serve.credentials.s3.endpoint_url)?);
    let ports = listening(serve.id())?;
    ensure!(ports == BTreeSet::from([api, s3]), "{ports:?}, of which {api} is the API's and {s3} the bucket's");
    Ok(())
}

fn everything_below(folder: &Path) -> Result<Vec<PathBuf>> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        if path.is_dir() {
            all.extend(everything_below(&path)?);
        }
        all.push(path);
    }
    Ok(all)
}

#[tokio::test]
async fn a_folder_that_is_open_to_others_is_closed_and_what_is_made_in_it_too() -> Result<()> {
    let folder = tempfile::tempdir()?;
    fs::set_permissions(folder.path(), Permissions::from_mode(0o755))?;
    let _serve = Serve::start(folder.path(), &[]).await?;
    let mut all = everything_below(folder.path())?;
    ensure!(all.iter().any(|path| path.ends_with("dynamodb.sqlite")), "{all:?}");
    all.push(folder.path().to_owned());
    for path in all {
        let mode = fs::metadata(&path)?.mode();
        ensure!(mode & 0o077 == 0, "{} has mode {mode:o}", path.display());
    }
    Ok(())
}

#[tokio::test]
async fn a_folder_of_another_user_is_refused() -> Result<()> {
    let folder = tempfile::tempdir()?;
    // Only root can give a folder away; anybody else finds one of root's.
    let given = chown(folder.path(), Some(65_534), None).is_ok();
    let data = if given { folder.path() } else { Path::new("/") };
    let data = data.to_str().context("a path")?;
    refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[]).await?, "another user")
}

#[tokio::test]
async fn a_link_in_the_place_of_a_key_file_is_refused() -> Result<()> {
    let (folder, elsewhere) = (tempfile::tempdir()?, tempfile::tempdir()?);
    let inside = folder.path().join("data");
    let data = inside.to_str().context("a path")?;
    DirBuilder::new().mode(0o700).create(&inside)?;
    for name in ["lock", "keys.json", "token-keys.json", "s3-keys.json"] {
        let (place, target) = (inside.join(name), elsewhere.path().join(name));
        symlink(&target, &place)?;
        refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[]).await?, "is a link")?;
        ensure!(!target.exists(), "{name} was made elsewhere");
        fs::remove_file(place)?;
    }
    ensure!(run(&["rotate-keys", "--data", data], &[]).await?.status.success());
    let (place, target) = (inside.join("keys.json"), elsewhere.path().join("keys.json"));
    fs::rename(&place, &target)?;
    symlink(&target, &place)?;
    refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[]).await?, "is a link")
}

#[tokio::test]
async fn the_bucket_keeps_its_port_or_does_not_start() -> Result<()> {
    let folder = tempfile::tempdir()?;
    let data = folder.path().to_str().context("a path")?;
    let serve = Serve::start(folder.path(), &[]).await?;
    let url = serve.credentials.s3.endpoint_url.clone();
    serve.signal("TERM").await?;

    let port = port(&url)?;
    let taken = TcpListener::bind(("127.0.0.1", port))?;
    refused(&run(&["serve", "--listen", "127.0.0.1:0", "--data", data], &[]).await?, &format!("127.0.0.1:{port}"))?;
    drop(taken);
    let again = Serve::start(folder.path(), &[]).await?;
    ensure!(again.credentials.s3.endpoint_url == url, "the bucket moved");
    Ok(())
}
