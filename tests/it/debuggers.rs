//! Which debuggers are used, in which order, and what each needs.

use crate::project::Project;
use crate::slow;

#[test]
fn without_an_endpoint_one_line_says_so() {
    let project = Project::copy("demo_logic_fault");
    let ran = project.heal(&["--accept"]).code(0);
    let n_lines = ran.stderr.lines().filter(|line| line.contains("no endpoint")).count();
    assert_eq!(n_lines, 1, "{}", ran.stderr);
}

#[test]
fn only_the_named_debuggers_are_asked() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let ran = project.heal(&["--json", "--debugger", "compiler,revert"]).code(1);
    let asked: Vec<_> = ran.events("proposed").into_iter().map(|event| event["debugger"].clone()).collect();
    assert_eq!(asked, ["compiler", "revert"]);
}

#[test]
fn scripted_candidates_come_from_a_file_and_the_first_that_holds_is_taken() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let reply = |search: &str, replace: &str| {
        format!("src/lib.rs\n<<<<<<< SEARCH\n{search}\n=======\n{replace}\n>>>>>>> REPLACE\n")
    };
    let wrong = reply("    if subtotal > DISCOUNT_FROM {", "    if subtotal < DISCOUNT_FROM {");
    let stale = reply("    if nothing_like_this {", "    if true {");
    let right = reply("    if subtotal > DISCOUNT_FROM {", "    if subtotal > DISCOUNT_FROM - 1 {");
    let separator = "=== candidate ===\n";
    std::fs::write(project.beside("candidates.txt"), [wrong, stale, right].join(separator)).unwrap();
    let ran =
        project.heal(&["--json", "--accept", "--debugger", "scripted", "--candidates", "../candidates.txt"]).code(0);
    let mut verdicts: Vec<_> = ran.events("judged").iter().map(|event| event["verdict"]["verdict"].clone()).collect();
    verdicts.sort_by_key(ToString::to_string);
    assert_eq!(verdicts, ["plausible", "refused", "still_failing"]);
    assert!(project.read("src/lib.rs").contains("subtotal > DISCOUNT_FROM - 1"));
}

#[test]
fn a_fault_healed_once_is_healed_from_memory() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--accept"]).code(0);
    project.git(&["checkout", "--quiet", "."]);
    let ran = project.heal(&["--accept", "--json"]).code(0);
    assert_eq!(ran.events("proven")[0]["origin"]["debugger"], "remembered");
}

#[test]
fn several_candidates_at_once_find_the_same_patch() {
    slow!();
    let healed = ["1", "3"].map(|parallel| {
        let project = Project::copy("demo_logic_fault");
        project.heal(&["--accept", "--parallel", parallel]).code(0);
        project.read("src/lib.rs")
    });
    assert_eq!(healed[0], healed[1]);
}
