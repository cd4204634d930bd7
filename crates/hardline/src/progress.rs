//! A sign of life on standard error while work takes long.

use std::io::{IsTerminal, Write};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use crate::terminal::visible;

/// Work shorter than this needs no sign of life.
const PATIENCE: Duration = Duration::from_millis(500);
/// How often the line is written anew.
const TICK: Duration = Duration::from_millis(100);

/// Shows that something goes on until it is dropped; only on a terminal, and only if it takes long.
pub(crate) struct Progress {
    done: Arc<AtomicUsize>,
    note: Arc<Mutex<String>>,
    shown: Option<(Sender<()>, JoinHandle<()>)>,
}

impl Progress {
    /// Begins to count files; `doing` says what is done with them, such as `judging`.
    pub(crate) fn start(doing: &'static str, quiet: bool) -> Self {
        Self::counting("files", doing, quiet)
    }

    /// Begins to count what `things` names.
    pub(crate) fn counting(things: &'static str, doing: &'static str, quiet: bool) -> Self {
        let (done, note) = (Arc::<AtomicUsize>::default(), Arc::<Mutex<String>>::default());
        if quiet || !std::io::stderr().is_terminal() {
            return Self { done, note, shown: None };
        }
        let (counted, noted) = (done.clone(), note.clone());
        let (end, wait) = mpsc::channel();
        let show = move || {
            let started = Instant::now();
            let mut pause = PATIENCE;
            while wait.recv_timeout(pause) == Err(RecvTimeoutError::Timeout) {
                // The line is decoration: where it cannot be written, the work goes on.
                let (done, seconds) = (counted.load(Ordering::Relaxed), started.elapsed().as_secs_f32());
                let note = noted.lock().unwrap_or_else(PoisonError::into_inner).clone();
                let _ = write!(std::io::stderr(), "\r\u{1b}[2K{doing}: {done} {things}, {seconds:.1} s{note}");
                pause = TICK;
            }
            if pause == TICK {
                let _ = write!(std::io::stderr(), "\r\u{1b}[2K");
            }
        };
        Self { done, note, shown: Some((end, thread::spawn(show))) }
    }

    /// Says how many are done.
    pub(crate) fn set(&self, done: usize) {
        self.done.store(done, Ordering::Relaxed);
    }

    /// Says that one more is done.
    pub(crate) fn advance(&self) {
        self.done.fetch_add(1, Ordering::Relaxed);
    }

    /// Says why it takes long.
    pub(crate) fn note(&self, why: &str) {
        *self.note.lock().unwrap_or_else(PoisonError::into_inner) = format!(" ({})", visible(why));
    }
}

impl Drop for Progress {
    fn drop(&mut self) {
        if let Some((end, thread)) = self.shown.take() {
            drop(end);
            // It ends as soon as the channel is closed, and has nothing to say.
            let _ = thread.join();
        }
    }
}
