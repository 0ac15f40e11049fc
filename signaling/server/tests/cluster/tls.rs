//! TLS to the database, as `sslmode` asks for it.

use signaling_server::{config::Secret, store::Postgres};

use super::database::Cluster;

/// Debian's own certificate is among those that a Debian system trusts, so this one is named.
const ANOTHER: &str =
    concat!("sslrootcert=", env!("CARGO_MANIFEST_DIR"), "/tests/cluster/another-authority.pem");

const ENCRYPTED: &str = "SELECT ssl FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)
    WHERE application_name = 'vitrine-signaling' AND datname = current_database()";

/// Whether the database sees an encrypted connection of a store that was opened so, or why there is none.
async fn connect(url: &str, looking: &tokio_postgres::Client) -> Result<bool, String> {
    let store = Postgres::open(&Secret::new(url)).await.map_err(|error| error.to_string())?;
    let rows = looking.query(ENCRYPTED, &[]).await.expect("asked");
    store.close();
    // It ends with the store, but not in the same moment.
    while !looking.query(ENCRYPTED, &[]).await.expect("asked").is_empty() {
        tokio::time::sleep(std::time::Duration::from_millis(5)).await;
    }
    assert!(!rows.is_empty(), "the store holds a connection");
    Ok(rows.iter().all(|row| row.get(0)))
}

#[tokio::test]
async fn sslmode_is_what_libpq_makes_of_it() {
    let mut cluster = Cluster::start();
    let certificate = cluster.certificate();
    let url = cluster.database().await;
    let (base, _) = url.expose().split_once("?sslmode=disable").expect("the script says so");
    let by_name = base.replace("127.0.0.1", "localhost");
    let (looking, connection) =
        tokio_postgres::connect(url.expose(), tokio_postgres::NoTls).await.expect("connected");
    tokio::spawn(connection);
    let trusting = |mode: &str| format!("?sslmode={mode}&sslrootcert={certificate}");

    assert_eq!(connect(&format!("{base}?sslmode=disable"), &looking).await, Ok(false));
    assert_eq!(connect(base, &looking).await, Ok(true), "it is offered");
    assert_eq!(connect(&format!("{base}?sslmode=require"), &looking).await, Ok(true));
    assert_eq!(connect(&format!("{base}{}", trusting("verify-ca")), &looking).await, Ok(true));
    assert_eq!(connect(&format!("{by_name}{}", trusting("verify-full")), &looking).await, Ok(true));

    let refused = [
        (format!("{base}{}", trusting("verify-full")), "it is for another name"),
        (format!("{by_name}?sslmode=verify-full&{ANOTHER}"), "nobody vouches for it"),
        (format!("{base}?sslmode=verify-ca&{ANOTHER}"), "nobody vouches for it"),
        (format!("{base}?sslmode=verify-ca&sslrootcert=/nowhere.pem"), "there is no such file"),
    ];
    for (url, why) in refused {
        let error = connect(&url, &looking).await.expect_err(why);
        assert!(error.contains("ertificate") || error.contains("nowhere"), "{why}: {error}");
    }
}
