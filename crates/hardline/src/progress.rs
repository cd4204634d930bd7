//! A sign of life on standard error while work takes long.

use std::io::{IsTerminal, Write};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

/// Work shorter than this needs no sign of life.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(100);

/// Shows that something goes on until it is dropped; only on a terminal, and only if it takes long.
pub(crate) struct Progress {
    files: Arc<AtomicUsize>,
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins; `doing` says what, such as `judging`.
    pub(crate) fn start(doing: &'static str, quiet: bool) -> Self {
        if quiet || !std::io::stderr().is_terminal() {
            return Self { files: Arc::default(), shown: None };
        }
        let files = Arc::new(AtomicUsize::new(0));
        let counted = files.clone();
        let (done, wait) = mpsc::channel();
        let show = move || {
            let started = Instant::now();
            let mut pause = PATIENCE;
            while wait.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                // The line is decoration: where it cannot be written, the work goes on.
                let (files, seconds) = (counted.load(Ordering::Relaxed), started.elapsed().as_secs_f32());
                let _ = write!(std::io::stderr(), "\r{doing}: {files} files, {seconds:.1} s");
                pause = TICK;
            }
            if pause == TICK {
                let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
            }
        };
        Self { files, shown: Some((done, thread::spawn(show))) }
    }

    /// Says how many files are done.
    pub(crate) fn set(&self, files: usize) {
        self.files.store(files, Ordering::Relaxed);
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((done, thread)) = self.shown.take() {
            drop(done);
            // It ends as soon as the channel is closed, and has nothing to say.
            let _ = thread.join();
        }
    }
}
