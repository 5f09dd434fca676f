//! Documents that are whole, cut, damaged, deep, and among other text.

use proptest::prelude::*;

use super::*;
use crate::ingest::source::Source;

fn of(text: &str) -> Json<Part<'_>> {
    Json::new(Part { text, offset: 0 })
}

/// Renders what is read of `{"files":[{"tests":[{"name":…,"ok":…}],"file":…}]}`.
fn outline<T: Text>(json: &mut Json<T>) -> (String, Vec<String>) {
    let mut seen = String::new();
    while json.document(|json, key| match key {
        "files" => json.elements(|json| file(json, &mut seen)),
        _ => json.skip(),
    }) {}
    (seen, json.take_damages().into_iter().map(|damage| damage.reason).collect())
}

fn file<T: Text>(json: &mut Json<T>, seen: &mut String) {
    let mut name = None;
    json.object(|json, key| match key {
        "tests" => json.elements(|json| {
            let (mut test, mut ok) = (None, None);
            json.object(|json, key| match key {
                "name" => test = json.string(100),
                "ok" => ok = json.boolean(),
                _ => {}
            });
            let whole = if json.is_broken() { "?" } else { "" };
            seen.extend([test.unwrap_or_default().as_str(), &format!("={ok:?}{whole} ")]);
        }),
        "file" => name = json.string(100),
        _ => {}
    });
    seen.extend(["in ", &name.unwrap_or_default(), "; "]);
}

fn check(text: &str, seen: &str, damages: &[&str]) {
    let damages: Vec<_> = damages.iter().map(|&damage| damage.to_owned()).collect();
    assert_eq!(outline(&mut of(text)), (seen.to_owned(), damages), "{text}");
    let mut source = Source::of_text(text);
    assert_eq!(outline(&mut Json::new(&mut source)).0, seen, "{text}");
}

const COMPACT: &str = r#"{"n":1,"files":[{"tests":[{"name":"a","ok":true},{"name":"b","ok":false}],"file":"x"},{"tests":[{"name":"c","ok":true}],"file":"y"}]}"#;

#[test]
fn elements_are_read_whatever_stands_around_them() {
    let seen = "a=Some(true) b=Some(false) in x; c=Some(true) in y; ";
    check(COMPACT, seen, &[]);
    check(&format!("> npm test {{x}}\n{{\"level\": \"info\"}}\n.... {COMPACT}\ndone {{\n"), seen, &[]);
    check(&COMPACT.replace(',', " ,\r\n\t").replace(':', " : "), seen, &[]);
    check(&COMPACT.replace("\"n\":1", "\"n\":[[{\"}\":\"\\\"]\",\"m\":-1.5e3}],NaN,null]"), seen, &[]);
    check(&COMPACT.replace("},{", "}{").replace("1,", "1"), seen, &[]);
    check(&format!("{COMPACT}{COMPACT}"), &seen.repeat(2), &[]);
}

#[test]
fn a_document_that_is_cut_yields_all_before_the_cut() {
    check(&COMPACT[..45], "a=None? in ; ", &["the document is cut short"]);
    check(&COMPACT[..48], "a=Some(true) in ; ", &["the document is cut short"]);
    check(&COMPACT[..60], "a=Some(true) b=None? in ; ", &["the document is cut short"]);
    check(
        &COMPACT[..COMPACT.len() - 1],
        "a=Some(true) b=Some(false) in x; c=Some(true) in y; ",
        &["the document is cut short"],
    );
}

#[test]
fn after_damage_reading_goes_on_at_the_next_element() {
    let damage = |reason: &str| format!("the document is damaged: {reason}");
    let lost_quote = COMPACT.replacen("\"a\"", "\"a", 1);
    check(
        &lost_quote,
        "a,=None? b=Some(false) in x; c=Some(true) in y; ",
        &[&damage("no key stands where one should")],
    );
    let lost_file = COMPACT.replace("],\"file\":\"x\"", "~~");
    let seen = "a=Some(true) b=Some(false) in ; c=Some(true) in y; ";
    check(&lost_file, seen, &[&damage("a value is none")]);
    let closed_early = COMPACT.replacen("\"ok\":true", "]", 1);
    check(
        &closed_early,
        "a=None? b=Some(false) in x; c=Some(true) in y; ",
        &[&damage("no key stands where one should")],
    );
    let wrapped = COMPACT.replacen("true", "tr\nue", 1);
    check(&wrapped, "a=None? b=Some(false) in x; c=Some(true) in y; ", &[&damage("a value is none")]);
}

