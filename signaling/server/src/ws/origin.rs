//! Which pages may open the WebSocket. Cookies travel with a WebSocket from any site, so the
//! `Origin` is what keeps another site's page from acting as the agent who is signed in.

use axum::http::{HeaderMap, header};

use crate::config::Config;

/// Whether the request comes from our own pages, from an allowed origin, or from no browser.
pub(super) fn is_allowed(headers: &HeaderMap, config: &Config) -> bool {
    // Browsers always send one; tools do not, and have no cookies to be abused.
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if config.public_url.as_deref().is_some_and(|url| same_origin(url, origin))
        || config.allowed_origins.iter().any(|allowed| same_origin(allowed, origin))
    {
        return true;
    }
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    let authority = origin.split_once("://").map(|(_, authority)| authority);
    host.is_some() && host == authority
}

/// Whether `url` has this origin (scheme and authority).
fn same_origin(url: &str, origin: &str) -> bool {
    url.strip_prefix(origin).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn allowed(origin: Option<&str>) -> bool {
        let mut headers = HeaderMap::new();
        headers.insert(header::HOST, "localhost:8080".parse().expect("valid"));
        if let Some(origin) = origin {
            headers.insert(header::ORIGIN, origin.parse().expect("valid"));
        }
        let config = Config {
            public_url: Some("https://calls.shop.example/help".to_owned()),
            allowed_origins: vec!["https://www.shop.example".to_owned()],
            ..Config::default()
        };
        is_allowed(&headers, &config)
    }

    #[test]
    fn own_pages_allowed_sites_and_tools_may_connect() {
        assert!(allowed(None));
        assert!(allowed(Some("http://localhost:8080")));
        assert!(allowed(Some("https://calls.shop.example")));
        assert!(allowed(Some("https://www.shop.example")));
    }

    #[test]
    fn other_sites_may_not() {
        for origin in [
            "null",
            "",
            "https://evil.example",
            "http://localhost:8081",
            "https://www.shop.example.evil.example",
            "https://www.shop.exampl",
            "https://",
        ] {
            assert!(!allowed(Some(origin)), "{origin:?}");
        }
    }
}
