//! From whom a datagram is.

use ahash::AHashMap;

use crate::api::Path;

/// Keys of legs by their validated paths.
///
/// Packets come in runs from one address (a video frame), so the path found last is tried first.
#[derive(Debug, Default)]
pub(super) struct Paths {
    keys: AHashMap<Path, usize>,
    last: Option<(Path, usize)>,
}

impl Paths {
    pub(super) fn get(&mut self, path: Path) -> Option<usize> {
        if let Some((last, key)) = self.last
            && last == path
        {
            return Some(key);
        }
        let &key = self.keys.get(&path)?;
        self.last = Some((path, key));
        Some(key)
    }

    /// The same, for one of many.
    pub(super) fn peek(&self, path: Path) -> Option<usize> {
        self.keys.get(&path).copied()
    }

    /// The leg that had the path before is returned.
    pub(super) fn insert(&mut self, path: Path, key: usize) -> Option<usize> {
        self.last = None;
        self.keys.insert(path, key)
    }

    /// How many paths there are.
    #[cfg(test)]
    pub(super) fn len(&self) -> usize {
        self.keys.len()
    }

    /// The keys of their legs.
    #[cfg(test)]
    pub(super) fn values(&self) -> impl Iterator<Item = &usize> {
        self.keys.values()
    }

    pub(super) fn remove(&mut self, path: Path) {
        self.last = None;
        self.keys.remove(&path);
    }
}
