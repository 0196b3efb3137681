//! Storage that comes with the library: in memory, and in files of a directory.

use crate::callback::{CallbackError, Storage};
use crate::error::{Result as Outcome, SealwireError};
use rustix::fs::{FlockOperation, flock};
use sealwire_core::Error;
use std::collections::{BTreeMap, HashMap};
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex, MutexGuard};

#[cfg(test)]
mod tests;

/// Keeps entries as long as the object lives: for tests, and for apps that connect anew at each start.
#[derive(Default, uniffi::Object)]
pub struct MemoryStorage {
    entries: Mutex<HashMap<u32, Vec<u8>>>,
}

#[uniffi::export]
impl MemoryStorage {
    /// Empty.
    #[uniffi::constructor]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }
}

impl MemoryStorage {
    fn entries(&self) -> MutexGuard<'_, HashMap<u32, Vec<u8>>> {
        locked(&self.entries)
    }
}

#[uniffi::export]
impl Storage for MemoryStorage {
    fn load(&self, key: u32) -> Result<Option<Vec<u8>>, CallbackError> {
        Ok(self.entries().get(&key).cloned())
    }

    fn save(&self, key: u32, data: Vec<u8>) -> Result<(), CallbackError> {
        let mut entries = self.entries();
        if data.is_empty() {
            entries.remove(&key)
        } else {
            entries.insert(key, data)
        };
        Ok(())
    }

    fn resists_rollback(&self) -> bool {
        true
    }
}

/// Keeps each entry in a file of a directory: written beside the old one, made durable, then put in its place.
///
/// The directory has to be private to the app. `resists_rollback` is the app's promise that nothing brings older files back: on Android a directory
/// under `noBackupFilesDir`, on Apple's systems one that is excluded from backups.
///
/// Two endpoints over the same files would protect different records alike, so one has them at a time. Another process is refused for as long as this one has the directory
/// open. In the same process the newest object has it: the ones before throw `Failed` from then on, and their endpoints `StorageFailed`.
#[derive(uniffi::Object)]
pub struct FileStorage {
    directory: PathBuf,
    resists_rollback: bool,
    newest: Arc<Mutex<u64>>,
    mine: u64,
}

/// A directory that this process has open, as long as one of its objects lives.
struct Held {
    /// Locked against other processes until it is closed.
    _lock: File,
    objects: usize,
    /// Number of the newest object; taken while one writes.
    newest: Arc<Mutex<u64>>,
}

/// By their absolute names.
static HELD: Mutex<BTreeMap<PathBuf, Held>> = Mutex::new(BTreeMap::new());

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
}

/// The lock of a directory that this process does not have open.
fn lock(directory: &std::path::Path) -> Outcome<File> {
    let unusable = |error: std::io::Error| SealwireError::new(Error::StorageFailed, format!("{}: {error}", directory.display()));
    let file = private(OpenOptions::new().write(true).create(true).truncate(false)).open(directory.join("lock")).map_err(unusable)?;
    match flock(&file, FlockOperation::NonBlockingLockExclusive) {
        Ok(()) => Ok(file),
        Err(rustix::io::Errno::WOULDBLOCK) => {
            let detail =
                format!("another process has {} open: close it there, or give each process a directory of its own", directory.display());
            Err(SealwireError::new(Error::Busy, detail))
        }
        Err(error) => Err(unusable(error.into())),
    }
}

fn failed(error: std::io::Error) -> CallbackError {
    CallbackError::Failed { reason: error.to_string() }
}

#[uniffi::export]
impl FileStorage {
    /// In this directory, which is made if it is not there. Throws `Busy` while another process has it open, `StorageFailed`.
    #[uniffi::constructor]
    pub fn new(directory: String, resists_rollback: bool) -> Outcome<Arc<Self>> {
        let unusable = |error: std::io::Error| SealwireError::new(Error::StorageFailed, format!("{directory}: {error}"));
        fs::create_dir_all(&directory).map_err(unusable)?;
        let directory = fs::canonicalize(&directory).map_err(unusable)?;
        let mut all = locked(&HELD);
        let held = match all.remove(&directory) {
            Some(held) => Held { objects: held.objects.saturating_add(1), ..held },
            None => Held { _lock: lock(&directory)?, objects: 1, newest: Arc::default() },
        };
        let newest = Arc::clone(&held.newest);
        all.insert(directory.clone(), held);
        let mine = {
            let mut number = locked(&newest);
            *number = number.wrapping_add(1);
            *number
        };
        Ok(Arc::new(FileStorage { directory, resists_rollback, newest, mine }))
    }
}

impl Drop for FileStorage {
    fn drop(&mut self) {
        let mut all = locked(&HELD);
        if let Some(mut held) = all.remove(&self.directory) {
            held.objects = held.objects.saturating_sub(1);
            if held.objects > 0 {
                all.insert(self.directory.clone(), held);
            }
        }
    }
}

impl FileStorage {
    /// One at a time, and only for the newest object.
    fn enter(&self) -> Result<MutexGuard<'_, u64>, CallbackError> {
        let newest = locked(&self.newest);
        if *newest == self.mine {
            return Ok(newest);
        }
        let reason = format!("a newer FileStorage of this process has {}: close the endpoint of this one", self.directory.display());
        Err(CallbackError::Failed { reason })
    }

    fn path(&self, key: u32) -> PathBuf {
        self.directory.join(format!("session-{key}"))
    }

    /// What was done in the directory is durable too.
    fn settle(&self) -> Result<(), CallbackError> {
        File::open(&self.directory).and_then(|directory| directory.sync_all()).map_err(failed)
    }
}

fn private(options: &mut OpenOptions) -> &mut OpenOptions {
    #[cfg(unix)]
    {
        use std::os::unix::fs::OpenOptionsExt;
        options.mode(0o600)
    }
    #[cfg(not(unix))]
    options
}

#[uniffi::export]
impl Storage for FileStorage {
    fn load(&self, key: u32) -> Result<Option<Vec<u8>>, CallbackError> {
        let _one_at_a_time = self.enter()?;
        match fs::read(self.path(key)) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn save(&self, key: u32, data: Vec<u8>) -> Result<(), CallbackError> {
        let _one_at_a_time = self.enter()?;
        let path = self.path(key);
        if data.is_empty() {
            return match fs::remove_file(&path) {
                Ok(()) => self.settle(),
                Err(error) if error.kind() == ErrorKind::NotFound => Ok(()),
                Err(error) => Err(failed(error)),
            };
        }
        let fresh = self.directory.join(format!("session-{key}.new"));
        let mut file = private(OpenOptions::new().write(true).create(true).truncate(true)).open(&fresh).map_err(failed)?;
        file.write_all(&data).and_then(|()| file.sync_all()).map_err(failed)?;
        fs::rename(&fresh, &path).map_err(failed)?;
        self.settle()
    }

    fn resists_rollback(&self) -> bool {
        self.resists_rollback
    }
}
