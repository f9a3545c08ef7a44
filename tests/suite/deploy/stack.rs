//! `sam deploy` of the real template with the real binaries: the stack `sluice`, once for all tests of this process, and
//! others beside it.
//!
//! ministack runs the functions natively, each with the credentials of its own role, and refuses what the role's
//! policy does not allow. It does not read the routes of an HTTP API, so [`Stack::call`] is the API Gateway: it
//! finds the function by the template's routes and hands it the event that the gateway would.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::{Map, Value, json};
use sluice::ports::Ports;
use sluice_workers::{Worker, WorkerSpec};
use tokio::sync::OnceCell;

use super::template::{self, Function};
use crate::ministack;

/// Where zips of the packages are already: then they are deployed, as `cargo lambda build` made them.
const ZIPS: &str = "SLUICE_LAMBDA_ZIPS";
const PACKAGES: [&str; 2] = ["sluice-api", "sluice-workers"];
const REGION: &str = "us-east-1";
/// The id that the gateway gives to a request.
pub(crate) const REQUEST_ID: &str = "JKJaXmPLvHcESHA=";

/// For whatever takes its time. A schedule is due within a minute.
pub(super) const PATIENCE: Duration = Duration::from_secs(90);
/// How Lambda says that it ended a function.
const TIMED_OUT: &str = "Task timed out";

/// The deployed functions.
pub(crate) struct Stack {
    pub(crate) endpoint: String,
    /// Their names at the emulator, by handler.
    deployed: BTreeMap<String, String>,
    template: Vec<Function>,
}

/// A request, as a client of the gateway sends it.
#[derive(Clone, Debug)]
pub(crate) struct Request<'a> {
    pub(crate) method: &'a str,
    pub(crate) path: &'a str,
    pub(crate) authorization: Option<&'a str>,
    pub(crate) body: Option<Value>,
}

/// An answer, as a client of the gateway sees it.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u64,
    pub(crate) headers: Value,
    /// `null` where there is none, or where it is not JSON.
    pub(crate) body: Value,
}

/// The stack; the first caller builds and deploys it.
pub(crate) async fn stack() -> &'static Stack {
    static STACK: OnceCell<Stack> = OnceCell::const_new();
    let start = async || {
        tokio::task::spawn_blocking(stage).await.expect("no panic").expect("the packages are put together");
        Stack::deploy("sluice", &[]).await
    };
    STACK.get_or_init(start).await
}

impl Stack {
    /// Deploys what [`stack`] has built under another name, with these parameters.
    pub(crate) async fn deploy(name: &'static str, parameters: &[(&str, &str)]) -> Self {
        let endpoint = ministack::endpoint().await;
        let (at, parameters) = (endpoint.clone(), parameters.iter().map(|(key, value)| format!("{key}={value}")));
        let parameters = parameters.collect();
        let deployed = tokio::task::spawn_blocking(move || deploy(&at, name, parameters)).await.expect("no panic");
        if let Err(error) = deployed {
            panic!("the stack {name} cannot be deployed: {error:#}");
        }
        let deployed = functions(&endpoint, name).await.expect("the emulator lists the functions");
        Self { endpoint, deployed, template: template::functions(&template::load()) }
    }

    /// The environment variables of its functions.
    pub(crate) async fn variables(&self) -> Value {
        let url = format!("{}/2015-03-31/functions/{}/configuration", self.endpoint, self.deployed["events.publish"]);
        let answer = http().get(url).header("authorization", authorization()).send().await.expect("an answer");
        let answer: Value = serde_json::from_str(&answer.text().await.expect("a text")).expect("JSON");
        answer["Environment"]["Variables"].clone()
    }

    /// Sends a request, as often as the answers say that it is to be sent again, under one key: ministack on a busy
    /// machine answers later than the functions wait for it.
    pub(crate) async fn call(&self, request: &Request<'_>) -> Answer {
        let key = format!("{:032x}", u128::from_be_bytes(Ports::system().bytes()));
        let mut again = false;
        let answered = async {
            loop {
                let mut answer = self.send(request, &key).await;
                // What was asked before has deleted it.
                if again && request.method == "DELETE" && answer.status == 404 {
                    answer.status = 204;
                }
                if answer.status != 503 && answer.body["error_code"] != "request_in_progress" {
                    return answer;
                }
                again = true;
                tokio::time::sleep(Duration::from_millis(250)).await;
            }
        };
        let answered = tokio::time::timeout(PATIENCE, answered).await;
        answered.unwrap_or_else(|_| panic!("{request:?} is not answered in time"))
    }

