//! Names in the environment that look like settings and are none.

use super::{Layer, file::nearest};

const PREFIX: &str = "VITRINE_";

/// Variables that nothing here reads, and what they may have been meant to be.
///
/// They are worth a warning and not more: `VITRINE_SFU_…` belongs to `sfu`, and Kubernetes makes up
/// names like `VITRINE_PORT_8080_TCP` for a service that is called `vitrine`.
pub fn unknown_variables(names: impl Iterator<Item = String>) -> Vec<(String, String)> {
    let unknown = names.filter_map(|name| {
        let key = name.strip_prefix(PREFIX)?.to_ascii_lowercase();
        let others = ["sfu_", "port", "service_", "api_key"];
        let known = key == "config" || Layer::KEYS.contains(&key.as_str());
        if known || others.iter().any(|other| key.starts_with(other)) {
            return None;
        }
        Some((name, format!("{PREFIX}{}", nearest(&key).to_ascii_uppercase())))
    });
    unknown.collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_typing_mistake_is_noticed_and_other_peoples_names_are_not() {
        let names = [
            "PATH",
            "VITRINE_CONFIG",
            "VITRINE_LISTEN",
            "VITRINE_SFU_REGION",
            "VITRINE_PORT_8080_TCP",
            "VITRINE_SERVICE_HOST",
            "VITRINE_PUBLC_URL",
        ];
        let unknown = unknown_variables(names.into_iter().map(str::to_owned));
        assert_eq!(unknown, [("VITRINE_PUBLC_URL".to_owned(), "VITRINE_PUBLIC_URL".to_owned())]);
    }
}
