//! Bad input: a clear error with a hint and its own exit code, or a counted, explained attempt.

use crate::project::Project;
use crate::slow;

#[test]
fn a_report_that_is_none_is_named() {
    let project = Project::copy("demo_logic_fault");
    project.write("notes.txt", "Dear diary, nothing was tested today.\n");
    project.heal(&["--report", "notes.txt"]).code(4).says("notes.txt").says("hint: ");
    project.heal(&["--report", "nowhere.xml"]).code(4).says("nowhere.xml");
    project.heal(&["--report", "*.tap"]).code(4).says("*.tap");
    project.heal_with_stdin(&["--report", "-"], b"\x00\xff\xfe").code(4).says("standard input");
}

#[test]
fn a_report_of_tests_that_do_not_exist_is_not_reproduced() {
    let project = Project::copy("demo_logic_fault");
    let tap = b"TAP version 13\n1..1\nnot ok 1 - no_such_test\n";
    project.heal_with_stdin(&["--report", "-"], tap).code(5).says("no_such_test");
}

#[test]
fn a_directory_that_is_no_project_is_named() {
    let project = Project::copy("demo_logic_fault");
    let folder = project.beside("empty");
    std::fs::create_dir(&folder).unwrap();
    project.heal(&["--dir", "../empty"]).code(2).says("empty").says("hint: ");
    project.heal(&["--dir", "../nowhere"]).code(2).says("nowhere");
}

#[test]
fn a_wrong_option_is_a_usage_error() {
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--max-time", "soon"]).code(2).says("--max-time");
    project.heal(&["--debugger", "magic"]).code(2).says("magic");
    project.heal(&["--no-such-option"]).code(2);
    project.write("heal-tests.toml", "[budget]\nmax-tokns = 1\n");
    project.heal(&[]).code(2).says("heal-tests.toml").says("max-tokns");
}

#[test]
fn a_command_that_fails_without_test_results_is_unreadable() {
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--", "sh", "-c", "echo oops; exit 3"]).code(4).says("code 3");
    project.heal(&["--", "no-such-program-anywhere"]).code(2).says("no-such-program-anywhere");
}

#[test]
fn spent_budgets_have_their_own_code() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--max-attempts", "0"]).code(3).says("--max-attempts");
    project.heal(&["--max-time", "10ms"]).code(3);
    project.heal(&["--max-attempts", "2", "--debugger", "revert"]).code(1);
}
