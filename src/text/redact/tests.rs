//! Redaction as a whole.

use proptest::prelude::{Strategy, prop, prop_assert, prop_assert_eq, prop_assume, prop_oneof, proptest};

use super::*;

fn redact(text: &str) -> String {
    Redactor::new(&["zp4-exact-value/91".to_owned()]).redact(text).as_str().to_owned()
}

#[test]
fn equal_secrets_have_equal_placeholders_and_others_differ() {
    let text = redact("password=hunter22 and again PASSWORD=hunter22 but password=hunter33");
    let digits: Vec<&str> = PLACEHOLDER.find_iter(&text).map(|found| found.as_str()).collect();
    assert_eq!(digits.len(), 3, "{text}");
    assert_eq!(digits[0], digits[1]);
    assert_ne!(digits[0], digits[2]);
}

#[test]
fn the_digits_depend_on_the_secrets_that_are_known() {
    let with = |secret: &str| Redactor::new(&[secret.to_owned()]).redact("password=hunter22").as_str().to_owned();
    assert_ne!(with("one-secret-value"), with("another-secret-value"));
    assert_eq!(with("one-secret-value"), with("one-secret-value"));
}

#[test]
fn a_placeholder_is_known_again_and_other_brackets_are_not() {
    assert!(holds_placeholder(&redact("x zp4-exact-value/91")));
    assert!(!holds_placeholder("[REDACTED] [REDACTED:x]"));
}

#[test]
fn an_escape_inside_a_secret_does_not_hide_it() {
    assert_eq!(redact("zp4-exact\x1b[0m-val\u{200b}ue/91"), redact("zp4-exact-value/91"));
}

#[test]
fn a_private_key_goes_whole_even_when_it_is_cut_or_quoted() {
    let body = "MIIEpAIBAAKCAQEA0Z3VS5JJcds3xfn/ygWyF8PbnGy0AHB7MhgHcTz6sE2I2yPB\n".repeat(3);
    for (text, rest) in [
        (format!("a\n-----BEGIN RSA PRIVATE KEY-----\n{body}-----END RSA PRIVATE KEY-----\nb.c(d)"), "\nb.c(d)"),
        (format!("a\n-----BEGIN OPENSSH PRIVATE KEY-----\n{body}"), ""),
        (format!("a\n{{\"k\":\"-----BEGIN PRIVATE KEY-----\\n{}\"}}", body.replace('\n', "\\n")), "}"),
    ] {
        let redacted = redact(&text);
        assert!(redacted.contains("[REDACTED:private-key:") && !redacted.contains("MIIE"), "{redacted}");
        assert!(redacted.ends_with(rest), "{redacted}");
    }
}

#[test]
fn credentials_in_urls_and_headers_go_and_the_rest_stays() {
    let text = redact("clone https://bob:s3cr@t@git.example.com/x.git failed");
    assert!(text.starts_with("clone https://bob:[REDACTED:url-password:"), "{text}");
    assert!(text.ends_with("@git.example.com/x.git failed"), "{text}");
    let text = redact("> Authorization: Bearer abc.def-ghi\n> Accept: */*");
    assert!(text.starts_with("> Authorization: Bearer [REDACTED:") && text.ends_with("]\n> Accept: */*"), "{text}");
}

#[test]
fn ordinary_test_output_is_unchanged() {
    let text = "thread 'cart::total' panicked at src/cart.rs:10:5:\nassertion `left == right` failed\n  left: 5\n right: 6\n\
        note: run with `RUST_BACKTRACE=1` environment variable to display a backtrace\n";
    assert_eq!(redact(text), text);
}

#[test]
fn words_that_begin_like_a_token_are_left() {
    for text in
        ["task-force-one-two-three-four-five", "sk-folding-cube-container-large", "risk-assessment-of-2024-report"]
    {
        assert_eq!(redact(text), text);
    }
}

proptest! {
    #[test]
    fn redaction_is_total_and_idempotent_on_any_text(text in "\\PC{0,200}") {
        let once = redact(&text);
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn redaction_is_idempotent_on_text_full_of_bait(parts in prop::collection::vec(bait(), 0..12)) {
        let once = redact(&parts.concat());
        prop_assert_eq!(redact(&once), once);
    }

    #[test]
    fn a_known_value_never_stays(secret in "[!-~]{10,40}", before in "\\PC{0,30}", after in "\\PC{0,30}") {
        let redactor = Redactor::new(std::slice::from_ref(&secret));
        let redacted = redactor.redact(&format!("{before}{secret}{after}"));
        // A value that could be anything is not looked for.
        let distinct: std::collections::HashSet<char> = secret.chars().collect();
        prop_assume!(distinct.len() >= 8 && !secret.starts_with(['/', '.', '~']));
        prop_assert!(!redacted.as_str().contains(&secret), "{}", redacted);
    }
}

fn bait() -> impl Strategy<Value = String> {
    prop_oneof![
        "[ -~]{0,12}",
        "[a-zA-Z0-9+/=_-]{1,40}",
        "\\PC{0,6}",
        prop::sample::select(vec![
            "password",
            "=",
            ":",
            " ",
            "\n",
            "\"",
            "'",
            "\\",
            "token=",
            "ghp_",
            "sk-",
            "sk-ant-",
            "AKIA",
            "://",
            "@",
            "-----BEGIN ",
            "PRIVATE KEY-----",
            "-----END ",
            "[REDACTED:",
            "[REDACTED:secret:12ab]",
            "]",
            "zp4-exact-value/91",
            "zp4-exact",
            "\x1b[31m",
            "\u{200b}",
            "\r",
            "authorization: ",
            "Bearer ",
            "--secret ",
            "<password>",
            "</",
            "eyJ",
            ".eyJ",
            "API_KEY=",
        ])
        .prop_map(str::to_owned),
    ]
}
