//! Real toolchains run their tests inside the sandbox, offline: loopback servers, temporary files and children included.

use std::fs;
use std::time::Duration;

use camino::{Utf8Path, Utf8PathBuf};
use heal_tests::process::sandbox::{Rung, Sandbox};
use heal_tests::process::{Cancel, Ending, Task, run};

use crate::sandbox::{environment, find, gaps_of, helper, is_missing, python, text};
use crate::slow;

/// A project in a folder of its own.
struct Toy {
    _folder: tempfile::TempDir,
    dir: Utf8PathBuf,
}

impl Toy {
    fn of(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let dir = Utf8Path::from_path(folder.path()).unwrap().canonicalize_utf8().unwrap();
        for (path, content) in files {
            fs::create_dir_all(dir.join(path).parent().unwrap()).unwrap();
            fs::write(dir.join(path), content).unwrap();
        }
        Self { _folder: folder, dir }
    }

    /// Runs the project's tests on every rung that holds here. They pass, and say so in words.
    async fn check(&self, argv: &[&str], words: &str) {
        let home = Utf8PathBuf::from(std::env::var("HOME").unwrap());
        for rung in Rung::ALL {
            if gaps_of(*rung).await.is_none() {
                continue;
            }
            let argv = argv.iter().map(|word| (*word).to_owned()).collect();
            let mut task = Task::new(argv, self.dir.clone(), environment(&home));
            task.timeout = Duration::from_mins(5);
            task.merge = true;
            let (writable, home) = (vec![self.dir.clone()], Some(home.clone()));
            task.sandbox = Sandbox { writable, home, helper: Some(helper()), ..Sandbox::at(*rung) };
            let finished = run(&task, &Cancel::default()).await.unwrap();
            let said = text(&finished.stdout);
            assert_eq!(finished.ending, Ending::Exited(0), "{rung}\n{said}");
            assert!(said.contains(words), "{rung} does not say {words:?}\n{said}");
        }
    }
}

