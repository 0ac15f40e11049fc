//! A network that lets no UDP through: a page's datagrams go over one TCP connection to the node,
//! framed as RFC 4571 says.

use std::{net::SocketAddr, sync::Arc};

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::{TcpStream, UdpSocket},
};

/// Opens a tunnel to the node's TCP candidate; where the page is to send. It ends with the test.
pub(crate) async fn open(to: SocketAddr) -> SocketAddr {
    let socket = Arc::new(UdpSocket::bind("127.0.0.1:0").await.unwrap());
    let address = socket.local_addr().unwrap();
    tokio::spawn(async move {
        let mut buffer = [0; 2_000];
        let (len, page) = socket.recv_from(&mut buffer).await.unwrap();
        let (mut from_node, mut to_node) = TcpStream::connect(to).await.unwrap().into_split();
        let back = Arc::clone(&socket);
        tokio::spawn(async move {
            while let Ok(len) = from_node.read_u16().await {
                let mut datagram = vec![0; usize::from(len)];
                from_node.read_exact(&mut datagram).await.unwrap();
                back.send_to(&datagram, page).await.unwrap();
            }
        });
        let mut len = len;
        loop {
            // The node closes the connection of a leg that has ended.
            if to_node.write_u16(len as u16).await.is_err()
                || to_node.write_all(&buffer[..len]).await.is_err()
            {
                return;
            }
            len = socket.recv(&mut buffer).await.unwrap();
        }
    });
    address
}
