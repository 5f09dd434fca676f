//! What a proof needs, and what is refused.

use crate::project::{Project, Ran};
use crate::slow;

fn offer(project: &Project, reply: &str) -> Ran {
    std::fs::write(project.beside("candidates.txt"), reply).unwrap();
    project.heal(&["--json", "--accept", "--debugger", "scripted", "--candidates", "../candidates.txt"])
}

#[test]
fn a_patch_of_a_test_file_is_refused() {
    let project = Project::copy("demo_logic_fault");
    let before = project.bytes();
    let reply = "tests/discount.rs\n<<<<<<< SEARCH\n    assert_eq!(total(&order(50_00, 2)), 90_00);\n=======\n    \
                 assert_eq!(total(&order(50_00, 2)), 100_00);\n>>>>>>> REPLACE\n";
    let ran = offer(&project, reply).code(1);
    assert_eq!(ran.events("judged")[0]["verdict"]["rule"], "protected-path");
    assert_eq!(project.bytes(), before);
}

#[test]
fn a_patch_of_a_test_inside_a_product_file_is_refused() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let text = project.read("src/lib.rs");
    let tests = "\n#[cfg(test)]\nmod tests {\n    #[test]\n    fn boundary() {\n        assert_eq!(super::total(&[super::Line { \
                 price: 100_00, quantity: 1 }]), 90_00);\n    }\n}\n";
    project.write("src/lib.rs", &format!("{text}{tests}"));
    let reply = "src/lib.rs\n<<<<<<< SEARCH\n    fn boundary() {\n=======\n    #[ignore]\n    fn boundary() {\n>>>>>>> REPLACE\n";
    let ran = offer(&project, reply).code(1);
    assert_eq!(ran.events("judged")[0]["verdict"]["verdict"], "refused", "{}", ran.stdout);
}

#[test]
fn a_patch_that_breaks_another_test_is_no_fix() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let reply = "src/lib.rs\n<<<<<<< SEARCH\n    if subtotal > DISCOUNT_FROM {\n=======\n    if subtotal > 0 {\n>>>>>>> REPLACE\n";
    let ran = offer(&project, reply).code(1);
    assert_eq!(ran.events("judged")[0]["verdict"]["verdict"], "regressing", "{}", ran.stdout);
}

#[test]
fn the_certificate_shows_red_before_green_after_and_red_again() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.heal(&["--propose", "--out", "../out"]).code(0);
    let report = std::fs::read_to_string(project.beside("out/certificate.json")).unwrap();
    let certificates: serde_json::Value = serde_json::from_str(&report).unwrap();
    let certificate = &certificates["certificates"][0];
    let id = "discount::discount an_order_of_exactly_one_hundred_has_the_discount";
    let outcome_of = |purpose: &str| {
        let runs = certificate["runs"].as_array().unwrap().iter().filter(|run| run["purpose"] == purpose);
        let outcomes: Vec<_> = runs.map(|run| run["outcomes"][id].as_str().unwrap().to_owned()).collect();
        assert!(!outcomes.is_empty(), "{purpose}: {report}");
        outcomes
    };
    assert!(outcome_of("red before").iter().all(|outcome| outcome == "failed"));
    assert_eq!(outcome_of("green after"), ["passed", "passed"]);
    assert_eq!(outcome_of("whole suite"), ["passed"]);
    assert_eq!(outcome_of("red again"), ["failed"]);
}

#[test]
fn a_flaky_test_is_not_healed() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let counter = project.beside("counter");
    project.write(
        "tests/discount.rs",
        &format!(
            "#[test]\nfn sometimes() {{\n    let path = {counter:?};\n    let n: u32 = std::fs::read_to_string(path).map_or(0, \
             |text| text.parse().unwrap());\n    std::fs::write(path, (n + 1).to_string()).unwrap();\n    assert_eq!(n % 2, \
             1);\n}}\n"
        ),
    );
    project.heal(&["--accept"]).code(5).says("sometimes");
}

#[test]
fn what_a_patch_does_not_need_is_dropped_from_it() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    let reply = "src/lib.rs\n<<<<<<< SEARCH\n//! Prices of a small shop, in cents.\n=======\n//! Prices, in cents.\n>>>>>>> \
                 REPLACE\n\nsrc/lib.rs\n<<<<<<< SEARCH\n    if subtotal > DISCOUNT_FROM {\n=======\n    if subtotal >= DISCOUNT_FROM \
                 {\n>>>>>>> REPLACE\n";
    offer(&project, reply).code(0);
    let text = project.read("src/lib.rs");
    assert!(text.contains(">= DISCOUNT_FROM") && text.contains("a small shop"), "{text}");
}

#[test]
fn a_test_that_kills_its_process_is_named_and_can_be_healed() {
    slow!();
    let project = Project::copy("demo_logic_fault");
    project.replace(
        "src/lib.rs",
        "if subtotal > DISCOUNT_FROM {",
        "if subtotal == 100_00 { std::process::abort() }\n    if subtotal >= DISCOUNT_FROM {",
    );
    let reply =
        "src/lib.rs\n<<<<<<< SEARCH\n    if subtotal == 100_00 { std::process::abort() }\n=======\n>>>>>>> REPLACE\n";
    let ran = offer(&project, reply).code(0);
    let red = &ran.events("reproduced")[0]["red"];
    assert_eq!(red.as_array().unwrap().len(), 1, "{red}");
    assert_eq!(red[0]["name"], "an_order_of_exactly_one_hundred_has_the_discount");
}
