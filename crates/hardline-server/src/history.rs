//! What was found when: a file that outlives the process.
//!
//! The file is worth having and nothing depends on it. One that cannot be read is put aside and a
//! new one begun; one that cannot be written to is tried again with the next snapshot. Verdicts
//! never wait for it.
//!
//! Several replicas may record into one file, or each into its own: a finding is written down when
//! it is first seen, by whoever sees it first.

use std::collections::HashMap;
use std::hash::BuildHasher;
use std::hash::RandomState;
use std::path::{Path, PathBuf};
use std::time::Duration;

use hardline_core::report::{Counts, Reported};
use hardline_core::resource::ResourceId;
use hardline_core::rule::Severity;
use jiff::Timestamp;
use rusqlite::{Connection, ErrorCode, OptionalExtension as _, Row, TransactionBehavior, params};

use crate::snapshot::{Appeared, Changes, Gone, History, Score, Snapshot};

/// How much is remembered.
#[derive(Debug, Clone, Copy)]
pub struct Retention {
    /// For how long.
    pub keep: Duration,
    /// The longest that the file may become, in bytes.
    pub bytes: u32,
}

impl Default for Retention {
    fn default() -> Self {
        Self { keep: Duration::from_hours(30 * 24), bytes: 512 << 20 }
    }
}

/// Since when changes are told, at most.
const RECENT: Duration = Duration::from_hours(24);

/// Scores are at least this far apart.
const APART: i64 = 60;

/// How many findings that have gone are remembered, whatever their age: some come and go all day.
const MOST: i64 = 200_000;

/// How many scores are drawn.
const DRAWN: i64 = 200;

/// The number of [`TABLES`], as `PRAGMA user_version`. A file with another one is of another version
/// of hardline.
const VERSION: i64 = 1;

/// Times are in seconds since 1970.
const TABLES: &str = "
    CREATE TABLE finding (
        id INTEGER PRIMARY KEY,
        fingerprint TEXT NOT NULL,
        rule TEXT NOT NULL,
        severity TEXT NOT NULL,
        message TEXT NOT NULL,
        api_version TEXT, kind TEXT, namespace TEXT, name TEXT,
        manager TEXT,
        appeared INTEGER NOT NULL,
        gone INTEGER
    );
    CREATE UNIQUE INDEX standing ON finding (fingerprint) WHERE gone IS NULL;
    CREATE INDEX alike ON finding (fingerprint);
    CREATE INDEX appeared ON finding (appeared);
    CREATE INDEX gone ON finding (gone) WHERE gone IS NOT NULL;
    CREATE TABLE score (
        at INTEGER PRIMARY KEY,
        critical INTEGER NOT NULL, high INTEGER NOT NULL, medium INTEGER NOT NULL, low INTEGER NOT NULL,
        workloads INTEGER NOT NULL, clean INTEGER NOT NULL
    );
    PRAGMA user_version = 1;
";

/// Why a file is not gone on with.
#[derive(Debug, thiserror::Error)]
enum Unreadable {
    /// It cannot be opened, or is something else.
    #[error(transparent)]
    File(#[from] rusqlite::Error),
    /// Another version of hardline has begun it.
    #[error("it is of version {0}, and this is {VERSION}")]
    Version(i64),
    /// Parts of it are missing or do not fit.
    #[error("it is damaged: {0}")]
    Unsound(String),
}

/// Writes down what is found, and tells what was.
#[derive(Debug)]
pub struct Recorder {
    file: PathBuf,
    store: Connection,
    retention: Retention,
    hasher: RandomState,
    /// What stands by the file, by hashes of fingerprints.
    standing: HashMap<u64, i64>,
    /// Why the last snapshot could not be recorded.
    problem: Option<String>,
}

impl Recorder {
    /// Opens a file, or begins one. Where that cannot be, remembers for as long as the process
    /// lives, and says so.
    ///
    /// # Panics
    /// When there is no memory left.
    pub fn open(file: &Path, retention: Retention) -> Self {
        let opened = open(file, retention).or_else(|problem| {
            let aside = aside(file);
            tracing::warn!(file = %file.display(), aside = %aside.display(), %problem, "the history cannot be read: a new one begins");
            // What cannot be moved is in the way, and the next try says so.
            _ = std::fs::rename(file, &aside);
            open(file, retention)
        });
        let (store, standing, problem) = match opened {
            Ok((store, standing)) => (store, standing, None),
            Err(problem) => {
                tracing::error!(file = %file.display(), %problem, "the history is not kept beyond this process");
                let (store, standing) =
                    open(Path::new(":memory:"), retention).expect("a store in memory needs nothing but memory");
                (store, standing, Some(problem.to_string()))
            }
        };
        let hasher = RandomState::new();
        let standing = standing.into_iter().map(|(fingerprint, id)| (hasher.hash_one(fingerprint), id)).collect();
        Self { file: file.to_owned(), store, retention, hasher, standing, problem }
    }

