//! The deployment that is called.

use reqwest::Url;

/// The public address of a deployment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Target(Url);

/// A text that is not the address of a deployment.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{url:?} is not the address of a deployment: {reason}")]
pub struct BadTarget {
    url: String,
    reason: String,
}

impl Target {
    /// An `http` URL, for example `http://localhost:8080`.
    ///
    /// # Errors
    /// [`BadTarget`] when it is anything else.
    pub fn parse(text: &str) -> Result<Self, BadTarget> {
        let bad = |reason: String| BadTarget { url: text.to_owned(), reason };
        let mut url = Url::parse(text).map_err(|error| bad(error.to_string()))?;
        if !matches!(url.scheme(), "http" | "https") {
            return Err(bad("it must begin with http:// or https://".into()));
        }
        if url.host_str().is_none_or(str::is_empty) {
            return Err(bad("it names no host".into()));
        }
        if !url.path().ends_with('/') {
            url.set_path(&format!("{}/", url.path()));
        }
        url.set_query(None);
        url.set_fragment(None);
        Ok(Self(url))
    }

    /// The address of an HTTP resource, its path without the leading slash.
    pub(super) fn http(&self, path: &str) -> String {
        format!("{}{path}", self.0)
    }

    /// The address of the WebSocket.
    pub(super) fn websocket(&self) -> String {
        self.http("ws").replacen("http", "ws", 1)
    }

    /// Its host's name or address.
    pub fn host(&self) -> &str {
        self.0.host_str().unwrap_or_default()
    }

    /// Its host and port, the usual ones included.
    pub fn host_and_port(&self) -> String {
        let port = self.0.port_or_known_default().unwrap_or_default();
        format!("{}:{port}", self.host())
    }

    /// Whether the deployment is on this machine, as far as its name says.
    pub fn is_local(&self) -> bool {
        match self.0.host_str() {
            Some("localhost" | "[::1]") => true,
            Some(host) => host.parse().is_ok_and(|ip: std::net::Ipv4Addr| ip.is_loopback()),
            None => false,
        }
    }
}

impl std::fmt::Display for Target {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.0.as_str().trim_end_matches('/'))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_are_added_to_the_address() {
        let plain = Target::parse("http://localhost:8080").unwrap();
        assert_eq!(plain.http("v1/links"), "http://localhost:8080/v1/links");
        assert_eq!(plain.websocket(), "ws://localhost:8080/ws");
        assert_eq!(plain.to_string(), "http://localhost:8080");

        let under_a_path = Target::parse("https://shop.example/calls?x=1#y").unwrap();
        assert_eq!(under_a_path.websocket(), "wss://shop.example/calls/ws");
    }

    #[test]
    fn other_texts_are_refused() {
        for text in ["", "localhost:8080", "ftp://localhost", "http://"] {
            assert!(Target::parse(text).is_err(), "{text:?}");
        }
    }

    #[test]
    fn local_is_told_by_name() {
        for (url, local) in [
            ("http://localhost", true),
            ("http://127.0.0.1:1", true),
            ("http://[::1]:1", true),
            ("http://192.0.2.1", false),
            ("https://shop.example", false),
        ] {
            assert_eq!(Target::parse(url).unwrap().is_local(), local, "{url}");
        }
    }
}
