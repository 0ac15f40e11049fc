//! Frames: a 32-bit big-endian length and that many bytes of JSON.

use std::io;

use bytes::{Buf, BytesMut};
use serde::{Serialize, de::DeserializeOwned};
use signaling_wire::limits::MAX_CONTROL_FRAME;
use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};

/// Bytes of the length prefix.
const PREFIX: usize = 4;

/// The stream cannot be used any further.
#[derive(Debug, thiserror::Error)]
pub enum FrameError {
    /// The frame is larger than allowed: [`MAX_CONTROL_FRAME`] on a control link.
    #[error("a frame of {0} bytes is larger than allowed")]
    TooLarge(usize),
    /// The frame is not the JSON of a message that we know.
    #[error("malformed message: {0}")]
    Malformed(#[from] serde_json::Error),
    /// The stream ended in the middle of a frame.
    #[error("the stream ended in the middle of a frame")]
    Cut,
    /// The stream failed.
    #[error(transparent)]
    Io(#[from] io::Error),
}

/// Reads frames from a stream.
#[derive(Debug)]
pub struct FrameReader<R> {
    stream: R,
    limit: usize,
    received: BytesMut,
}

impl<R: AsyncRead + Unpin> FrameReader<R> {
    /// A reader at the beginning of `stream`.
    pub fn new(stream: R) -> Self {
        Self::with_limit(stream, MAX_CONTROL_FRAME)
    }

    /// The same for a stream whose frames may have up to `limit` bytes.
    pub fn with_limit(stream: R, limit: usize) -> Self {
        Self { stream, limit, received: BytesMut::new() }
    }

    /// The next message; `None` when the stream ended after a whole frame.
    ///
    /// Cancel safe: what has arrived of a frame stays in the reader. Memory grows with what has
    /// arrived, never with what a length prefix announces.
    pub async fn next<T: DeserializeOwned>(&mut self) -> Result<Option<T>, FrameError> {
        loop {
            if let Some(body) = self.split_frame()? {
                return Ok(Some(serde_json::from_slice(&body)?));
            }
            if self.stream.read_buf(&mut self.received).await? == 0 {
                return if self.received.is_empty() { Ok(None) } else { Err(FrameError::Cut) };
            }
        }
    }

    fn split_frame(&mut self) -> Result<Option<BytesMut>, FrameError> {
        let Some((prefix, rest)) = self.received.split_first_chunk::<PREFIX>() else {
            return Ok(None);
        };
        let length = u32::from_be_bytes(*prefix) as usize;
        if length > self.limit {
            return Err(FrameError::TooLarge(length));
        }
        if rest.len() < length {
            return Ok(None);
        }
        self.received.advance(PREFIX);
        Ok(Some(self.received.split_to(length)))
    }
}

/// Writes one message.
///
/// Not cancel safe: dropped half-way it leaves a torn frame. Write from a task that does nothing
/// else.
pub async fn write_frame<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
) -> Result<(), FrameError> {
    write_frame_within(stream, message, MAX_CONTROL_FRAME).await
}

/// The same on a stream whose frames may have up to `limit` bytes (which fit in 32 bits).
pub async fn write_frame_within<T: Serialize>(
    stream: &mut (impl AsyncWrite + Unpin),
    message: &T,
    limit: usize,
) -> Result<(), FrameError> {
    let mut frame = vec![0; PREFIX];
    serde_json::to_writer(&mut frame, message)?;
    let length = frame.len() - PREFIX;
    if length > limit {
        return Err(FrameError::TooLarge(length));
    }
    frame[..PREFIX].copy_from_slice(&(length as u32).to_be_bytes());
    stream.write_all(&frame).await?;
    stream.flush().await?;
    Ok(())
}

#[cfg(test)]
mod tests {
    use signaling_wire::{control::SignalingMessage, ids::LegId};

    use super::*;

    fn close(bits: u128) -> SignalingMessage {
        SignalingMessage::CloseLeg { leg: LegId::from_bits(bits) }
    }

    #[tokio::test]
    async fn messages_survive_any_fragmentation() {
        // A pipe of one byte: every read ends inside a frame.
        let (mut near, far) = tokio::io::duplex(1);
        let writer = tokio::spawn(async move {
            for bits in [1, 2] {
                write_frame(&mut near, &close(bits)).await.unwrap();
            }
        });
        let mut reader = FrameReader::new(far);
        for bits in [1, 2] {
            assert_eq!(reader.next().await.unwrap(), Some(close(bits)));
        }
        writer.await.unwrap();
        assert_eq!(reader.next::<SignalingMessage>().await.unwrap(), None);
    }

    #[tokio::test]
    async fn announced_size_is_refused_before_it_arrives() {
        let prefix = (MAX_CONTROL_FRAME as u32 + 1).to_be_bytes();
        let error = FrameReader::new(&prefix[..]).next::<SignalingMessage>().await.unwrap_err();
        assert!(matches!(error, FrameError::TooLarge(_)), "{error}");
    }

    #[tokio::test]
    async fn garbage_and_torn_frames_are_errors() {
        let garbage = [0, 0, 0, 2, b'{', b'x'];
        let error = FrameReader::new(&garbage[..]).next::<SignalingMessage>().await.unwrap_err();
        assert!(matches!(error, FrameError::Malformed(_)), "{error}");

        let torn = [0, 0, 0, 9, b'{'];
        let error = FrameReader::new(&torn[..]).next::<SignalingMessage>().await.unwrap_err();
        assert!(matches!(error, FrameError::Cut), "{error}");
    }

    #[tokio::test]
    async fn oversized_message_is_not_sent() {
        let mut sent = Vec::new();
        let message = SignalingMessage::Refused { reason: "x".repeat(MAX_CONTROL_FRAME) };
        let error = write_frame(&mut sent, &message).await.unwrap_err();
        assert!(matches!(error, FrameError::TooLarge(_)), "{error}");
        assert!(sent.is_empty());
    }
}
