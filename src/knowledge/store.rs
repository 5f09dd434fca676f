//! The database's file: opened, checked, migrated, pruned. What cannot be used is set aside under another name, never
//! deleted and never overwritten.

use std::fs::{File, TryLockError};
use std::time::{Duration, Instant};

use camino::{Utf8Path, Utf8PathBuf};
use rusqlite::{Connection, ErrorCode, TransactionBehavior};

use crate::knowledge::KnowledgeError;

/// The file's name inside the state folder.
const NAME: &str = "knowledge.db";

/// How long one statement waits for another process.
const BUSY_MAX: Duration = Duration::from_secs(5);

/// Up to this size the whole file is checked when it is opened; beyond, only what is read.
const CHECKED_BYTES_MAX: u64 = 32 << 20;

/// How many unusable files of one kind are kept.
const ASIDE_MAX: usize = 100;

/// One step a version, in order; a file's `user_version` counts those it has seen. Never edit one: add one.
const MIGRATIONS: &[&str] = &["
    CREATE TABLE fix (
        id INTEGER PRIMARY KEY,
        signature TEXT NOT NULL,
        patch_hash TEXT NOT NULL,
        class TEXT NOT NULL,
        debugger TEXT NOT NULL,
        what TEXT NOT NULL,
        patch TEXT NOT NULL,
        repository TEXT NOT NULL,
        standing TEXT NOT NULL,
        spend TEXT NOT NULL,
        helped INTEGER NOT NULL DEFAULT 0,
        failed INTEGER NOT NULL DEFAULT 0,
        used_at INTEGER NOT NULL,
        UNIQUE (signature, patch_hash)
    ) STRICT;
    CREATE INDEX fix_used_at ON fix (used_at);
    CREATE TABLE rejection (
        signature TEXT NOT NULL,
        patch_hash TEXT NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (signature, patch_hash)
    ) STRICT, WITHOUT ROWID;
    CREATE TABLE experience (
        debugger TEXT NOT NULL,
        class TEXT NOT NULL,
        successes REAL NOT NULL,
        failures REAL NOT NULL,
        at INTEGER NOT NULL,
        PRIMARY KEY (debugger, class)
    ) STRICT, WITHOUT ROWID;
"];

/// Why a file cannot be used as it is.
enum Unusable {
    Corrupt,
    Newer(i64),
    Foreign,
}

/// Opens the database of a state folder, after setting an unusable one aside; the note says what was set aside.
/// Two programs that open at once do so one after the other, so that neither sets the other's new file aside.
pub(super) fn open(state_dir: &Utf8Path) -> Result<(Connection, Option<String>), KnowledgeError> {
    fs_err::create_dir_all(state_dir).map_err(KnowledgeError::Folder)?;
    let path = state_dir.join(NAME);
    let lock = private_file(&state_dir.join("knowledge.lock"))?;
    wait_for(&lock);
    private_file(&path)?;
    let mut connection = connect(&path)?;
    let mut note = None;
    if let Some(unusable) = examine(&connection, &path)? {
        drop(connection);
        note = Some(set_aside(&path, &unusable)?);
        private_file(&path)?;
        connection = connect(&path)?;
    }
    migrate(&mut connection).map_err(|source| KnowledgeError::Database { path, source })?;
    Ok((connection, note))
}

/// Creates a file only its owner may read, unless it is there; SQLite gives its side files the same mode.
fn private_file(path: &Utf8Path) -> Result<File, KnowledgeError> {
    let mut options = fs_err::OpenOptions::new();
    options.read(true).write(true).create(true).truncate(false);
    fs_err::os::unix::fs::OpenOptionsExt::mode(&mut options, 0o600);
    Ok(options.open(path).map_err(KnowledgeError::Folder)?.into_parts().0)
}

/// Waits for the lock, but not for ever: a file system without locks is used without.
fn wait_for(lock: &File) {
    let deadline = Instant::now() + BUSY_MAX;
    while matches!(lock.try_lock(), Err(TryLockError::WouldBlock)) && Instant::now() < deadline {
        std::thread::sleep(Duration::from_millis(5));
    }
}

#[expect(clippy::disallowed_methods, reason = "this is the one home of the database")]
fn connect(path: &Utf8Path) -> Result<Connection, KnowledgeError> {
    let connect = || {
        let connection = Connection::open(path)?;
        connection.busy_timeout(BUSY_MAX)?;
        Ok(connection)
    };
    connect().map_err(|source| KnowledgeError::Database { path: path.to_owned(), source })
}

/// Tells whether a file can be used; trouble that is not the file's own (a lock, a full disk) is an error.
fn examine(connection: &Connection, path: &Utf8Path) -> Result<Option<Unusable>, KnowledgeError> {
    let checked = path.metadata().is_ok_and(|metadata| metadata.len() <= CHECKED_BYTES_MAX);
    let look = || {
        let version: i64 = connection.pragma_query_value(None, "user_version", |row| row.get(0))?;
        let n_tables: i64 = connection.query_row("SELECT count(*) FROM sqlite_schema", [], |row| row.get(0))?;
        let sound =
            !checked || connection.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0))? == "ok";
        Ok::<_, rusqlite::Error>(match (version, n_tables, sound) {
            (_, _, false) => Some(Unusable::Corrupt),
            (0, 1.., true) => Some(Unusable::Foreign),
            (version, _, true) if usize::try_from(version).map_or(true, |version| version > MIGRATIONS.len()) => {
                Some(Unusable::Newer(version))
            }
            (_, _, true) => None,
        })
    };
    match look() {
        Ok(unusable) => Ok(unusable),
        Err(source) => match source.sqlite_error_code() {
            Some(ErrorCode::NotADatabase | ErrorCode::DatabaseCorrupt) => Ok(Some(Unusable::Corrupt)),
            _ => Err(KnowledgeError::Database { path: path.to_owned(), source }),
        },
    }
}

