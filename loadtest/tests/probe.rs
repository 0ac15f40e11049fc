//! The `probe` command as a pipeline meets it: the program, its output and its exit code.

mod support;

use std::process::{Command, Output};

use support::Deployment;

async fn probe(arguments: &[&str], key: &str) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_loadtest"));
    command.arg("probe").args(arguments).env("VITRINE_API_KEY", key);
    // Elsewhere: the server under test runs on this test's own threads.
    tokio::task::spawn_blocking(move || command.output().expect("the program runs"))
        .await
        .expect("the program is waited for")
}

fn code(output: &Output) -> i32 {
    output.status.code().expect("an exit code")
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

#[tokio::test(flavor = "multi_thread")]
async fn a_good_deployment_passes() {
    let deployment = Deployment::start().await;
    let arguments = ["--url", &deployment.url(), "--hold", "2", "--patience", "30", "--json"];
    let output = probe(&arguments, &deployment.api_key()).await;

    assert_eq!(code(&output), 0, "{}{}", text(&output.stdout), text(&output.stderr));
    let report: serde_json::Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(report["failure"], serde_json::Value::Null);
    for side in ["shopper", "agent"] {
        for kind in ["audio", "video"] {
            let stream = &report[side]["heard"][kind];
            assert!(stream["received"].as_u64() > Some(0), "{side} {kind}: {stream}");
        }
        let stages = report[side]["stages"].as_array().expect("stages");
        for stage in ["socket", "welcome", "leg_answer", "ice", "dtls", "call_started"] {
            assert!(stages.iter().any(|mark| mark["stage"] == stage), "{side} reaches {stage}");
        }
        let key_frames = report[side]["heard"]["key_frames"].as_u64();
        assert!(key_frames > Some(0), "the {side} gets a key frame");
    }

    let call = report["call"].as_str().expect("a call").parse().expect("a call id");
    let record = deployment.api().call_record(call).await.expect("the record");
    assert_eq!(record["synthetic"], true);
    assert_eq!(record["end_reason"], "shopper_hung_up");
    assert_eq!(record["satisfaction"]["score"], 5);
    assert_eq!(record["wrap_up"]["outcome"], "no_reason");
    assert_eq!(record["epoch"], 1, "one bridge was enough");
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_table_is_printed_for_people() {
    let deployment = Deployment::start().await;
    let arguments = ["--url", &deployment.url(), "--hold", "0.5", "--patience", "30"];
    let output = probe(&arguments, &deployment.api_key()).await;

    let table = text(&output.stdout);
    assert_eq!(code(&output), 0, "{table}{}", text(&output.stderr));
    for words in ["DTLS connected", "first complete key frame", "agent, video", "PASSED  call_"] {
        assert!(table.contains(words), "{words:?} in\n{table}");
    }
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_wrong_key_is_called_so() {
    let deployment = Deployment::start().await;
    let output = probe(&["--url", &deployment.url()], "not-the-key").await;

    assert_eq!(code(&output), 2);
    assert!(text(&output.stderr).contains("does not accept the API key"), "{output:?}");
    assert!(!text(&output.stderr).contains("not-the-key"), "keys are not printed");
    deployment.stop().await;
}

#[tokio::test(flavor = "multi_thread")]
async fn nobody_there_is_called_unreachable() {
    // Bound and dropped: nobody listens on it, and it is not likely to be taken at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let output = probe(&["--url", &format!("http://127.0.0.1:{port}")], "key").await;

    assert_eq!(code(&output), 3);
    assert!(text(&output.stderr).contains("cannot be reached"), "{output:?}");
}

#[tokio::test(flavor = "multi_thread")]
async fn wrong_usage_is_explained() {
    for (arguments, key, words) in [
        (&["--url", "localhost:8080"][..], "key", "http://"),
        (&["--hold", "0"], "key", "--hold"),
        (&["--no-such-flag"], "key", "--no-such-flag"),
        (&["--api-key-file", "/no/such/file"], "", "/no/such/file"),
        (&[], " ", "API key"),
    ] {
        let output = probe(arguments, key).await;
        assert_eq!(code(&output), 2, "{arguments:?}: {output:?}");
        assert!(text(&output.stderr).contains(words), "{arguments:?}: {output:?}");
    }
}
