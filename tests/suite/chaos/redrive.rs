//! Dead letters go back to their workers by `sluice redrive`.

use anyhow::{Context as _, Result, ensure};
use aws_sdk_sqs::Client;
use aws_sdk_sqs::types::QueueAttributeName;
use serde_json::json;
use sluice_local::folder::Folder;
use sluice_local::provision;

use crate::conformance::Embedded;
use crate::conformance::sqs_support::{counts, receive, receive_one, send};
use crate::support::process::run;

async fn url(client: &Client, name: &str) -> Result<String> {
    client.get_queue_url().queue_name(name).send().await?.queue_url.context("no queue")
}

/// Has a message of a worker's queue received once too often.
async fn bury(client: &Client, name: &str, body: &str) -> Result<()> {
    let (queue, dlq) = (url(client, name).await?, url(client, &format!("{name}-dlq")).await?);
    let arn =
        client.get_queue_attributes().queue_url(&dlq).attribute_names(QueueAttributeName::QueueArn).send().await?;
    let arn = arn.attributes.context("no attributes")?[&QueueAttributeName::QueueArn].clone();
    let redrive = json!({"deadLetterTargetArn": arn, "maxReceiveCount": 1}).to_string();
    client
        .set_queue_attributes()
        .queue_url(&queue)
        .attributes(QueueAttributeName::RedrivePolicy, redrive)
        .send()
        .await?;
    send(client, &queue, body).await;
    receive_one(client, &queue, 0, 0).await;
    ensure!(receive(client, &queue, 0, 0).await.is_empty(), "it is buried");
    ensure!(counts(client, &dlq).await == [1, 0, 0], "in {name}-dlq");
    Ok(())
}

#[tokio::test]
async fn dead_letters_go_back_to_the_queue_they_came_from() -> Result<()> {
    let embedded = Embedded::start().await;
    provision::queues(&embedded.client).await?;
    for name in ["sluice-dispatch", "sluice-export"] {
        bury(&embedded.client, name, name).await?;
    }
    let folder = embedded.stop().await;
    let data = folder.path().to_str().context("a path")?;

    let unknown = run(&["redrive", "--queue", "nonsense", "--data", data], &[]).await?;
    ensure!(unknown.status.code() == Some(2), "{unknown:?}");
    let held = Folder::open(folder.path())?;
    let refused = run(&["redrive", "--data", data], &[]).await?;
    ensure!(refused.status.code() == Some(2), "{refused:?}");
    drop(held);
    let one = run(&["redrive", "--queue", "dispatch", "--data", data], &[]).await?;
    ensure!(one.status.success() && one.stdout == b"dispatch: 1\n", "{one:?}");

    let embedded = Embedded::start_in(folder).await;
    let client = &embedded.client;
    let message = receive_one(client, &url(client, "sluice-dispatch").await?, 30, 0).await;
    ensure!(message.body() == Some("sluice-dispatch"), "{message:?}");
    ensure!(counts(client, &url(client, "sluice-dispatch-dlq").await?).await == [0, 0, 0]);
    ensure!(counts(client, &url(client, "sluice-export-dlq").await?).await == [1, 0, 0], "another worker's stays");
    let folder = embedded.stop().await;
    let all = run(&["redrive", "--data", folder.path().to_str().context("a path")?], &[]).await?;
    let text = String::from_utf8(all.stdout)?;
    ensure!(text.contains("export: 1\n") && text.contains("dispatch: 0\n"), "{text}");
    Ok(())
}
