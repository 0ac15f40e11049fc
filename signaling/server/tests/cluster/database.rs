//! A PostgreSQL for this test program: `deploy/postgres` starts it when the first test asks, and
//! ends it, with all its files, when the program has ended.

use std::{
    io::{BufRead, BufReader, Write},
    process::{Child, ChildStdin, ChildStdout, Command, Stdio},
    sync::{
        OnceLock,
        atomic::{AtomicU32, Ordering},
    },
};

use signaling_server::config::Secret;

const SCRIPT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../../deploy/postgres");

/// A cluster. It lives as long as the pipe to its script.
pub(crate) struct Cluster {
    script: Child,
    commands: Option<ChildStdin>,
    answers: BufReader<ChildStdout>,
    url: String,
}

impl Cluster {
    /// A cluster of one's own, for a test that takes it down.
    pub(crate) fn start() -> Self {
        let mut script = Command::new(SCRIPT)
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("deploy/postgres runs");
        let commands = script.stdin.take();
        let answers = BufReader::new(script.stdout.take().expect("piped"));
        let mut cluster = Self { script, commands, answers, url: String::new() };
        cluster.url = cluster.line();
        assert!(cluster.url.starts_with("postgres://"), "PostgreSQL starts: {:?}", cluster.url);
        cluster
    }

    /// Takes the database down, as a crash would, or brings it up again.
    pub(crate) fn command(&mut self, command: &str, answer: &str) {
        assert_eq!(self.ask(command), answer);
    }

    /// The file with the certificate that it shows, which is for "localhost" and vouches for itself.
    pub(crate) fn certificate(&mut self) -> String {
        self.ask("certificate")
    }

    fn ask(&mut self, command: &str) -> String {
        let commands = self.commands.as_mut().expect("open until dropped");
        writeln!(commands, "{command}").expect("the script listens");
        self.line()
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.answers.read_line(&mut line).expect("the script answers");
        line.trim().to_owned()
    }

    /// The address of a new, empty database.
    pub(crate) async fn database(&self) -> Secret {
        new_database(&self.url).await
    }
}

impl Drop for Cluster {
    fn drop(&mut self) {
        // The end of its input is what ends the script.
        drop(self.commands.take());
        self.script.wait().expect("the script ends");
    }
}

/// A new, empty database of the cluster that all tests of this program share.
pub(crate) async fn fresh() -> Secret {
    static SHARED: OnceLock<Cluster> = OnceLock::new();
    new_database(&SHARED.get_or_init(Cluster::start).url).await
}

async fn new_database(url: &str) -> Secret {
    static DATABASES: AtomicU32 = AtomicU32::new(0);
    let name = format!("test_{}", DATABASES.fetch_add(1, Ordering::Relaxed));
    let (client, connection) =
        tokio_postgres::connect(url, tokio_postgres::NoTls).await.expect("connected");
    let connection = tokio::spawn(connection);
    client.batch_execute(&format!("CREATE DATABASE {name}")).await.expect("created");
    drop(client);
    connection.await.expect("ran").expect("closed");
    Secret::new(url.replace("/postgres?", &format!("/{name}?")))
}