#[tokio::test]
async fn cargo_test() {
    slow!();
    let manifest = "[package]\nname = \"toy\"\nversion = \"0.1.0\"\nedition = \"2021\"\n[workspace]\n";
    let source = r#"
//! A toy.
//! ```
//! assert!(toy::is_toy());
//! ```
pub fn is_toy() -> bool { true }

#[cfg(test)]
mod tests {
    use std::io::{Read, Write};

    #[test]
    fn a_server_on_the_loopback_answers() {
        for address in ["127.0.0.1:0", "[::1]:0"] {
            let server = std::net::TcpListener::bind(address).unwrap();
            let mut client = std::net::TcpStream::connect(server.local_addr().unwrap()).unwrap();
            server.accept().unwrap().0.write_all(b"hi").unwrap();
            let mut answer = String::new();
            client.read_to_string(&mut answer).unwrap();
            assert_eq!(answer, "hi");
        }
    }

    #[test]
    fn datagrams_and_local_sockets_pass() {
        let (one, two) = (std::net::UdpSocket::bind("127.0.0.1:0").unwrap(), std::net::UdpSocket::bind("127.0.0.1:0").unwrap());
        one.send_to(b"hi", two.local_addr().unwrap()).unwrap();
        assert_eq!(two.recv(&mut [0; 8]).unwrap(), 2);
        let path = std::env::temp_dir().join(format!("socket-{}", std::process::id()));
        let server = std::os::unix::net::UnixListener::bind(&path).unwrap();
        std::os::unix::net::UnixStream::connect(&path).unwrap();
        server.accept().unwrap();
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn children_threads_and_temporary_files_work() {
        let file = std::env::temp_dir().join(format!("file-{}", std::process::id()));
        std::fs::write(&file, "x").unwrap();
        let child = std::process::Command::new("cat").arg(&file).output().unwrap();
        assert_eq!(child.stdout, b"x");
        assert!(std::process::Command::new("sh").args(["-c", "kill -9 $$"]).status().unwrap().code().is_none());
        std::thread::spawn(|| std::fs::read("/proc/self/stat").unwrap()).join().unwrap();
        assert!(std::env::current_exe().unwrap().exists());
    }
}
"#;
    let toy = Toy::of(&[("Cargo.toml", manifest), ("src/lib.rs", source)]);
    toy.check(&["cargo", "test", "--offline"], "test result: ok. 3 passed").await;
}

#[tokio::test]
async fn node_test() {
    slow!();
    if find("node").is_none() {
        return;
    }
    let source = r#"
const { test } = require("node:test");
const assert = require("node:assert");
const fs = require("node:fs"), http = require("node:http"), os = require("node:os"), path = require("node:path");
const { execFileSync } = require("node:child_process");
const { Worker } = require("node:worker_threads");

test("a server on the loopback answers", async () => {
  const server = http.createServer((_, response) => response.end("hi"));
  await new Promise((listening) => server.listen(0, "127.0.0.1", listening));
  const answer = await fetch(`http://127.0.0.1:${server.address().port}/`);
  assert.equal(await answer.text(), "hi");
  server.close();
});

test("temporary files, children and workers work", async () => {
  const file = path.join(fs.mkdtempSync(path.join(os.tmpdir(), "toy-")), "file");
  fs.writeFileSync(file, "x");
  assert.equal(execFileSync(process.execPath, ["-p", `fs.readFileSync(${JSON.stringify(file)}, "utf8")`]).toString(), "x\n");
  const worker = new Worker("require('node:worker_threads').parentPort.postMessage(1)", { eval: true });
  assert.equal(await new Promise((heard) => worker.on("message", heard)), 1);
});
"#;
    Toy::of(&[("toy.test.js", source)]).check(&["node", "--test"], "pass 2").await;
    let manifest = r#"{ "name": "toy", "version": "1.0.0", "scripts": { "test": "node --test" } }"#;
    if find("npm").is_some() {
        let toy = Toy::of(&[("package.json", manifest), ("toy.test.js", source)]);
        toy.check(&["npm", "test"], "pass 2").await;
    }
}

const PYTHON_TESTS: &str = r#"
import multiprocessing, os, pty, socketserver, socket, subprocess, tempfile, threading, unittest


def double(n):
    return 2 * n


class Toy(unittest.TestCase):
    def test_a_server_on_the_loopback_answers(self):
        class Greeter(socketserver.BaseRequestHandler):
            def handle(self):
                self.request.sendall(b"hi")

        with socketserver.TCPServer(("localhost", 0), Greeter) as server:
            threading.Thread(target=server.handle_request).start()
            with socket.create_connection(server.server_address) as client:
                self.assertEqual(client.recv(8), b"hi")

    def test_processes_share_memory(self):
        with multiprocessing.Pool(2) as pool:
            self.assertEqual(pool.map(double, [1, 2, 3]), [2, 4, 6])
        multiprocessing.Lock()

    def test_terminals_and_temporary_files_work(self):
        with tempfile.NamedTemporaryFile() as file:
            file.write(b"x")
            file.flush()
            self.assertEqual(subprocess.check_output(["cat", file.name]), b"x")
        master, slave = pty.openpty()
        os.write(slave, b"x")
        self.assertEqual(os.read(master, 1), b"x")
"#;

#[tokio::test]
async fn python_unittest_and_pytest() {
    slow!();
    let Some(python) = python() else { return };
    let toy = Toy::of(&[("test_toy.py", PYTHON_TESTS)]);
    toy.check(&[&python, "-m", "unittest", "-v"], "Ran 3 tests").await;
    let venv = toy.dir.join("venv");
    let install = format!("{python} -m venv {venv} && {venv}/bin/pip install --quiet pytest");
    // The environment says where packages come from.
    let own = std::env::vars().collect();
    let mut installing = Task::new(["sh", "-c", &install].map(str::to_owned).to_vec(), "/", own);
    installing.timeout = Duration::from_mins(5);
    let installed = run(&installing, &Cancel::default()).await.unwrap();
    if installed.ending == Ending::Exited(0) {
        toy.check(&[venv.join("bin/pytest").as_str(), "test_toy.py"], "3 passed").await;
    } else {
        is_missing(&format!("pytest ({})", text(&installed.stderr)));
    }
}

#[tokio::test]
async fn java() {
    slow!();
    if find("java").is_none() {
        return;
    }
    let source = r#"
import java.net.*;
import java.nio.file.*;

public class Toy {
    public static void main(String[] arguments) throws Exception {
        try (ServerSocket server = new ServerSocket(0, 1, InetAddress.getLoopbackAddress());
             Socket client = new Socket(server.getInetAddress(), server.getLocalPort());
             Socket served = server.accept()) {
            served.getOutputStream().write(7);
            if (client.getInputStream().read() != 7) throw new AssertionError();
        }
        Path file = Files.createTempFile("toy", "");
        Files.writeString(file, "x");
        Process child = new ProcessBuilder("cat", file.toString()).start();
        if (child.getInputStream().read() != 'x') throw new AssertionError();
        System.out.println("all is well");
    }
}
"#;
    Toy::of(&[("Toy.java", source)]).check(&["java", "Toy.java"], "all is well").await;
}
