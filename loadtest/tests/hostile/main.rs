//! Strangers throw everything they have at a running deployment while a call is on, and the call
//! does not notice.
//!
//! * [`datagrams`]: at the media ports, in a stranger's name and in a leg's own;
//! * [`web`]: at the public listener and the control port.
#![allow(clippy::unwrap_used, reason = "a test fails by panicking")]

mod datagrams;
#[path = "../support/mod.rs"]
mod support;
mod tap;
mod web;

use std::{sync::Arc, time::Duration};

use loadtest::report::CallReport;
use signaling_wire::browser::Role;
use support::Deployment;
use tap::{Class, Taps};

/// Reasons for which the node drops a datagram, each of which must have been met.
const REASONS: [&str; 8] = [
    "malformed",
    "unknown_ufrag",
    "unauthenticated_check",
    "replayed_check",
    "unknown_source",
    "dtls",
    "srtp_auth",
    "srtp_replay",
];

/// Enough for a busy machine that builds other things meanwhile.
const PATIENCE: Duration = Duration::from_secs(30);

/// More loss than without any attack that is still called none: a test machine that is short of
/// processor time drops a datagram now and then.
const NO_LOSS: f64 = 0.01;

async fn until<F: Future<Output = bool>>(what: &str, mut is_so: impl FnMut() -> F) {
    let wait = async {
        while !is_so().await {
            tokio::time::sleep(Duration::from_millis(100)).await;
        }
    };
    tokio::time::timeout(PATIENCE, wait).await.unwrap_or_else(|_| panic!("{what}: never"));
}

/// Both legs send sound and pictures, and have told the node how well they receive.
async fn call_is_on(taps: &Taps) {
    until("both sides talk", || async {
        [Role::Shopper, Role::Agent].iter().all(|&side| {
            taps.has(side)
                && taps.captured(side, Class::Rtp).len() > 50
                && !taps.captured(side, Class::Rtcp).is_empty()
        })
    })
    .await;
}

fn worst_loss(report: &CallReport) -> f64 {
    [Role::Shopper, Role::Agent]
        .iter()
        .filter_map(|&side| report.side(side).heard.as_ref())
        .flat_map(|heard| [heard.audio.loss, heard.video.loss])
        .fold(0.0, f64::max)
}

async fn dropped(deployment: &Deployment, reason: &str) -> f64 {
    deployment.metric("sfu_datagrams_dropped_total", &[("reason", reason)]).await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_call_does_not_notice_an_attack() {
    let deployment = Deployment::start().await;

    let taps = Arc::new(Taps::default());
    let call = deployment.call(Some(taps.clone())).await;
    call_is_on(&taps).await;
    let peaceful = call.end().await;
    assert_eq!(peaceful.failure, None);

    let mut before = Vec::new();
    for reason in REASONS {
        before.push(dropped(&deployment, reason).await);
    }
    let taps = Arc::new(Taps::default());
    let call = deployment.call(Some(taps.clone())).await;
    call_is_on(&taps).await;
    let on_the_wire = tokio::task::spawn_blocking({
        let taps = taps.clone();
        move || datagrams::attack(&taps)
    });
    web::attack(&deployment).await;
    on_the_wire.await.expect("the attack was carried out");
    for (reason, before) in REASONS.iter().zip(before) {
        until(&format!("{reason} counted"), || async {
            dropped(&deployment, reason).await > before
        })
        .await;
    }
    assert!(!call.is_over(), "the attack was over before the call was");
    let attacked = call.end().await;

    assert_eq!(attacked.failure, None);
    let (loss, usual) = (worst_loss(&attacked), worst_loss(&peaceful));
    assert!(loss <= usual + NO_LOSS, "{:.2} % lost, usually {:.2} %", loss * 100.0, usual * 100.0);
    let id = attacked.call.expect("a call");
    let record = deployment.api().call_record(id).await.expect("its record");
    assert_eq!(record["epoch"], 1, "nobody had to come back");
    assert_eq!(record["end_reason"], "shopper_hung_up");

    for page in ["/livez", "/readyz"] {
        deployment.admin(page).await;
    }
    assert_eq!(deployment.metric("sfu_worker_failures_total", &[]).await, 0.0);
    assert!(deployment.metric("signaling_token_rejected_total", &[]).await > 0.0);
    assert!(deployment.metric("signaling_ws_rejected_total", &[]).await > 0.0);
    deployment.stop().await;
}

/// A check that was good once is not good again from somewhere else: whoever overheard it could
/// otherwise have the call's media sent to themselves.
#[tokio::test(flavor = "multi_thread")]
async fn an_overheard_check_does_not_steal_a_leg() {
    let deployment = Deployment::start().await;
    let taps = Arc::new(Taps::default());
    let call = deployment.call(Some(taps.clone())).await;
    call_is_on(&taps).await;

    let stolen = tokio::task::spawn_blocking({
        let taps = taps.clone();
        move || datagrams::steal(&taps, Role::Agent)
    })
    .await
    .expect("the theft was tried");

    assert_eq!(stolen, 0, "packets of the call were sent to a stranger");
    let report = call.end().await;
    assert_eq!(report.failure, None);
    assert!(worst_loss(&report) <= NO_LOSS, "{report:?}");
    deployment.stop().await;
}
