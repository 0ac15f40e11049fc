//! The signing keys in the store.

use signaling_desk::store::{Store, StoreError};

use crate::tokens::KeyRing;

/// The secret's name in the store.
const NAME: &str = "token-keys";

/// The keys, made on first use.
///
/// # Errors
/// When the store cannot be asked, or holds something else under that name.
pub async fn load(store: &dyn Store) -> Result<KeyRing, StoreError> {
    let stored = store.secret(NAME, KeyRing::fresh().to_bytes()).await?;
    KeyRing::from_bytes(&stored).map_err(|error| StoreError::Damaged(error.to_string()))
}

/// Puts a new key in front. Tokens signed with the key before it stay good until the next
/// rotation.
///
/// # Errors
/// As [`load`]; also when another process rotates at the same moment.
pub async fn rotate(store: &dyn Store) -> Result<KeyRing, StoreError> {
    let current = load(store).await?;
    let rotated = current.rotated();
    if store.replace_secret(NAME, current.to_bytes(), rotated.to_bytes()).await? {
        Ok(rotated)
    } else {
        Err(StoreError::Unavailable("the keys were rotated at the same moment".to_owned()))
    }
}