    /// Why history is not what it could be, if so.
    pub fn problem(&self) -> Option<&str> {
        self.problem.as_deref()
    }

    /// Writes down what came and went up to a snapshot.
    pub fn record(&mut self, snapshot: &Snapshot) {
        match self.try_record(snapshot) {
            Ok(()) => self.problem = None,
            Err(error) => {
                let is_broken =
                    matches!(error.sqlite_error_code(), Some(ErrorCode::DatabaseCorrupt | ErrorCode::NotADatabase));
                let problem = error.to_string();
                if self.problem.as_ref() != Some(&problem) {
                    tracing::error!(file = %self.file.display(), problem, "the history cannot be written");
                }
                self.problem = Some(problem);
                if is_broken {
                    *self = Self::open(&self.file.clone(), self.retention);
                }
            }
        }
    }

    fn try_record(&mut self, snapshot: &Snapshot) -> rusqlite::Result<()> {
        let now = snapshot.taken.as_second();
        let found: HashMap<u64, &Reported> =
            snapshot.report.findings.iter().map(|it| (self.hasher.hash_one(&it.fingerprint), it)).collect();
        let gone: Vec<(u64, i64)> =
            self.standing.iter().filter(|(hash, _)| !found.contains_key(hash)).map(|(&hash, &id)| (hash, id)).collect();
        let transaction = self.store.transaction_with_behavior(TransactionBehavior::Immediate)?;
        let mut appeared = Vec::new();
        {
            let mut insert = transaction.prepare_cached(
                "INSERT INTO finding (fingerprint, rule, severity, message, api_version, kind, namespace, name, manager, appeared)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10) ON CONFLICT DO NOTHING",
            )?;
            let mut find =
                transaction.prepare_cached("SELECT id FROM finding WHERE fingerprint = ?1 AND gone IS NULL")?;
            for (&hash, finding) in found.iter().filter(|(hash, _)| !self.standing.contains_key(hash)) {
                let id = finding.resource.as_ref();
                let author = finding.origin.as_ref().and_then(|origin| origin.author.as_ref());
                insert.execute(params![
                    finding.fingerprint,
                    finding.rule.id,
                    finding.severity.name(),
                    finding.message,
                    id.map(|id| &id.api_version),
                    id.map(|id| &id.kind),
                    id.and_then(|id| id.namespace.as_ref()),
                    id.map(|id| &id.name),
                    author,
                    now,
                ])?;
                appeared.push((hash, find.query_row([&finding.fingerprint], |row| row.get(0))?));
            }
            let mut end = transaction.prepare_cached("UPDATE finding SET gone = ?2 WHERE id = ?1 AND gone IS NULL")?;
            for (_, id) in &gone {
                end.execute([*id, now])?;
            }
        }
        write_score(&transaction, &snapshot.score())?;
        let forgotten = now.saturating_sub(i64::try_from(self.retention.keep.as_secs()).unwrap_or(i64::MAX));
        transaction.execute("DELETE FROM score WHERE at < ?1", [forgotten])?;
        transaction.execute("DELETE FROM finding WHERE gone < ?1", [forgotten])?;
        transaction.execute(
            "DELETE FROM finding WHERE gone IS NOT NULL AND id < (SELECT max(id) FROM finding) - ?1",
            [MOST],
        )?;
        transaction.commit()?;
        for (hash, _) in gone {
            self.standing.remove(&hash);
        }
        self.standing.extend(appeared);
        Ok(())
    }

    /// What was before a time: how the cluster stood, and what changed in the last day.
    pub fn history(&self, now: Timestamp) -> History {
        let since = now.saturating_sub(RECENT).unwrap_or(Timestamp::UNIX_EPOCH);
        let read = || {
            let scores = self.scores(Timestamp::UNIX_EPOCH, now)?;
            Ok(History { scores, changes: self.changes(since)? })
        };
        let read: rusqlite::Result<History> = read();
        read.unwrap_or_else(|error| {
            tracing::warn!(%error, "the history cannot be read");
            History::default()
        })
    }

    /// How the cluster stood between two times, the oldest first: the last score of each of equal
    /// spans of time.
    pub fn scores(&self, from: Timestamp, to: Timestamp) -> rusqlite::Result<Vec<Score>> {
        let mut statement = self.store.prepare_cached(
            "WITH span AS (SELECT (max(at) - min(at)) / ?3 + 1 AS width, min(at) AS first
                           FROM score WHERE at BETWEEN ?1 AND ?2)
             SELECT max(at), critical, high, medium, low, workloads, clean FROM score, span
             WHERE at BETWEEN ?1 AND ?2 GROUP BY (at - first) / width ORDER BY 1",
        )?;
        let scores = statement.query_map([from.as_second(), to.as_second(), DRAWN], |row| {
            Ok(Score {
                at: time(row.get(0)?),
                findings: Counts { critical: row.get(1)?, high: row.get(2)?, medium: row.get(3)?, low: row.get(4)? },
                workloads: row.get(5)?,
                clean: row.get(6)?,
            })
        })?;
        scores.collect()
    }

