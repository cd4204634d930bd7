//! The server: TLS, limits on what a client may cost, probes, and a stop that loses no request.

use std::convert::Infallible;
use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant, SystemTime};

use http_body_util::{BodyExt as _, Full, Limited};
use hyper::body::{Body, Bytes, Incoming};
use hyper::header::{CONNECTION, CONTENT_TYPE, HeaderValue, RETRY_AFTER};
use hyper::service::service_fn;
use hyper::{Method, Request, Response, StatusCode};
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto;
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Semaphore, watch};
use tokio::task::JoinSet;

use crate::admission::{Admission, Decision};
use crate::answer;
use crate::clock;
use crate::connections::{self, handshake};
use crate::ledger::Ledger;
use crate::metrics::{self, Answer, Metrics};
use crate::readiness::Readiness;
use crate::review::{Malformed, Review};

/// Bounds on what clients may cost.
#[derive(Debug, Clone, Copy)]
pub struct Limits {
    /// The longest body in bytes. A request to change an object carries it twice.
    pub body: usize,
    /// How many connections may be open.
    pub connections: usize,
    /// How many requests may be read or judged at once; beyond, they are turned away.
    pub requests: usize,
    /// How long a TLS handshake, the headers of a request, or its body may take, each.
    pub patience: Duration,
    /// How long a connection may be open without a request. More than the 90 seconds after which
    /// clients written in Go close it themselves.
    pub idle: Duration,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            body: 8 << 20,
            connections: 1024,
            requests: 256,
            patience: Duration::from_secs(5),
            idle: Duration::from_mins(3),
        }
    }
}

/// How a server stops.
#[derive(Debug, Clone, Copy)]
pub struct Stopping {
    /// How long it goes on serving while it says that it is not ready, so that no new request is
    /// sent to it.
    pub delay: Duration,
    /// How long requests in flight may take after that.
    pub grace: Duration,
}

/// What answers requests.
#[derive(Debug)]
pub struct Server {
    admission: Admission,
    ledger: Arc<Ledger>,
    metrics: Arc<Metrics>,
    readiness: Arc<Readiness>,
    limits: Limits,
    in_flight: Semaphore,
}

/// Where a listener leads to.
#[derive(Debug, Clone)]
pub enum Entrance {
    /// Admission and probes, over TLS.
    Admission(Arc<ServerConfig>),
    /// Probes and metrics, in plain text.
    Probes,
}

type Reply = Response<Full<Bytes>>;

impl Server {
    /// A server of these parts.
    pub fn new(admission: Admission, metrics: Arc<Metrics>, readiness: Arc<Readiness>, limits: Limits) -> Self {
        let ledger = Arc::new(Ledger::new(metrics.clone()));
        Self { admission, ledger, metrics, readiness, limits, in_flight: Semaphore::new(limits.requests) }
    }

    /// With this ledger in place of one that only keeps.
    #[must_use]
    pub fn with_ledger(self, ledger: Arc<Ledger>) -> Self {
        Self { ledger, ..self }
    }

    /// Serves until told to stop: then says that it is not ready, goes on for a while, finishes
    /// what is in flight, and returns.
    pub async fn run(
        self: Arc<Self>,
        listeners: Vec<(TcpListener, Entrance)>,
        stopping: Stopping,
        stop: impl Future<Output = ()>,
    ) {
        let (closing, closed) = watch::channel(false);
        let mut listening = JoinSet::new();
        for (listener, entrance) in listeners {
            listening.spawn(self.clone().listen(listener, entrance, closed.clone()));
        }
        stop.await;
        self.readiness.stop();
        tracing::info!(seconds = stopping.delay.as_secs(), "stopping: not ready any more, and still serving");
        tokio::time::sleep(stopping.delay).await;
        closing.send_replace(true);
        let finished = tokio::time::timeout(stopping.grace, async { while listening.join_next().await.is_some() {} });
        if finished.await.is_ok() {
            tracing::info!("stopped: every request was answered");
        } else {
            tracing::warn!("stopped: some requests were still in flight");
        }
    }

