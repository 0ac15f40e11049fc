//! The PostgreSQL store; what it holds is tested by the contract suite.

use std::time::Duration;

use signaling_desk::{
    Millis,
    store::{Applied, Store, StoreError, Verb, contract},
};
use signaling_server::{
    config::Secret,
    store::{
        Postgres,
        postgres::{OpenError, Term},
    },
};

use super::database::{self, Cluster};

const LEASE: Duration = Duration::from_secs(60);

async fn open() -> Postgres {
    Postgres::open(&database::fresh().await).await.expect("opened")
}

#[tokio::test]
async fn keeps_the_contract() {
    contract::all(open).await;
}

#[tokio::test]
async fn keeps_the_contract_for_a_desk_that_leads() {
    let leading = || async {
        let store = open().await;
        let term = store.leadership().take(Term(0), "a", "127.0.0.1:1", LEASE).await;
        store.of_desk(term.expect("asked").expect("taken"))
    };
    contract::all(leading).await;
}

#[tokio::test]
async fn nothing_of_a_deposed_desk_is_stored() {
    let store = open().await;
    let leadership = store.leadership();
    let nobody = leadership.look().await.expect("asked");
    assert_eq!((nobody.term, nobody.holder.as_str()), (Term(0), ""));
    assert!(nobody.over_for.is_some(), "anybody may begin");

    let moment = Duration::from_millis(50);
    let first = leadership.take(Term(0), "a", "x:1", moment).await.expect("asked").expect("taken");
    assert_eq!(leadership.take(Term(0), "b", "x:2", LEASE).await, Ok(None), "somebody was faster");
    let old = store.of_desk(first);
    assert_eq!(old.apply(Verb::Alive { at: Millis(1) }).await, Ok(Applied::Done));
    tokio::time::sleep(moment * 2).await;

    let over = leadership.look().await.expect("asked");
    assert!(over.term == first && over.over_for.is_some(), "{over:?}");
    // Over, but nobody has taken it: a desk whose database was away goes on.
    assert_eq!(leadership.renew(first, LEASE).await, Ok(true));
    assert_eq!(leadership.take(first, "b", "x:2", LEASE).await, Ok(None), "renewed");
    assert_eq!(leadership.renew(first, moment).await, Ok(true));
    tokio::time::sleep(moment * 2).await;
    let second = leadership.take(first, "b", "x:2", LEASE).await.expect("asked").expect("taken");
    assert!(second > first);

    assert_eq!(leadership.renew(first, LEASE).await, Ok(false));
    assert_eq!(old.apply(Verb::Alive { at: Millis(9) }).await, Err(StoreError::Deposed));
    let new = store.of_desk(second);
    assert_eq!(new.restore().await.expect("asked").alive_at, Some(Millis(1)));
    assert_eq!(new.apply(Verb::Alive { at: Millis(2) }).await, Ok(Applied::Done));
    let now = leadership.look().await.expect("asked");
    assert_eq!((now.term, now.address.as_str(), now.over_for), (second, "x:2", None));
}

#[tokio::test]
async fn instances_that_start_at_once_make_the_tables_once() {
    let url = database::fresh().await;
    let (a, b, c) = tokio::join!(Postgres::open(&url), Postgres::open(&url), Postgres::open(&url));
    for store in [a, b, c] {
        store.expect("opened").check().await.expect("writable");
    }
}

#[tokio::test]
async fn says_what_is_wrong_with_a_database() {
    for address in ["localhost/vitrine", "mysql://localhost/vitrine", "postgres://x?nonsense=1"] {
        let error = Postgres::open(&Secret::new(address)).await.expect_err(address);
        assert!(matches!(error, OpenError::Address(_)), "{address}: {error}");
    }
    let nobody = Secret::new("postgres://vitrine@127.0.0.1:1/vitrine");
    let error = Postgres::open(&nobody).await.expect_err("nobody listens");
    assert!(error.to_string().contains("refused"), "{error}");

    let url = database::fresh().await;
    Postgres::open(&url).await.expect("opened");
    let (client, connection) =
        tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    client.batch_execute("UPDATE vitrine_schema SET version = 999").await.expect("changed");
    let error = Postgres::open(&url).await.expect_err("too new");
    assert!(matches!(error, OpenError::TooNew { found: 999, .. }), "{error}");
    // A standby, or a database that an operator has locked, reads but does not write.
    client.batch_execute("UPDATE vitrine_schema SET version = 1").await.expect("changed");
    let store = Postgres::open(&url).await.expect("opened");
    let lock = "DO $$ BEGIN EXECUTE format(
        'ALTER DATABASE %I SET default_transaction_read_only = on', current_database()); END $$";
    client.batch_execute(lock).await.expect("locked");
    let away = Postgres::open(&url).await.expect_err("cannot write").to_string();
    assert!(away.contains("read-only"), "{away}");
    drop(store);
}

#[tokio::test]
async fn a_database_that_was_away_is_found_again() {
    let mut cluster = Cluster::start();
    let store = Postgres::open(&cluster.database().await).await.expect("opened");
    assert_eq!(store.apply(Verb::Alive { at: Millis(1) }).await, Ok(Applied::Done));
    cluster.command("stop", "stopped");
    for _ in 0..3 {
        let away = store.apply(Verb::Alive { at: Millis(2) }).await;
        assert!(matches!(away, Err(StoreError::Unavailable(_))), "{away:?}");
    }
    cluster.command("start", "started");
    assert_eq!(store.restore().await.expect("asked").alive_at, Some(Millis(1)), "as it was left");
    assert_eq!(store.apply(Verb::Alive { at: Millis(3) }).await, Ok(Applied::Done));
}
