//! Files that somebody else has open already.

use super::*;
use std::process::Command;

const CHILD: &str = "SEALWIRE_TEST_DIRECTORY";
const NAME: &str = "storage::tests::one_process_and_in_it_the_newest_object_has_the_files";

/// What another process gets that opens the directory: this test once more, in a process of its own.
fn elsewhere(directory: &str) -> String {
    let mut command = Command::new(std::env::current_exe().unwrap());
    let done = command.args(["--exact", NAME, "--nocapture"]).env(CHILD, directory).output().unwrap();
    let said = String::from_utf8(done.stdout).unwrap();
    said.lines().find_map(|line| line.split_once("opening: ")).unwrap_or_else(|| panic!("{said}")).1.to_owned()
}

#[test]
fn one_process_and_in_it_the_newest_object_has_the_files() {
    if let Ok(directory) = std::env::var(CHILD) {
        println!("\nopening: {}", FileStorage::new(directory, true).map_or_else(|error| error.to_string(), |_| "done".to_owned()));
        return;
    }
    let path = std::env::temp_dir().join(format!("sealwire-lock-{}", std::process::id()));
    let directory = path.to_str().unwrap().to_owned();
    let first = FileStorage::new(directory.clone(), true).unwrap();
    first.save(3, b"first".to_vec()).unwrap();
    let refused = elsewhere(&directory);
    assert!(refused.starts_with("busy: ") && refused.contains("another process has ") && refused.contains("close it there"), "{refused}");
    // By another name it is the same directory.
    let second = FileStorage::new(format!("{directory}/../{}", path.file_name().unwrap().to_str().unwrap()), true).unwrap();
    assert_eq!(second.load(3).unwrap().unwrap(), b"first");
    let superseded =
        |outcome: Result<(), CallbackError>| matches!(outcome, Err(CallbackError::Failed { reason }) if reason.contains("a newer"));
    assert!(superseded(first.save(3, b"late".to_vec())) && superseded(first.load(3).map(drop)));
    second.save(3, b"second".to_vec()).unwrap();
    drop(first);
    assert!(elsewhere(&directory).starts_with("busy: "), "the second has it still");
    drop(second);
    assert_eq!(elsewhere(&directory), "done");
    assert_eq!(FileStorage::new(directory, true).unwrap().load(3).unwrap().unwrap(), b"second");
    fs::remove_dir_all(path).unwrap();
}

#[test]
fn a_directory_that_cannot_be_is_storage_failed() {
    let file = std::env::temp_dir().join(format!("sealwire-file-{}", std::process::id()));
    fs::write(&file, b"").unwrap();
    let refused = FileStorage::new(file.join("below").to_str().unwrap().to_owned(), true).err();
    assert!(matches!(refused, Some(SealwireError::StorageFailed { .. })), "{refused:?}");
    fs::remove_file(file).unwrap();
}
