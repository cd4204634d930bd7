//! Processes that end with whoever started them, however that ends.

use std::fs::{self, File};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use rustix::process::{Pid, Signal, WaitId, WaitIdOptions, kill_process, kill_process_group, waitid};
use tempfile::TempDir;

/// How many lines of a log an error shows.
const TAIL: usize = 15;

/// A folder, and the processes that work in it.
pub(crate) struct Group {
    folder: TempDir,
    /// Waits until the pipe from this process closes, then ends the group and removes the folder.
    /// Thus nothing stays when a test is killed, or holds the group in a static.
    watchdog: Child,
}

/// A process of a group, with its log.
pub(crate) struct Process {
    name: &'static str,
    child: Child,
    log: PathBuf,
}

impl Group {
    pub(crate) fn new() -> anyhow::Result<Self> {
        let folder = tempfile::Builder::new().prefix("hardline-controlplane-").tempdir()?;
        let watchdog = Command::new("sh")
            .args(["-c", r#"cat >/dev/null; rm -rf "$0"; kill -KILL 0"#])
            .arg(folder.path())
            .stdin(Stdio::piped())
            .process_group(0)
            .spawn()
            .context("starting sh")?;
        Ok(Self { folder, watchdog })
    }

    pub(crate) fn folder(&self) -> &Path {
        self.folder.path()
    }

    pub(crate) fn id(&self) -> i32 {
        self.watchdog.id().cast_signed()
    }

    /// Starts a process, whose output goes to `NAME.log` in the folder.
    pub(crate) fn spawn(&self, name: &'static str, command: &mut Command) -> anyhow::Result<Process> {
        let log = self.folder().join(name).with_extension("log");
        let file = File::options().create(true).append(true).open(&log)?;
        let child = command
            .current_dir(self.folder())
            .process_group(self.id())
            .stdin(Stdio::null())
            .stdout(file.try_clone()?)
            .stderr(file)
            .spawn()
            .with_context(|| format!("starting {}", command.get_program().display()))?;
        Ok(Process { name, child, log })
    }
}

impl Drop for Group {
    fn drop(&mut self) {
        // A group that is gone already is what is wanted.
        let _ = kill_process_group(Pid::from_child(&self.watchdog), Signal::KILL);
        let _ = self.watchdog.wait();
        if std::thread::panicking() {
            self.folder.disable_cleanup(true);
            // What etcd holds is large, and tells nothing to a reader.
            let _ = fs::remove_dir_all(self.folder().join("etcd"));
            eprintln!("the logs of the control plane are in {}", self.folder().display());
        }
    }
}

impl Process {
    pub(crate) fn name(&self) -> &'static str {
        self.name
    }

    /// Fails, with the end of its log, if it has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        match self.child.try_wait()? {
            None => Ok(()),
            Some(status) => bail!("{} ended: {status}\n{}", self.name, self.tail()),
        }
    }

    /// Its name and the last lines that it has written.
    pub(crate) fn tail(&self) -> String {
        let log = fs::read(&self.log).unwrap_or_default();
        let log = String::from_utf8_lossy(&log);
        let lines: Vec<&str> = log.lines().collect();
        let tail = lines.iter().rev().take(TAIL).rev();
        tail.fold(format!("{}:", self.log.display()), |text, line| text + "\n" + line)
    }

    pub(crate) fn signal(&self, signal: Signal) -> anyhow::Result<()> {
        kill_process(Pid::from_child(&self.child), signal).with_context(|| format!("signalling {}", self.name))
    }

    /// Stops the process until [`Signal::CONT`], and waits until all of its threads stand still: for
    /// a moment after the signal they still work.
    pub(crate) fn pause(&self) -> anyhow::Result<()> {
        self.signal(Signal::STOP)?;
        // One that has ended instead is left to be waited for.
        let state = WaitIdOptions::STOPPED | WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        waitid(WaitId::Pid(Pid::from_child(&self.child)), state)
            .with_context(|| format!("waiting for {} to stand still", self.name))?;
        Ok(())
    }

    pub(crate) fn wait(&mut self) -> anyhow::Result<()> {
        self.child.wait().with_context(|| format!("waiting for {}", self.name)).map(drop)
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        // One that has ended already only has to be waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_group_ends_when_the_process_that_holds_it_does() {
        let mut group = Group::new().unwrap();
        let mut process = group.spawn("sleep", Command::new("sleep").arg("600")).unwrap();
        process.pause().unwrap();
        process.check().unwrap();
        drop(group.watchdog.stdin.take());
        process.wait().unwrap();
        assert!(process.check().unwrap_err().to_string().contains("sleep ended: signal: 9"));
        assert!(!group.folder().exists());
    }
}