/// Renames the file and its side files to the first free name that tells why.
fn set_aside(path: &Utf8Path, unusable: &Unusable) -> Result<String, KnowledgeError> {
    let (tag, why) = match unusable {
        Unusable::Corrupt => ("corrupt".to_owned(), "is damaged".to_owned()),
        Unusable::Newer(version) => (format!("schema-{version}"), "was written by a newer version".to_owned()),
        Unusable::Foreign => ("foreign".to_owned(), "was not written by this program".to_owned()),
    };
    let named = |n: usize| match n {
        0 => path.with_file_name(format!("knowledge.{tag}.db")),
        n => path.with_file_name(format!("knowledge.{tag}-{n}.db")),
    };
    let free = (0..ASIDE_MAX).map(named).find(|aside| !aside.exists());
    let aside = free.ok_or_else(|| {
        let sentence = format!("{path} {why} and too many like it were set aside; remove some of them");
        KnowledgeError::Folder(std::io::Error::other(sentence))
    })?;
    for side in ["", "-wal", "-shm"] {
        let from = Utf8PathBuf::from(format!("{path}{side}"));
        if from.exists() {
            fs_err::rename(&from, format!("{aside}{side}")).map_err(KnowledgeError::Folder)?;
        }
    }
    Ok(format!("the knowledge base {path} {why}; it was set aside as {aside} and a new one begun"))
}

/// Brings the file to this version. A write-ahead log lets others read while one writes; where the file system cannot
/// have one, SQLite goes on with its rollback journal.
fn migrate(connection: &mut Connection) -> rusqlite::Result<()> {
    connection.pragma_update_and_check(None, "journal_mode", "wal", |_| Ok(()))?;
    let transaction = connection.transaction_with_behavior(TransactionBehavior::Immediate)?;
    let seen: u32 = transaction.pragma_query_value(None, "user_version", |row| row.get(0))?;
    for (version, migration) in (1..).zip(MIGRATIONS).skip_while(|(version, _)| *version <= seen) {
        transaction.execute_batch(migration)?;
        transaction.pragma_update(None, "user_version", version)?;
    }
    transaction.commit()
}
