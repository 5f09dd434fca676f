//! What was learned: fixes kept with a time to live, recalled by signature. The only module that opens the database.
//!
//! It also keeps what a person rejected, so that it is not proposed again, and how often each debugger succeeded with
//! each class of failure, so that the likelier one is asked first. It stores nothing a secret could be in: until it is
//! told how to recognise one ([`Knowledge::guarded_by`]), it refuses every text.

mod store;

use std::collections::BTreeMap;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::{Duration, SystemTime};

use camino::{Utf8Component, Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, OptionalExtension, Row, Transaction, TransactionBehavior, params};
use serde::Serialize;
use serde::de::DeserializeOwned;
use thiserror::Error;

use crate::model::{FailureClass, Fix, Origin, Patch, Refusal, Signature, Standing, Uses};

/// How long an unused fix is kept unless told otherwise.
pub const TTL_DEFAULT: Duration = Duration::from_hours(30 * 24);

/// After this time an observation counts half.
const HALF_LIFE: Duration = Duration::from_hours(60 * 24);

/// The largest patch kept; its whole texts are stored.
const PATCH_BYTES_MAX: usize = 1 << 20;

/// How many fixes are recalled for one signature.
const RECALLED_MAX: u32 = 16;

/// Why the knowledge base could not do its work. Healing goes on without it.
#[derive(Debug, Error)]
pub enum KnowledgeError {
    /// The state folder, or a file in it, cannot be made or renamed.
    #[error("failed to prepare the knowledge base: {0}")]
    Folder(#[source] std::io::Error),
    /// SQLite failed.
    #[error("failed to use the knowledge base {path}: {source}")]
    Database {
        /// The database's file.
        path: Utf8PathBuf,
        /// What SQLite said.
        source: rusqlite::Error,
    },
}

/// What became of something to remember.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kept {
    /// It is stored.
    Stored,
    /// It must not be stored, for this reason.
    Refused(Refusal),
}

/// How one use of a remembered fix went.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Use {
    /// It healed again.
    Helped,
    /// It did not.
    Failed,
}

/// How one proposal of a debugger ended. A person's word counts more than a machine's.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Observation {
    /// A person accepted it.
    Accepted,
    /// It was proven.
    Proven,
    /// It was not proven.
    Failed,
    /// A person rejected it.
    Rejected,
}

impl Observation {
    /// Returns what it adds to successes and failures.
    fn weights(self) -> (f64, f64) {
        match self {
            Self::Accepted => (1.0, 0.0),
            Self::Proven => (0.5, 0.0),
            Self::Failed => (0.0, 1.0),
            Self::Rejected => (0.0, 3.0),
        }
    }
}

/// The counts of a Beta distribution, faded with time.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Beta {
    /// Weighed successes.
    pub successes: f64,
    /// Weighed failures.
    pub failures: f64,
}

impl Beta {
    /// Returns the expected chance of success in 0..=1, from a uniform prior.
    pub fn chance(self) -> f64 {
        (self.successes + 1.0) / (self.successes + self.failures + 2.0)
    }
}

type Redact = Box<dyn Fn(&str) -> String + Send + Sync>;

/// The knowledge base. Threads may share it, and so may processes.
pub struct Knowledge {
    connection: Mutex<Connection>,
    path: Utf8PathBuf,
    now: i64,
    note: Option<String>,
    redact: Option<Redact>,
}

impl std::fmt::Debug for Knowledge {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Knowledge").field("path", &self.path).finish_non_exhaustive()
    }
}

impl Knowledge {
    /// Opens the knowledge base in `state_dir`, or begins one, and forgets what has not been used for `ttl` before
    /// `now`. A file that is damaged or of a newer version is set aside ([`Knowledge::note`] says so).
    pub fn open(state_dir: &Utf8Path, ttl: Duration, now: SystemTime) -> Result<Self, KnowledgeError> {
        let (connection, note) = store::open(state_dir)?;
        let now = seconds(now);
        let knowledge =
            Self { connection: Mutex::new(connection), path: state_dir.to_owned(), now, note, redact: None };
        knowledge.forget_before(now.saturating_sub(i64::try_from(ttl.as_secs()).unwrap_or(i64::MAX)))?;
        Ok(knowledge)
    }

    /// Tells what was set aside on opening, for people.
    pub fn note(&self) -> Option<&str> {
        self.note.as_deref()
    }

