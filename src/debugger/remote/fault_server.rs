//! A real HTTP server on a local port that plays what it is told to, faults included.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// What the server does next on a connection whose request it has read.
#[derive(Debug, Clone)]
pub(super) enum Play {
    Send(Vec<u8>),
    /// Sends every byte in a packet of its own.
    Trickle(Vec<u8>),
    /// Sends the same again and again until nobody listens.
    Endless {
        bytes: Vec<u8>,
        pause: Duration,
    },
    /// Keeps the connection open and silent.
    Stall,
    /// Ends the connection as a crashing server does.
    Reset,
}

/// The server; it ends with its last handle.
pub(super) struct FaultServer {
    address: SocketAddr,
    requests: Arc<Mutex<Vec<String>>>,
    task: tokio::task::JoinHandle<()>,
}

impl FaultServer {
    /// Starts a server that plays the n-th list at the n-th request, and the last list from then on.
    pub(super) async fn start(plays: Vec<Vec<Play>>) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let address = listener.local_addr().unwrap();
        let requests = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&requests);
        let task = tokio::spawn(async move {
            let mut connections = tokio::task::JoinSet::new();
            while let Ok((stream, _)) = listener.accept().await {
                connections.spawn(serve(stream, plays.clone(), Arc::clone(&seen)));
            }
        });
        Self { address, requests, task }
    }

    pub(super) fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    /// Returns every request so far, head and body.
    pub(super) fn requests(&self) -> Vec<String> {
        self.requests.lock().unwrap().clone()
    }
}

impl Drop for FaultServer {
    fn drop(&mut self) {
        self.task.abort();
    }
}

async fn serve(mut stream: TcpStream, plays: Vec<Vec<Play>>, seen: Arc<Mutex<Vec<String>>>) {
    let Some(request) = request(&mut stream).await else { return };
    let n = {
        let mut seen = seen.lock().unwrap();
        seen.push(request);
        seen.len() - 1
    };
    let plays = plays.get(n).or(plays.last()).cloned().unwrap_or_default();
    for play in plays {
        if perform(&mut stream, play).await.is_err() {
            return;
        }
    }
    let _ = stream.shutdown().await;
}

async fn perform(stream: &mut TcpStream, play: Play) -> std::io::Result<()> {
    match play {
        Play::Send(bytes) => stream.write_all(&bytes).await,
        Play::Trickle(bytes) => {
            stream.set_nodelay(true)?;
            for byte in bytes {
                stream.write_all(&[byte]).await?;
                tokio::task::yield_now().await;
            }
            Ok(())
        }
        Play::Endless { bytes, pause } => loop {
            stream.write_all(&bytes).await?;
            tokio::time::sleep(pause).await;
        },
        Play::Stall => {
            tokio::time::sleep(Duration::from_mins(1)).await;
            Ok(())
        }
        Play::Reset => {
            stream.set_zero_linger()?;
            Err(std::io::ErrorKind::ConnectionReset.into())
        }
    }
}

async fn request(stream: &mut TcpStream) -> Option<String> {
    let mut bytes = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&bytes).into_owned();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.to_ascii_lowercase().strip_prefix("content-length:")?.trim().parse().ok());
            if body.len() >= length.unwrap_or(0_usize) {
                return Some(text);
            }
        }
        let mut buffer = [0; 8192];
        match stream.read(&mut buffer).await {
            Ok(n) if n > 0 => bytes.extend_from_slice(&buffer[..n]),
            _ => return None,
        }
    }
}

/// A whole response with its length.
pub(super) fn response(status: u16, headers: &[(&str, &str)], body: &str) -> Vec<u8> {
    let mut bytes = head(status, headers);
    bytes.truncate(bytes.len() - 2);
    bytes.extend_from_slice(format!("content-length: {}\r\n\r\n{body}", body.len()).as_bytes());
    bytes
}

/// The head of a response whose body ends with the connection.
pub(super) fn head(status: u16, headers: &[(&str, &str)]) -> Vec<u8> {
    let headers: String = headers.iter().map(|(name, value)| format!("{name}: {value}\r\n")).collect();
    format!("HTTP/1.1 {status} Played\r\nconnection: close\r\n{headers}\r\n").into_bytes()
}
