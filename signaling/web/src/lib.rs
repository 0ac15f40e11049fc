//! The two pages of Vitrine, as files: the shopper page and the agent console.
//!
//! They are plain ES2022 modules with JSDoc types: no build step, no framework, no third-party
//! request. A release build carries them inside the binary; a debug build reads them from
//! `assets/` on every request, so that editing a file and reloading the page is enough.
//!
//! | URL | [`get`] path |
//! |---|---|
//! | `/join` | `join.html` |
//! | `/agent` | `agent.html` |
//! | `/assets/<rest>` | `<rest>`, for example `shared/socket.js` |
//!
//! Data flow: the HTML names its modules below `/assets/`. A release build writes a digest of all
//! files into those addresses (`/assets/~3f2a…/shared/socket.js`; relative imports carry it on), so
//! that a browser keeps the modules for a year and still gets all of a new version at once.
//!
//! Start reading at `assets/join.html` and `assets/join/main.js`; what both pages share is in
//! `assets/shared/`.

use std::{borrow::Cow, fmt::Write as _, sync::LazyLock};

use rust_embed::RustEmbed;

#[derive(RustEmbed)]
#[folder = "assets/"]
struct Files;

/// Headers every response of [`get`] should carry.
///
/// The policy allows nothing but this origin's own files: no inline script or style, no `eval`, no
/// HTML made from strings, no framing by another site.
pub const SECURITY_HEADERS: [(&str, &str); 5] = [
    (
        "content-security-policy",
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; \
         media-src 'self' blob:; connect-src 'self'; manifest-src 'self'; base-uri 'none'; \
         form-action 'none'; frame-ancestors 'none'; require-trusted-types-for 'script'; \
         trusted-types vitrine-worker",
    ),
    ("permissions-policy", "camera=(self), microphone=(self), display-capture=(self)"),
    ("referrer-policy", "no-referrer"),
    ("x-content-type-options", "nosniff"),
    ("cross-origin-opener-policy", "same-origin"),
];

/// For addresses that carry the digest of their content.
const CACHE_FOR_EVER: &str = "public, max-age=31536000, immutable";
/// For addresses whose content changes: ask each time, the `ETag` makes it cheap.
const CACHE_ASK: &str = "no-cache";

/// One file of the pages.
#[derive(Debug, Clone)]
pub struct Asset {
    /// The content.
    pub bytes: Cow<'static, [u8]>,
    /// Value for `Content-Type`.
    pub mime: &'static str,
    /// Value for `ETag`, quotes included.
    pub etag: String,
    /// Value for `Cache-Control`.
    pub cache_control: &'static str,
}

/// The file at `path`, which is what follows `/assets/` in the URL, or `join.html`, or `agent.html`.
pub fn get(path: &str) -> Option<Asset> {
    let (version, path) = split_version(path);
    let mime = mime(path)?;
    let file = Files::get(path)?;
    let mut bytes = file.data;
    let mut etag = format!("\"{}\"", hex(&file.metadata.sha256_hash()[..16]));
    if let (Some(digest), true) = (DIGEST.as_deref(), path.ends_with(".html")) {
        let html = String::from_utf8_lossy(&bytes)
            .replace("\"/assets/", &format!("\"/assets/{VERSION_MARK}{digest}/"));
        bytes = Cow::Owned(html.into_bytes());
        // A page changes whenever one of its modules does.
        etag = format!("\"{digest}-{}\"", path.len());
    }
    let current = version.is_some() && version == DIGEST.as_deref();
    let cache_control = if current { CACHE_FOR_EVER } else { CACHE_ASK };
    Some(Asset { bytes, mime, etag, cache_control })
}

/// Marks the version segment of an address. No file starts with it.
const VERSION_MARK: char = '~';

fn split_version(path: &str) -> (Option<&str>, &str) {
    match path.strip_prefix(VERSION_MARK).and_then(|rest| rest.split_once('/')) {
        Some((version, rest)) => (Some(version), rest),
        None => (None, path),
    }
}

/// A digest of all files together; none in a debug build, where they may change at any time.
static DIGEST: LazyLock<Option<String>> = LazyLock::new(|| {
    if cfg!(debug_assertions) {
        return None;
    }
    let mut paths: Vec<_> = Files::iter().collect();
    paths.sort();
    // The hashes of the parts are cryptographic; folding them with FNV only has to notice change.
    let mut digest = 0xcbf2_9ce4_8422_2325_u64;
    for path in paths {
        let hash = Files::get(&path)?.metadata.sha256_hash();
        for byte in path.bytes().chain(hash) {
            digest = (digest ^ u64::from(byte)).wrapping_mul(0x0100_0000_01b3);
        }
    }
    Some(hex(&digest.to_be_bytes()))
});

fn mime(path: &str) -> Option<&'static str> {
    Some(match path.rsplit_once('.')?.1 {
        "html" => "text/html; charset=utf-8",
        "css" => "text/css; charset=utf-8",
        "js" => "text/javascript; charset=utf-8",
        "svg" => "image/svg+xml",
        _ => return None,
    })
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(bytes.len() * 2), |mut text, byte| {
        // Writing to a `String` cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests;
