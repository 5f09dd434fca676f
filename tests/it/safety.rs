//! The user's tree: untouched until acceptance, whatever happens.

use std::time::{Duration, Instant};

use crate::project::Project;
use crate::slow;

#[test]
fn a_kill_in_the_middle_leaves_the_tree_byte_for_byte() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.write("untracked.txt", "mine\n");
    project.replace("README.md", "# demo_logic_fault", "# edited");
    project.git(&["stash", "list"]);
    let before = project.bytes();
    for milliseconds in [50, 300, 900, 1500, 2500, 4000] {
        let mut command = project.command(&["--debugger", "revert,template", "--json"]);
        command.stdout(std::process::Stdio::null()).stderr(std::process::Stdio::null());
        let mut child = command.spawn().unwrap();
        let start = Instant::now();
        while start.elapsed() < Duration::from_millis(milliseconds) && child.try_wait().unwrap().is_none() {
            std::thread::sleep(Duration::from_millis(5));
        }
        child.kill().unwrap();
        child.wait().unwrap();
        assert_eq!(project.bytes(), before, "killed after {milliseconds} ms");
    }
    project.heal(&["--accept"]).code(0);
}

#[test]
fn an_interrupt_ends_with_its_own_code() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.write(
        "tests/discount.rs",
        "#[test]\nfn sleeps() {\n    std::thread::sleep(std::time::Duration::from_secs(600));\n}\n",
    );
    let child = project.command(&["--max-time", "none"]).stderr(std::process::Stdio::piped()).spawn().unwrap();
    std::thread::sleep(Duration::from_secs(4));
    let mut kill = std::process::Command::new("kill");
    assert!(kill.args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn index_stash_and_branches_are_as_they_were_after_a_heal() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.write("staged.txt", "staged\n");
    project.git(&["add", "staged.txt"]);
    let told = |project: &Project| {
        [project.git(&["stash", "list"]), project.git(&["branch", "--all"]), project.git(&["ls-files", "--stage"])]
    };
    let before = told(&project);
    project.heal(&["--accept"]).code(0);
    assert_eq!(told(&project), before);
    let status = project.git(&["status", "--porcelain"]);
    assert_eq!(status, " M src/lib.rs\nA  staged.txt\n");
}

#[test]
fn keys_are_not_shown_to_tests() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.write(
        "tests/discount.rs",
        "#[test]\nfn sees_no_key() {\n    assert_eq!(std::env::var(\"OPENAI_API_KEY\").ok(), None);\n}\n",
    );
    let mut command = project.command(&[]);
    command.env("OPENAI_API_KEY", "sk-this-is-a-secret");
    crate::project::run(command, b"").code(0);
}
