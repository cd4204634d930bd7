//! Connections of browsers.

use std::convert::Infallible;
use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use rustls::ServerConfig;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};

use super::Dashboard;
use super::access::Access;
use crate::connections::{self, handshake};

/// How many connections may be open. A browser has one for each page that is open, and a few more.
const CONNECTIONS: usize = 512;
/// How long a TLS handshake or the headers of a request may take.
const PATIENCE: Duration = Duration::from_secs(10);

/// Why the dashboard is not served.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The address cannot be listened on.
    #[error("cannot listen on `{0}`: {1}")]
    Listen(String, io::Error),
    /// Everybody could see what is there.
    #[error(
        "`{0}` can be reached from elsewhere, and nobody is asked for a token: choose an address of this machine, such as 127.0.0.1:7357"
    )]
    Open(SocketAddr),
}

impl Dashboard {
    /// Listens on an address: on one that only this machine reaches, where nobody is asked who they
    /// are.
    pub async fn bind(&self, address: &str) -> Result<TcpListener, Error> {
        let failed = |error| Error::Listen(address.to_owned(), error);
        let listener = TcpListener::bind(address).await.map_err(failed)?;
        let bound = listener.local_addr().map_err(failed)?;
        match self.access {
            Access::Open if !bound.ip().is_loopback() => Err(Error::Open(bound)),
            _ => Ok(listener),
        }
    }

    /// Answers browsers, for good; over TLS where a certificate is given.
    pub async fn serve(self: Arc<Self>, listener: TcpListener, tls: Option<Arc<ServerConfig>>) {
        let connect = |stream| self.clone().connect(stream, tls.clone());
        connections::accept(listener, CONNECTIONS, std::future::pending(), connect).await;
    }

    async fn connect(self: Arc<Self>, stream: TcpStream, tls: Option<Arc<ServerConfig>>) {
        let Some(config) = tls else { return self.converse(stream, false).await };
        if let Some(stream) = handshake(stream, config, PATIENCE).await {
            self.converse(stream, true).await;
        }
    }

    async fn converse(&self, stream: impl AsyncRead + AsyncWrite + Unpin + Send, is_secure: bool) {
        let service = service_fn(|request| async move { Ok::<_, Infallible>(self.answer(request, is_secure).await) });
        let mut http = http1::Builder::new();
        http.timer(TokioTimer::new()).header_read_timeout(PATIENCE);
        if let Err(error) = http.serve_connection(TokioIo::new(stream), service).await {
            tracing::debug!(%error, "a connection failed");
        }
    }
}
