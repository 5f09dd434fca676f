//! What the sandbox's promises are worth on this machine, tried from inside it.

use std::io::{Read, Write};
use std::net::{Ipv4Addr, TcpListener, TcpStream, UdpSocket};
use std::process::ExitCode;
use std::time::Duration;

use fs_err as fs;
use serde::{Deserialize, Serialize};

use crate::process::sandbox::order::HIDDEN_WORD;

/// The word that orders the check, before the path of a folder outside.
const WORD: &str = "check:";

/// An address that is nobody's (RFC 5737): a packet for it needs a way out, and reaches no one.
const NOWHERE: (Ipv4Addr, u16) = (Ipv4Addr::new(192, 0, 2, 1), 9);

/// Longest wait for an answer on the loopback.
const ANSWER_MAX: Duration = Duration::from_secs(2);

/// Something that can be done from inside.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub(in crate::process::sandbox) enum Can {
    /// A server on the loopback answers its client.
    UseLoopback,
    /// A file in the temporary folder can be written.
    WriteTemp,
    /// A file outside can be written.
    WriteOutside,
    /// There is a way out for packets.
    ReachNetwork,
}

/// Words the arguments by which this program checks what holds around it.
pub(in crate::process::sandbox) fn words(outside: &str) -> [String; 2] {
    [HIDDEN_WORD.to_owned(), format!("{WORD}{outside}")]
}

/// Reads the order: the folder outside.
pub(super) fn read_word(word: &str) -> Option<&str> {
    word.strip_prefix(WORD)
}

/// Checks, and prints what was found as JSON.
pub(super) fn run(outside: &str) -> ExitCode {
    let any = UdpSocket::bind((Ipv4Addr::UNSPECIFIED, 0));
    let tried = [
        (Can::UseLoopback, talk_to_oneself().is_ok_and(|answer| answer == *b"ping")),
        (Can::WriteTemp, fs::write(std::env::temp_dir().join("check"), "x").is_ok()),
        (Can::WriteOutside, fs::write(format!("{outside}/check"), "x").is_ok()),
        (Can::ReachNetwork, any.is_ok_and(|socket| socket.connect(NOWHERE).is_ok())),
    ];
    let can: Vec<Can> = tried.into_iter().filter(|(_, is_done)| *is_done).map(|(can, _)| can).collect();
    let said = serde_json::to_writer(std::io::stdout(), &can);
    if said.is_ok() { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn talk_to_oneself() -> std::io::Result<[u8; 4]> {
    let server = TcpListener::bind((Ipv4Addr::LOCALHOST, 0))?;
    let mut client = TcpStream::connect_timeout(&server.local_addr()?, ANSWER_MAX)?;
    let (mut served, _) = server.accept()?;
    served.write_all(b"ping")?;
    client.set_read_timeout(Some(ANSWER_MAX))?;
    let mut answer = [0; 4];
    client.read_exact(&mut answer)?;
    Ok(answer)
}
