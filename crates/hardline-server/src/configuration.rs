//! The configuration that holds, and the next one once its file says something else.
//!
//! A file that is mounted from a `ConfigMap` is replaced as a whole, by a link. So the file is read again by
//! its path now and then, and what it says counts once it is another text that can be read. A text that
//! cannot be read changes nothing: the configuration that holds goes on to hold.

use std::fmt;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use hardline_core::config::Config;
use tokio::sync::watch;

use crate::metrics::Metrics;

/// The configuration that holds now. Whoever judges by it asks again.
#[derive(Debug, Clone)]
pub struct Configuration(watch::Receiver<Arc<Config>>);

impl From<Config> for Configuration {
    /// One that holds for good.
    fn from(config: Config) -> Self {
        Self(watch::channel(Arc::new(config)).1)
    }
}

impl Configuration {
    /// The configuration.
    pub fn now(&self) -> Arc<Config> {
        self.0.borrow().clone()
    }

    /// Waits until there is another one; for good where there will be none.
    pub async fn changed(&mut self) {
        if self.0.changed().await.is_err() {
            std::future::pending::<()>().await;
        }
    }
}

/// A configuration and the file that it was read from.
pub struct File {
    /// What it said when the server started.
    pub config: Config,
    /// Where it is, and its text then; `None` where there was no file.
    pub read: Option<(PathBuf, String)>,
    /// What a text says, or what is wrong with it.
    pub parse: Box<Parse>,
}

/// Reads the text of a configuration.
pub type Parse = dyn Fn(&str) -> Result<Config, String> + Send;

impl fmt::Debug for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("File").field("config", &self.config).field("read", &self.read).finish_non_exhaustive()
    }
}

/// Reads the file again.
#[derive(Debug)]
pub struct Follower {
    file: File,
    publish: watch::Sender<Arc<Config>>,
}

impl File {
    /// The configuration, and who keeps it up to date.
    pub fn open(self) -> (Configuration, Follower) {
        let (publish, configuration) = watch::channel(Arc::new(self.config.clone()));
        (Configuration(configuration), Follower { file: self, publish })
    }
}

impl Follower {
    /// Reads the file in each period, for good.
    pub async fn run(self, period: Duration, metrics: Arc<Metrics>) {
        let File { read, parse, .. } = self.file;
        metrics.configured(true);
        let Some((path, mut last)) = read else {
            // Whoever has the configuration may wait for another one.
            return self.publish.closed().await;
        };
        loop {
            tokio::time::sleep(period).await;
            let text = match std::fs::read_to_string(&path) {
                Ok(text) if text == last => continue,
                Ok(text) => text,
                // It may be there again in a moment. Until then nothing says otherwise.
                Err(error) => {
                    tracing::warn!(path = %path.display(), %error, "the configuration cannot be read again");
                    continue;
                }
            };
            match parse(&text) {
                Ok(config) => {
                    tracing::info!(path = %path.display(), "another configuration holds");
                    metrics.configured(true);
                    self.publish.send_replace(Arc::new(config));
                }
                Err(problem) => {
                    tracing::error!(path = %path.display(), problem, "the configuration is not taken, the last one holds");
                    metrics.configured(false);
                }
            }
            last = text;
        }
    }
}
