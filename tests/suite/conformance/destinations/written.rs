//! Cases about parameters: what is checked, stored, shown and kept.

use anyhow::{Context as _, Result, bail, ensure};
use serde_json::{Map, Value, json};
use sluice::domain::destination::Destination;
use sluice::domain::scope::{Environment, Scope};
use sluice::outbound::{Fault, PrepareError, Refusal, TargetPolicy};

use super::fixture::{Fixture, Manner, destinations, local, prepare, register, scope, send};

const MASK: &str = "••••••••";

/// What is wrong with these parameters.
async fn faults<F: Fixture>(parameters: Value, policy: TargetPolicy) -> Result<Vec<Fault>> {
    match destinations(policy)?.accept(&scope()?, F::KIND, parameters.clone(), None).await {
        Err(Refusal::Faults(faults)) => Ok(faults),
        Err(other) => Err(other.into()),
        Ok(_) => bail!("accepted: {parameters}"),
    }
}

/// The field that a JSON Pointer names.
fn field<'a>(parameters: &'a mut Value, pointer: &str) -> Result<&'a mut Value> {
    parameters.pointer_mut(pointer).with_context(|| format!("no field {pointer}"))
}

pub(super) async fn refuses_forbidden_addresses_when_registered<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    for host in ["10.0.0.1:443", "169.254.169.254:443", "127.0.0.1:443", "[::1]:443", "[::ffff:10.0.0.1]:443"] {
        let mut parameters = endpoint.parameters();
        parameters[F::ADDRESS] = F::address(host).into();
        let faults = faults::<F>(parameters, TargetPolicy::PublicOnly).await?;
        let found: Vec<_> = faults.iter().map(|fault| (fault.pointer.as_str(), fault.code)).collect();
        ensure!(found == [(&*format!("/{}", F::ADDRESS), Some("forbidden_address"))], "{host}: {faults:?}");
    }
    Ok(())
}

pub(super) async fn shows_and_stores_no_secret<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let destination = register(&endpoint).await?;
    let mut shown = local()?.show(&destination)?;
    let target = prepare(&local()?, &destination)?;
    let texts = [
        shown.to_string(),
        destination.parameters.to_string(),
        format!("{destination:?}"),
        format!("{target:?}"),
        target.label().to_owned(),
    ];
    ensure!(!endpoint.secrets().is_empty(), "a kind without secrets has nothing to show here");
    for (pointer, secret) in endpoint.secrets() {
        ensure!(*field(&mut shown, pointer)? == MASK, "{pointer} is not masked: {shown}");
        for text in &texts {
            ensure!(!text.contains(&secret), "{pointer} is told by {text}");
        }
    }
    // Everything else is shown as it was written, perhaps with facts that were derived from it.
    let mut written = endpoint.parameters();
    for (pointer, _) in endpoint.secrets() {
        *field(&mut written, pointer)? = MASK.into();
    }
    ensure!(includes(&shown, &written), "{shown} is not {written}");
    Ok(())
}

/// Whether every field that was written is shown.
fn includes(shown: &Value, written: &Value) -> bool {
    match (shown, written) {
        (Value::Object(shown), Value::Object(written)) => {
            written.iter().all(|(name, value)| shown.get(name).is_some_and(|shown| includes(shown, value)))
        }
        _ => shown == written,
    }
}

pub(super) async fn keeps_what_is_masked<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let (kept, destinations) = (register(&endpoint).await?, local()?);
    let shown = destinations.show(&kept)?;
    let (again, generated) = destinations.accept(&scope()?, F::KIND, shown, Some(&kept)).await?;
    ensure!(generated.is_empty(), "{generated:?}");
    ensure!(again == kept, "{} became {}", kept.parameters, again.parameters);
    // And it is the same secret: the endpoint checks it.
    let attempt = send(prepare(&destinations, &again)?.as_ref()).await;
    ensure!(attempt.is_delivered(), "{attempt:?}");
    ensure!(endpoint.arrived().await?.len() == 1);
    Ok(())
}

pub(super) async fn a_mask_stays_where_it_is<F: Fixture>() -> Result<()> {
    // One that fails is a server of its own.
    let (endpoint, other) = (F::start(Manner::Accept).await?, F::start(Manner::Fail).await?);
    let (kept, destinations, scope) = (register(&endpoint).await?, local()?, scope()?);
    let moved = other.parameters();
    let changes: Map<_, _> = F::ORIGIN.iter().map(|name| ((*name).to_owned(), moved[*name].clone())).collect();
    let Err(Refusal::Faults(faults)) = destinations.patch(&scope, changes, &kept).await else {
        bail!("the secrets went to another server");
    };
    let mut found: Vec<_> = faults.iter().map(|fault| fault.pointer.as_str()).collect();
    let mut secrets: Vec<_> = endpoint.secrets().iter().map(|(pointer, _)| *pointer).collect();
    found.sort_unstable();
    secrets.sort_unstable();
    ensure!(found == secrets && faults.iter().all(|fault| fault.code == Some("secret_required")), "{faults:?}");
    // Given anew, they may go there.
    destinations.accept(&scope, F::KIND, moved, Some(&kept)).await?;
    Ok(())
}