#[test]
fn indentation_tells_at_which_depth_elements_alike_stand() {
    let nested = "{\n \"files\": [\n  {\n   \"tests\": [\n    {\n     \"name\": \"a\",\n     \"ok\": ~,\n    },\n    {\n     \"name\": \"b\",\n     \"ok\": true\n    }\n   ]\n  },\n  {\n   \"file\": \"y\"\n  },\n  {\n   \"tests\": ~\n  },\n  {\n   \"tests\": []\n  }\n ]\n}";
    let reasons = ["the document is damaged: a value is none"; 2];
    check(nested, "a=None? b=Some(true) in ; in y; in ; in ; ", &reasons);
}

#[test]
fn damage_in_junk_does_not_hide_the_document_after_it() {
    let (seen, _) = outline(&mut of(&format!("{{\"a\" oops}} {{\"b\": [1, }}\n{COMPACT}")));
    assert_eq!(seen, "a=Some(true) b=Some(false) in x; c=Some(true) in y; ");
}

#[test]
fn a_document_after_one_that_is_damaged_is_read() {
    let (seen, _) = outline(&mut of(&format!("{}~{COMPACT}", &COMPACT[..60])));
    assert!(seen.ends_with("in ; a=Some(true) b=Some(false) in x; c=Some(true) in y; "), "{seen}");
}

fn string(text: &str) -> Option<String> {
    of(text).string(100)
}

#[test]
fn every_escape_is_decoded_and_half_a_pair_is_no_reason_to_fail() {
    assert_eq!(string(r#""a\"b\\c\/d\n\r\t\b\fé""#).unwrap(), "a\"b\\c/d\n\r\t\u{8}\u{c}é");
    assert_eq!(string(r#""\u0041\ud83d\ude00\u00e9""#).unwrap(), "A😀é");
    assert_eq!(string(r#""\ud83d x \ude00 \ud83d\u0041""#).unwrap(), "\u{fffd} x \u{fffd} \u{fffd}A");
    assert_eq!(string(r#""\u12 \xé \é""#).unwrap(), "\u{fffd}12 xé é");
    assert_eq!(string("\"a\tb\""), Some("a\tb".to_owned()));
    assert_eq!(string("12"), None);
    assert_eq!(string("\"a"), None);
    assert_eq!(string("\"a\\"), None);
}

#[test]
fn long_strings_are_cut_to_head_and_tail() {
    let long = of(&format!("\"{}\"", "é\\n".repeat(1000))).string(90).unwrap();
    assert!(
        long.len() < 150 && long.starts_with("é\n") && long.ends_with("é\n") && long.contains("left out"),
        "{long}"
    );
}

#[test]
fn values_of_all_kinds_are_read_and_those_of_another_kind_passed_over() {
    let mut json = of("1.5 \"x\" 7.0 -1 true NaN null [1, {\"a\" : \"\\n\\\"\"}] {} 3");
    assert_eq!((json.number(), json.number(), json.count(), json.count()), (Some(1.5), None, Some(7), None));
    assert_eq!((json.boolean(), json.number(), json.boolean()), (Some(true), None, None));
    assert_eq!(json.printed(100).unwrap(), r#"[1,{"a":"\n\""}]"#);
    json.array(|_| panic!("an object is no array"));
    assert_eq!(json.number(), Some(3.0));
    assert_eq!(json.take_damages(), []);
}

#[test]
fn depth_is_no_reason_to_fail() {
    let deep = format!("{{\"n\":{}{},{}", "[{\"a\":".repeat(200_000), "}]".repeat(200_000), &COMPACT[1..]);
    check(&deep, "a=Some(true) b=Some(false) in x; c=Some(true) in y; ", &[]);
    let (seen, _) = outline(&mut of(&"{\"files\":[".repeat(200_000)));
    assert!(!seen.is_empty());
}

#[test]
fn documents_larger_than_the_window_are_read() {
    let files = r#"{"tests":[{"name":"\u00e9\"\\","ok":true}],"file":"x"}, "#.repeat(30_000);
    let text = format!("{{\"files\":[{files}]}}");
    let mut source = Source::of_text(&text);
    let (seen, damages) = outline(&mut Json::new(&mut source));
    assert_eq!((seen.matches("é\"\\=Some(true) in x; ").count(), damages), (30_000, vec![]));
}

proptest! {
    #[test]
    fn any_text_of_json_words_can_be_read(words in proptest::collection::vec(0..WORDS.len(), 0..40)) {
        let text: String = words.iter().map(|&word| WORDS[word]).collect();
        outline(&mut of(&text));
        of(&text).printed(10);
        let mut source = Source::of_text(&text);
        outline(&mut Json::new(&mut source));
    }
}

const WORDS: &[&str] = &[
    "{",
    "}",
    "[",
    "]",
    ",",
    ":",
    "\"",
    "\\",
    "\\u",
    "d83d",
    "\\ud83d",
    "\n",
    " ",
    "\"files\":",
    "\"tests\":",
    "é",
    "~",
    "\"name\":\"a\"",
    "\"ok\":true",
    "{\"files\":[",
    "{\"tests\":[",
    "{\"name\":\"a\",",
    "12",
    "null",
];
