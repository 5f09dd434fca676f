//! Signs that the machine and not the code is at fault, and the sentence that says so to people.
//!
//! Only what a patch to the code cannot cause or mend stands here. A refused connection, a missing file or a denied
//! permission is as often the code's own doing, so none of them is listed without a word that settles it.

use std::sync::LazyLock;

use aho_corasick::AhoCorasick;

use crate::model::{Blame, FailureClass, FailureCluster};
use crate::triage::classify;

/// One sign and what it tells.
pub(super) struct Symptom {
    sign: &'static str,
    environment: bool,
    cause: &'static str,
}

const fn machine(sign: &'static str, cause: &'static str) -> Symptom {
    Symptom { sign, environment: false, cause }
}

const fn tool(sign: &'static str, cause: &'static str) -> Symptom {
    Symptom { sign, environment: true, cause }
}

const DISK: &str = "the disk is full";
const NAMES: &str = "a host name could not be resolved";
const NETWORK: &str = "the network could not be reached";
const MEMORY: &str = "the machine ran out of memory";
const SERVICE: &str = "a service the tests need is not running";
const TOOL: &str = "a program that is needed is not installed";

static SYMPTOMS: &[Symptom] = &[
    machine("no space left on device", DISK),
    machine("enospc", DISK),
    machine("disk quota exceeded", DISK),
    machine("read-only file system", "the file system is read-only"),
    machine("input/output error", "the disk could not be read or written"),
    machine("temporary failure in name resolution", NAMES),
    machine("could not resolve host", NAMES),
    machine("failed to lookup address information", NAMES),
    machine("name or service not known", NAMES),
    machine("getaddrinfo enotfound", NAMES),
    machine("eai_again", NAMES),
    machine("no such host", NAMES),
    machine("network is unreachable", NETWORK),
    machine("no route to host", NETWORK),
    machine("enetunreach", NETWORK),
    machine("tls handshake timeout", NETWORK),
    machine("spurious network error", NETWORK),
    machine("502 bad gateway", NETWORK),
    machine("503 service unavailable", NETWORK),
    machine("toomanyrequests", "a registry refused because of too many requests"),
    machine("cannot allocate memory", MEMORY),
    machine("enomem", MEMORY),
    machine("javascript heap out of memory", MEMORY),
    machine("oom-kill", MEMORY),
    machine("cannot connect to the docker daemon", SERVICE),
    machine("connection refused (localhost:5432)", SERVICE),
    machine("econnrefused 127.0.0.1:5432", SERVICE),
    machine("econnrefused 127.0.0.1:3306", SERVICE),
    machine("econnrefused 127.0.0.1:6379", SERVICE),
    machine("econnrefused 127.0.0.1:27017", SERVICE),
    machine("is the server running on that host", SERVICE),
    machine("can't connect to mysql server", SERVICE),
    machine("error 111 connecting to localhost:6379", SERVICE),
    tool("command not found", TOOL),
    tool("linker `cc` not found", "no C linker is installed"),
    tool("linker `clang` not found", "no C linker is installed"),
    tool("is `cmake` not installed?", TOOL),
    tool("could not find `protoc`", TOOL),
    tool("executable doesn't exist at", "the test browsers are not installed"),
    tool("is not recognized as an internal or external command", TOOL),
    tool("the following required packages were not found", "a system library is not installed"),
    tool("pkg-config has not been configured", "a system library is not installed"),
];

#[expect(clippy::unwrap_used, reason = "constant words, exercised by every test")]
static AUTOMATON: LazyLock<AhoCorasick> = LazyLock::new(|| {
    let signs = SYMPTOMS.iter().map(|symptom| symptom.sign);
    AhoCorasick::builder().ascii_case_insensitive(true).build(signs).unwrap()
});

/// Returns the symptom whose sign stands first in a text.
pub(super) fn of(text: &str) -> Option<&'static Symptom> {
    AUTOMATON.find(text).map(|found| &SYMPTOMS[found.pattern().as_usize()])
}

/// Tells whether a cluster is not worth healing because the machine is at fault, with the sentence for people.
pub fn refusal(cluster: &FailureCluster) -> Option<(Blame, String)> {
    if cluster.class != FailureClass::Infrastructure {
        return None;
    }
    let failure = cluster.failures.first()?;
    let rendered = failure.diagnostics.iter().map(|diagnostic| diagnostic.message.as_str());
    let told = rendered.chain([failure.kind.as_str(), &classify::told(failure)]).collect::<Vec<_>>().join("\n");
    let symptom = of(&told);
    let line = told.lines().find(|line| of(line).is_some());
    let cause = symptom.map_or("the machine is at fault, not the code", |symptom| symptom.cause);
    let blame =
        if symptom.is_some_and(|symptom| symptom.environment) { Blame::Environment } else { Blame::Infrastructure };
    let line: String = line.unwrap_or_default().trim().chars().take(200).collect();
    let quoted = if line.is_empty() { String::new() } else { format!(" (“{line}”)") };
    Some((blame, format!("{cause}{quoted}; no patch to the code mends that")))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::model::{Failure, TestId};
    use crate::triage::{Layout, clusters};

    fn refused(message: &str) -> Option<(Blame, String)> {
        let failure = Failure { message: message.into(), ..Failure::bare(TestId::new("s", "t")) };
        let layout = Layout { files: Vec::new(), root: "/p".into() };
        refusal(&clusters(vec![failure], &layout)[0])
    }

    #[test]
    fn a_full_disk_is_named_with_the_line_that_shows_it() {
        let (blame, sentence) = refused("while writing\nwrite cart.db: No space left on device").unwrap();
        assert_eq!(blame, Blame::Infrastructure);
        let expected = "the disk is full (“write cart.db: No space left on device”); no patch to the code mends that";
        assert_eq!(sentence, expected);
    }

    #[test]
    fn a_missing_tool_is_the_environments_fault() {
        let (blame, sentence) = refused("sh: 1: protoc: command not found").unwrap();
        assert_eq!(blame, Blame::Environment);
        assert!(sentence.starts_with("a program that is needed is not installed"), "{sentence}");
    }

    #[test]
    fn a_failure_of_the_code_is_not_refused() {
        assert_eq!(refused("assertion `left == right` failed"), None);
    }
}
