//! What is taken from a node's answer.

use std::net::SocketAddr;

use light_peer::Credentials;

/// The other end, from its answer.
#[derive(Debug, Clone)]
pub struct Answer {
    /// ICE.
    pub credentials: Credentials,
    /// Where it may be reached over UDP, best first.
    pub candidates: Vec<SocketAddr>,
}

/// An answer without something that is needed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadAnswer {
    /// No ICE credentials.
    #[error("the answer has no ICE credentials")]
    Credentials,
    /// No UDP candidate.
    #[error("the answer has no UDP candidate")]
    Candidates,
}

/// Candidates that are checked: more than a host has addresses.
const MAX_CANDIDATES: usize = 8;

impl Answer {
    /// Reads an answer.
    ///
    /// # Errors
    /// [`BadAnswer`].
    pub fn parse(sdp: &str) -> Result<Self, BadAnswer> {
        let value = |name: &str| {
            let line = sdp.lines().find_map(|line| line.strip_prefix(name));
            line.map(|value| value.trim().to_owned()).ok_or(BadAnswer::Credentials)
        };
        let credentials = Credentials { ufrag: value("a=ice-ufrag:")?, pwd: value("a=ice-pwd:")? };
        let mut candidates: Vec<(u32, SocketAddr)> = Vec::new();
        for (priority, address) in sdp.lines().filter_map(candidate) {
            // Bundled sections repeat them.
            if candidates.len() < MAX_CANDIDATES && candidates.iter().all(|(_, a)| *a != address) {
                candidates.push((priority, address));
            }
        }
        if candidates.is_empty() {
            return Err(BadAnswer::Candidates);
        }
        candidates.sort_by_key(|(priority, _)| std::cmp::Reverse(*priority));
        let candidates = candidates.into_iter().map(|(_, address)| address).collect();
        Ok(Self { credentials, candidates })
    }
}

/// Priority and address of a UDP candidate over IPv4: `candidate:<foundation> <component>
/// <transport> <priority> <address> <port> …`. The legs' sockets are IPv4.
fn candidate(line: &str) -> Option<(u32, SocketAddr)> {
    let mut words = line.strip_prefix("a=candidate:")?.split_ascii_whitespace().skip(2);
    let udp = words.next()?.eq_ignore_ascii_case("udp");
    let priority = words.next()?.parse().ok()?;
    let address = SocketAddr::new(words.next()?.parse().ok()?, words.next()?.parse().ok()?);
    (udp && address.is_ipv4()).then_some((priority, address))
}

#[cfg(test)]
mod tests {
    use super::*;

    const CREDENTIALS: &str = "a=ice-ufrag:u\r\na=ice-pwd:p\r\n";

    #[test]
    fn udp_candidates_are_taken_once_and_best_first() {
        let sdp = format!(
            "{CREDENTIALS}a=candidate:1 1 tcp 9 192.0.2.9 9 typ host tcptype passive\r\n\
             a=candidate:2 1 udp 2 192.0.2.1 50000 typ host\r\n\
             a=candidate:3 1 UDP 3 192.0.2.2 50000 typ host\r\n\
             a=candidate:4 1 udp 4 2001:db8::1 50000 typ host\r\n\
             a=candidate:2 1 udp 2 192.0.2.1 50000 typ host\r\n"
        );
        let answer = Answer::parse(&sdp).unwrap();
        let expected: [SocketAddr; 2] =
            ["192.0.2.2:50000", "192.0.2.1:50000"].map(|text| text.parse().unwrap());
        assert_eq!(answer.candidates, expected);
    }

    #[test]
    fn what_is_missing_is_named() {
        assert_eq!(Answer::parse("v=0\r\n").unwrap_err(), BadAnswer::Credentials);
        assert_eq!(Answer::parse(CREDENTIALS).unwrap_err(), BadAnswer::Candidates);
    }
}