pub(super) async fn a_mask_with_nothing_behind_it_is_a_fault<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    for (pointer, _) in endpoint.secrets() {
        let mut parameters = endpoint.parameters();
        *field(&mut parameters, pointer)? = MASK.into();
        let faults = faults::<F>(parameters, TargetPolicy::AllowLoopback).await?;
        ensure!(faults.len() == 1 && faults[0].pointer == pointer, "{pointer}: {faults:?}");
    }
    Ok(())
}

pub(super) async fn faults_point_to_the_field_and_tell_no_secret<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let (good, secrets) = (endpoint.parameters(), endpoint.secrets());
    let mut cases = vec![("", json!([])), ("", json!("text")), ("", Value::Null)];
    let with = |pointer: &str, value: Value| -> Result<Value> {
        let mut parameters = good.clone();
        *field(&mut parameters, pointer)? = value;
        Ok(parameters)
    };
    let mut unknown = good.clone();
    unknown["unknown"] = json!(1);
    cases.push(("/unknown", unknown));
    let names: Vec<String> = good.as_object().context("an object")?.keys().map(|name| format!("/{name}")).collect();
    for name in &names {
        cases.push((name, with(name, json!({"of": ["another", "type"]}))?));
    }
    for (pointer, secret) in &secrets {
        cases.push((pointer, with(pointer, format!("{secret}\u{7}").into())?));
        cases.push((pointer, with(pointer, json!([secret]))?));
    }
    for (pointer, parameters) in cases {
        let faults = faults::<F>(parameters.clone(), TargetPolicy::AllowLoopback).await?;
        // Inside a field that is an object, the fault is at the place of the wrong type.
        let inside = |at: &str| !pointer.is_empty() && at.starts_with(&format!("{pointer}/"));
        let found = faults.len() == 1 && (faults[0].pointer == pointer || inside(&faults[0].pointer));
        ensure!(found, "{parameters}: {faults:?}");
        let text = format!("{faults:?}");
        ensure!(!secrets.iter().any(|(_, secret)| text.contains(secret)), "{text}");
    }
    // A field that is missing is a fault of the object.
    let faults = faults::<F>(json!({}), TargetPolicy::AllowLoopback).await?;
    ensure!(faults.len() == 1 && faults[0].pointer.is_empty() && faults[0].message.contains("missing"), "{faults:?}");
    Ok(())
}

pub(super) async fn changes_leave_the_rest<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let (kept, destinations, scope) = (register(&endpoint).await?, local()?, scope()?);
    let change = async |name: &str, value: Value| {
        let changes = Map::from_iter([(name.to_owned(), value)]);
        destinations.patch(&scope, changes, &kept).await.map(|(destination, _)| destination)
    };
    let (same, _) = destinations.patch(&scope, Map::new(), &kept).await?;
    ensure!(same == kept);
    // `null` removes what may be missing, and nothing else. Secrets are given again, for they may be sent elsewhere then.
    let mut shown = destinations.show(&kept)?;
    let mut changes = endpoint.parameters().as_object().context("an object")?.clone();
    changes.insert(F::OPTIONAL.to_owned(), Value::Null);
    let (without, _) = destinations.patch(&scope, changes, &kept).await?;
    shown.as_object_mut().context("an object")?.remove(F::OPTIONAL);
    ensure!(destinations.show(&without)? == shown, "{}", destinations.show(&without)?);
    // A change is checked like everything else.
    match change(F::ADDRESS, F::address("10.0.0.1:443").into()).await {
        Err(Refusal::Faults(faults)) => ensure!(faults[0].code == Some("forbidden_address"), "{faults:?}"),
        other => bail!("{other:?}"),
    }
    Ok(())
}

pub(super) async fn what_is_stored_but_unusable_is_an_error<F: Fixture>() -> Result<()> {
    let endpoint = F::start(Manner::Accept).await?;
    let (kept, destinations) = (register(&endpoint).await?, local()?);
    let broken = Destination { kind: F::KIND.to_owned(), parameters: json!({}) };
    ensure!(matches!(destinations.show(&broken), Err(PrepareError::Unusable(_))));
    ensure!(matches!(destinations.prepare(&scope()?, "rt_2", 1, &broken), Err(PrepareError::Unusable(_))));
    // What was sealed for one tenant is of no use to another.
    let other = Scope { tenant: "other".parse()?, environment: Environment::Production };
    ensure!(matches!(destinations.prepare(&other, "rt_3", 1, &kept), Err(PrepareError::Keys(_))));
    let unknown = Destination { kind: "pigeon".to_owned(), parameters: kept.parameters };
    ensure!(matches!(destinations.show(&unknown), Err(PrepareError::Unusable(_))));
    Ok(())
}