    /// Gives the function that removes secrets: a text it would change is not stored.
    #[must_use]
    pub fn guarded_by(mut self, redact: impl Fn(&str) -> String + Send + Sync + 'static) -> Self {
        self.redact = Some(Box::new(redact));
        self
    }

    /// Remembers a fix. One that is known already keeps its counts and the better of its standings; accepting one takes
    /// an earlier rejection back.
    pub fn remember(&self, fix: &Fix) -> Result<Kept, KnowledgeError> {
        if let Some(refusal) = self.refusal(fix) {
            return Ok(Kept::Refused(refusal));
        }
        let hash = fix.patch.hash();
        let row = params![
            fix.signature.0,
            hash,
            word(&fix.class),
            fix.origin.debugger,
            fix.origin.what,
            word(&fix.patch),
            fix.repository,
            word(&fix.standing),
            word(&fix.spend),
            self.now,
        ];
        self.run(|connection| {
            connection.execute(
                "INSERT INTO fix (signature, patch_hash, class, debugger, what, patch, repository, standing, spend, used_at)
                 VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)
                 ON CONFLICT (signature, patch_hash) DO UPDATE SET
                    used_at = max(used_at, excluded.used_at),
                    standing = CASE standing WHEN '\"accepted\"' THEN standing ELSE excluded.standing END",
                row,
            )?;
            match fix.standing {
                Standing::Accepted => connection
                    .execute("DELETE FROM rejection WHERE signature = ?1 AND patch_hash = ?2", [&fix.signature.0, &hash]),
                Standing::Proven => Ok(0),
            }
        })?;
        Ok(Kept::Stored)
    }

    /// Recalls the fixes of a signature: accepted ones first, then by how well they fared, then the newest. What a
    /// person rejected is not among them. A row that cannot be read back exactly is passed over.
    pub fn recall(&self, signature: &Signature) -> Vec<Fix> {
        let recalled = self.run(|connection| {
            let mut statement = connection.prepare(
                "SELECT patch_hash, class, debugger, what, patch, repository, standing, spend, helped, failed
                 FROM fix WHERE signature = ?1 AND NOT EXISTS (
                    SELECT 1 FROM rejection
                    WHERE rejection.signature = fix.signature AND rejection.patch_hash = fix.patch_hash)
                 ORDER BY standing = '\"accepted\"' DESC, (helped + 1.0) / (helped + failed + 2.0) DESC,
                    used_at DESC, id DESC LIMIT ?2",
            )?;
            let rows = statement.query_map(params![signature.0, RECALLED_MAX], |row| Ok(read(signature, row)))?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        recalled.unwrap_or_default().into_iter().flatten().collect()
    }

    /// Records how a remembered fix fared when it was tried again; success keeps it from being forgotten.
    pub fn record_use(&self, signature: &Signature, patch_hash: &str, outcome: Use) -> Result<(), KnowledgeError> {
        let (helped, failed) = match outcome {
            Use::Helped => (1, 0),
            Use::Failed => (0, 1),
        };
        self.run(|connection| {
            connection.execute(
                "UPDATE fix SET helped = helped + ?3, failed = failed + ?4,
                    used_at = CASE ?3 WHEN 0 THEN used_at ELSE max(used_at, ?5) END
                 WHERE signature = ?1 AND patch_hash = ?2",
                params![signature.0, patch_hash, helped, failed, self.now],
            )
        })?;
        Ok(())
    }

    /// Remembers that a person rejected a patch for a signature. Only hashes are kept.
    pub fn reject(&self, signature: &Signature, patch_hash: &str) -> Result<(), KnowledgeError> {
        self.run(|connection| {
            connection.execute(
                "INSERT INTO rejection (signature, patch_hash, at) VALUES (?1, ?2, ?3)
                 ON CONFLICT (signature, patch_hash) DO UPDATE SET at = max(at, excluded.at)",
                params![signature.0, patch_hash, self.now],
            )
        })?;
        Ok(())
    }

    /// Tells whether a person rejected this patch for this signature.
    pub fn was_rejected(&self, signature: &Signature, patch_hash: &str) -> bool {
        let found = self.run(|connection| {
            let sql = "SELECT 1 FROM rejection WHERE signature = ?1 AND patch_hash = ?2";
            connection.query_row(sql, params![signature.0, patch_hash], |_| Ok(())).optional()
        });
        matches!(found, Ok(Some(())))
    }

    /// Records how one proposal of a debugger ended. Older observations fade.
    pub fn observe(&self, debugger: &str, class: FailureClass, observation: Observation) -> Result<(), KnowledgeError> {
        let (success, failure) = observation.weights();
        self.run(|connection| {
            let transaction = Transaction::new_unchecked(connection, TransactionBehavior::Immediate)?;
            let sql = "SELECT successes, failures, at FROM experience WHERE debugger = ?1 AND class = ?2";
            let known = transaction.query_row(sql, params![debugger, word(&class)], |row| self.faded(row, 0)).optional()?;
            let known = known.unwrap_or_default();
            transaction.execute(
                "INSERT OR REPLACE INTO experience (debugger, class, successes, failures, at) VALUES (?1, ?2, ?3, ?4, ?5)",
                params![debugger, word(&class), known.successes + success, known.failures + failure, self.now],
            )?;
            transaction.commit()
        })
    }

    /// Returns how each debugger fared with each class of failure, faded to now.
    pub fn stats(&self) -> BTreeMap<(String, FailureClass), Beta> {
        let read = self.run(|connection| {
            let mut statement =
                connection.prepare("SELECT debugger, class, successes, failures, at FROM experience")?;
            let rows = statement.query_map([], |row| {
                Ok((row.get::<_, String>(0)?, from_word(&row.get::<_, String>(1)?), self.faded(row, 2)?))
            })?;
            rows.collect::<rusqlite::Result<Vec<_>>>()
        });
        let known = |(debugger, class, beta): (String, Option<FailureClass>, Beta)| Some(((debugger, class?), beta));
        read.unwrap_or_default().into_iter().filter_map(known).collect()
    }

    /// Reads successes, failures and their time from `column` on, and fades them to now.
    fn faded(&self, row: &Row<'_>, column: usize) -> rusqlite::Result<Beta> {
        let age = self.now.saturating_sub(row.get(column + 2)?).max(0) as f64;
        let weight = 0.5_f64.powf(age / HALF_LIFE.as_secs_f64());
        Ok(Beta { successes: row.get::<_, f64>(column)? * weight, failures: row.get::<_, f64>(column + 1)? * weight })
    }

    fn forget_before(&self, cutoff: i64) -> Result<(), KnowledgeError> {
        self.run(|connection| {
            connection.execute("DELETE FROM fix WHERE used_at < ?1", [cutoff])?;
            connection.execute("DELETE FROM rejection WHERE at < ?1", [cutoff])
        })?;
        Ok(())
    }

    fn refusal(&self, fix: &Fix) -> Option<Refusal> {
        let texts = || {
            let changes = fix.patch.changes().iter();
            let texts = changes.flat_map(|change| [change.before.as_deref(), change.after.as_deref()]);
            let paths = fix.patch.changes().iter().map(|change| change.path.as_str());
            let words = [fix.origin.debugger.as_str(), &fix.origin.what, &fix.repository];
            texts.flatten().chain(paths).chain(words)
        };
        let Some(redact) = &self.redact else {
            return Some(Refusal::new("no-redactor", "nothing tells whether the fix holds a secret"));
        };
        if texts().map(str::len).sum::<usize>() > PATCH_BYTES_MAX {
            return Some(Refusal::new("too-large", "the files of the fix are too large to be remembered"));
        }
        let secret = texts().any(|text| redact(text) != text);
        secret.then(|| Refusal::new("secret", "a file of the fix seems to hold a secret"))
    }

    fn run<T>(&self, work: impl FnOnce(&Connection) -> rusqlite::Result<T>) -> Result<T, KnowledgeError> {
        work(&self.locked()).map_err(|source| KnowledgeError::Database { path: self.path.clone(), source })
    }

    fn locked(&self) -> MutexGuard<'_, Connection> {
        self.connection.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Reads a row back; `None` when it is not what was stored, or names a path outside a project.
fn read(signature: &Signature, row: &Row<'_>) -> Option<Fix> {
    let text = |column: usize| row.get::<_, String>(column).ok();
    let patch: Patch = from_word(&text(4)?)?;
    let patch = Patch::new(patch.changes().to_vec()).ok()?;
    let count = |column: usize| row.get::<_, i64>(column).ok().and_then(|count| u64::try_from(count).ok());
    let inside = patch.changes().iter().all(|change| stays_inside(&change.path));
    (inside && patch.hash() == text(0)?).then_some(())?;
    Some(Fix {
        signature: signature.clone(),
        class: from_word(&text(1)?)?,
        origin: Origin { debugger: text(2)?, what: text(3)? },
        patch,
        repository: text(5)?,
        standing: from_word(&text(6)?)?,
        spend: from_word(&text(7)?)?,
        uses: Uses { helped: count(8)?, failed: count(9)? },
    })
}

fn stays_inside(path: &Utf8Path) -> bool {
    path.components().all(|part| matches!(part, Utf8Component::Normal(_)))
}

fn seconds(time: SystemTime) -> i64 {
    let since = time.duration_since(SystemTime::UNIX_EPOCH).unwrap_or_default();
    i64::try_from(since.as_secs()).unwrap_or(i64::MAX)
}

/// Writes a value as JSON; the model's types have nothing JSON could not hold.
fn word<T: Serialize>(value: &T) -> String {
    serde_json::to_string(value).unwrap_or_default()
}

fn from_word<T: DeserializeOwned>(text: &str) -> Option<T> {
    serde_json::from_str(text).ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{FileChange, Spend};
    use tempfile::TempDir;

    const DAY: Duration = Duration::from_hours(24);

    fn day(n: u32) -> SystemTime {
        SystemTime::UNIX_EPOCH + DAY * (20_000 + n)
    }

    fn state() -> (TempDir, Utf8PathBuf) {
        let folder = tempfile::tempdir().unwrap();
        let path = Utf8PathBuf::from_path_buf(folder.path().join("state")).unwrap();
        (folder, path)
    }

    fn open(path: &Utf8Path, now: SystemTime) -> Knowledge {
        let redact = |text: &str| text.replace("hunter2", "[REDACTED]");
        Knowledge::open(path, TTL_DEFAULT, now).unwrap().guarded_by(redact)
    }

    fn signature() -> Signature {
        Signature("5f".into())
    }

    fn fix(after: &str) -> Fix {
        Fix {
            signature: signature(),
            class: FailureClass::AssertionMismatch,
            origin: Origin { debugger: "template".into(), what: "`-` → `+` at src/lib.rs:1".into() },
            patch: Patch::edit("src/lib.rs", "a - b\n", after),
            repository: "example.org/shop".into(),
            standing: Standing::Proven,
            spend: Spend { attempts: 3, ..Spend::default() },
            uses: Uses::default(),
        }
    }

    fn afters(knowledge: &Knowledge) -> Vec<String> {
        let recalled = knowledge.recall(&signature());
        recalled.iter().map(|fix| fix.patch.changes()[0].after.clone().unwrap()).collect()
    }

    #[test]
    fn what_was_remembered_is_recalled_whole_by_another_session() {
        let (_folder, path) = state();
        assert_eq!(open(&path, day(0)).remember(&fix("a + b\n")).unwrap(), Kept::Stored);
        let later = open(&path, day(1));
        assert_eq!(later.recall(&signature()), [fix("a + b\n")]);
        assert_eq!(later.recall(&Signature("other".into())), []);
        assert_eq!(later.note(), None);
    }

    #[test]
    fn accepted_fixes_come_first_then_those_that_helped_then_the_newest() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        for after in ["old", "helpful", "new", "accepted", "failed"] {
            let standing = if after == "accepted" { Standing::Accepted } else { Standing::Proven };
            knowledge.remember(&Fix { standing, ..fix(after) }).unwrap();
        }
        knowledge.record_use(&signature(), &fix("helpful").patch.hash(), Use::Helped).unwrap();
        knowledge.record_use(&signature(), &fix("failed").patch.hash(), Use::Failed).unwrap();
        assert_eq!(afters(&knowledge), ["accepted", "helpful", "new", "old", "failed"]);
        assert_eq!(knowledge.recall(&signature())[1].uses, Uses { helped: 1, failed: 0 });
    }

    #[test]
    fn a_better_standing_is_kept_when_the_fix_is_remembered_again() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        for standing in [Standing::Proven, Standing::Accepted, Standing::Proven] {
            knowledge.remember(&Fix { standing, ..fix("x") }).unwrap();
        }
        let recalled = knowledge.recall(&signature());
        assert_eq!((recalled.len(), recalled[0].standing), (1, Standing::Accepted));
    }

    #[test]
    fn an_unused_fix_is_forgotten_after_its_time_and_a_useful_one_is_not() {
        let (_folder, path) = state();
        let first = open(&path, day(0));
        first.remember(&fix("useful")).unwrap();
        first.remember(&fix("useless")).unwrap();
        first.reject(&signature(), "h").unwrap();
        drop(first);
        open(&path, day(20)).record_use(&signature(), &fix("useful").patch.hash(), Use::Helped).unwrap();
        assert_eq!(afters(&open(&path, day(30))).len(), 2);
        let later = open(&path, day(31));
        assert_eq!(afters(&later), ["useful"]);
        assert!(!later.was_rejected(&signature(), "h"));
    }

    #[test]
    fn a_rejected_patch_is_known_by_its_hash_and_not_recalled() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        let hash = fix("bad").patch.hash();
        knowledge.remember(&fix("bad")).unwrap();
        assert!(!knowledge.was_rejected(&signature(), &hash));
        knowledge.reject(&signature(), &hash).unwrap();
        assert!(knowledge.was_rejected(&signature(), &hash));
        assert!(!knowledge.was_rejected(&Signature("other".into()), &hash));
        assert_eq!(knowledge.recall(&signature()), []);
        knowledge.remember(&Fix { standing: Standing::Accepted, ..fix("bad") }).unwrap();
        assert_eq!(afters(&knowledge), ["bad"]);
    }

    #[test]
    fn a_text_that_holds_a_secret_is_refused_wherever_it_stands() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        let told = Origin { what: "set to hunter2".into(), ..fix("x").origin };
        for secret in [fix("password = hunter2"), Fix { origin: told, ..fix("x") }] {
            let kept = knowledge.remember(&secret).unwrap();
            assert!(matches!(kept, Kept::Refused(ref refusal) if refusal.rule == "secret"), "{kept:?}");
        }
        assert_eq!(knowledge.recall(&signature()), []);
    }

    #[test]
    fn without_a_redactor_nothing_is_stored() {
        let (_folder, path) = state();
        let knowledge = Knowledge::open(&path, TTL_DEFAULT, day(0)).unwrap();
        assert!(matches!(knowledge.remember(&fix("x")).unwrap(), Kept::Refused(_)));
        assert_eq!(knowledge.recall(&signature()), []);
    }

    #[test]
    fn files_too_large_to_keep_are_refused() {
        let (_folder, path) = state();
        let kept = open(&path, day(0)).remember(&fix(&"x".repeat(PATCH_BYTES_MAX))).unwrap();
        assert!(matches!(kept, Kept::Refused(ref refusal) if refusal.rule == "too-large"), "{kept:?}");
    }

    #[test]
    fn experience_is_counted_by_debugger_and_class_and_fades() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        knowledge.observe("template", FailureClass::Panic, Observation::Accepted).unwrap();
        knowledge.observe("template", FailureClass::Panic, Observation::Proven).unwrap();
        knowledge.observe("template", FailureClass::Panic, Observation::Failed).unwrap();
        knowledge.observe("remote", FailureClass::Panic, Observation::Rejected).unwrap();
        let stats = knowledge.stats();
        assert_eq!(stats[&("template".into(), FailureClass::Panic)], Beta { successes: 1.5, failures: 1.0 });
        assert_eq!(stats[&("remote".into(), FailureClass::Panic)], Beta { successes: 0.0, failures: 3.0 });
        drop(knowledge);
        let later = open(&path, day(60));
        later.observe("template", FailureClass::Panic, Observation::Accepted).unwrap();
        assert_eq!(later.stats()[&("template".into(), FailureClass::Panic)], Beta { successes: 1.75, failures: 0.5 });
        assert!(later.stats()[&("remote".into(), FailureClass::Panic)].chance() > 0.28);
    }

    #[test]
    fn a_damaged_file_is_set_aside_unchanged_and_a_new_one_begun() {
        let (_folder, path) = state();
        fs_err::create_dir_all(&path).unwrap();
        for (n, aside) in ["knowledge.corrupt.db", "knowledge.corrupt-1.db"].into_iter().enumerate() {
            let damaged = format!("damaged {n}").repeat(1000);
            fs_err::write(path.join("knowledge.db"), &damaged).unwrap();
            let knowledge = open(&path, day(0));
            assert!(knowledge.note().unwrap().contains(aside), "{:?}", knowledge.note());
            assert_eq!(fs_err::read_to_string(path.join(aside)).unwrap(), damaged);
            assert_eq!(knowledge.remember(&fix("x")).unwrap(), Kept::Stored);
        }
    }

    #[test]
    fn a_file_damaged_in_its_middle_is_found_out() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        for n in 0..50 {
            knowledge.remember(&fix(&format!("{n}").repeat(2000))).unwrap();
        }
        drop(knowledge);
        let file = path.join("knowledge.db");
        let mut bytes = fs_err::read(&file).unwrap();
        let middle = bytes.len() / 2;
        bytes[middle..middle + 8192].fill(0xa5);
        fs_err::write(&file, bytes).unwrap();
        let knowledge = open(&path, day(0));
        assert!(knowledge.note().unwrap().contains("is damaged"));
    }

    #[test]
    fn a_file_of_a_newer_version_is_set_aside_with_what_it_holds() {
        let (_folder, path) = state();
        open(&path, day(0)).remember(&fix("x")).unwrap();
        let raw = rusqlite::Connection::open_in_memory().unwrap();
        raw.execute("ATTACH ?1 AS newer", [path.join("knowledge.db").as_str()]).unwrap();
        raw.execute_batch("PRAGMA newer.user_version = 7").unwrap();
        drop(raw);
        let knowledge = open(&path, day(0));
        assert!(knowledge.note().unwrap().contains("newer version"), "{:?}", knowledge.note());
        assert_eq!(knowledge.recall(&signature()), []);
        assert!(path.join("knowledge.schema-7.db").exists());
    }

    #[test]
    fn a_folder_that_cannot_be_made_is_an_error_that_names_it() {
        let (_folder, path) = state();
        fs_err::write(&path, "a file").unwrap();
        let error = Knowledge::open(&path, TTL_DEFAULT, day(0)).unwrap_err();
        assert!(error.to_string().contains(path.as_str()), "{error}");
    }

    #[test]
    fn a_stored_row_that_was_tampered_with_is_passed_over() {
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        let outside = FileChange { path: "../../etc/profile".into(), before: None, after: Some("x".into()) };
        knowledge.remember(&Fix { patch: Patch::new(vec![outside]).unwrap(), ..fix("") }).unwrap();
        knowledge.remember(&fix("good")).unwrap();
        knowledge.remember(&fix("changed")).unwrap();
        let sql = "UPDATE fix SET patch = replace(patch, 'changed', 'evil') WHERE patch LIKE '%changed%'";
        assert_eq!(knowledge.run(|connection| connection.execute(sql, [])).unwrap(), 1);
        assert_eq!(afters(&knowledge), ["good"]);
    }

    #[test]
    fn programs_that_open_and_write_at_once_lose_nothing() {
        let (_folder, path) = state();
        std::thread::scope(|scope| {
            for writer in 0..4 {
                let path = &path;
                scope.spawn(move || {
                    let knowledge = open(path, day(0));
                    for n in 0..25 {
                        let own = Fix { signature: Signature(format!("{writer}/{n}")), ..fix("x") };
                        assert_eq!(knowledge.remember(&own).unwrap(), Kept::Stored);
                        knowledge.observe("template", FailureClass::Panic, Observation::Failed).unwrap();
                    }
                });
            }
        });
        let knowledge = open(&path, day(0));
        let all = (0..4).flat_map(|writer| (0..25).map(move |n| Signature(format!("{writer}/{n}"))));
        assert_eq!(all.filter(|signature| knowledge.recall(signature).len() == 1).count(), 100);
        let failures = knowledge.stats()[&("template".into(), FailureClass::Panic)].failures;
        assert!((failures - 100.0).abs() < 1e-9, "{failures}");
        assert_eq!(knowledge.note(), None);
    }

    #[test]
    fn only_the_owner_may_read_what_was_learned() {
        use std::os::unix::fs::PermissionsExt;
        let (_folder, path) = state();
        let knowledge = open(&path, day(0));
        knowledge.remember(&fix("x")).unwrap();
        for name in ["knowledge.db", "knowledge.db-wal"] {
            let mode = fs_err::metadata(path.join(name)).unwrap().permissions().mode();
            assert_eq!(mode & 0o077, 0, "{name}");
        }
    }
}