    /// Sends a request to the function whose route it matches.
    async fn send(&self, request: &Request<'_>, key: &str) -> Answer {
        let (path, query) = request.path.split_once('?').unwrap_or((request.path, ""));
        let (handler, route, parameters) = self.route(request.method, path);
        let mut headers = json!({ "host": "api.example.com", "idempotency-key": key });
        // What is changed is changed whatever it is.
        headers["if-match"] = "*".into();
        if let Some(authorization) = request.authorization {
            headers["authorization"] = authorization.into();
        }
        if request.body.is_some() {
            headers["content-type"] = "application/json".into();
        }
        let event = json!({
            "version": "2.0", "routeKey": route, "rawPath": path, "rawQueryString": query, "headers": headers,
            "pathParameters": parameters,
            "requestContext": {
                "accountId": "000000000000", "apiId": "api", "domainName": "api.example.com", "domainPrefix": "api",
                "http": {
                    "method": request.method, "path": path, "protocol": "HTTP/1.1", "sourceIp": "192.0.2.1",
                    "userAgent": "tests",
                },
                "requestId": REQUEST_ID, "routeKey": route, "stage": "$default",
                "time": "21/Nov/2026:09:00:00 +0000", "timeEpoch": 1_795_251_600_000_u64,
            },
            "body": request.body.as_ref().map(Value::to_string),
            "isBase64Encoded": false,
        });
        let answer = match self.try_invoke(handler, &event).await {
            Ok(answer) => answer,
            // As the gateway does.
            Err(failed) if failed.contains(TIMED_OUT) => json!({"statusCode": 503}),
            Err(failed) => panic!("{handler} failed: {failed}"),
        };
        let body = answer["body"].as_str().and_then(|text| serde_json::from_str(text).ok());
        Answer {
            status: answer["statusCode"].as_u64().unwrap_or_else(|| panic!("{handler} answers {answer}")),
            headers: answer["headers"].clone(),
            body: body.unwrap_or_default(),
        }
    }

    /// The most specific route, as API Gateway chooses it.
    fn route(&self, method: &str, path: &str) -> (&str, String, Map<String, Value>) {
        let found = template::resolve(&self.template, method, path);
        found.map_or(("fallback", "$default".to_owned(), Map::new()), |(function, route, parameters)| {
            (function.handler.as_str(), format!("{} {}", route.method, route.path), parameters)
        })
    }

    /// Invokes a function.
    ///
    /// # Panics
    /// Where the function fails, rather than answers.
    pub(crate) async fn invoke(&self, handler: &str, event: &Value) -> Value {
        let answer = self.try_invoke(handler, event).await;
        answer.unwrap_or_else(|failed| panic!("{handler} failed: {failed}"))
    }

    /// Invokes a function: what it answers, or how it failed.
    async fn try_invoke(&self, handler: &str, event: &Value) -> Result<Value, String> {
        let name = self.deployed.get(handler).unwrap_or_else(|| panic!("{handler} is not deployed"));
        let url = format!("{}/2015-03-31/functions/{name}/invocations", self.endpoint);
        let request = http().post(url).header("authorization", authorization()).body(event.to_string());
        let answer = request.send().await.expect("the emulator answers");
        let failed = answer.headers().contains_key("x-amz-function-error");
        let text = answer.text().await.expect("a text");
        if failed {
            return Err(text);
        }
        Ok(serde_json::from_str(&text).unwrap_or_else(|_| panic!("{handler} answers {text}")))
    }
}

