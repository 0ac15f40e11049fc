//! A way between two nodes with faults: it takes no datagram above a size, and can be interrupted.

use std::{
    net::SocketAddr,
    sync::{
        Arc,
        atomic::{AtomicBool, Ordering},
    },
};

use tokio::{net::UdpSocket, task::JoinHandle};

/// See the module. Ends when dropped.
pub(crate) struct Way {
    /// Where to send instead.
    pub(crate) address: SocketAddr,
    interrupted: Arc<AtomicBool>,
    carrying: JoinHandle<()>,
}

impl Way {
    /// A way to `to` for datagrams of at most `most` bytes; larger ones vanish, as where a router says
    /// nothing of what it drops.
    pub(crate) async fn to(to: SocketAddr, most: usize) -> Self {
        let any = SocketAddr::from(([127, 0, 0, 1], 0));
        let (near, far) =
            (UdpSocket::bind(any).await.unwrap(), UdpSocket::bind(any).await.unwrap());
        let address = near.local_addr().unwrap();
        let interrupted = Arc::new(AtomicBool::new(false));
        let is_interrupted = Arc::clone(&interrupted);
        let carrying = tokio::spawn(async move {
            let (mut there, mut back) = ([0; 2_048], [0; 2_048]);
            let mut dialer = None;
            loop {
                let (socket, data, receiver) = tokio::select! {
                    Ok((len, from)) = near.recv_from(&mut there) => {
                        dialer = Some(from);
                        (&far, &there[..len], Some(to))
                    }
                    Ok((len, _)) = far.recv_from(&mut back) => (&near, &back[..len], dialer),
                };
                if let Some(receiver) = receiver
                    && data.len() <= most
                    && !is_interrupted.load(Ordering::Relaxed)
                {
                    // What the kernel does not take is lost like anything else.
                    let _ = socket.send_to(data, receiver).await;
                }
            }
        });
        Self { address, interrupted, carrying }
    }

    /// From now on nothing gets through, or everything does again.
    pub(crate) fn interrupt(&self, interrupted: bool) {
        self.interrupted.store(interrupted, Ordering::Relaxed);
    }
}

impl Drop for Way {
    fn drop(&mut self) {
        self.carrying.abort();
    }
}
