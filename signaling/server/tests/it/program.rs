//! The program itself: its exit codes, its sentences, its three lines.

use std::{
    io::{BufRead, BufReader},
    net::TcpListener,
    path::Path,
    process::{Child, Command, Output, Stdio},
};

fn signaling(directory: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_signaling"));
    let any = "127.0.0.1:0";
    command
        .env_clear()
        .current_dir(directory)
        .args(["--listen", any, "--admin-listen", any, "--control-listen", any])
        .args(["--media-port", "0", "--media-addresses", "127.0.0.1"]);
    command
}

fn run(command: &mut Command) -> Output {
    command.output().expect("ran")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

/// Starts the server and reads its three lines.
fn start(directory: &Path) -> (Child, Vec<String>) {
    let mut child =
        signaling(directory).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("started");
    let out = BufReader::new(child.stdout.take().expect("piped"));
    let lines = out.lines().take(3).map(|line| line.expect("text")).collect();
    (child, lines)
}

fn stop(mut child: Child) {
    let killed = Command::new("kill").args(["-TERM", &child.id().to_string()]).status();
    assert!(killed.expect("ran").success());
    assert!(child.wait().expect("ended").success(), "a clean end");
}

#[test]
fn three_lines_and_the_next_start_continues() {
    let directory = tempfile::tempdir().expect("temp dir");
    let (child, lines) = start(directory.path());
    assert!(lines[0].starts_with("Agent console  http://localhost:"), "{lines:?}");
    assert!(lines[0].contains("/agent#signin="), "{lines:?}");
    assert!(lines[1].starts_with("Shopper link   http://localhost:"), "{lines:?}");
    assert!(lines[1].contains("/join#"), "{lines:?}");
    assert!(lines[2].starts_with("Data           /"), "{lines:?}");

    // Next to the running server, on the same data and with its address.
    let base = lines[1].split("/join#").next().and_then(|l| l.split_whitespace().last());
    let link = run(signaling(directory.path()).args(["link", "--name", "Ann", "--expires", "1h"]));
    assert!(text(&link.stdout).starts_with(base.expect("an address")), "{link:?}");
    let added = run(signaling(directory.path()).args(["agent", "add", "Mai", "--language", "th"]));
    let added = text(&added.stdout);
    let id = added.lines().next().expect("an id");
    assert!(id.starts_with("agt_") && added.contains("#signin="), "{added}");
    let key = text(&run(signaling(directory.path()).arg("api-key")).stdout);
    stop(child);

    let (child, _) = start(directory.path());
    let agents = text(&run(signaling(directory.path()).args(["agent", "list"])).stdout);
    assert!(agents.contains(id) && agents.lines().count() == 2, "{agents}");
    assert_eq!(text(&run(signaling(directory.path()).arg("api-key")).stdout), key);
    let again = run(signaling(directory.path()).args(["agent", "link", id]));
    assert!(text(&again.stdout).contains("#signin="), "{again:?}");
    assert!(run(signaling(directory.path()).arg("rotate-keys")).status.success());
    stop(child);
}

/// Runs it to its end: it must complain in one line and say nothing else.
fn complaint(command: &mut Command, code: i32) -> String {
    let output = run(command);
    let (out, err) = (text(&output.stdout), text(&output.stderr));
    assert_eq!(output.status.code(), Some(code), "{out}{err}");
    let sentences: Vec<_> = err.lines().filter(|line| line.starts_with("signaling: ")).collect();
    assert_eq!(sentences.len(), 1, "{err}");
    assert!(!err.contains("panicked") && !err.contains("os error"), "{err}");
    assert_eq!(out, "");
    sentences[0].to_owned()
}

#[test]
fn a_taken_port_gets_a_sentence() {
    let directory = tempfile::tempdir().expect("temp dir");
    let taken = TcpListener::bind("127.0.0.1:0").expect("bound");
    let address = taken.local_addr().expect("bound").to_string();
    for flag in ["--listen", "--admin-listen"] {
        let mut command = Command::new(env!("CARGO_BIN_EXE_signaling"));
        let any = if flag == "--listen" { "--admin-listen" } else { "--listen" };
        command.env_clear().current_dir(directory.path());
        command.args([flag, &address, any, "127.0.0.1:0", "--control-listen", "127.0.0.1:0"]);
        command.args(["--media-port", "0"]);
        let sentence = complaint(&mut command, 1);
        assert!(sentence.contains(&address) && sentence.contains("already taken"), "{sentence}");
    }
}

#[test]
fn an_unusable_directory_gets_a_sentence() {
    let directory = tempfile::tempdir().expect("temp dir");
    let file = directory.path().join("file");
    std::fs::write(&file, "in the way").expect("written");
    for path in [file.clone(), file.join("below"), Path::new("/proc/vitrine").to_owned()] {
        let sentence = complaint(signaling(directory.path()).arg("--data-dir").arg(&path), 1);
        assert!(sentence.contains("data directory"), "{sentence}");
    }
}

#[test]
fn two_servers_do_not_share_a_directory() {
    let directory = tempfile::tempdir().expect("temp dir");
    let (child, _) = start(directory.path());
    let sentence = complaint(&mut signaling(directory.path()), 1);
    assert!(sentence.contains("in use"), "{sentence}");
    stop(child);
}

#[test]
fn a_bad_configuration_gets_a_sentence_and_code_2() {
    let directory = tempfile::tempdir().expect("temp dir");
    let file = directory.path().join("vitrine.toml");
    std::fs::write(&file, "publc_url = \"https://calls.shop.example\"").expect("written");
    let mut command = signaling(directory.path());
    let sentence = complaint(command.arg("--config").arg(&file).arg("check-config"), 2);
    assert!(sentence.contains("publc_url") && sentence.contains("public_url"), "{sentence}");
    let sentence = complaint(signaling(directory.path()).args(["--log", "=,="]), 2);
    assert!(sentence.contains("log"), "{sentence}");
}

#[test]
fn the_effective_configuration_is_shown_without_secrets() {
    let directory = tempfile::tempdir().expect("temp dir");
    let file = directory.path().join("vitrine.toml");
    std::fs::write(&file, "shop = \"From file\"\nhost = \"From file\"\nregion = \"file\"\n")
        .expect("written");
    let output = run(signaling(directory.path())
        .arg("check-config")
        .arg("--config")
        .arg(&file)
        .args(["--region", "flag"])
        .env("VITRINE_REGION", "environment")
        .env("VITRINE_HOST", "From environment")
        .env("VITRINE_CLUSTER_SECRET", "correct horse battery staple tree"));
    let shown = text(&output.stdout);
    for line in ["shop = \"From file\"", "host = \"From environment\"", "region = \"flag\""] {
        assert!(shown.contains(line), "{line} is not in\n{shown}");
    }
    assert!(
        shown.contains("cluster_secret = \"(redacted)\"") && !shown.contains("horse"),
        "{shown}"
    );
}
