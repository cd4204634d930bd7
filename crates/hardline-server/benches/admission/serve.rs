//! The servers that are loaded: hardline's, and one of the same HTTP stack.

use std::sync::Arc;
use std::time::{Duration, SystemTime};

use hardline_server::http::{Entrance, Limits, Server, Stopping};
use hardline_server::metrics::Metrics;
use hardline_server::readiness::Readiness;
use hardline_server::tls::{Certificate, Shown, server_config};
use http_body_util::{BodyExt as _, Full};
use hyper::body::{Bytes, Incoming};
use hyper::header::{CONTENT_TYPE, HeaderValue};
use hyper::server::conn::{http1, http2};
use hyper::service::service_fn;
use hyper::{Request, Response};
use hyper_util::rt::{TokioExecutor, TokioIo};
use tokio::net::TcpListener;
use tokio_rustls::TlsAcceptor;

use crate::reviews::{admission, cluster, observed};

/// Runs a server until it is killed. Says where it listens, and whom to trust.
pub(crate) fn serve(name: &str) {
    let runtime = tokio::runtime::Runtime::new().expect("it starts");
    runtime.block_on(async {
        let key = rcgen::KeyPair::generate().expect("it can be made");
        let params = rcgen::CertificateParams::new(["gate", "127.0.0.1"].map(str::to_owned)).expect("it is a name");
        let certificate = params.self_signed(&key).expect("it can be made").pem();
        let (metrics, shown) = (Arc::new(Metrics::default()), Arc::new(Shown::default()));
        let now = SystemTime::now();
        let pem = Certificate::of_pem(certificate.as_bytes(), key.serialize_pem().as_bytes(), "gate", now);
        shown.set(pem.expect("it is fit"), &metrics);
        let tls = Arc::new(server_config(shown.clone(), None).expect("it is complete"));
        let listener = TcpListener::bind("127.0.0.1:0").await.expect("there is a port");
        print!("{}\n{certificate}", listener.local_addr().expect("it is bound"));
        if name == "trivial" {
            return allow_always(listener, TlsAcceptor::from(tls)).await;
        }
        let readiness = Arc::new(Readiness::new(observed(cluster()), shown));
        let server = Arc::new(Server::new(admission(cluster()), metrics, readiness, Limits::default()));
        let stopping = Stopping { delay: Duration::ZERO, grace: Duration::ZERO };
        server.run(vec![(listener, Entrance::Admission(tls))], stopping, std::future::pending()).await;
    });
}

/// A webhook that reads what it is sent and allows it.
async fn allow_always(listener: TcpListener, acceptor: TlsAcceptor) {
    loop {
        let Ok((stream, _)) = listener.accept().await else { continue };
        let acceptor = acceptor.clone();
        tokio::spawn(async move {
            _ = stream.set_nodelay(true);
            let Ok(stream) = acceptor.accept(stream).await else { return };
            let service = service_fn(|request: Request<Incoming>| async {
                let body = request.into_body().collect().await?.to_bytes();
                let mut response = Response::new(Full::<Bytes>::from(allowed(uid(&body))));
                response.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
                Ok::<_, hyper::Error>(response)
            });
            // The API server asks over HTTP/2, the load over HTTP/1.
            if stream.get_ref().1.alpn_protocol() == Some(b"h2") {
                _ = http2::Builder::new(TokioExecutor::new()).serve_connection(TokioIo::new(stream), service).await;
            } else {
                _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
            }
        });
    }
}

/// What the answer is to be called: the API server writes it first.
fn uid(review: &[u8]) -> &str {
    const KEY: &[u8] = br#""uid":""#;
    let start = review.windows(KEY.len()).position(|part| part == KEY).map_or(0, |at| at + KEY.len());
    let length = review[start..].iter().position(|byte| *byte == b'"').unwrap_or_default();
    std::str::from_utf8(&review[start..start + length]).unwrap_or_default()
}

fn allowed(uid: &str) -> String {
    format!(
        r#"{{"apiVersion":"admission.k8s.io/v1","kind":"AdmissionReview","response":{{"uid":"{uid}","allowed":true}}}}"#
    )
}
