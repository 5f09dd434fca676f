//! From a red run to an applied patch, from every kind of input.

use crate::project::Project;
use crate::slow;

const HEALED: &str = "if subtotal >= DISCOUNT_FROM {";

#[test]
fn a_failing_project_is_healed_without_any_argument_but_consent() {
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--accept"]).code(0).says("an_order_of_exactly_one_hundred_has_the_discount");
    assert!(project.read("src/lib.rs").contains(HEALED));
    assert!(project.cargo_test().0);
}

#[test]
fn without_a_terminal_and_without_consent_a_proven_patch_waits() {
    let project = Project::copy("demo_logic_fault");
    let before = project.bytes();
    let ran = project.heal(&[]).code(7);
    assert_eq!(project.bytes(), before);
    let patch = ran.stderr.lines().find_map(|line| line.strip_prefix("apply it with: git apply ")).expect(&ran.stderr);
    project.git(&["apply", patch]);
    assert!(project.read("src/lib.rs").contains(HEALED));
}

#[test]
fn a_tree_that_does_not_compile_is_healed_by_the_compilers_suggestion() {
    let project = Project::copy("demo_compile_error");
    let ran = project.heal(&["--accept", "--json"]).code(0);
    assert!(project.read("src/lib.rs").contains("let mut counts"));
    assert!(project.cargo_test().0);
    assert_eq!(ran.events("proven")[0]["origin"]["debugger"], "compiler");
}

#[test]
fn what_the_last_commit_broke_is_undone_and_what_it_added_stays() {
    slow!();
    let project = Project::copy("demo_regression");
    let ran = project.heal(&["--accept", "--json"]).code(0);
    let text = project.read("src/lib.rs");
    assert!(text.contains("pub fn short") && text.contains("short(&slug(title))"), "{text}");
    assert!(text.contains("!slug.ends_with('-')") && text.contains("trim_end_matches"), "{text}");
    assert!(project.cargo_test().0);
    assert!(ran.events("proven").iter().any(|event| event["origin"]["debugger"] == "revert"));
}

#[test]
fn an_uncommitted_change_is_healed_as_it_stands_and_the_rest_of_it_stays() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.replace("src/lib.rs", "if subtotal > DISCOUNT_FROM {", HEALED);
    project.commit("fixed");
    project.replace("src/lib.rs", "price * line.quantity", "price + line.quantity");
    project.replace("src/lib.rs", "//! Prices of a small shop", "//! Prices of a shop");
    project.write("src/notes.txt", "untracked\n");
    project.heal(&["--accept"]).code(0);
    let text = project.read("src/lib.rs");
    assert!(text.contains("price * line.quantity") && text.contains("//! Prices of a shop,"), "{text}");
    assert_eq!(project.read("src/notes.txt"), "untracked\n");
}

#[test]
fn the_users_own_command_is_run_and_healed() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let ran = project.heal(&["--accept", "--", "cargo", "test", "--test", "discount"]).code(0);
    assert!(ran.stdout.contains("test result: FAILED"), "the command's own output is shown: {}", ran.stdout);
    assert!(project.read("src/lib.rs").contains(HEALED));
}

#[test]
fn a_green_command_needs_no_healing() {
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--", "cargo", "test", "--lib"]).code(0);
}

#[test]
fn reports_on_standard_input_and_on_disk_are_healed() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let (passed, log) = project.cargo_test();
    assert!(!passed);
    let ran =
        project.heal_with_stdin(&["--report", "-", "--propose", "--out", "out", "--json"], log.as_bytes()).code(0);
    assert_eq!(ran.events("report_read")[0]["counts"]["failed"], 1);
    let junit = r#"<testsuites><testsuite name="discount::discount"><testcase classname="discount::discount"
        name="an_order_of_exactly_one_hundred_has_the_discount"><failure message="left: 10000, right: 9000"/></testcase>
        <testcase classname="discount::discount" name="lines_are_added_up"/></testsuite></testsuites>"#;
    project.write("reports/a/junit.xml", junit);
    let tap = "1..2\nok 1 - lines_are_added_up\nnot ok 2 - an_order_of_exactly_one_hundred_has_the_discount\n";
    project.write("reports/b/all.tap", tap);
    for pattern in ["reports/**/*.xml", "reports/b/all.tap"] {
        project.heal(&["--report", pattern, "--propose", "--out", "../out"]).code(0);
        let patch = std::fs::read_to_string(project.beside("out/heal.patch")).unwrap();
        assert!(patch.contains(HEALED), "{patch}");
    }
}

#[test]
fn a_green_project_ends_at_once() {
    let project = Project::copy("demo_logic_fault");
    project.replace("src/lib.rs", "if subtotal > DISCOUNT_FROM {", HEALED);
    project.heal(&[]).code(0);
}

#[test]
fn accepted_patches_can_be_taken_back() {
    slow!();
    let project = Project::copy("demo_compile_error");
    let before = project.bytes();
    project.heal(&["--accept"]).code(0);
    assert_ne!(project.bytes(), before);
    project.heal(&["undo"]).code(0);
    assert_eq!(project.bytes(), before);
}

#[test]
fn a_fault_hidden_behind_a_compile_error_is_healed_after_it() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.replace("src/lib.rs", "let subtotal = subtotal(lines);", "let subtotal = subtotl(lines);");
    project.heal(&["--accept"]).code(0);
    let text = project.read("src/lib.rs");
    assert!(text.contains("= subtotal(lines);") && text.contains(HEALED), "{text}");
}
