//! Healing in the sandbox: what candidates do stays inside, and what only the sandbox breaks is not healed.

use std::net::TcpListener;

use crate::project::{Project, Ran};
use crate::sandbox::confined;
use crate::slow;

/// The reply that mends the fault, and does `also` beside it.
fn mend(also: &str) -> String {
    format!(
        "src/lib.rs\n<<<<<<< SEARCH\n    if subtotal > DISCOUNT_FROM {{\n=======\n    {also}if subtotal >= DISCOUNT_FROM \
         {{\n>>>>>>> REPLACE\n"
    )
}

fn offer(project: &Project, reply: &str, more: &[&str]) -> Ran {
    std::fs::write(project.beside("candidates.txt"), reply).unwrap();
    let own = ["--json", "--accept", "--debugger", "scripted", "--candidates", "../candidates.txt"];
    project.heal(&[own.as_slice(), more].concat())
}

/// The rungs that a run says candidates ran in: at its start, and in its certificate.
fn rungs(ran: &Ran) -> (String, String) {
    let word = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let started = word(&ran.events("session_started")[0]["sandbox"]);
    (started, word(&ran.events("proven")[0]["certificate"]["environment"]["sandbox"]))
}

#[tokio::test]
async fn what_a_candidate_does_stays_in_the_sandbox_and_the_certificate_names_the_rung() {
    slow!();
    let strongest = confined().await.rung.to_string();
    let project = Project::copy("demo_logic_fault");
    let escaped = project.beside("escaped");
    let reply = mend(&format!("let _ = std::fs::write({escaped:?}, \"x\");\n    "));
    let ran = offer(&project, &reply, &[]).code(0);
    assert_eq!(rungs(&ran), (strongest.clone(), strongest.clone()));
    assert_eq!(escaped.exists(), strongest == "R1", "a candidate wrote outside its copy");

    let project = Project::copy("demo_logic_fault");
    let escaped = project.beside("escaped");
    let reply = mend(&format!("let _ = std::fs::write({escaped:?}, \"x\");\n    "));
    let ran = offer(&project, &reply, &["--sandbox=off"]).code(0);
    assert_eq!(rungs(&ran), ("R1".to_owned(), "R1".to_owned()));
    assert!(escaped.exists(), "the write that the sandbox stops is none");
}

#[tokio::test]
async fn a_test_that_only_the_sandbox_breaks_is_not_healed() {
    slow!();
    if confined().await.rung.level() < 3 {
        return;
    }
    let server = TcpListener::bind("127.0.0.1:0").unwrap();
    let project = Project::copy("demo_logic_fault");
    let test = format!(
        "#[test]\nfn needs_the_network() {{\n    std::net::TcpStream::connect(\"{}\").unwrap();\n}}\n",
        server.local_addr().unwrap()
    );
    project.write("tests/network.rs", &test);
    let is_told = |ran: &Ran| {
        let told = |notice: &serde_json::Value| {
            let sentence = notice["sentence"].as_str().unwrap();
            sentence.contains("needs_the_network") && sentence.contains("red inside the sandbox and green outside it")
        };
        ran.events("notice").iter().any(told)
    };
    assert!(is_told(&offer(&project, &mend(""), &[]).code(0)), "the first session tries it outside");
    // Candidates have been in the copy: what it holds is not run outside the sandbox any more.
    let before = project.bytes();
    assert!(is_told(&project.heal(&["--json"]).code(5)), "the next session remembers");
    assert_eq!(project.bytes(), before);
}

#[test]
fn a_rung_that_is_unknown_or_unsafe_to_take_from_a_project_is_refused() {
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--sandbox=R1"]).code(2).says("--sandbox").says("auto, off, R2, R3 or R4");
    project.write("heal-tests.toml", "sandbox = \"off\"\n");
    project.heal(&[]).code(2).says("cannot turn the sandbox off");
}
