use super::*;

/// What `name="…"` or `from "…"` names, as a path for [`get`].
fn references(text: &str, before: &str) -> Vec<String> {
    text.split(before)
        .skip(1)
        .filter_map(|rest| rest.split_once('"'))
        .map(|(value, _)| value.to_owned())
        .collect()
}

/// A file's text, without the version that a release build writes into addresses.
fn text(path: &str) -> String {
    let text = String::from_utf8(get(path).expect(path).bytes.into_owned()).expect("UTF-8");
    match DIGEST.as_deref() {
        Some(digest) => text.replace(&format!("{VERSION_MARK}{digest}/"), ""),
        None => text,
    }
}

#[test]
fn both_pages_and_all_they_name_are_there() {
    for page in ["join.html", "agent.html"] {
        let html = text(page);
        let named: Vec<_> = references(&html, "=\"/assets/");
        assert!(named.iter().any(|path| path.ends_with("main.js")), "{page} names its module");
        for path in named {
            assert!(get(&path).is_some(), "{page} names {path}");
        }
    }
}

#[test]
fn every_import_resolves() {
    for path in Files::iter().filter(|path| path.ends_with(".js")) {
        let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
        for import in references(&text(&path), "from \"") {
            let target = match import.strip_prefix("./") {
                Some(rest) => format!("{folder}/{rest}"),
                None => import.trim_start_matches("../").to_owned(),
            };
            assert!(get(&target).is_some(), "{path} imports {import}");
        }
    }
}

#[test]
fn pages_preload_every_module_they_import() {
    for page in ["join", "agent"] {
        let html = text(&format!("{page}.html"));
        let mut seen = vec![format!("{page}/main.js")];
        let mut next = 0;
        while let Some(path) = seen.get(next).cloned() {
            next += 1;
            assert!(html.contains(&format!("\"/assets/{path}\"")), "{page}.html preloads {path}");
            let folder = path.rsplit_once('/').map_or("", |(folder, _)| folder);
            for import in references(&text(&path), "from \"") {
                let target = match import.strip_prefix("./") {
                    Some(rest) => format!("{folder}/{rest}"),
                    None => import.trim_start_matches("../").to_owned(),
                };
                if !seen.contains(&target) {
                    seen.push(target);
                }
            }
        }
    }
}

#[test]
fn pages_have_nothing_inline_and_nothing_from_elsewhere() {
    for page in ["join.html", "agent.html"] {
        let html = text(page);
        assert!(!html.contains("<style") && !html.contains(" style="), "{page}: inline style");
        assert!(!html.contains(" onclick="), "{page}: inline handler");
        assert!(!html.contains("//cdn") && !html.contains("src=\"http"), "{page}: third party");
        for script in html.split("<script").skip(1) {
            assert!(script.trim_start().contains("src=\""), "{page}: inline script");
        }
    }
}

#[test]
fn files_outside_and_unknown_kinds_are_not_served() {
    assert!(get("../src/lib.rs").is_none());
    assert!(get("/etc/passwd").is_none());
    assert!(get("jsconfig.json").is_none());
    assert!(get("").is_none());
}

#[test]
fn an_old_version_gets_the_current_file_but_may_not_keep_it() {
    let asset = get("~0123456789abcdef/shared/socket.js").expect("current file");
    assert_eq!(asset.cache_control, CACHE_ASK);
    assert_eq!(asset.mime, "text/javascript; charset=utf-8");
}

#[test]
fn only_the_current_version_may_be_kept() {
    let html = String::from_utf8_lossy(&get("join.html").expect("join").bytes).into_owned();
    let named = references(&html, "type=\"module\" src=\"/assets/").remove(0);
    let asset = get(&named).expect("the page's module");
    // A debug build reads files that may change, so it names no version.
    let expected = if cfg!(debug_assertions) { CACHE_ASK } else { CACHE_FOR_EVER };
    assert_eq!(asset.cache_control, expected);
    assert_eq!(get("join.html").expect("join").cache_control, CACHE_ASK);
}

#[test]
fn etags_differ_between_files() {
    let (join, agent) = (get("join.html").expect("join"), get("agent.html").expect("agent"));
    assert_ne!(join.etag, agent.etag);
    assert_eq!(join.etag, get("join.html").expect("join").etag);
}
