//! Storage that comes with the library: in memory, and in files of a directory.

use crate::callback::{CallbackError, Storage};
use std::collections::HashMap;
use std::fs::{self, File, OpenOptions};
use std::io::{ErrorKind, Write};
use std::path::PathBuf;
use std::sync::{Arc, Mutex};

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
    fn entries(&self) -> std::sync::MutexGuard<'_, HashMap<u32, Vec<u8>>> {
        self.entries.lock().unwrap_or_else(|poisoned| poisoned.into_inner())
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
#[derive(uniffi::Object)]
pub struct FileStorage {
    directory: PathBuf,
    resists_rollback: bool,
    writing: Mutex<()>,
}

fn failed(error: std::io::Error) -> CallbackError {
    CallbackError::Failed { reason: error.to_string() }
}

#[uniffi::export]
impl FileStorage {
    /// In this directory, which is made if it is not there. Throws `Failed`.
    #[uniffi::constructor]
    pub fn new(directory: String, resists_rollback: bool) -> Result<Arc<Self>, CallbackError> {
        let directory = PathBuf::from(directory);
        fs::create_dir_all(&directory).map_err(failed)?;
        Ok(Arc::new(FileStorage { directory, resists_rollback, writing: Mutex::new(()) }))
    }
}

impl FileStorage {
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
        match fs::read(self.path(key)) {
            Ok(data) => Ok(Some(data)),
            Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
            Err(error) => Err(failed(error)),
        }
    }

    fn save(&self, key: u32, data: Vec<u8>) -> Result<(), CallbackError> {
        let _one_at_a_time = self.writing.lock().unwrap_or_else(|poisoned| poisoned.into_inner());
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
