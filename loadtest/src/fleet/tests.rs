use tokio::{
    net::TcpListener,
    sync::{mpsc, watch},
};

use super::*;
use crate::{
    drive::{Clock, api::ApiKey},
    engine::Stop,
    plan::{Load, Run},
};

const TOKEN: &str = "0123456789abcdef0123456789abcdef";

fn token(text: &str) -> Token {
    Token::parse(text).unwrap()
}

fn plan(stage: &str) -> Run {
    Run::new("fleet".parse().unwrap(), Load::parse(&[stage]).unwrap())
}

/// A worker for a deployment that is not there, and its address.
async fn worker(allow: Vec<String>) -> String {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let address = listener.local_addr().unwrap().to_string();
    let worker = Worker { token: token(TOKEN), key: ApiKey::new("key"), allow, threads: Some(1) };
    tokio::spawn(async move { serve(&worker, listener).await });
    address
}

#[tokio::test]
async fn who_does_not_know_the_token_is_refused() {
    let address = worker(Vec::new()).await;
    let wrong = token(&TOKEN.replace('0', "1"));
    let refused = connect(&[address], &wrong, "http://localhost:1", &plan("1@1s"), 0.0).await;

    assert!(refused.unwrap_err().to_string().contains("token"));
}

#[tokio::test]
async fn a_worker_keeps_to_its_own_list_of_targets() {
    let shop = "http://shop.example";
    let listed = worker(vec!["shop.example".to_owned()]).await;
    let unlisted = worker(Vec::new()).await;

    let much = plan("100@1s");
    assert!(connect(&[listed], &token(TOKEN), shop, &much, 0.0).await.is_ok());
    let refused = connect(&[unlisted], &token(TOKEN), shop, &much, 0.0).await.unwrap_err();
    assert!(refused.to_string().contains("shop.example"), "{refused}");
}

#[tokio::test]
async fn what_stops_a_worker_is_told() {
    // Bound and dropped: nobody listens on it, and it is not likely to be taken at once.
    let port = std::net::TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}");
    let addresses = [worker(Vec::new()).await, worker(Vec::new()).await];
    let plan = plan("1@1s");
    let fleet = connect(&addresses, &token(TOKEN), &url, &plan, 0.0).await.unwrap();
    let (events, _told) = mpsc::unbounded_channel();
    let (_stop, stopped) = watch::channel(Stop::GoOn);

    let failed = fleet.run(&plan, Clock::start(), events, stopped).await.unwrap_err();
    assert!(failed.to_string().contains("cannot be reached"), "{failed}");
}
