//! Over a database of two networks, written here in MaxMind's format (version 2.0).

use std::{fs, net::Ipv4Addr};

use super::*;

const FRANKFURT: Location = Location { latitude: 50.11, longitude: 8.68 };
const SINGAPORE: Location = Location { latitude: 1.35, longitude: 103.82 };

/// The metadata of a database begins after these bytes.
const MARKER: &[u8] = b"\xab\xcd\xefMaxMind.com";
/// Zero bytes between the search tree and the data.
const SEPARATOR: [u8; 16] = [0; 16];

/// Control byte of the data format: type in the upper three bits, size in the lower five.
fn control(kind: u8, size: usize) -> u8 {
    kind << 5 | size as u8
}

fn text(text: &str) -> Vec<u8> {
    [&[control(2, text.len())], text.as_bytes()].concat()
}

fn double(value: f64) -> Vec<u8> {
    [&[control(3, 8)][..], &value.to_be_bytes()].concat()
}

fn uint(kind: u8, value: u32) -> Vec<u8> {
    [&[control(kind, 4)][..], &value.to_be_bytes()].concat()
}

fn map(pairs: &[(&str, Vec<u8>)]) -> Vec<u8> {
    let mut bytes = vec![control(7, pairs.len())];
    for (key, value) in pairs {
        bytes.extend(text(key));
        bytes.extend(value);
    }
    bytes
}

fn record(at: Location) -> Vec<u8> {
    let location = map(&[("latitude", double(at.latitude)), ("longitude", double(at.longitude))]);
    map(&[("location", location)])
}

/// A database in which `192.0.2.0/24` is in one place and `198.51.100.0/24` in another.
fn database() -> Vec<u8> {
    let networks =
        [(Ipv4Addr::new(192, 0, 2, 0), FRANKFURT), (Ipv4Addr::new(198, 51, 100, 0), SINGAPORE)];
    // Nodes of the search tree: the child for a bit, `Err` where a network's data is.
    let mut nodes: Vec<[Option<Result<u32, u32>>; 2]> = vec![[None; 2]];
    let mut data = Vec::new();
    for (network, location) in networks {
        let mut node = 0;
        for depth in 0..24 {
            let bit = (u32::from(network) >> (31 - depth) & 1) as usize;
            if depth == 23 {
                nodes[node][bit] = Some(Err(data.len() as u32));
            } else {
                let next = match nodes[node][bit] {
                    Some(Ok(next)) => next as usize,
                    _ => {
                        nodes.push([None; 2]);
                        nodes.len() - 1
                    }
                };
                nodes[node][bit] = Some(Ok(next as u32));
                node = next;
            }
        }
        data.extend(record(location));
    }
    let count = nodes.len() as u32;
    let mut file = Vec::new();
    for slot in nodes.into_iter().flatten() {
        let value = match slot {
            None => count,
            Some(Ok(node)) => node,
            Some(Err(at)) => count + SEPARATOR.len() as u32 + at,
        };
        file.extend_from_slice(&value.to_be_bytes()[1..]);
    }
    file.extend(SEPARATOR);
    file.extend(data);
    file.extend(MARKER);
    file.extend(map(&[
        ("node_count", uint(6, count)),
        ("record_size", vec![control(5, 2), 0, 24]),
        ("ip_version", vec![control(5, 2), 0, 4]),
        ("database_type", text("Test-City")),
        // An empty array (type 11, extended).
        ("languages", vec![0, 4]),
        ("binary_format_major_version", vec![control(5, 2), 0, 2]),
        ("binary_format_minor_version", vec![control(5, 2), 0, 0]),
        // A 64-bit number (type 9, extended) of no bytes.
        ("build_epoch", vec![0, 2]),
        ("description", map(&[])),
    ]));
    file
}

/// `192.0.2.0/24` is in Frankfurt and `198.51.100.0/24` in Singapore.
pub(crate) fn two_places() -> Geo {
    let directory = tempfile::tempdir().expect("temp dir");
    let path = directory.path().join("city.mmdb");
    fs::write(&path, database()).expect("written");
    Geo::open(&path).expect("a database")
}

#[test]
fn addresses_are_found_and_unknown_ones_are_nowhere() {
    let geo = two_places();
    let at = |text: &str| geo.locate(text.parse().expect("an address"));
    assert_eq!(at("192.0.2.77"), Some(FRANKFURT));
    assert_eq!(at("198.51.100.1"), Some(SINGAPORE));
    assert_eq!(at("203.0.113.1"), None);
    assert_eq!(at("2001:db8::1"), None);
}

#[test]
fn a_file_that_is_no_database_is_a_sentence() {
    let directory = tempfile::tempdir().expect("temp dir");
    let path = directory.path().join("city.mmdb");
    fs::write(&path, "no database").expect("written");
    let error = Geo::open(&path).expect_err("refused").to_string();
    assert!(error.contains("geoip_database") && error.contains("city.mmdb"), "{error}");
}

#[test]
fn distances_are_those_of_the_globe() {
    let far = FRANKFURT.km_to(SINGAPORE);
    assert!((10_200.0..10_400.0).contains(&far), "{far}");
    assert_eq!(FRANKFURT.km_to(FRANKFURT), 0.0);
    let across = Location { latitude: 0.0, longitude: 179.5 };
    let other = Location { latitude: 0.0, longitude: -179.5 };
    assert!((100.0..120.0).contains(&across.km_to(other)), "over the date line");
}