    /// Accepts connections until closed, then waits for those that are open.
    async fn listen(self: Arc<Self>, listener: TcpListener, entrance: Entrance, closed: watch::Receiver<bool>) {
        let closing = until(closed.clone());
        let connect = |stream| self.clone().connect(stream, entrance.clone(), closed.clone());
        connections::accept(listener, self.limits.connections, closing, connect).await;
    }

    async fn connect(self: Arc<Self>, stream: TcpStream, entrance: Entrance, closed: watch::Receiver<bool>) {
        let Entrance::Admission(config) = &entrance else {
            return self.converse(stream, false, entrance, closed).await;
        };
        let Some(stream) = handshake(stream, config.clone(), self.limits.patience).await else { return };
        let is_http2 = stream.get_ref().1.alpn_protocol() == Some(b"h2");
        self.converse(stream, is_http2, entrance, closed).await;
    }

    /// Answers the requests of one connection.
    async fn converse<S>(
        self: Arc<Self>,
        stream: S,
        is_http2: bool,
        entrance: Entrance,
        mut closed: watch::Receiver<bool>,
    ) where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let patience = self.limits.patience;
        let mut http = auto::Builder::new(TokioExecutor::new());
        http.http1().timer(TokioTimer::new()).header_read_timeout(patience);
        http.http2().timer(TokioTimer::new()).max_concurrent_streams(250).max_header_list_size(16 << 10);
        let http = if is_http2 { http.http2_only() } else { http.http1_only() };

