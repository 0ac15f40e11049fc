//! The file itself; what it holds is tested by the contract suite.

mod model;

use super::sqlite::{OpenError, Sqlite, file::Database};

#[tokio::test]
async fn keeps_the_contract() {
    let fresh = || async { Sqlite::start(Database::in_memory().unwrap()).unwrap() };
    signaling_desk::store::contract::all(fresh).await;
}

#[test]
fn says_what_is_wrong_with_a_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("vitrine.db");
    let first = Database::open(&path).unwrap();
    assert!(matches!(Database::open(&path), Err(OpenError::InUse { .. })));
    drop(first);

    let again = Database::open(&path).unwrap();
    again.connection.pragma_update(None, "user_version", 999).unwrap();
    drop(again);
    assert!(matches!(Database::open(&path), Err(OpenError::TooNew { found: 999, .. })));

    std::fs::write(directory.path().join("text.db"), "x".repeat(4096)).unwrap();
    let error = Database::open(&directory.path().join("text.db")).unwrap_err();
    assert!(matches!(error, OpenError::Failed(_)), "{error}");

    let below_a_file = directory.path().join("text.db").join("vitrine.db");
    assert!(matches!(Database::open(&below_a_file), Err(OpenError::Directory { .. })));
}
