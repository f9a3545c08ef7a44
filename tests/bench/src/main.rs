//! Benchmarks of the whole system: `cargo run --release -p sluice-bench -- throughput`.

mod bare;
mod chaos;
mod connection;
mod dead;
mod events;
mod isolation;
mod load;
mod measure;
mod pipelines;
mod report;
mod rig;
mod sink;
mod throughput;
mod transactions;
mod words;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

/// Measures Sluice on this machine.
#[derive(Parser)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Rate, price and memory of publishing and delivering 1 KB events to one signed webhook.
    Throughput(throughput::Options),
    /// What a webhook loses by a dead one beside it that has 100,000 events behind it.
    Isolation(isolation::Options),
    /// The first page of transactions among a million, by any of their facts.
    Transactions(transactions::Options),
    /// Orders from an API through a mapping, to files and to another API; beside the Python library dlt.
    Pipelines(pipelines::Options),
    /// `kill -9` while events are published, and an account of each event on ten routes, in the log and in the files.
    Chaos(chaos::Options),
    /// Serves the orders of that benchmark.
    Orders(pipelines::orders::Options),
}

#[tokio::main]
async fn main() -> ExitCode {
    let met = match Cli::parse().command {
        Command::Throughput(options) => throughput::run(&options).await,
        Command::Isolation(options) => isolation::run(&options).await,
        Command::Transactions(options) => transactions::run(&options).await,
        Command::Pipelines(options) => pipelines::run(&options).await,
        Command::Chaos(options) => chaos::run(&options).await,
        Command::Orders(options) => pipelines::orders::run(&options).await,
    };
    match met {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            eprintln!("sluice-bench: {error:#}");
            ExitCode::from(2)
        }
    }
}
