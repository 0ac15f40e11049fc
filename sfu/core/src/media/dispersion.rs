//! What the narrowest link of a publisher's way carries: how far apart packets come that have left together.
//!
//! A pacer lets a picture leave in a few pieces, each at once, and the narrowest link lets one packet through
//! after the other (packet trains; Dovrolis, Ramanathan and Moore 2004). Where others send on that link as well, it is less than the link carries
//! and more than they leave. Where a radio delivers what it has collected, it is far too much, and says nothing.

/// What leaves within this many milliseconds of the packet before it is part of the same piece.
const TOGETHER: f64 = 1.0;
/// So many packets at least, of which the first one only tells when the link was free.
const LEAST: u32 = 3;
/// What each piece leaves of the weight of those before it: about a second's pieces count.
const KEPT: f64 = 0.95;
/// Nothing is said before the pieces weigh so much.
const ENOUGH: f64 = 4.0;
/// After so many microseconds without a piece nothing is known any more: pictures of one packet do not tell of a link that has become wider.
const STALE: i64 = 2_000_000;

/// See the module.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Dispersion {
    piece: Piece,
    /// Of the pieces so far, the latest most.
    bytes: f64,
    micros: f64,
    weight: f64,
    /// Microseconds since the latest of them.
    since: i64,
}

/// The packets that have left together, but for the first one's bytes.
#[derive(Debug, Clone, Copy, Default)]
struct Piece {
    packets: u32,
    bytes: usize,
    micros: i64,
}

impl Dispersion {
    /// Takes a packet that was sent and came so long after the one before it, in milliseconds and microseconds.
    pub(super) fn add(&mut self, sent: f64, came: i64, bytes: usize) {
        self.since = self.since.saturating_add(came);
        if (0.0..TOGETHER).contains(&sent) {
            self.piece.packets += 1;
            self.piece.bytes += bytes;
            self.piece.micros += came;
            return;
        }
        let piece = std::mem::replace(&mut self.piece, Piece { packets: 1, bytes: 0, micros: 0 });
        if piece.packets >= LEAST && piece.micros > 0 {
            if self.since > STALE {
                (self.bytes, self.micros, self.weight) = (0.0, 0.0, 0.0);
            }
            self.since = 0;
            self.bytes = KEPT * self.bytes + piece.bytes as f64;
            self.micros = KEPT * self.micros + piece.micros as f64;
            self.weight = KEPT * self.weight + 1.0;
        }
    }

    /// Bit/s, where enough has been seen.
    pub(super) fn carries(&self) -> Option<f64> {
        (self.weight >= ENOUGH && self.since <= STALE).then(|| self.bytes * 8e6 / self.micros)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// After so many pieces of five packets of 1,000 bytes, 40 ms apart, on a link of so many bit/s.
    fn after(pieces: u32, link: f64) -> Dispersion {
        let mut dispersion = Dispersion::default();
        feed(&mut dispersion, pieces, link);
        dispersion
    }

    fn feed(dispersion: &mut Dispersion, pieces: u32, link: f64) {
        let takes = (8e9 / link) as i64;
        for _ in 0..pieces {
            dispersion.add(40.0, 40_000 - 4 * takes, 1_000);
            for _ in 0..4 {
                dispersion.add(0.05, takes, 1_000);
            }
        }
    }

    #[test]
    fn pieces_tell_what_the_narrowest_link_carries() {
        for link in [3e5, 1e6, 2e7] {
            let carries = after(40, link).carries().unwrap();
            assert!((carries / link - 1.0).abs() < 0.01, "{carries}");
        }
    }

    #[test]
    fn a_link_that_has_become_wider_shows_within_a_second() {
        let mut dispersion = after(100, 5e5);
        feed(&mut dispersion, 25, 3e6);
        let carries = dispersion.carries().unwrap();
        assert!(carries > 1e6, "{carries}");
    }

    #[test]
    fn what_has_not_shown_for_a_while_is_not_known_any_more() {
        let mut dispersion = after(100, 1e5);
        for _ in 0..60 {
            dispersion.add(40.0, 40_000, 500);
        }
        assert_eq!(dispersion.carries(), None);
        feed(&mut dispersion, 2, 3e6);
        assert_eq!(dispersion.carries(), None, "too few to say");
        feed(&mut dispersion, 4, 3e6);
        let carries = dispersion.carries().unwrap();
        assert!((carries / 3e6 - 1.0).abs() < 0.01, "{carries}");
    }

    #[test]
    fn packets_that_leave_one_by_one_tell_nothing() {
        let mut dispersion = Dispersion::default();
        for _ in 0..1_000 {
            dispersion.add(5.0, 5_000, 1_000);
        }
        assert_eq!(dispersion.carries(), None);
    }

    #[test]
    fn packets_that_come_all_at_once_or_in_another_order_tell_nothing_wrong() {
        let mut dispersion = Dispersion::default();
        for _ in 0..100 {
            dispersion.add(40.0, 40_000, 1_000);
            for _ in 0..4 {
                dispersion.add(0.05, 0, 1_000);
            }
            dispersion.add(-3.0, -10, 1_000);
        }
        assert_eq!(dispersion.carries(), None);
    }
}
