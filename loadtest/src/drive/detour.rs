//! A detour for a leg's datagrams: something of ours between the leg and the node, such as a tap or
//! an impaired network.

use std::net::{IpAddr, SocketAddr};

use signaling_wire::browser::Role;

/// Stands between legs and their nodes.
pub trait Detour: Send + Sync {
    /// The address that the leg of `side` is to send to instead of `node`. Called once per leg,
    /// when its answer has arrived.
    ///
    /// # Errors
    /// When there is no way round.
    fn take(&self, side: Role, node: SocketAddr) -> std::io::Result<SocketAddr>;
}

/// The answer with the way through `detour` as its only candidate.
pub(super) fn apply(detour: &dyn Detour, side: Role, answer: &str) -> std::io::Result<String> {
    let node = answer
        .lines()
        .find_map(candidate)
        .ok_or_else(|| std::io::Error::other("the answer has no UDP candidate"))?;
    let way = detour.take(side, node)?;
    let mut kept = false;
    let mut out = String::with_capacity(answer.len());
    for line in answer.lines() {
        if !line.starts_with("a=candidate:") {
            out.push_str(line);
        } else if candidate(line) == Some(node) && !std::mem::replace(&mut kept, true) {
            let mut words: Vec<String> = line.split(' ').map(str::to_owned).collect();
            words[ADDRESS] = way.ip().to_string();
            words[PORT] = way.port().to_string();
            out.push_str(&words.join(" "));
        } else {
            continue;
        }
        out.push_str("\r\n");
    }
    Ok(out)
}

/// Places in `candidate:<foundation> <component> <transport> <priority> <address> <port> …`.
const TRANSPORT: usize = 2;
const ADDRESS: usize = 4;
const PORT: usize = 5;

/// The address of a UDP candidate over IPv4.
fn candidate(line: &str) -> Option<SocketAddr> {
    let words: Vec<_> = line.strip_prefix("a=candidate:")?.split(' ').collect();
    let ip: IpAddr = words.get(ADDRESS)?.parse().ok()?;
    let udp = words[TRANSPORT].eq_ignore_ascii_case("udp") && ip.is_ipv4();
    udp.then_some(SocketAddr::new(ip, words.get(PORT)?.parse().ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    struct To(SocketAddr);

    impl Detour for To {
        fn take(&self, _: Role, node: SocketAddr) -> std::io::Result<SocketAddr> {
            assert_eq!(node, SocketAddr::from(([10, 0, 0, 1], 5000)));
            Ok(self.0)
        }
    }

    #[test]
    fn the_only_candidate_left_is_the_way_round() {
        let answer = "v=0\r\n\
            a=candidate:1 1 tcp 1 10.0.0.1 5000 typ host tcptype passive\r\n\
            a=candidate:2 1 udp 2 10.0.0.1 5000 typ host\r\n\
            a=candidate:3 1 udp 3 127.0.0.1 5000 typ host\r\n\
            a=sendrecv\r\n";

        let changed = apply(&To("127.0.0.1:9".parse().unwrap()), Role::Agent, answer).unwrap();

        assert_eq!(changed, "v=0\r\na=candidate:2 1 udp 2 127.0.0.1 9 typ host\r\na=sendrecv\r\n");
    }

    #[test]
    fn an_answer_without_candidates_is_an_error() {
        assert!(apply(&To("127.0.0.1:9".parse().unwrap()), Role::Agent, "v=0\r\n").is_err());
    }
}
