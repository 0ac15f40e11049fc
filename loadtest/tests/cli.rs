//! The program as a pipeline meets it: real processes against a real server, their exit codes and
//! the reports they leave.

mod support;

use std::{
    path::Path,
    process::{Child, Command, Output, Stdio},
    time::{Duration, Instant},
};

use support::Deployment;

fn loadtest(arguments: &[&str], key: &str) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.args(arguments).env("VITRINE_API_KEY", key).env_remove("VITRINE_LOADTEST_ALLOW");
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

/// Runs the program on a thread of its own: the server under test needs those of the test.
async fn run(arguments: &[&str], key: &str) -> Output {
    let mut command = loadtest(arguments, key);
    let output = tokio::task::spawn_blocking(move || command.output());
    output.await.expect("the program is waited for").expect("the program runs")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

fn all(output: &Output) -> String {
    text(&output.stdout) + &text(&output.stderr)
}

/// Two short calls with patience for a machine that builds other things meanwhile.
const SHORT: [&str; 10] =
    ["--calls", "2", "--duration", "3s", "--hold", "2s", "--patience", "30s", "--max-calls", "2"];

fn signal(child: &Child, signal: &str) {
    let killed = Command::new("kill").args([signal, &child.id().to_string()]).status();
    assert!(killed.expect("kill runs").success(), "{signal}");
}

fn read(path: &Path) -> String {
    std::fs::read_to_string(path).unwrap_or_else(|error| panic!("{}: {error}", path.display()))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_run_passes_and_leaves_every_report() {
    let deployment = Deployment::start().await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str| folder.path().join(name);
    let out = |form: &str| format!("{form}={}", file(form).display());
    let outs = ["json", "html", "csv", "junit"].map(out);
    let url = deployment.url();
    let metrics = format!("http://{}", deployment.server.admin_address());
    let mut arguments = vec!["run", "--url", &url, "--metrics", &metrics, "--label", "commit=abc"];
    arguments.extend(SHORT);
    arguments.extend(["--threshold", "calls_failed:rate==0", "--threshold"]);
    arguments.push("connect_seconds{side:agent}:count==2");
    outs.iter().for_each(|out| arguments.extend(["--out", out]));
    let output = run(&arguments, &deployment.api_key()).await;

    assert_eq!(code(&output), 0, "{}", all(&output));
    assert!(text(&output.stdout).contains("PASSED  run · 2 calls"), "{}", all(&output));
    let json: serde_json::Value = serde_json::from_str(&read(&file("json"))).unwrap();
    assert_eq!(json["verdict"]["is"], "passed");
    assert_eq!(json["labels"]["commit"], "abc");
    assert_eq!(json["figures"]["calls_completed"]["count"], 2);
    assert_eq!(json["figures"]["leaked_packets"]["count"], 0);
    assert!(json["figures"]["video_latency_seconds"]["count"].as_u64() > Some(50), "{json}");
    let server = &json["tally"]["health"]["servers"];
    assert!(
        server.to_string().contains(env!("CARGO_PKG_VERSION")),
        "the server's version: {server}"
    );
    assert!(read(&file("html")).contains("<h1>run</h1>"));
    assert!(read(&file("csv")).starts_with("at_seconds,open_calls,"));
    assert!(read(&file("junit")).contains("tests=\"4\" failures=\"0\" errors=\"0\""));

    // The same report against itself, and rendered again.
    let json = file("json").display().to_string();
    let compared = run(&["compare", &json, &json, "--max-regression", "1%"], "").await;
    assert_eq!(code(&compared), 0, "{}", all(&compared));
    let again = format!("html={}", file("again").display());
    assert_eq!(code(&run(&["report", &json, "--out", &again], "").await), 0);
    assert_eq!(read(&file("again")), read(&file("html")));
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_threshold_that_does_not_hold_fails() {
    let deployment = Deployment::start().await;
    let url = deployment.url();
    let mut arguments = vec!["run", "--url", &url];
    arguments.extend(SHORT);
    arguments.extend(["--threshold", "connect_seconds:p(95)<1us"]);
    let output = run(&arguments, &deployment.api_key()).await;
    assert_eq!(code(&output), 1, "{}", all(&output));
    assert!(text(&output.stdout).contains("MISS  connect_seconds:p(95)<0.000001"));
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_hopeless_run_is_ended() {
    let deployment = Deployment::start().await;
    let url = deployment.url();
    let began = Instant::now();
    let arguments = [
        "run",
        "--url",
        &url,
        "--calls",
        "2",
        "--duration",
        "10m",
        "--hold",
        "10m",
        "--patience",
        "30s",
        "--abort-on-fail",
        "--threshold",
        "audio_latency_seconds:max<1us",
    ];
    let output = run(&arguments, &deployment.api_key()).await;
    assert_eq!(code(&output), 1, "{}", all(&output));
    assert!(all(&output).contains("beyond hope"), "{}", all(&output));
    assert!(began.elapsed() < Duration::from_secs(300), "long before its time");
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn interrupted_once_it_hangs_up_and_reports() {
    let deployment = Deployment::start().await;
    let folder = tempfile::tempdir().unwrap();
    let json = folder.path().join("run.json");
    let out = format!("json={}", json.display());
    let url = deployment.url();
    let arguments = [
        "run",
        "--url",
        &url,
        "--calls",
        "2",
        "--duration",
        "10m",
        "--hold",
        "10m",
        "--patience",
        "30s",
        "--out",
        &out,
        "--prometheus",
        "127.0.0.1:0",
    ];
    let child = loadtest(&arguments, &deployment.api_key()).spawn().unwrap();
    // Both calls are up as soon as the server says so.
    while deployment.metric("signaling_calls", &[]).await < 2.0 {
        tokio::time::sleep(Duration::from_millis(100)).await;
    }
    signal(&child, "-INT");
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(code(&output), 130, "{}", all(&output));
    let json: serde_json::Value = serde_json::from_str(&read(&json)).unwrap();
    assert_eq!(json["verdict"]["is"], "interrupted");
    assert_eq!(json["figures"]["calls_started"]["count"], 2);
    let ended = deployment.metric("signaling_calls_ended_total", &[]).await;
    assert_eq!(ended as u64, 2, "both were hung up");
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_generator_that_cannot_keep_up_makes_the_run_invalid() {
    let deployment = Deployment::start().await;
    let url = deployment.url();
    let arguments = [
        "run",
        "--url",
        &url,
        "--calls",
        "2",
        "--duration",
        "8s",
        "--hold",
        "8s",
        "--patience",
        "30s",
        "--grace",
        "1s",
        "--threshold",
        "connect_seconds:max<1us",
    ];
    let child = loadtest(&arguments, &deployment.api_key()).spawn().unwrap();
    // What a machine does that has no time for it.
    for _ in 0..6 {
        tokio::time::sleep(Duration::from_millis(700)).await;
        signal(&child, "-STOP");
        tokio::time::sleep(Duration::from_millis(600)).await;
        signal(&child, "-CONT");
    }
    let output = tokio::task::spawn_blocking(|| child.wait_with_output()).await.unwrap().unwrap();
    assert_eq!(code(&output), 4, "{}", all(&output));
    assert!(all(&output).contains("INVALID"), "{}", all(&output));
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_and_nobody_there_are_told_apart() {
    let deployment = Deployment::start().await;
    let url = deployment.url();
    let mut arguments = vec!["run", "--url", &url];
    arguments.extend(SHORT);
    let output = run(&arguments, "not-the-key").await;
    assert_eq!(code(&output), 2, "{}", all(&output));
    assert!(!all(&output).contains("not-the-key"), "keys are not printed");
    deployment.stop().await;

    // Bound and dropped: nobody listens on it, and it is not likely to be taken at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let nobody = format!("http://127.0.0.1:{port}");
    let folder = tempfile::tempdir().unwrap();
    let out = format!("junit={}", folder.path().join("run.xml").display());
    let mut arguments = vec!["run", "--url", &nobody, "--out", &out];
    arguments.extend(SHORT);
    let output = run(&arguments, "key").await;
    assert_eq!(code(&output), 3, "{}", all(&output));
    assert!(all(&output).contains("cannot be reached"), "{}", all(&output));
    assert!(read(&folder.path().join("run.xml")).contains("errors=\"1\""));
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_explained() {
    let folder = tempfile::tempdir().unwrap();
    let scenario = folder.path().join("mine.toml");
    std::fs::write(&scenario, "name = \"mine\"\n[load]\nstagse = [\"1@1s\"]\n").unwrap();
    let scenario = scenario.display().to_string();
    for (arguments, words) in [
        (&["run"][..], "a scenario is wanted"),
        (&["run", "stedy"], "did you mean \"steady\"?"),
        (
            &["run", &scenario],
            "line 3: load.stagse: there is no such setting; did you mean \"stages\"?",
        ),
        (&["run", "--calls", "5"], "--duration is wanted"),
        (
            &["run", "smoke", "--threshold", "conect_seconds:max<1"],
            "did you mean \"connect_seconds\"?",
        ),
        (&["run", "smoke", "--impair", "lt"], "did you mean \"lte\"?"),
        (&["run", "smoke", "--out", "pdf=x"], "json=FILE"),
        (&["run", "smoke", "--out", "json=/no/such/folder/x"], "/no/such/folder"),
        (&["run", "smoke", "--url", "localhost"], "is not the address"),
        (&["run", "drain"], "--command drain="),
        (&["run", "smoke", "--command", "drain=true"], "no chaos step"),
        (&["run", "steady", "--url", "https://shop.example"], "--allow"),
        (&["run", "smoke", "--metrics", "nonsense"], "--metrics"),
        (&["check", &scenario], "line 3"),
        (&["check", "--stage", "1@1m", "--stage", "1/s@1m"], "all stages"),
        (&["compare", "/no/such/file", "/no/such/file"], "/no/such/file"),
        (&["compare", &scenario, &scenario], "no report"),
        (&["report", &scenario], "no report"),
        (&["scenarios", "nothing"], "neither a file nor a scenario"),
    ] {
        let output = run(arguments, "key").await;
        assert_eq!(code(&output), 2, "{arguments:?}: {}", all(&output));
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {}", all(&output));
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn check_prints_the_effective_plan() {
    let arguments = [
        "check",
        "steady",
        "--seed",
        "9",
        "--hold",
        "5s",
        "--region",
        "eu-west,us-east",
        "--threshold",
        "setup_seconds:max<9s",
    ];
    let output = run(&arguments, "").await;
    assert_eq!(code(&output), 0, "{}", all(&output));
    let printed = text(&output.stdout);
    for line in
        ["seed = 9", "hold = \"5s\"", "shopper = \"us-east\"", "    \"setup_seconds:max<9\","]
    {
        assert!(printed.lines().any(|printed| printed == line), "{line} in\n{printed}");
    }
    // What is printed is a scenario.
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("steady.toml");
    std::fs::write(&file, &printed).unwrap();
    let again = run(&["check", &file.display().to_string()], "").await;
    assert_eq!(text(&again.stdout), printed);
}

#[tokio::test(flavor = "multi_thread")]
async fn the_program_explains_itself() {
    let metrics = run(&["metrics"], "").await;
    assert!(text(&metrics.stdout).contains("connect_seconds"), "{}", all(&metrics));
    let scenarios = run(&["scenarios"], "").await;
    assert_eq!(text(&scenarios.stdout).lines().count(), 9, "{}", all(&scenarios));
    let steady = run(&["scenarios", "steady"], "").await;
    assert!(text(&steady.stdout).contains("name = \"steady\""));
}
