//! A project whose tests are run by a script of its own, described in `heal-tests.toml`.

use std::fs;
use std::os::unix::fs::PermissionsExt;

use crate::project::Project;

/// Prints TAP; runs the tests named on its command line, or all, in the folder it is started in, and notes what it ran.
const SCRIPT: &str = r#"#!/bin/sh
total=$(. ./shop.sh; total 5 2)
echo "1..2"
run() { case " $NAMES " in "  "|*" $1 "*) echo "$2 ok"; [ "$2" = "$3" ] && echo "ok - $1" || echo "not ok - $1";; esac; }
NAMES="$*"
[ "$GREETING" = hello ] || exit 9
run sums "$(. ./shop.sh; sum 1 2)" 3
run discounts "$total" 3
"#;

const CONFIG: &str = r#"
[runner]
cwd = "shop"
env = { GREETING = "hello" }
wrap = ["env"]

[runner.custom]
all = ["./check"]
only = ["./check", "{tests}"]
format = "tap"
"#;

fn project(config: &str) -> Project {
    let project = Project::empty();
    project.write("heal-tests.toml", config);
    project.write("shop/check", SCRIPT);
    let path = project.root().join("shop/check");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
    project.write("shop/shop.sh", "sum() { echo $(($1 + $2)); }\ntotal() { echo $(($1 - $2)); }\n");
    project.commit("first version");
    project.replace("shop/shop.sh", "$1 - $2", "$1 + $2");
    project
}

#[test]
fn a_described_runner_runs_only_the_failing_tests_and_its_project_is_healed() {
    let project = project(CONFIG);
    let out = project.beside("out");
    project.heal(&["--accept", "--out", out.to_str().unwrap()]).code(0);
    assert!(project.read("shop/shop.sh").contains("$1 - $2"), "{}", project.read("shop/shop.sh"));
    let certificate = fs::read_to_string(out.join("certificate.json")).unwrap();
    let words: String = certificate.split_whitespace().collect();
    assert!(words.contains(r#"["env","./check","discounts"]"#), "{certificate}");
}

#[test]
fn a_description_that_cannot_work_is_named() {
    for (from, to, wanted) in [
        ("\"{tests}\"", "\"{files}\"", "unknown placeholder {files}"),
        (", \"{tests}\"", "", "names no tests"),
        ("\"tap\"", "\"tapp\"", "runner.custom.format tapp is unknown"),
        ("cwd = \"shop\"", "cwd = \"../..\"", "runner.cwd ../.. is no folder of the repository"),
        ("[runner.custom]", "[runner.costum]", "unknown field `costum`"),
        ("cwd =", "name = \"pytset\"\ncwd =", "there is no runner called pytset"),
    ] {
        project(&CONFIG.replace(from, to)).heal(&[]).code(2).says(wanted);
    }
}
