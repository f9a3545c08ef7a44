//! A trading partner: our own AS2, in the partner's place.

use std::sync::OnceLock;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use axum::http::{HeaderName, HeaderValue, Method};
use jiff::Timestamp;
use serde_json::{Value, json};
use sluice_as2::keys::generate;
use sluice_as2::receipt::{Disposition, Receipt, ReceiptMessage};
use sluice_as2::{
    As2Name, Cipher, Digest, Encryption, Envelope, Headers, Identity, KeyTransport, Limits, Mic, Outgoing, Policy,
    ReceiptWish, Received, Recipient, Sent, open,
};
use sluice_local::receiver::Answer;

use super::inbox::Post;
use super::{Api, Reply, SOON, eventually};

/// The AS2 names of both sides.
pub(crate) const US: &str = "Sluice Ltd";
pub(crate) const THEM: &str = "PARTNER";

/// Three keys, made once: ours, the partner's, and a stranger's.
pub(crate) fn keys() -> &'static [Identity; 3] {
    static KEYS: OnceLock<[Identity; 3]> = OnceLock::new();
    let date = |text: &str| text.parse::<Timestamp>().expect("a date");
    let make = |name| generate(name, date("2020-01-01T00:00:00Z"), date("2049-01-01T00:00:00Z")).expect("a key");
    KEYS.get_or_init(|| ["us", "them", "stranger"].map(make))
}

/// The profile of a partner at that address, with these changes of `as2`.
pub(crate) fn profile(url: &str, changes: &Value) -> Value {
    let certificate = keys()[1].certificate().to_pem();
    let mut as2 = json!({"url": url, "as2_id": THEM, "identity": "us"});
    for (name, value) in changes.as_object().into_iter().flatten() {
        as2[name] = value.clone();
    }
    let pinned = ["signing", "encryption"].map(|usage| json!({"usage": usage, "pem": certificate}));
    json!({
        "id": "p-1", "name": "Partner", "transport": "as2", "as2": as2,
        "certificates": pinned,
    })
}

/// Registers our identity, and a partner at that address.
pub(crate) async fn set_up(api: &Api, url: &str, changes: Value) -> Result<()> {
    let ours = &keys()[0];
    let key = json!({"private_key_pem": *ours.private_key_pem(), "certificate_pem": ours.certificate().to_pem()});
    api.post("/v1/identities", &json!({"id": "us", "name": "Us", "as2_id": US, "key": key})).await?.json(201)?;
    api.post("/v1/partners", &profile(url, &changes)).await?.json(201)?;
    Ok(())
}

/// Hands in a document for the partner; gives its transaction.
pub(crate) async fn hand_in(api: &Api, document: &[u8], query: &str) -> Result<String> {
    let body = document.to_vec();
    let path = format!("/v1/partners/p-1/documents{query}");
    let send = |request: reqwest::RequestBuilder| request.header("content-type", "application/edi-x12").body(body);
    let answer = api.send(Method::POST, &path, send).await?.json(202)?;
    Ok(answer["transaction_id"].as_str().context("a transaction")?.to_owned())
}

/// Waits until a transaction has a status.
pub(crate) async fn reaches(api: &Api, id: &str, status: &str) -> Result<Value> {
    reaches_within(api, id, status, SOON).await
}

/// The same with more patience.
pub(crate) async fn reaches_within(api: &Api, id: &str, status: &str, within: Duration) -> Result<Value> {
    let mut last = Value::Null;
    let path = format!("/v1/transactions/{id}");
    let reached = eventually(status, within, async || {
        let reply = api.get(&path).await?;
        last = serde_json::from_slice(&reply.body)?;
        Ok((reply.status == 200 && last["status"] == status).then(|| last.clone()))
    })
    .await;
    reached.with_context(|| last.to_string())
}

/// The headers of a message.
pub(crate) fn headers_of(post: &Post) -> Headers {
    post.received.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect()
}

