//! The API that is read, and the one that is written to: a process of its own, so that its work is nobody else's.

use std::io::{BufRead as _, BufReader, Write as _};
use std::process::{Child, Command, Stdio};

use anyhow::{Context as _, Result};
use axum::http::HeaderValue;
use sluice_local::receiver::{Answer, Receiver};

/// Orders of a page.
pub(super) const PAGE: u64 = 250;

/// What can be set.
#[derive(clap::Args)]
pub(crate) struct Options {
    /// How many orders there are.
    #[arg(long)]
    count: u64,
}

/// Serves until it is killed; says where on its first line.
pub(crate) async fn run(options: &Options) -> Result<bool> {
    let count = options.count;
    let receiver = Receiver::start(move |received| {
        let answer = if received.path.starts_with("/orders.json") { page(&received.path, count) } else { json("{}") };
        async move { answer }
    });
    let receiver = receiver.await?;
    println!("{}", receiver.url(""));
    std::io::stdout().flush()?;
    std::future::pending().await
}

fn page(path: &str, count: u64) -> Answer {
    let number = |name: &str| {
        let (_, rest) = path.split_once(&format!("{name}="))?;
        rest.split('&').next()?.parse::<u64>().ok()
    };
    let page = number("page").unwrap_or(1);
    let (first, last) = ((page - 1) * PAGE, (page * PAGE).min(count));
    let orders: Vec<String> = (first..last).map(order).collect();
    json(&format!("{{\"orders\":[{}]}}", orders.join(",")))
}

fn order(n: u64) -> String {
    format!(
        "{{\"id\":{},\"name\":\"#{n}\",\"total_price\":\"{}.{:02}\",\"currency\":\"EUR\",\"email\":\"customer{}@example.com\",\
         \"company\":\"Example {}\",\"updated_at\":\"2026-01-{:02}T{:02}:{:02}:{:02}Z\",\"test\":false}}",
        5_000_000_000_000_u64 + n,
        n % 1_000,
        n % 100,
        n % 5_000,
        n % 300,
        1 + n / 86_400 % 28,
        n / 3_600 % 24,
        n / 60 % 60,
        n % 60,
    )
}

fn json(text: &str) -> Answer {
    let mut answer = Answer::new(text.to_owned().into_bytes().into());
    answer.headers_mut().insert("content-type", HeaderValue::from_static("application/json"));
    answer
}

/// The process, and where it serves.
pub(super) struct Orders {
    pub(super) url: String,
    child: Child,
}

impl Drop for Orders {
    fn drop(&mut self) {
        // It may have ended already.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

impl Orders {
    pub(super) async fn start(count: u64) -> Result<Self> {
        let mut command = Command::new(std::env::current_exe()?);
        let child = command.args(["orders", "--count", &count.to_string()]).stdout(Stdio::piped()).spawn()?;
        let mut orders = Self { url: String::new(), child };
        let stdout = orders.child.stdout.take().context("its output")?;
        let first = tokio::task::spawn_blocking(move || BufReader::new(stdout).lines().next()).await?;
        orders.url = first.transpose()?.context("where it serves")?;
        Ok(orders)
    }
}
