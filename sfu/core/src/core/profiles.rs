//! Which SRTP profiles to offer to whom.

use std::{
    net::IpAddr,
    time::{Duration, Instant},
};

use arrayvec::ArrayVec;

use crate::dtls::Profiles;

/// Addresses remembered. Peers without GCM are no browsers: there are few of them.
const MAX_ADDRESSES: usize = 64;
/// How long an address is remembered: several tries of a client that comes back with a new leg.
/// Meanwhile browsers behind the same address get the slower profile, which does no harm.
const REMEMBERED_FOR: Duration = Duration::from_secs(600);

/// Addresses from which a handshake has failed. A peer without GCM is one reason for that, and
/// cannot be told from the others: the next handshake with that address offers every profile.
#[derive(Debug, Default)]
pub(super) struct ProfileMemory {
    /// In the order of their last failures.
    failed: ArrayVec<(IpAddr, Instant), MAX_ADDRESSES>,
}

impl ProfileMemory {
    /// What to offer to a peer there.
    pub(super) fn for_address(&self, now: Instant, address: IpAddr) -> Profiles {
        let is_recent = |at| now.saturating_duration_since(at) < REMEMBERED_FOR;
        if self.failed.iter().any(|&(failed, at)| failed == address && is_recent(at)) {
            Profiles::All
        } else {
            Profiles::Gcm128
        }
    }

    /// A handshake with a peer there has failed.
    pub(super) fn failed(&mut self, now: Instant, address: IpAddr) {
        self.failed.retain(|&mut (known, _)| known != address);
        if self.failed.is_full() {
            self.failed.remove(0);
        }
        self.failed.push((address, now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn address(n: u8) -> IpAddr {
        IpAddr::from([192, 0, 2, n])
    }

    #[test]
    fn failure_widens_the_offer_there_and_for_a_while() {
        let start = Instant::now();
        let mut memory = ProfileMemory::default();
        memory.failed(start, address(1));
        assert_eq!(memory.for_address(start, address(1)), Profiles::All);
        assert_eq!(memory.for_address(start, address(2)), Profiles::Gcm128);
        assert_eq!(memory.for_address(start + REMEMBERED_FOR, address(1)), Profiles::Gcm128);
    }

    #[test]
    fn oldest_failure_makes_room() {
        let now = Instant::now();
        let mut memory = ProfileMemory::default();
        for n in 0..=MAX_ADDRESSES as u8 {
            memory.failed(now, address(n));
            memory.failed(now, address(1));
        }
        assert_eq!(memory.for_address(now, address(0)), Profiles::Gcm128);
        assert_eq!(memory.for_address(now, address(1)), Profiles::All);
        assert_eq!(memory.for_address(now, address(MAX_ADDRESSES as u8)), Profiles::All);
    }
}
