//! The demo, the patch artifact, git's pre-push hook.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::project::{Project, run};
use crate::slow;

#[test]
fn the_demo_heals_its_three_projects() {
    slow!();
    let folder = tempfile::tempdir().unwrap();
    let mut command = Project::copy("demo_logic_fault").command(&["demo"]);
    command.current_dir(folder.path()).env("TMPDIR", folder.path());
    let ran = run(command, b"").code(0).says("3 of 3 projects healed");
    for debugger in ["compiler", "template", "revert"] {
        assert!(ran.stderr.contains(debugger), "{debugger}: {}", ran.stderr);
    }
}

#[test]
fn a_proposal_applies_with_git_apply_and_git_am() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let before = project.bytes();
    project.heal(&["--propose", "--out", "../out"]).code(0);
    assert_eq!(project.bytes(), before);
    let patch = project.beside("out/heal.patch");
    let patch = patch.to_str().unwrap();
    project.git(&["apply", "--check", patch]);
    project.git(&["am", "--quiet", patch]);
    assert!(project.cargo_test().0);
    let report: serde_json::Value =
        serde_json::from_str(&fs::read_to_string(project.beside("out/report.json")).unwrap()).unwrap();
    assert_eq!(report["schema"], 1);
    assert_eq!(report["ended"]["outcome"], "healed");
    let summary = fs::read_to_string(project.beside("out/summary.md")).unwrap();
    assert!(summary.contains("an_order_of_exactly_one_hundred_has_the_discount"), "{summary}");
}

fn with_remote(project: &Project) {
    let remote = project.beside("remote.git");
    project.git(&["init", "--quiet", "--bare", remote.to_str().unwrap()]);
    project.git(&["remote", "add", "origin", remote.to_str().unwrap()]);
}

/// Pushes with the binary on the path, as a user would; returns whether it went through, and what was said.
fn push(project: &Project, reference: &str) -> (bool, String) {
    let binary = std::path::Path::new(env!("CARGO_BIN_EXE_heal-tests")).parent().unwrap().to_owned();
    let path = std::env::var("PATH").unwrap();
    let mut command = std::process::Command::new("git");
    command.args(["push", "origin", reference]).current_dir(project.root());
    command.env("PATH", format!("{}:{path}", binary.display())).env("HEAL_TESTS_STATE", project.state());
    let output = command.env("GIT_CONFIG_GLOBAL", "/dev/null").output().unwrap();
    (output.status.success(), String::from_utf8_lossy(&output.stderr).into_owned())
}

#[test]
fn a_red_commit_is_not_pushed_and_a_green_one_is() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    with_remote(&project);
    project.heal(&["hook", "install", "git"]).code(0);
    project.replace("src/lib.rs", "if subtotal > DISCOUNT_FROM {", "if subtotal >= DISCOUNT_FROM {");
    let (pushed, told) = push(&project, "main");
    assert!(!pushed, "the commit is red, though the work tree is green: {told}");
    assert!(told.contains("an_order_of_exactly_one_hundred_has_the_discount") && told.contains("heal-tests"), "{told}");
    project.commit("fixed");
    project.write("src/lib.rs", "the work tree is not what is pushed");
    let (pushed, told) = push(&project, "main");
    assert!(pushed, "{told}");
    let (deleted, told) = push(&project, ":main");
    assert!(deleted || told.contains("deletion of the current branch"), "{told}");
}

#[test]
fn the_hook_respects_hooks_path_and_chains_what_is_there() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    with_remote(&project);
    project.replace("src/lib.rs", "if subtotal > DISCOUNT_FROM {", "if subtotal >= DISCOUNT_FROM {");
    project.commit("fixed");
    project.git(&["config", "core.hooksPath", ".hooks"]);
    let seen = project.beside("seen");
    project.write(".hooks/pre-push", &format!("#!/bin/sh\ncat > {}\n", seen.display()));
    fs::set_permissions(project.root().join(".hooks/pre-push"), fs::Permissions::from_mode(0o755)).unwrap();
    project.heal(&["hook", "install", "git"]).code(0);
    let (pushed, told) = push(&project, "main");
    assert!(pushed, "{told}");
    assert!(fs::read_to_string(&seen).unwrap().starts_with("refs/heads/main "));
    project.heal(&["hook", "uninstall", "git"]).code(0);
    assert!(project.read(".hooks/pre-push").contains("cat > "));
}

#[test]
fn a_push_of_nothing_passes_and_garbage_is_an_error() {
    let project = Project::copy("demo_logic_fault");
    project.heal_with_stdin(&["pre-push", "origin", "url"], b"").code(0);
    let zeros = "0".repeat(40);
    let deletion = format!("(delete) {zeros} refs/heads/x {zeros}\n");
    project.heal_with_stdin(&["pre-push", "origin", "url"], deletion.as_bytes()).code(0);
    project.heal_with_stdin(&["pre-push", "origin", "url"], b"what is this\n").code(2);
}
