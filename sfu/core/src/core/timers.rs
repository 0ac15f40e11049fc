//! One deadline for each leg: a binary heap that knows where each leg stands in it, so that a
//! deadline moves without leaving a stale entry behind.

use std::time::Instant;

/// Deadlines by leg key.
#[derive(Debug, Default)]
pub(super) struct Timers {
    heap: Vec<(Instant, usize)>,
    /// Where a key stands in the heap.
    places: Vec<Option<usize>>,
}

impl Timers {
    /// The earliest deadline.
    pub(super) fn next(&self) -> Option<Instant> {
        self.heap.first().map(|&(at, _)| at)
    }

    /// The deadline of a key.
    pub(super) fn get(&self, key: usize) -> Option<Instant> {
        self.place(key).map(|place| self.heap[place].0)
    }

    /// Sets or moves the deadline of a key.
    pub(super) fn set(&mut self, key: usize, at: Instant) {
        let place = match self.place(key) {
            Some(place) => {
                self.heap[place].0 = at;
                place
            }
            None => {
                if key >= self.places.len() {
                    self.places.resize(key + 1, None);
                }
                self.heap.push((at, key));
                self.heap.len() - 1
            }
        };
        self.settle(place);
    }

    pub(super) fn remove(&mut self, key: usize) {
        let Some(place) = self.place(key) else { return };
        self.heap.swap_remove(place);
        self.places[key] = None;
        if place < self.heap.len() {
            self.settle(place);
        }
    }

    /// Takes out the key with the earliest deadline, if that is due.
    pub(super) fn pop_due(&mut self, now: Instant) -> Option<usize> {
        let &(at, key) = self.heap.first()?;
        (at <= now).then(|| {
            self.remove(key);
            key
        })
    }

    fn place(&self, key: usize) -> Option<usize> {
        self.places.get(key).copied().flatten()
    }

    /// Moves the entry at `place` up or down to where it belongs.
    fn settle(&mut self, mut place: usize) {
        while place > 0 {
            let parent = (place - 1) / 2;
            if self.heap[parent].0 <= self.heap[place].0 {
                break;
            }
            self.swap(place, parent);
            place = parent;
        }
        loop {
            let children = 2 * place + 1..(2 * place + 3).min(self.heap.len());
            let Some(child) = children.min_by_key(|&child| self.heap[child].0) else { break };
            if self.heap[place].0 <= self.heap[child].0 {
                break;
            }
            self.swap(place, child);
            place = child;
        }
        let (_, key) = self.heap[place];
        self.places[key] = Some(place);
    }

    fn swap(&mut self, a: usize, b: usize) {
        self.heap.swap(a, b);
        for place in [a, b] {
            let (_, key) = self.heap[place];
            self.places[key] = Some(place);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::{collections::BTreeMap, time::Duration};

    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn behaves_like_a_sorted_map(steps in prop::collection::vec((0usize..20, 0u64..100, any::<bool>()), 0..200)) {
            let start = Instant::now();
            let mut timers = Timers::default();
            let mut model = BTreeMap::new();
            for (key, at, set) in steps {
                let at = start + Duration::from_millis(at);
                if set {
                    timers.set(key, at);
                    model.insert(key, at);
                } else {
                    timers.remove(key);
                    model.remove(&key);
                }
                prop_assert_eq!(timers.next(), model.values().min().copied());
                prop_assert_eq!(timers.get(key), model.get(&key).copied());
            }
            let end = start + Duration::from_secs(1);
            let mut last = start;
            while let Some(due) = timers.next() {
                prop_assert!(due >= last);
                last = due;
                let key = timers.pop_due(end).expect("everything is due");
                prop_assert_eq!(model.remove(&key), Some(due));
            }
            prop_assert!(model.is_empty());
        }
    }
}
