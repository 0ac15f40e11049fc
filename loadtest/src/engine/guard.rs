//! Never a weapon: who may be called how much.

use crate::drive::Target;

/// Calls at a time, or a second, that any deployment whose key one has may be given: a probe, a
/// smoke test.
pub const FEW: f64 = 5.0;

/// A target that may not be given that much.
#[derive(Debug, Clone, PartialEq, thiserror::Error)]
#[error(
    "{target} is not on the list of targets that may be given more than {FEW} calls at a time; \
     name its host there if it is yours to test ({host})"
)]
pub struct NotAllowed {
    target: String,
    host: String,
}

/// Whether `target` may be given a load that peaks at `peak` calls, or calls a second. `list` has
/// host names, each with or without a port; this machine is always on it.
///
/// # Errors
/// [`NotAllowed`].
pub fn allowed(
    target: &Target,
    peak: f64,
    list: impl IntoIterator<Item = impl AsRef<str>>,
) -> Result<(), NotAllowed> {
    let (host, with_port) = (target.host(), target.host_and_port());
    let listed =
        |entry: &str| entry.eq_ignore_ascii_case(host) || entry.eq_ignore_ascii_case(&with_port);
    if peak <= FEW || target.is_local() || list.into_iter().any(|entry| listed(entry.as_ref())) {
        return Ok(());
    }
    Err(NotAllowed { target: target.to_string(), host: host.to_owned() })
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: [&str; 0] = [];

    fn target(url: &str) -> Target {
        Target::parse(url).unwrap()
    }

    #[test]
    fn strangers_get_a_few_calls_and_no_more() {
        let shop = target("https://shop.example/calls");
        assert!(allowed(&shop, FEW, NONE).is_ok());
        let error = allowed(&shop, 6.0, ["other.example"]).unwrap_err();
        assert!(error.to_string().contains("shop.example"), "{error}");
    }

    #[test]
    fn who_is_listed_gets_all() {
        let shop = target("https://shop.example:8443");
        for entry in ["shop.example", "SHOP.example", "shop.example:8443"] {
            assert!(allowed(&shop, 500.0, [entry]).is_ok(), "{entry}");
        }
        for entry in ["shop.example:443", "example", "shop.example.net", ""] {
            assert!(allowed(&shop, 500.0, [entry]).is_err(), "{entry}");
        }
    }

    #[test]
    fn this_machine_is_always_listed() {
        assert!(allowed(&target("http://localhost:8080"), 500.0, NONE).is_ok());
    }
}
