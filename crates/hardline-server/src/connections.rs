//! Connections of clients: so many at once, each in a task of its own, over TLS or not.

use std::sync::Arc;
use std::time::Duration;

use rustls::ServerConfig;
use tokio::net::{TcpListener, TcpStream};
use tokio::task::JoinSet;
use tokio_rustls::TlsAcceptor;
use tokio_rustls::server::TlsStream;

/// How long to wait where no connection can be accepted: out of file descriptors, for one, which passes
/// when others close theirs.
const PAUSE: Duration = Duration::from_millis(50);

/// Accepts connections until closed, then waits for those that are open.
pub(crate) async fn accept<C>(
    listener: TcpListener,
    limit: usize,
    closed: impl Future<Output = ()>,
    connect: impl Fn(TcpStream) -> C,
) where
    C: Future<Output = ()> + Send + 'static,
{
    tokio::pin!(closed);
    let mut connections = JoinSet::new();
    loop {
        while connections.try_join_next().is_some() {}
        let accepted = tokio::select! {
            accepted = listener.accept() => accepted,
            () = &mut closed => break,
        };
        match accepted {
            Ok((stream, _)) if connections.len() < limit => {
                // It only makes answers slower where it is not possible.
                _ = stream.set_nodelay(true);
                connections.spawn(connect(stream));
            }
            // Closed at once: the client learns sooner than by waiting.
            Ok(_) => tracing::warn!(limit, "too many connections"),
            Err(error) => {
                tracing::warn!(%error, "a connection could not be accepted");
                tokio::time::sleep(PAUSE).await;
            }
        }
    }
    drop(listener);
    while connections.join_next().await.is_some() {}
}

/// A connection over TLS; none where its handshake fails, or takes too long.
pub(crate) async fn handshake(
    stream: TcpStream,
    config: Arc<ServerConfig>,
    patience: Duration,
) -> Option<TlsStream<TcpStream>> {
    match tokio::time::timeout(patience, TlsAcceptor::from(config).accept(stream)).await {
        Ok(Ok(stream)) => return Some(stream),
        Ok(Err(error)) => tracing::debug!(%error, "a TLS handshake failed"),
        Err(_) => tracing::debug!("a TLS handshake took too long"),
    }
    None
}
