//! One suite for every source and one for every target, over real servers that behave as the vendors' documentation
//! says; and for each connector what only it has.

mod event_stream;
mod fixture;
mod flat_file;
mod generic_api;
mod generic_load;
mod server;
mod shopify;
mod sources;
mod targets;
mod woo_commerce;

/// One test for each case and connector.
macro_rules! on_each {
    ($cases:ident! $($name:ident: $fixture:ty;)+) => {
        $(mod $name {
            $cases!($fixture);
        })+
    };
}

macro_rules! cases {
    ($fixture:ty: $module:ident: $($case:ident),+ $(,)?) => {
        $(#[tokio::test]
        async fn $case() -> anyhow::Result<()> {
            super::$module::$case::<$fixture>().await
        })+
    };
}

macro_rules! source_cases {
    ($fixture:ty) => {
        cases!($fixture: sources:
            reads_every_record_once,
            goes_on_from_a_position,
            gives_only_what_is_asked_for,
            refuses_a_position_that_is_none,
            can_be_tested,
        );
    };
}

macro_rules! remote_source_cases {
    ($fixture:ty) => {
        source_cases!($fixture);
        cases!($fixture: sources:
            is_throttled,
            fails_for_now,
            fails_for_good,
            hangs,
            refuses_forbidden_addresses,
        );
    };
}

macro_rules! target_cases {
    ($fixture:ty) => {
        cases!($fixture: targets:
            writes,
            repeats_harmlessly,
        );
    };
}

macro_rules! remote_target_cases {
    ($fixture:ty) => {
        target_cases!($fixture);
        cases!($fixture: targets:
            is_throttled,
            fails_for_now,
            refuses_the_credentials,
            hangs,
            refuses_forbidden_addresses,
        );
    };
}

on_each! { remote_source_cases!
    from_any_api: super::generic_api::Api;
    from_shopify_graphql: super::shopify::GraphQl;
    from_shopify_rest: super::shopify::Rest;
    from_woo_commerce: super::woo_commerce::Shop;
    from_files: super::flat_file::Files;
}

on_each! { source_cases!
    from_the_event_stream: super::event_stream::Stream;
}

on_each! { remote_target_cases!
    to_any_api_by_search: super::generic_load::Search;
    to_any_api_by_update: super::generic_load::Update;
    to_any_api_by_upsert: super::generic_load::Upsert;
    to_any_api_in_batches: super::generic_load::Batches;
    to_shopify_products: super::shopify::Products;
    to_files: super::flat_file::Files;
}

on_each! { target_cases!
    to_the_event_stream: super::event_stream::Stream;
}