    /// What stands and did not stand at a time, and what stood then and does not any more; the time is when
    /// recording began, if that was later. What came and went in between is neither, nor is what went and
    /// came again.
    pub fn changes(&self, since: Timestamp) -> rusqlite::Result<Option<Changes>> {
        let first: Option<i64> =
            self.store.query_row("SELECT min(at) FROM score", [], |row| row.get(0)).optional()?.flatten();
        let Some(first) = first else { return Ok(None) };
        let since = since.as_second().max(first);
        let mut statement = self.store.prepare_cached(
            "SELECT fingerprint, appeared, manager FROM finding WHERE appeared > ?1 AND gone IS NULL AND NOT EXISTS
               (SELECT 1 FROM finding AS stood WHERE stood.fingerprint = finding.fingerprint
                AND stood.appeared <= ?1 AND stood.gone > ?1)",
        )?;
        let appeared = statement
            .query_map([since], |row| Ok((row.get(0)?, Appeared { at: time(row.get(1)?), by: row.get(2)? })))?;
        let mut statement = self.store.prepare_cached(
            "SELECT gone, rule, severity, message, api_version, kind, namespace, name, fingerprint FROM finding
             WHERE gone > ?1 AND appeared <= ?1 AND NOT EXISTS
               (SELECT 1 FROM finding AS stands WHERE stands.fingerprint = finding.fingerprint AND stands.gone IS NULL)
             ORDER BY gone DESC, id DESC LIMIT 1000",
        )?;
        let gone = statement.query_map([since], gone)?;
        Ok(Some(Changes {
            since: time(since),
            appeared: appeared.collect::<Result<_, _>>()?,
            gone: gone.collect::<Result<_, _>>()?,
        }))
    }
}

/// What stands by a file, with the fingerprints.
type Standing = Vec<(String, i64)>;

fn open(file: &Path, retention: Retention) -> Result<(Connection, Standing), Unreadable> {
    let store = Connection::open(file)?;
    store.busy_timeout(Duration::from_secs(2))?;
    // A file system that cannot share memory keeps to another mode by itself.
    store.pragma_update(None, "journal_mode", "WAL")?;
    store.pragma_update(None, "synchronous", "NORMAL")?;
    let page: u32 = store.pragma_query_value(None, "page_size", |row| row.get(0))?;
    store.pragma_update(None, "max_page_count", retention.bytes / page.max(1))?;
    let version: i64 = store.pragma_query_value(None, "user_version", |row| row.get(0))?;
    let tables: i64 = store.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
    if tables == 0 {
        store.execute_batch(&format!("BEGIN IMMEDIATE; {TABLES} COMMIT;"))?;
    } else if version != VERSION {
        return Err(Unreadable::Version(version));
    }
    let sound: String = store.pragma_query_value(None, "quick_check", |row| row.get(0))?;
    if sound != "ok" {
        return Err(Unreadable::Unsound(sound));
    }
    let standing = store
        .prepare("SELECT fingerprint, id FROM finding WHERE gone IS NULL")?
        .query_map([], |row| Ok((row.get(0)?, row.get(1)?)))?
        .collect::<Result<_, _>>()?;
    Ok((store, standing))
}

/// Where a file is put that cannot be read. One is kept.
fn aside(file: &Path) -> PathBuf {
    let mut name = file.file_name().unwrap_or_default().to_owned();
    name.push(".unreadable");
    file.with_file_name(name)
}

/// Writes down how the cluster stands, unless it stands as it last did or that is too soon.
fn write_score(store: &Connection, now: &Score) -> rusqlite::Result<()> {
    let Counts { critical, high, medium, low } = now.findings;
    store.execute(
        "INSERT OR REPLACE INTO score (at, critical, high, medium, low, workloads, clean)
         SELECT ?1, ?2, ?3, ?4, ?5, ?6, ?7 WHERE NOT EXISTS (SELECT 1 FROM score WHERE at > ?1 - ?8 AND at <= ?1)",
        params![now.at.as_second(), critical, high, medium, low, now.workloads, now.clean, APART],
    )?;
    Ok(())
}

fn gone(row: &Row<'_>) -> rusqlite::Result<Gone> {
    let severity: String = row.get(2)?;
    let resource = match (row.get(4)?, row.get(5)?, row.get(7)?) {
        (Some(api_version), Some(kind), Some(name)) => {
            Some(ResourceId { api_version, kind, namespace: row.get(6)?, name })
        }
        _ => None,
    };
    let severity = Severity::ALL.into_iter().find(|it| it.name() == severity).unwrap_or(Severity::Low);
    let (at, fingerprint) = (time(row.get(0)?), row.get(8)?);
    Ok(Gone { at, fingerprint, rule: row.get(1)?, severity, message: row.get(3)?, resource })
}

fn time(seconds: i64) -> Timestamp {
    Timestamp::from_second(seconds).unwrap_or_default()
}
