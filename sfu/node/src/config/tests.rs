//! Layers, checks and redaction.

use std::{fs, path::PathBuf};

use super::{FileError, Layer, Settings, SettingsError};

const SECRET: &str = "0123456789abcdef0123456789abcdef";

fn layer(toml: &str) -> Layer {
    toml::from_str(toml).unwrap()
}

fn minimal() -> Layer {
    layer(r#"signaling = ["signaling.example:7443"]"#)
}

#[test]
fn upper_layer_wins_key_by_key() {
    let file = layer("region = \"eu\"\nbase_port = 1\nsignaling = [\"a:1\"]");
    let flags = layer("base_port = 2");
    let settings = Settings::new(flags.over(file), Some(SECRET)).unwrap();
    assert_eq!((settings.region.as_str(), settings.base_port), ("eu", 2));
}

#[test]
fn unknown_keys_and_broken_files_are_errors_with_their_place() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("sfu.toml");
    assert!(matches!(Layer::from_file(&path), Err(FileError::Unreadable { .. })));
    fs::write(&path, "regoin = \"eu\"").unwrap();
    let error = Layer::from_file(&path).unwrap_err().to_string();
    assert!(error.contains("regoin") && error.contains("sfu.toml"), "{error}");
}

#[test]
fn contradictions_and_gaps_are_named() {
    let check = |layer: Layer, secret: Option<&str>| Settings::new(layer, secret).unwrap_err();
    assert!(matches!(check(Layer::default(), Some(SECRET)), SettingsError::NoSignaling));
    assert!(matches!(check(minimal(), None), SettingsError::NoSecret));
    assert!(matches!(check(minimal(), Some("short")), SettingsError::Secret(_)));
    let file = Layer { cluster_secret_file: Some(PathBuf::from("s")), ..minimal() };
    assert!(matches!(check(file, Some(SECRET)), SettingsError::TwoSecrets));
    for name in ["signaling.example", ":7443", "a:b", "a:70000"] {
        let bad = Layer { signaling: Some(vec![name.to_owned()]), ..Layer::default() };
        assert!(matches!(check(bad, Some(SECRET)), SettingsError::BadSignaling(_)), "{name}");
    }
    for address in ["somewhere", "203.0.113.7:0", "203.0.113.7:70000"] {
        assert!(toml::from_str::<Layer>(&format!("advertise = [{address:?}]")).is_err());
    }
    for delay in ["2001", "-1", "'2 ms'"] {
        assert!(toml::from_str::<Layer>(&format!("receive_delay = {delay}")).is_err(), "{delay}");
    }
    let region = Layer { region: Some(String::new()), ..minimal() };
    assert!(matches!(check(region, Some(SECRET)), SettingsError::BadRegion));
    let legs = Layer { max_legs_per_worker: Some(1), ..minimal() };
    assert!(matches!(check(legs, Some(SECRET)), SettingsError::NoLegs));
}

#[test]
fn printed_settings_hide_the_secret_and_can_be_read_back_without_it() {
    let mapped = layer(r#"advertise = ["203.0.113.7:40000", "2001:db8::7"]"#);
    let settings = Settings::new(mapped.over(minimal()), Some(SECRET)).unwrap();
    let printed = toml::to_string(&settings).unwrap();
    assert!(!printed.contains(SECRET) && !format!("{settings:?}").contains(SECRET));
    let without: String = printed
        .lines()
        .filter(|line| !line.starts_with("cluster_secret"))
        .collect::<Vec<_>>()
        .join("\n");
    let again = Settings::new(layer(&without), Some(SECRET)).unwrap();
    assert_eq!(toml::to_string(&again).unwrap(), printed);
}

#[test]
fn id_is_kept_in_its_file() {
    let directory = tempfile::tempdir().unwrap();
    let path = directory.path().join("node-id");
    let start = || {
        let layer = Layer { node_id_file: Some(path.clone()), ..minimal() };
        Settings::new(layer, Some(SECRET)).unwrap().into_node()
    };
    assert_eq!(start().unwrap().node, start().unwrap().node);
    fs::write(&path, "nonsense").unwrap();
    assert!(
        matches!(start(), Err(SettingsError::IdFile { .. })),
        "a damaged id must not be replaced"
    );
    assert_eq!(fs::read_to_string(&path).unwrap(), "nonsense");
}
