//! JSON values, one a line, over TCP.

use serde::{Serialize, de::DeserializeOwned};
use tokio::{
    io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader, BufWriter},
    net::{
        TcpStream,
        tcp::{OwnedReadHalf, OwnedWriteHalf},
    },
};

/// Longest line: a second of media of a call at 10 Mbit/s, many times over.
const LONGEST: u64 = 4 << 20;

/// Reads values.
pub(super) struct Reader(BufReader<OwnedReadHalf>);

/// Writes values.
pub(super) struct Writer(BufWriter<OwnedWriteHalf>);

/// Why a line could not be carried.
#[derive(Debug, thiserror::Error)]
pub(super) enum LineError {
    #[error(transparent)]
    Io(#[from] std::io::Error),
    #[error("a line that is none of this protocol: {0}")]
    Strange(#[from] serde_json::Error),
    #[error("the other end is gone")]
    Gone,
    #[error("a line that is too long")]
    Long,
}

/// Both directions of a connection.
pub(super) fn lines(stream: TcpStream) -> (Reader, Writer) {
    // A go must not wait for an acknowledgement.
    let _ = stream.set_nodelay(true);
    let (reader, writer) = stream.into_split();
    (Reader(BufReader::new(reader)), Writer(BufWriter::new(writer)))
}

impl Reader {
    pub(super) async fn read<T: DeserializeOwned>(&mut self) -> Result<T, LineError> {
        let mut line = Vec::new();
        let read = (&mut self.0).take(LONGEST).read_until(b'\n', &mut line).await?;
        match (read, line.last()) {
            (_, Some(b'\n')) => Ok(serde_json::from_slice(&line)?),
            (read, _) if read as u64 == LONGEST => Err(LineError::Long),
            _ => Err(LineError::Gone),
        }
    }
}

impl Writer {
    /// Writes a value; it leaves with [`Writer::flush`].
    pub(super) async fn write(&mut self, value: &impl Serialize) -> Result<(), LineError> {
        let mut line = serde_json::to_vec(value)?;
        line.push(b'\n');
        self.0.write_all(&line).await?;
        Ok(())
    }

    pub(super) async fn flush(&mut self) -> Result<(), LineError> {
        Ok(self.0.flush().await?)
    }
}
