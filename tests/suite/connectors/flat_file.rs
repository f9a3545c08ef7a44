//! Files in a bucket, as a source and as a target: the embedded S3, or a server that answers like one in trouble.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_s3::primitives::ByteStream;
use axum::http::{StatusCode, header};
use serde_json::{Value as Json, json};
use sluice::connectors::{Ask, Batch, ConnectorError, Record, Written};
use sluice::domain::value::Value;
use sluice::outbound::TargetPolicy;
use sluice::ports::Ports;
use sluice_local::provision::S3Access;

use super::fixture::{Destination, Fixture, Manner, Origin, PAGE, RECORDS, SECRET, source, source_as, target_as};
use super::server::{Server, json, text, with};
use super::sources::read_from;
use super::targets::write;
use crate::support::bucket::files;
use crate::support::shared;

/// A prefix of the embedded bucket, or a server in trouble.
pub(super) struct Files {
    s3: S3Access,
    server: Option<Server>,
    prefix: String,
    format: Json,
}

impl Files {
    async fn of(format: Json) -> Result<Self> {
        let s3 = shared().await.system.credentials.s3.clone();
        let prefix = format!("{}/", Ports::system().unique("files"));
        Ok(Self { s3, server: None, prefix, format })
    }

    async fn put(&self, name: &str, content: impl Into<Vec<u8>>) -> Result<()> {
        let put = self.s3.client().put_object().bucket(&self.s3.bucket).key(format!("{}{name}", self.prefix));
        put.body(ByteStream::from(content.into())).send().await?;
        Ok(())
    }

    async fn error(&self) -> Result<ConnectorError> {
        let source = source(self).await?;
        let mut next = None::<String>;
        loop {
            match source.read(&Ask { position: next.as_deref(), page_size: PAGE, ..Ask::default() }).await {
                Err(error) => return Ok(error),
                Ok(page) => next = Some(page.next.context("it ends well")?),
            }
        }
    }
}

fn json_lines(range: std::ops::Range<usize>) -> String {
    range.map(|n| format!("{{\"id\":{n},\"amount\":1.{n}0}}\n")).collect()
}

impl Fixture for Files {
    async fn start(manner: Manner) -> Result<Self> {
        let mut files = Self::of(json!({"type": "jsonLines"})).await?;
        if manner == Manner::Serve || manner == Manner::Throttle {
            // A folder, an empty file, and records in three others.
            files.put("a/", "").await?;
            files.put("a/0.jsonl", "").await?;
            files.put("a/1.jsonl", json_lines(0..13)).await?;
            files.put("a/2.jsonl", json_lines(13..14).trim_end()).await?;
            files.put("b.jsonl", json_lines(14..RECORDS)).await?;
        }
        if manner != Manner::Serve {
            files.server = Some(in_trouble(manner).await?);
        }
        Ok(files)
    }

    fn system(&self) -> Json {
        let endpoint = self.server.as_ref().map_or_else(|| self.s3.endpoint_url.clone(), |server| server.url(""));
        let (id, key) = match &self.server {
            Some(_) => (SECRET, SECRET),
            None => (self.s3.access_key_id.as_str(), self.s3.secret_access_key.as_str()),
        };
        json!({
            "system": "flatFile", "bucket": self.s3.bucket, "prefix": self.prefix, "region": self.s3.region,
            "endpointUrl": endpoint, "accessKeyId": id, "secretAccessKey": key, "format": self.format,
        })
    }

    fn requests(&self) -> usize {
        self.server.as_ref().map_or(0, |server| server.requests().len())
    }
}

/// Answers in a manner; after throttling, as a bucket with a single file.
async fn in_trouble(manner: Manner) -> Result<Server> {
    Server::start(manner, |received| {
        let is_list = received.path.contains("list-type=2");
        match (received.method.as_str(), is_list) {
            ("GET", true) => {
                let item = "<Contents><Key>a</Key><ETag>\"1\"</ETag><Size>9</Size></Contents>";
                let item = if received.path.contains("start-after") { "" } else { item };
                let body = format!("<ListBucketResult><IsTruncated>false</IsTruncated>{item}</ListBucketResult>");
                text(StatusCode::OK, "application/xml", &body)
            }
            ("GET", false) => {
                with(text(StatusCode::PARTIAL_CONTENT, "text/plain", "{\"id\":0}\n"), header::ETAG, "\"1\"")
            }
            _ => with(json(StatusCode::OK, &json!({})), header::ETAG, "\"1\""),
        }
    })
    .await
}

impl Origin for Files {
    fn extraction() -> Json {
        json!({"sourceId": "$.id"})
    }

    fn number(record: &Value) -> Option<usize> {
        Self::id(record)?.parse().ok()
    }

    fn id(record: &Value) -> Option<String> {
        match record.get("id")? {
            Value::String(text) | Value::Number(text) => Some(text.clone()),
            _ => None,
        }
    }
}

impl Destination for Files {
    fn load() -> Json {
        json!({"system": "flatFile", "recordsPerFile": 500})
    }

    async fn texts(&self) -> Result<Vec<String>> {
        if let Some(server) = &self.server {
            let put = server.requests().into_iter().rfind(|received| received.method == "PUT").context("a file")?;
            return lines(&String::from_utf8_lossy(&put.body));
        }
        let mut all = Vec::new();
        for file in files(&self.s3, &format!("{}run1/", self.prefix)).await? {
            all.extend(lines(&file.text)?);
        }
        Ok(all)
    }
}

fn lines(text: &str) -> Result<Vec<String>> {
    let line = |line: &str| -> Result<String> {
        let line: Json = serde_json::from_str(line)?;
        Ok(line["text"].as_str().context("a text")?.to_owned())
    };
    text.lines().map(line).collect()
}