        let started = Instant::now();
        let last = Arc::new(AtomicU64::new(0));
        let seconds = move || started.elapsed().as_secs();
        let limits = self.limits;
        let service = service_fn(|request| {
            let (server, entrance, last) = (self.clone(), entrance.clone(), last.clone());
            async move {
                let mut reply = server.reply(request, &entrance).await;
                // Whoever keeps connections opens the next one elsewhere, before this one goes.
                if !is_http2 && server.readiness.is_stopping() {
                    reply.headers_mut().insert(CONNECTION, HeaderValue::from_static("close"));
                }
                last.store(seconds(), Ordering::Relaxed);
                Ok::<_, Infallible>(reply)
            }
        });
        let mut connection = std::pin::pin!(http.serve_connection(TokioIo::new(stream), service));
        loop {
            let idle = limits.idle.saturating_sub(Duration::from_secs(seconds() - last.load(Ordering::Relaxed)));
            tokio::select! {
                ended = connection.as_mut() => {
                    if let Err(error) = ended {
                        tracing::debug!(error, "a connection failed");
                    }
                    return;
                }
                _ = closed.wait_for(|closed| *closed) => break,
                () = tokio::time::sleep(idle.max(Duration::from_secs(1))) => {
                    if seconds() - last.load(Ordering::Relaxed) >= limits.idle.as_secs() {
                        break;
                    }
                }
            }
        }
        connection.as_mut().graceful_shutdown();
        // A client that never says goodbye is not waited for.
        _ = tokio::time::timeout(patience * 2, connection).await;
    }

    async fn reply(&self, request: Request<Incoming>, entrance: &Entrance) -> Reply {
        match (request.method(), request.uri().path(), entrance) {
            (&Method::POST, "/admit", Entrance::Admission(_)) => self.admit(request).await,
            (_, "/admit", Entrance::Admission(_)) => text(StatusCode::METHOD_NOT_ALLOWED, "reviews are sent by POST"),
            (&Method::GET, "/healthz", _) => text(StatusCode::OK, "ok"),
            (&Method::GET, "/readyz", _) => {
                let lacks = self.readiness.lacks(SystemTime::now());
                if lacks.is_empty() {
                    text(StatusCode::OK, "ok")
                } else {
                    text(StatusCode::SERVICE_UNAVAILABLE, format!("not ready: {}", lacks.join(", ")))
                }
            }
            (&Method::GET, "/metrics", Entrance::Probes) => {
                let mut reply = text(StatusCode::OK, self.metrics.text());
                reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static(metrics::CONTENT_TYPE));
                reply
            }
            _ => text(StatusCode::NOT_FOUND, "there is nothing here"),
        }
    }

    /// Answers a review.
    async fn admit(&self, request: Request<Incoming>) -> Reply {
        let started = Instant::now();
        let Ok(_permit) = self.in_flight.try_acquire() else {
            self.metrics.answered("", Answer::Shed, started.elapsed());
            let mut reply = text(StatusCode::TOO_MANY_REQUESTS, "hardline judges as many requests as it can at once");
            reply.headers_mut().insert(RETRY_AFTER, HeaderValue::from_static("1"));
            return reply;
        };
        let review = match self.read(request).await {
            Ok(body) => Review::read(body).map_err(|malformed| invalid(&malformed)),
            Err(reply) => Err(reply),
        };
        let review = match review {
            Ok(review) => review,
            Err(reply) => {
                self.metrics.answered("", Answer::Invalid, started.elapsed());
                return reply;
            }
        };
        // A panic of a rule is caught where rules are run. One anywhere else must not take the
        // connection down, on which other requests wait.
        let decided = catch_unwind(AssertUnwindSafe(|| {
            let now = clock::now();
            let decision = self.admission.decide(&review, now);
            self.ledger.record(&review, &decision, now);
            (answer::body(&review, &decision), decision)
        }));
        let Ok((body, decision)) = decided else {
            tracing::error!(uid = review.uid(), subject = %review.subject(), "deciding failed");
            self.metrics.answered(review.operation.name(), Answer::Invalid, started.elapsed());
            return text(StatusCode::INTERNAL_SERVER_ERROR, "deciding failed: this is a defect of hardline");
        };
        self.count(&review, &decision, started.elapsed());
        let mut reply = Response::new(Full::from(body));
        reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("application/json"));
        reply
    }

    /// The body of a request, if it is one of a review and comes soon.
    async fn read(&self, request: Request<Incoming>) -> Result<Vec<u8>, Reply> {
        let is_json = |value: &HeaderValue| value.as_bytes().starts_with(b"application/json");
        if !request.headers().get(CONTENT_TYPE).is_some_and(is_json) {
            return Err(text(StatusCode::UNSUPPORTED_MEDIA_TYPE, "reviews are sent as application/json"));
        }
        let limit = self.limits.body;
        let too_long =
            || text(StatusCode::PAYLOAD_TOO_LARGE, format!("the body is longer than the limit of {limit} bytes"));
        let body = request.into_body();
        if body.size_hint().lower() > limit as u64 {
            return Err(too_long());
        }
        match tokio::time::timeout(self.limits.patience, Limited::new(body, limit).collect()).await {
            Ok(Ok(body)) => Ok(Vec::from(body.to_bytes())),
            Ok(Err(error)) if error.is::<http_body_util::LengthLimitError>() => Err(too_long()),
            Ok(Err(_)) => Err(text(StatusCode::BAD_REQUEST, "the body is cut off")),
            Err(_) => Err(text(StatusCode::REQUEST_TIMEOUT, "the body took too long")),
        }
    }

    fn count(&self, review: &Review, decision: &Decision, took: Duration) {
        let answer = match decision {
            _ if decision.is_refused() => Answer::Denied,
            _ if decision.warns() => Answer::Warned,
            _ => Answer::Allowed,
        };
        self.metrics.answered(review.operation.name(), answer, took);
        for judged in &decision.findings {
            self.metrics.found(judged, review.namespace());
        }
        for rule in &decision.unevaluated {
            self.metrics.not_evaluated(rule);
        }
    }
}

async fn until(mut closed: watch::Receiver<bool>) {
    // Whoever drops the sender has closed, too.
    _ = closed.wait_for(|closed| *closed).await;
}

/// Waits for SIGTERM or SIGINT. Asked for before the server starts, it also works as process 1,
/// for which signals that nobody handles do nothing.
pub fn stop_signal() -> io::Result<impl Future<Output = ()>> {
    let (mut terminate, mut interrupt) = (signal(SignalKind::terminate())?, signal(SignalKind::interrupt())?);
    Ok(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
    })
}

fn invalid(malformed: &Malformed) -> Reply {
    text(StatusCode::BAD_REQUEST, malformed.to_string())
}

fn text(status: StatusCode, text: impl Into<Bytes>) -> Reply {
    let mut reply = Response::new(Full::from(text.into()));
    *reply.status_mut() = status;
    reply.headers_mut().insert(CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    reply
}
