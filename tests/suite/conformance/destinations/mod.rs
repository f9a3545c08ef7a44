//! One suite for every kind of destination: what the engine and the faces count on, over real endpoints.

pub(crate) mod fixture;
mod s3;
mod sending;
mod sftp;
pub(crate) mod tcp_lines;
mod webhook;
mod written;

/// One test for each case and kind.
macro_rules! on_every_kind {
    ($($kind:ident: $fixture:ty;)+) => {
        $(mod $kind {
            on_every_kind!(@cases $fixture: sending:
                accepts,
                refuses_for_good,
                fails_for_now,
                hangs,
                nobody_listens,
                refuses_forbidden_addresses_when_it_sends,
                writes_files_or_says_that_it_does_not,
            );
            on_every_kind!(@cases $fixture: written:
                refuses_forbidden_addresses_when_registered,
                shows_and_stores_no_secret,
                keeps_what_is_masked,
                a_mask_stays_where_it_is,
                a_mask_with_nothing_behind_it_is_a_fault,
                faults_point_to_the_field_and_tell_no_secret,
                changes_leave_the_rest,
                what_is_stored_but_unusable_is_an_error,
            );
        })+
    };
    (@cases $fixture:ty: $module:ident: $($case:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $case() -> anyhow::Result<()> {
            super::$module::$case::<$fixture>().await
        })+
    };
}

on_every_kind! {
    a_webhook: super::webhook::Endpoint;
    an_s3_bucket: super::s3::Bucket;
    an_sftp_server: super::sftp::Server;
    tcp_lines_of_the_tests: super::tcp_lines::Endpoint;
}