/// Opens a message that came to the partner.
pub(crate) fn opened(post: &Post) -> Result<(Envelope, Received)> {
    let (headers, [ours, theirs, _]) = (headers_of(post), keys());
    let envelope = Envelope::read(&headers)?;
    ensure!((envelope.from.as_str(), envelope.to.as_str()) == (US, THEM), "{envelope:?}");
    let (pinned, policy) = ([ours.certificate().clone()], Policy::default());
    let recipient = Recipient { ours: &[theirs], partner: &pinned, policy: &policy, limits: Limits::default() };
    Ok((envelope, open(&headers, post.received.body.to_vec(), &recipient)?))
}

/// The partner's receipt for a message.
pub(crate) fn receipt(post: &Post, disposition: &Disposition) -> ReceiptMessage {
    let (envelope, received) = opened(post).expect("a message of ours");
    receipt_for(&envelope, disposition, Some(&received.mic), Some(&keys()[1]))
}

/// A receipt for a message, by whoever has that key.
pub(crate) fn receipt_for(
    envelope: &Envelope,
    disposition: &Disposition,
    mic: Option<&Mic>,
    key: Option<&Identity>,
) -> ReceiptMessage {
    let receipt = Receipt {
        from: &envelope.to,
        to: &envelope.from,
        message_id: "<receipt@partner>",
        at: Timestamp::now(),
        original_message_id: &envelope.message_id,
        disposition,
        mic,
        text: "Text for people.",
        reporting_agent: "partner",
        sign: key.map(|key| (Digest::Sha256, key)),
    };
    receipt.build().expect("a receipt")
}

/// A response with these headers and this body.
pub(crate) fn answer(receipt: ReceiptMessage) -> Answer {
    let mut answer = Answer::new(bytes::Bytes::from(receipt.body).into());
    for (name, value) in receipt.headers.iter() {
        let name = HeaderName::from_bytes(name.as_bytes()).expect("a name");
        answer.headers_mut().insert(name, HeaderValue::from_str(value).expect("a value"));
    }
    answer
}

/// How the partner protects a message.
#[derive(Clone, Copy)]
pub(crate) struct Protection<'a> {
    pub(crate) sign: Option<&'a Identity>,
    pub(crate) encrypt: Option<&'a Identity>,
    pub(crate) deliver_to: Option<&'a str>,
}

impl Default for Protection<'static> {
    fn default() -> Self {
        let [ours, theirs, _] = keys();
        Self { sign: Some(theirs), encrypt: Some(ours), deliver_to: None }
    }
}

/// A message from the partner.
pub(crate) fn message(id: &str, document: &[u8], protection: Protection<'_>) -> Sent {
    let name = |name| As2Name::new(name).expect("a name");
    let outgoing = Outgoing {
        from: &name(THEM),
        to: &name(US),
        message_id: id,
        at: Timestamp::now(),
        subject: None,
        content_type: "application/edi-x12",
        file_name: Some("order.edi"),
        bytes: document,
        compress: false,
        sign: protection.sign.map(|key| (Digest::Sha256, key)),
        encrypt: protection.encrypt.map(|key| Encryption {
            cipher: Cipher::Aes256Cbc,
            certificate: key.certificate(),
            transport: KeyTransport::Pkcs1,
        }),
        receipt: Some(ReceiptWish { notify: "as2@partner", signed: true, deliver_to: protection.deliver_to }),
    };
    outgoing.build().expect("a message")
}

/// Posts a message to a tenant.
pub(crate) async fn post(open: &Api, path: &str, headers: &Headers, body: &[u8]) -> Result<Reply> {
    let body = body.to_vec();
    open.send(Method::POST, path, |mut request| {
        for (name, value) in headers.iter() {
            request = request.header(name, value);
        }
        request.body(body)
    })
    .await
}

/// The headers of a reply.
pub(crate) fn reply_headers(reply: &Reply) -> Headers {
    reply.headers.iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap_or_default())).collect()
}
