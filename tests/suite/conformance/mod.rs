//! One suite over the AWS SDK, run against our embedded server and against an independent emulator:
//! what both agree on is AWS's behaviour, and where they differ the case says so and why.

pub(crate) mod destinations;
mod sqs;
mod sqs_batches;
mod sqs_durability;
mod sqs_queues;
mod sqs_receive;
pub(crate) mod sqs_support;

use std::time::Duration;

use aws_config::SdkConfig;
use aws_sdk_sqs::Client;
use aws_sdk_sqs::config::retry::RetryConfig;
use aws_sdk_sqs::config::{BehaviorVersion, Credentials, Region};
use sluice_sqs::Server as Sqs;
use tempfile::TempDir;

/// Which server a case talks to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Server {
    Embedded,
    Ministack,
}

/// A server under test.
pub(crate) struct Subject {
    pub(crate) server: Server,
    pub(crate) client: Client,
    /// The embedded server of this test alone.
    _own: Option<Embedded>,
}

/// A client that does not retry, so that a case sees the first answer.
fn client(config: &SdkConfig) -> Client {
    let config = aws_sdk_sqs::config::Builder::from(config).retry_config(RetryConfig::disabled());
    Client::from_conf(config.allow_no_auth().build())
}

/// A client of an embedded server, which it reaches as the local run does.
pub(crate) async fn client_of(server: &Sqs) -> Client {
    client(&sluice_local::embedded::sqs::config(server.queues()).await)
}

/// An embedded server over a folder, stopped by [`Embedded::stop`] or with the test.
pub(crate) struct Embedded {
    pub(crate) client: Client,
    folder: TempDir,
    server: Sqs,
}

impl Embedded {
    pub(crate) async fn start() -> Self {
        Self::start_in(tempfile::tempdir().expect("a folder")).await
    }

    pub(crate) async fn start_in(folder: TempDir) -> Self {
        let server = Sqs::open(&folder.path().join("sqs.sqlite")).await.expect("a server");
        Self { client: client_of(&server).await, folder, server }
    }

    /// Stops the server in good order, and gives its folder back.
    pub(crate) async fn stop(self) -> TempDir {
        let stopped = tokio::time::timeout(Duration::from_secs(5), self.server.stop()).await;
        stopped.expect("it stops in time").expect("it stops well");
        self.folder
    }
}

async fn embedded() -> Subject {
    let own = Embedded::start().await;
    Subject { server: Server::Embedded, client: own.client.clone(), _own: Some(own) }
}

async fn ministack() -> Subject {
    let config = aws_config::defaults(BehaviorVersion::latest()).region(Region::from_static("us-east-1"));
    let config = config.credentials_provider(Credentials::new("test", "test", None, None, "tests"));
    let config = config.endpoint_url(crate::ministack::endpoint().await).load().await;
    Subject { server: Server::Ministack, client: client(&config), _own: None }
}

/// Makes of each case one test for each server.
macro_rules! on_both_servers {
    ($($module:ident: $($case:ident),+ $(,)?;)+) => {
        mod embedded_sqs {
            $($(
                #[tokio::test]
                async fn $case() {
                    super::$module::$case(&super::embedded().await).await;
                }
            )+)+
        }
        mod ministack_sqs {
            $($(
                #[tokio::test]
                async fn $case() {
                    super::$module::$case(&super::ministack().await).await;
                }
            )+)+
        }
    };
}

on_both_servers! {
    sqs:
        a_message_goes_round,
        text_survives_as_it_is,
        forbidden_characters_are_refused,
        an_empty_body_is_refused,
        a_message_has_at_most_one_mebibyte,
        a_queue_may_set_a_lower_limit,
        message_attributes_pass_through,
        an_unknown_queue_is_refused,
        what_is_no_receipt_handle_is_refused;
    sqs_batches:
        a_batch_goes_round,
        batch_rules_refuse_the_whole,
        a_batch_has_at_most_one_mebibyte,
        a_bad_entry_fails_alone,
        a_delay_out_of_range_is_refused;
    sqs_queues:
        creating_twice_is_fine,
        creating_with_other_attributes_is_refused,
        attributes_have_ranges,
        attributes_have_the_defaults_of_aws,
        attributes_can_be_set,
        an_unknown_attribute_is_refused,
        queues_are_listed_by_prefix_and_page,
        a_deleted_queue_is_gone,
        purging_empties_a_queue,
        messages_are_counted_by_state,
        a_redrive_policy_needs_its_target;
    sqs_receive:
        a_receive_takes_one_to_ten,
        a_hidden_message_comes_back,
        a_handle_of_an_earlier_receive_deletes_nothing,
        visibility_can_be_changed,
        visibility_can_be_changed_in_a_batch,
        a_delay_holds_a_message_back,
        a_queue_can_delay_all_messages,
        a_send_wakes_a_long_poll,
        a_long_poll_ends_empty,
        too_many_receives_lead_to_the_dead_letter_queue,
        a_noisy_group_waits_for_the_others,
        without_groups_the_oldest_comes_first,
        many_consumers_share_without_repeats;
}
