use signaling_wire::browser::MediaPolicy;

use super::{Config, Layer, Secret, file};

#[test]
fn an_unknown_key_names_the_nearest_valid_one() {
    let error = file::parse("publc_url = \"https://x.example\"").expect_err("unknown key");
    assert!(error.contains("publc_url") && error.contains("\"public_url\""), "{error}");
}

#[test]
fn every_listed_key_is_one_the_layer_takes() {
    for key in Layer::KEYS {
        // A table fits no setting, so the error must be about the value's type, not the key.
        let error = file::parse(&format!("[{key}]\nx = 1")).expect_err("wrong type");
        assert!(!error.contains("unknown field"), "{key}: {error}");
    }
}

#[test]
fn flags_and_environment_win_over_the_file_and_the_file_over_defaults() {
    let dir = tempfile::tempdir().expect("temp dir");
    let path = dir.path().join("vitrine.toml");
    std::fs::write(&path, "shop = \"From file\"\nmedia_port = 4000\n").expect("write");
    let over = Layer { config: Some(path), media_port: Some(5000), ..Layer::default() };
    let config = Config::load(over).expect("valid");
    assert_eq!(config.shop.as_str(), "From file");
    assert_eq!(config.media_port, 5000);
    assert_eq!(config.region, "local");
}

#[test]
fn media_is_private_unless_the_configuration_says_instant() {
    assert_eq!(Config::default().media_policy, MediaPolicy::Private);
    let file = file::parse("media_policy = \"instant\"").expect("valid");
    let mut config = Config::default();
    file.apply(&mut config);
    assert_eq!(config.media_policy, MediaPolicy::Instant);
    let error = file::parse("media_policy = \"open\"").expect_err("no such policy");
    assert!(error.contains("`private`") && error.contains("`instant`"), "{error}");
}

#[test]
fn a_secret_is_neither_printed_nor_logged() {
    let config = Config {
        cluster_secret: Some(Secret::new("correct horse battery staple 12345")),
        turn_secret: Some(Secret::new("horse as well")),
        ..Config::default()
    };
    let shown = format!("{config:?}{}", toml::to_string(&config).expect("serializable"));
    assert!(!shown.contains("horse"), "{shown}");
}

#[test]
fn impossible_values_are_refused_in_words() {
    for (layer, word) in [
        (Layer { public_url: Some("shop.example".into()), ..Layer::default() }, "public_url"),
        (
            Layer { cluster_secret: Some(Secret::new("short")), ..Layer::default() },
            "cluster_secret",
        ),
        (Layer { turn_urls: Some(vec!["https://x".into()]), ..Layer::default() }, "turn_urls"),
        (Layer { turn_urls: Some(vec!["turn:x".into()]), ..Layer::default() }, "turn_secret"),
        (Layer { turn_secret: Some(Secret::new("x")), ..Layer::default() }, "turn_urls"),
    ] {
        let error = Config::load(layer).expect_err(word).to_string();
        assert!(error.contains(word), "{error}");
    }
}

#[test]
fn a_shared_store_is_secret_and_needs_an_address_for_the_other_instances() {
    let file = file::parse("store = \"postgres://u:pass@db/x\"\ncontrol_listen = \"0.0.0.0:1\"");
    let mut config = Config::default();
    file.expect("valid").apply(&mut config);
    let error = config.check().expect_err("nobody could reach it").to_string();
    assert!(error.contains("control_address"), "{error}");
    config.control_address = Some("a.internal:7443".to_owned());
    config.check().expect("complete");
    let shown = toml::to_string(&config).expect("shown");
    assert!(shown.contains("store = \"(redacted)\"") && !shown.contains("pass"), "{shown}");
    assert!(!format!("{config:?}").contains("pass"));
}