#[tokio::test]
async fn csv_and_xml_are_read_across_parts_and_positions() -> Result<()> {
    let filler = "y".repeat(2_000);
    let csv: String = (0..5_000).map(|n| format!("{n},\"a \"\"b\"\"\n{filler}\"\n")).collect();
    let items: String = (0..100).map(|n| format!("<order><id>{n}</id></order>")).collect();
    for (format, name, content, count) in [
        // More than two parts.
        (json!({"type": "csv"}), "1.csv", format!("id,text\n{csv}"), 5_000),
        (json!({"type": "xml", "recordElement": "order"}), "1.xml", format!("<orders>{items}</orders>"), 100),
    ] {
        let fixture = Files::of(format).await?;
        fixture.put(name, content).await?;
        let (all, positions) = read_from(source(&fixture).await?.as_ref(), None).await?;
        let numbers: Vec<usize> = all.iter().filter_map(Files::number).collect();
        ensure!(numbers == (0..count).collect::<Vec<_>>(), "{name}: {}", all.len());
        for position in positions.iter().step_by(positions.len() / 3) {
            let place = positions.iter().position(|known| known == position).context("a place")?;
            let (rest, _) = read_from(source(&fixture).await?.as_ref(), Some(position.clone())).await?;
            let numbers: Vec<usize> = rest.iter().filter_map(Files::number).collect();
            ensure!(numbers == ((place + 1) * PAGE..count).collect::<Vec<_>>(), "{name} after {position}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn a_damaged_file_is_an_error_after_what_is_good_in_it() -> Result<()> {
    for (format, content, expected) in [
        (json!({"type": "jsonLines"}), format!("{}{{\"id\":", json_lines(0..3)), "1.data"),
        (json!({"type": "csv"}), "id,text\n1,a\n2,\"b".to_owned(), "1.data"),
        (json!({"type": "xml", "recordElement": "o"}), "<r><o><id>1</id></o><o><id>2".to_owned(), "1.data"),
        (json!({"type": "xml", "recordElement": "o"}), "<!DOCTYPE r><r><o/></r>".to_owned(), "1.data"),
    ] {
        let fixture = Files::of(format.clone()).await?;
        fixture.put("1.data", content).await?;
        let error = fixture.error().await?;
        ensure!(matches!(&error, ConnectorError::Permanent(why) if why.contains(expected)), "{format}: {error:?}");
    }
    Ok(())
}

#[tokio::test]
async fn a_file_that_changes_while_it_is_read_is_an_error() -> Result<()> {
    let fixture = Files::of(json!({"type": "jsonLines"})).await?;
    fixture.put("1.jsonl", json_lines(0..100)).await?;
    let first = source(&fixture).await?.read(&Ask { page_size: PAGE, ..Ask::default() }).await?;
    fixture.put("1.jsonl", json_lines(100..300)).await?;
    let ask = Ask { position: first.next.as_deref(), page_size: PAGE, ..Ask::default() };
    let read = source(&fixture).await?.read(&ask).await;
    ensure!(matches!(&read, Err(ConnectorError::Permanent(why)) if why.contains("changed")), "{read:?}");
    Ok(())
}

#[tokio::test]
async fn a_batch_is_a_file_with_the_mappings_columns() -> Result<()> {
    let fixture = Files::of(json!({"type": "csv"})).await?;
    let target = target_as(&fixture, TargetPolicy::AllowLoopback, Files::load()).await?;
    let record = |body: Json| Record { source_id: "1".into(), key: None, body: Value::from(&body) };
    let records = [record(json!({"text": "=1+1", "more": 1})), record(json!({"number": "A,1"}))];
    for number in [1, 2, 2] {
        let written = target.write(&Batch { number, records: &records }).await?;
        ensure!(written == [Written::Done, Written::Done], "{written:?}");
    }
    let found = files(&fixture.s3, &fixture.prefix).await?;
    let keys: Vec<&str> = found.iter().filter_map(|file| file.key.strip_prefix(&fixture.prefix)).collect();
    ensure!(keys == ["run1/00000001.csv", "run1/00000002.csv"], "{keys:?}");
    ensure!(found[0].text.starts_with("number,text") && found[0].text.contains("'=1+1"), "{}", found[0].text);
    ensure!(!found[0].text.contains("more"), "{}", found[0].text);
    ensure!(target.batch_size() == 500);
    let nothing = write(target.as_ref(), &[]).await?;
    ensure!(nothing.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_public_bucket_needs_no_credentials() -> Result<()> {
    let mut fixture = Files::of(json!({"type": "jsonLines"})).await?;
    fixture.server = Some(in_trouble(Manner::Serve).await?);
    let written = fixture.system();
    let public = Public { files: fixture, written };
    let source = source_as(&public, TargetPolicy::AllowLoopback, "order", Files::extraction()).await?;
    let (records, _) = read_from(source.as_ref(), None).await?;
    ensure!(records.len() == 1, "{records:?}");
    let requests = public.files.server.as_ref().map(Server::requests).unwrap_or_default();
    ensure!(!requests.is_empty() && requests.iter().all(|received| received.header("authorization").is_empty()));
    Ok(())
}

/// A bucket that is read without credentials.
struct Public {
    files: Files,
    written: Json,
}

impl Fixture for Public {
    async fn start(manner: Manner) -> Result<Self> {
        let files = Files::start(manner).await?;
        let written = files.system();
        Ok(Self { files, written })
    }

    fn system(&self) -> Json {
        let mut written = self.written.clone();
        if let Some(fields) = written.as_object_mut() {
            fields.remove("accessKeyId");
            fields.remove("secretAccessKey");
        }
        written
    }

    fn requests(&self) -> usize {
        self.files.requests()
    }
}