impl Stack {
    /// Has the next call of a function start a new process.
    pub(crate) async fn restart(&self, handler: &str) {
        let url = format!("{}/2015-03-31/functions/{}/configuration", self.endpoint, self.deployed[handler]);
        let request = http().put(url).header("authorization", authorization()).body(r#"{"MemorySize":640}"#);
        let answer = request.send().await.expect("the emulator answers");
        assert!(answer.status().is_success(), "{answer:?}");
    }
}

fn http() -> reqwest::Client {
    reqwest::Client::builder().no_proxy().build().expect("a client")
}

/// The emulator takes who is calling from here; it does not check the signature of a Lambda call.
fn authorization() -> String {
    format!("AWS4-HMAC-SHA256 Credential=test/20261121/{REGION}/lambda/aws4_request, SignedHeaders=host, Signature=0")
}

/// The functions of a stack: their names at the emulator, by handler.
async fn functions(endpoint: &str, stack: &str) -> Result<BTreeMap<String, String>> {
    let (mut found, mut marker) = (BTreeMap::new(), String::new());
    loop {
        let url = format!("{endpoint}/2015-03-31/functions?MaxItems=50{marker}");
        let page = http().get(url).header("authorization", authorization()).send().await?.text().await?;
        let page: Value = serde_json::from_str(&page)?;
        for function in page["Functions"].as_array().with_context(|| format!("no functions in {page}"))? {
            let handler = function["Handler"].as_str().unwrap_or_default().to_owned();
            let name = function["FunctionName"].as_str().unwrap_or_default().to_owned();
            if name.starts_with(&format!("{stack}-")) {
                found.insert(handler, name);
            }
        }
        match page["NextMarker"].as_str().filter(|next| !next.is_empty()) {
            Some(next) => marker = format!("&Marker={next}"),
            None => return Ok(found),
        }
    }
}

/// Where [`stage`] puts a checkout together.
fn folder() -> PathBuf {
    Path::new(env!("CARGO_TARGET_TMPDIR")).join("deploy")
}

fn tools() -> Result<PathBuf> {
    ministack::install(&ministack::tools()?)
}

fn deploy(endpoint: &str, name: &str, parameters: Vec<String>) -> Result<()> {
    let architecture = if cfg!(target_arch = "aarch64") { "arm64" } else { "x86_64" };
    let sam = run(Command::new(tools()?.join("sam"))
        .current_dir(folder())
        .args(["deploy", "--config-file", "infra/samconfig.toml", "--no-confirm-changeset", "--no-progressbar"])
        .args(["--stack-name", name, "--parameter-overrides", &format!("Architecture={architecture}")])
        // Nothing that a test would have to wait long for.
        .args(["ExportIntervalSeconds=1", "LogGraceMilliseconds=200"])
        .args(["SuspendAfterFailures=3", "ProbeDelays=1s", "RetryStream=1s,1s,1s,1s,1s,1s,1s,1s,1s,1s"])
        .args(parameters)
        .env("AWS_ENDPOINT_URL", endpoint)
        .env("AWS_ACCESS_KEY_ID", "test")
        .env("AWS_SECRET_ACCESS_KEY", "test")
        .env("AWS_DEFAULT_REGION", REGION)
        .env("SAM_CLI_TELEMETRY", "0")
        .env_remove("AWS_PROFILE")
        .env_remove("AWS_SESSION_TOKEN"));
    sam.map(drop)
}

/// Puts the template and the zips together, as a checkout has them after packaging.
fn stage() -> Result<()> {
    let (root, tools, folder) = (template::root(), tools()?, folder());
    fs::create_dir_all(folder.join("infra"))?;
    for file in ["infra/data.yaml", "infra/samconfig.toml", "infra/worker-alarms.yaml"] {
        fs::copy(root.join(file), folder.join(file)).with_context(|| file.to_owned())?;
    }
    fs::write(folder.join("template.yaml"), for_the_emulator(fs::read_to_string(root.join("template.yaml"))?)?)?;
    let ready = std::env::var_os(ZIPS).map(|zips| root.join(zips));
    let binaries = if ready.is_none() { Some(build(&root)?) } else { None };
    for package in PACKAGES {
        let place = folder.join("target/lambda").join(package);
        fs::create_dir_all(&place)?;
        match (&ready, &binaries) {
            (Some(zips), _) => drop(fs::copy(zips.join(package).join("bootstrap.zip"), place.join("bootstrap.zip"))?),
            (None, Some(binaries)) => zip(&tools, &binaries.join(package), &place)?,
            (None, None) => {}
        }
    }
    Ok(())
}

/// The template, but for what no deployment may have, and for what the emulator cannot do.
fn for_the_emulator(template: String) -> Result<String> {
    // The tests' targets are on this machine.
    let (variables, local) = ("      Variables:\n", "        SLUICE_ALLOW_INSECURE_TARGETS: loopback\n");
    ensure!(template.matches(variables).count() == 1, "the functions share their variables");
    let mut template = template.replace(variables, &format!("{variables}{local}"));
    // It leaves the number of a parameter a text, and then fails to compare it with one.
    for WorkerSpec { function, max_concurrency, .. } in Worker::ALL.map(Worker::spec) {
        let cap = |value: &str| format!("MaximumConcurrency: {value} ");
        let parameter = cap(&format!("!Ref {}Concurrency", function.logical_id()));
        ensure!(template.contains(&parameter), "{} has no cap", function.name);
        template = template.replace(&parameter, &cap(&max_concurrency.to_string()));
    }
    Ok(template)
}

/// Builds the binaries beside this test, out of what is compiled already, and returns their folder.
///
/// `cargo lambda build` makes the same from nothing, for the glibc of Lambda; that takes as long as all other tests.
fn build(root: &Path) -> Result<PathBuf> {
    let cargo = std::env::var_os("CARGO").unwrap_or_else(|| "cargo".into());
    // Named with all the tests, they have the same features as in this build, and share its libraries.
    run(Command::new(cargo).current_dir(root).args(["build", "--workspace", "--bins", "--tests"]))?;
    let test = std::env::current_exe()?;
    Ok(test.ancestors().nth(2).context("the folder of the binaries")?.to_owned())
}

fn zip(tools: &Path, binary: &Path, place: &Path) -> Result<()> {
    // Line tables would be most of it.
    run(Command::new("strip").arg("-o").arg(place.join("bootstrap")).arg(binary))?;
    run(Command::new(tools.join("python")).current_dir(place).args([
        "-m",
        "zipfile",
        "-c",
        "bootstrap.zip",
        "bootstrap",
    ]))?;
    Ok(())
}

fn run(command: &mut Command) -> Result<String> {
    let program = command.get_program().display().to_string();
    let output = command.output().with_context(|| format!("{program} cannot be run: is it installed?"))?;
    let text = [output.stdout, output.stderr].map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).concat();
    ensure!(output.status.success(), "{command:?} failed: {text}");
    Ok(text)
}
