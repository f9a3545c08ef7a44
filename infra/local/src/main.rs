//! `sluice`: the local run's command line.

use std::convert::identity;
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::ExitCode;

use clap::builder::PossibleValuesParser;
use clap::{Parser, Subcommand};
use sluice::domain::scope::TenantId;
use sluice::ports::Ports;
use sluice_local::chaos::Chaos;
use sluice_local::system::{self, Options, System, local_settings, served_settings};
use sluice_local::{StartError, demo, keys, raise_descriptor_limit, redrive};
use sluice_workers::{BootstrapAnswer, BootstrapRequest, Worker};
use tokio::signal::unix::{SignalKind, signal};
use tracing_subscriber::Layer as _;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

/// The event gateway you run yourself: signed webhooks and S3 files, replayed, retried, never lost.
#[derive(Parser)]
#[command(name = "sluice", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Runs the whole of Sluice once over real events, checks every delivery, and prints what went where
    Demo {
        /// Events, one `{"name", "payload"}` a line; without it a small built-in set
        file: Option<PathBuf>,
    },
    /// Serves the API, the workers and the schedule until Ctrl-C or SIGTERM
    Serve {
        /// Where the API listens
        #[arg(long, default_value = "127.0.0.1:3000")]
        listen: SocketAddr,
        /// The data folder
        #[arg(long, default_value = ".sluice")]
        data: PathBuf,
        /// Makes the embedded AWS as unkind as the real one: throttling, lost answers, conflicts, repeated messages
        #[arg(long, value_name = "SEED")]
        chaos: Option<u64>,
    },
    /// Makes an operator's tenant and prints its first client, whose secret is shown this once
    Bootstrap {
        /// The tenant: 1 to 40 of [a-z0-9-]
        #[arg(long)]
        tenant: TenantId,
        /// The data folder, of which no process may be running
        #[arg(long, default_value = ".sluice")]
        data: PathBuf,
    },
    /// Adds a master key to each ring and makes it the current one; what is sealed and signed under the old ones stays good
    RotateKeys {
        /// The data folder, of which no process may be running
        #[arg(long, default_value = ".sluice")]
        data: PathBuf,
    },
    /// Gives the workers their dead letters again: the messages that they could not take
    Redrive {
        /// The worker; all of them if there is none
        #[arg(long, value_parser = PossibleValuesParser::new(Worker::ALL.map(Worker::name)))]
        queue: Option<String>,
        /// The data folder, of which no process may be running
        #[arg(long, default_value = ".sluice")]
        data: PathBuf,
    },
    /// Prints the OpenAPI document
    Openapi,
    /// Prints the settings as a Markdown page
    Settings,
    /// Prints template.yaml, the deployment on AWS
    Template {
        /// Prints infra/data.yaml instead, its nested stack with tables, queues and master keys
        #[arg(long)]
        data: bool,
    },
}

fn main() -> ExitCode {
    let cli = Cli::parse();
    let quiet = matches!(cli.command, Command::Demo { .. } | Command::Bootstrap { .. });
    // Whatever this process makes is for its owner alone.
    rustix::process::umask(rustix::fs::Mode::from_raw_mode(0o077));
    raise_descriptor_limit();
    init_logs(if quiet { "error" } else { "info" });
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return refuse(&StartError::new("runtime", error)),
    };
    match cli.command {
        Command::Demo { file } => runtime.block_on(demo(file)),
        Command::Serve { listen, data, chaos } => runtime.block_on(serve(listen, data, chaos.map(Chaos::new))),
        Command::Bootstrap { tenant, data } => runtime.block_on(bootstrap(tenant, data)),
        Command::RotateKeys { data } => match keys::rotate(&data) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => refuse(&error),
        },
        Command::Redrive { queue, data } => redrive(&data, queue.as_deref()),
        Command::Openapi => {
            print!("{}", sluice_api::document_text());
            ExitCode::SUCCESS
        }
        Command::Settings => {
            print!("{}", sluice::settings::markdown());
            ExitCode::SUCCESS
        }
        Command::Template { data } => {
            print!("{}", if data { sluice_template::data() } else { sluice_template::template() });
            ExitCode::SUCCESS
        }
    }
}

fn init_logs(default: &str) {
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr).with_target(false);
    tracing_subscriber::registry().with(lines.with_filter(sluice::logs::filter(default))).init();
}

/// One clear line, and the exit code for a start that was refused.
fn refuse(error: &StartError) -> ExitCode {
    eprintln!("sluice: {error}");
    ExitCode::from(2)
}

async fn demo(file: Option<PathBuf>) -> ExitCode {
    match demo::run(file.as_deref()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(demo::DemoError::Start(error)) => refuse(&error),
        Err(demo::DemoError::Failed(words)) => {
            eprintln!("sluice: the demo failed: {words}");
            ExitCode::FAILURE
        }
    }
}

async fn bootstrap(tenant: TenantId, data: PathBuf) -> ExitCode {
    let answer = match local_settings(&[]) {
        Ok(settings) => system::bootstrap(&data, settings, &BootstrapRequest { tenant }).await,
        Err(error) => Err(error),
    };
    let text = answer.and_then(|answer| {
        let done = !matches!(answer, BootstrapAnswer::NotAnOperator { .. });
        let text = serde_json::to_string_pretty(&answer).map_err(|e| StartError::new("bootstrap", e))?;
        Ok((done, text))
    });
    match text {
        Ok((done, text)) => {
            println!("{text}");
            if done { ExitCode::SUCCESS } else { ExitCode::FAILURE }
        }
        Err(error) => refuse(&error),
    }
}

fn redrive(data: &Path, queue: Option<&str>) -> ExitCode {
    match redrive::redrive(data, queue.and_then(Worker::named)) {
        Ok(moved) => {
            for (worker, messages) in moved {
                println!("{}: {messages}", worker.name());
            }
            ExitCode::SUCCESS
        }
        Err(error) => refuse(&error),
    }
}

async fn serve(listen: SocketAddr, data: PathBuf, chaos: Option<Chaos>) -> ExitCode {
    let (interrupt, terminate) = (signal(SignalKind::interrupt()), signal(SignalKind::terminate()));
    let (Ok(mut interrupt), Ok(mut terminate)) = (interrupt, terminate) else {
        return refuse(&StartError("signals cannot be caught".to_owned()));
    };
    let system = match served_settings(listen) {
        Ok(settings) => {
            System::start(Options {
                listen,
                data: data.clone(),
                settings,
                destinations: identity,
                ports: Ports::system(),
                chaos: chaos.clone(),
                workers: None,
            })
            .await
        }
        Err(error) => Err(error),
    };
    let system = match system {
        Ok(system) => system,
        Err(error) => return refuse(&error),
    };
    println!("Sluice is listening on {}", system.credentials.base_url);
    println!(
        "Explore the API at {}/docs; credentials are in {}",
        system.credentials.base_url,
        data.join("credentials.json").display()
    );
    tokio::select! {
        _ = interrupt.recv() => {}
        _ = terminate.recv() => {}
    }
    println!("Stopping: finishing what is under way.");
    system.stop().await;
    for (fault, times) in chaos.iter().flat_map(Chaos::injected) {
        println!("{fault}: {times}");
    }
    ExitCode::SUCCESS
}
