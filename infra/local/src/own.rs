//! Endpoints that only the local run has, for its operator: they ask for no credentials, so only programs of this
//! machine may call them.

use std::net::SocketAddr;
use std::sync::Arc;

use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::{self, Next};
use axum::response::Response;
use axum::routing::get;
use axum::{Json, Router};
use http::uri::Authority;
use http::{HeaderMap, StatusCode, header};
use sluice::ports::Ports;
use sluice_api::http::layers;
use sluice_api::http::problem::Problem;

use crate::usage::Usage;

/// The endpoints below `/_local`.
pub(crate) fn router(usage: &Arc<Usage>, ports: Ports) -> Router {
    let report = async |State(usage): State<Arc<Usage>>| Json(usage.report());
    let router = Router::new().route("/usage", get(report)).with_state(Arc::clone(usage));
    layers::finish(router.layer(middleware::from_fn(from_this_machine)), ports)
}

/// A page in a browser can call this machine too, under a name of its own that resolves to it: then that is the `Host`.
async fn from_this_machine(
    ConnectInfo(peer): ConnectInfo<SocketAddr>,
    request: Request,
    next: Next,
) -> Result<Response, Problem> {
    if peer.ip().to_canonical().is_loopback() && names_this_machine(request.headers()) {
        return Ok(next.run(request).await);
    }
    let message = "Only programs of the same machine may call this, at `localhost`, `127.0.0.1` or `[::1]`.";
    Err(Problem::new(StatusCode::FORBIDDEN, "forbidden", message))
}

fn names_this_machine(headers: &HeaderMap) -> bool {
    let mut hosts = headers.get_all(header::HOST).iter();
    let (Some(host), None) = (hosts.next(), hosts.next()) else { return false };
    let authority = host.to_str().ok().and_then(|host| host.parse::<Authority>().ok());
    authority.is_some_and(|authority| {
        let host = authority.host();
        host.eq_ignore_ascii_case("localhost") || host == "127.0.0.1" || host == "[::1]"
    })
}

#[cfg(test)]
mod tests {
    use axum::body::Body;
    use tower::ServiceExt as _;

    use super::*;

    async fn status(peer: &str, hosts: &[&str]) -> StatusCode {
        let mut request = Request::builder().uri("/usage");
        for host in hosts {
            request = request.header(header::HOST, *host);
        }
        let mut request = request.body(Body::empty()).expect("a request");
        let peer: SocketAddr = peer.parse().expect("an address");
        request.extensions_mut().insert(ConnectInfo(peer));
        let router = router(&Arc::default(), Ports::system());
        router.oneshot(request).await.expect("an answer").status()
    }

    #[tokio::test]
    async fn only_this_machine_is_answered() {
        for host in ["localhost", "LOCALHOST:3000", "127.0.0.1:3000", "[::1]", "[::1]:3000"] {
            assert_eq!(status("127.0.0.1:50000", &[host]).await, StatusCode::OK, "{host}");
        }
        assert_eq!(status("[::1]:50000", &["localhost"]).await, StatusCode::OK);
        assert_eq!(status("[::ffff:127.0.0.1]:50000", &["localhost"]).await, StatusCode::OK);
        for peer in ["192.0.2.1:50000", "[2001:db8::1]:50000"] {
            assert_eq!(status(peer, &["localhost"]).await, StatusCode::FORBIDDEN, "{peer}");
        }
        for host in ["evil.example", "localhost.evil.example:3000", "192.0.2.1", "127.0.0.1.evil.example", ""] {
            assert_eq!(status("127.0.0.1:50000", &[host]).await, StatusCode::FORBIDDEN, "{host}");
        }
        assert_eq!(status("127.0.0.1:50000", &[]).await, StatusCode::FORBIDDEN);
        assert_eq!(status("127.0.0.1:50000", &["localhost", "evil.example"]).await, StatusCode::FORBIDDEN);
    }
}
