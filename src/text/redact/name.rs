//! Finds values that stand beside a telling name: `password = "…"`, `API_KEY=…`, `--token …`, `<secret>…</secret>`.
//!
//! Names are not proof: source code says `token: Token` and `password = read()`, forms say `password: "is too short"`.
//! What is code, a stand-in or a sentence stays; a name that is often innocent needs a value that is not.

use std::sync::LazyLock;

use regex::{Captures, Regex};

use crate::text::redact::prefix::{in_order, is_stand_in};
use crate::text::redact::{Secret, entropy};

/// Names whose values are secret unless they clearly are something else.
const TELLING: &[&str] = &[
    "passw(?:or)?d",
    "pass(?:wd|phrase|code)",
    "pwd",
    "secret(?:[_-]?(?:access[_-]?)?key)?",
    "client[_-]?secret",
    "(?:api|access|private|signing|encryption|account|master|deploy|auth|service|license)[_-]?key",
    "(?:access|auth|refresh|bearer|session|api|bot|deploy|id)[_-]?token",
    "connection[_-]?string",
    "credentials?",
];

/// Names that are as often innocent.
const OFTEN_INNOCENT: &[&str] = &[
    "[a-z_-]*token",
    "auth",
    "signature",
    "sig",
    "jwt",
    "[a-z.]*sess(?:ion)?[_-]?id",
    "sid",
    "otp",
    "hmac",
    "[a-z0-9_-]+[_-]pass",
];

/// Names of environment variables, or how they end.
const VARIABLES: &[&str] = &[
    "PASSW(?:OR)?D",
    "PASSPHRASE",
    "PWD",
    "PASS",
    "SECRET",
    "TOKEN",
    "(?:API|ACCESS|PRIVATE|SECRET|SIGNING|ENCRYPTION|AUTH)_?KEY",
    "CREDENTIALS?",
];

/// What may follow a name without changing what it says.
const SUFFIX: &str = r"(?:[_-]?(?:prod|production|dev|staging|live|test|value|old|new|b64|base64))?[0-9]{0,2}";

/// Words that values have which are no secrets.
const ORDINARY: &[&str] = &[
    "bearer",
    "boolean",
    "bytes",
    "changeme",
    "default",
    "disabled",
    "empty",
    "enabled",
    "example",
    "expired",
    "false",
    "hidden",
    "incorrect",
    "invalid",
    "mandatory",
    "missing",
    "none",
    "null",
    "number",
    "object",
    "optional",
    "option",
    "passwd",
    "password",
    "private",
    "public",
    "redacted",
    "required",
    "secret",
    "self",
    "string",
    "test",
    "token",
    "true",
    "undefined",
    "unknown",
    "unset",
    "valid",
    "value",
    "wrong",
];

/// Words of sentences about a secret, such as validation messages.
const SENTENCE: &[&str] = &[
    "be", "can't", "cannot", "could", "does", "don't", "for", "has", "invalid", "is", "may", "missing", "must", "not",
    "of", "required", "should", "than", "the", "to", "too", "was", "with", "your",
];

#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static TELLINGLY_NAMED: LazyLock<Regex> = LazyLock::new(|| Regex::new(&named(TELLING)).unwrap());

/// Such names are short, and count only at the start of a word.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static INNOCENTLY_NAMED: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!("(?:^|[^A-Za-z0-9]){}", named(OFTEN_INNOCENT))).unwrap());

/// A value that is certainly set: quoted, or up to the next space.
const SET: &str = r#"(?:"(?<a>[^"\n]+)"|'(?<b>[^'\n]+)'|(?<bare>[^\s"'`]{4,}))"#;

/// The value of a command line option.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static OPTION: LazyLock<Regex> = LazyLock::new(|| {
    let telling = TELLING.join("|");
    Regex::new(&format!(r"(?i)--(?:[a-z0-9]+-){{0,4}}(?<name>{telling}|token)(?:=|\s){SET}")).unwrap()
});

/// The text of an element of markup.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static ELEMENT: LazyLock<Regex> = LazyLock::new(|| {
    let telling = TELLING.join("|");
    Regex::new(&format!(r"(?i)<(?:[a-z0-9]+:)?(?<name>{telling})(?:\s[^<>\n]*)?>(?<a>[^<\n]+)<")).unwrap()
});

/// A name in capitals set without spaces, as environments and `.env` files have it: everything up to a space is value.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static VARIABLE: LazyLock<Regex> = LazyLock::new(|| {
    let telling = VARIABLES.join("|");
    Regex::new(&format!(r#"(?:^|[\s"'`;])(?:[A-Z0-9]+_)*(?<name>{telling})(?:_[A-Z]+)?[0-9]?={SET}"#)).unwrap()
});

/// How much a find says before its value is looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Weight {
    /// The value is certainly set, not merely mentioned.
    Set,
    Telling,
    OftenInnocent,
}

/// Words a pattern: a name, what parts it from its value, and the value, quoted (also with escaped quotes, also cut)
/// or bare. Group `name` holds the name, one of the others the value.
fn named(names: &[&str]) -> String {
    let quoted = [
        r#"\\+"(?<a>[^"\n]*?)\\+""#,
        r#""(?<b>(?:[^"\\\n]|\\.)*)"?"#,
        r"\\+'(?<c>[^'\n]*?)\\+'",
        r"'(?<d>(?:[^'\\\n]|\\.)*)'?",
        r"`(?<e>[^`\n]*)`?",
    ];
    let bare = r#"(?<bare>[^\s"'`,;(){}\[\]<>&|\\]{4,})"#;
    let by = r#"\\*["'`]?\]?\s{0,3}(?:=>|:=|===?|=|:)\s{0,3}"#;
    let wrapper = r"(?:&?[A-Za-z_:]{1,30}\()?";
    let (names, quoted) = (names.join("|"), quoted.join("|"));
    format!("(?i:(?<name>{names}){SUFFIX}{by}{wrapper}(?:{quoted}|{bare}))")
}

/// Finds values by their names.
pub(super) fn find(text: &str) -> Vec<Secret> {
    let patterns: [(&Regex, Weight); 5] = [
        (&TELLINGLY_NAMED, Weight::Telling),
        (&INNOCENTLY_NAMED, Weight::OftenInnocent),
        (&OPTION, Weight::Set),
        (&ELEMENT, Weight::Set),
        (&VARIABLE, Weight::Set),
    ];
    let find = |(pattern, weight): (&Regex, Weight)| {
        pattern.captures_iter(text).filter_map(|captures| judge(&captures, text, weight)).collect::<Vec<_>>()
    };
    in_order(patterns.into_iter().flat_map(find).collect())
}

fn judge(captures: &Captures, text: &str, weight: Weight) -> Option<Secret> {
    let mut groups = captures.iter().skip(2).flatten();
    let value = groups.next()?;
    let is_secret = match captures.name("bare") {
        Some(_) if weight != Weight::Set => is_bare_secret(value.as_str(), &text[value.end()..], weight),
        _ => is_quoted_secret(value.as_str(), weight),
    };
    is_secret.then(|| Secret { range: value.range(), kind: kind_of(&captures["name"]) })
}

fn is_quoted_secret(value: &str, weight: Weight) -> bool {
    // What follows a closing quote is code, not a value.
    if value.len() < 4 || value.starts_with([',', ')', ']', '}']) || is_ordinary(value) {
        return false;
    }
    match weight {
        Weight::Set | Weight::Telling => !is_sentence(value),
        Weight::OftenInnocent => entropy::is_tokenlike(value),
    }
}

/// Judges a value without quotes, which in source code would be an expression.
fn is_bare_secret(value: &str, rest: &str, weight: Weight) -> bool {
    let is_code = rest.starts_with(['(', '[', '{', '<', '!', '"']) || value.contains("::") || value.ends_with(':');
    let is_code = is_code || value.starts_with(':');
    if is_code || is_ordinary(value) {
        return false;
    }
    let has = |class: fn(&u8) -> bool| value.as_bytes().iter().any(class);
    match weight {
        _ if is_member(value) => false,
        Weight::Set | Weight::Telling if !has(u8::is_ascii_digit) => {
            value.contains(['!', '@', '#', '$', '%', '^', '*', '?', '~', '+'])
        }
        Weight::Set | Weight::Telling => value.len() >= 6,
        Weight::OftenInnocent => entropy::is_tokenlike(value),
    }
}

/// Tells whether text is a member of something, such as `self.config2.password`.
fn is_member(value: &str) -> bool {
    let mut parts = value.trim_start_matches('&').split('.');
    let is_name = |part: &str| {
        part.starts_with(|char: char| char.is_ascii_alphabetic() || char == '_')
            && entropy::is_wordlike(part)
            && part.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_')
    };
    value.contains('.') && parts.all(is_name)
}

/// Tells whether a value is one that no secret has: a word of code or prose, a stand-in, a constant, a path.
pub(super) fn is_ordinary(value: &str) -> bool {
    let lower = value.trim_end_matches(['.', ',', ';', ':', '!', '?']).to_ascii_lowercase();
    let is_constant = value.contains('_') && value.bytes().all(|byte| byte.is_ascii_uppercase() || byte == b'_');
    let is_constant = is_constant && entropy::is_wordlike(value);
    is_constant || is_stand_in(value) || ORDINARY.contains(&lower.as_str()) || entropy::is_path(value)
}

fn is_sentence(value: &str) -> bool {
    value.split_whitespace().count() > 1
        && value.split_whitespace().any(|word| SENTENCE.contains(&word.to_ascii_lowercase().as_str()))
}

fn kind_of(name: &str) -> &'static str {
    let name = name.to_ascii_lowercase();
    let kinds = [("pass", "password"), ("pwd", "password"), ("key", "key"), ("secret", "secret"), ("token", "token")];
    kinds.iter().find(|(part, _)| name.contains(part)).map_or("credential", |(_, kind)| kind)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(text: &str, expected: &[&str]) {
        let found: Vec<&str> = find(text).into_iter().map(|secret| &text[secret.range]).collect();
        assert_eq!(found, expected, "{text}");
    }

    #[test]
    fn values_beside_a_telling_name_are_found() {
        check(r#"password = "correct horse""#, &["correct horse"]);
        check(r"password: 'hunter2'", &["hunter2"]);
        check(r#"{"db_password": "hunter2", "port": 5432}"#, &["hunter2"]);
        check(r#"{\"apiKey\":\"abcdef\"}"#, &["abcdef"]);
        check("DB_PASSWORD=letmein", &["letmein"]);
        check("export API_TOKEN=abc;def(1)", &["abc;def(1)"]);
        check("client_secret=8f3kdm20sl", &["8f3kdm20sl"]);
        check("tool --db-password letmein1 run", &["letmein1"]);
        check("<password>hunter2</password>", &["hunter2"]);
        check(r#"Config { password: Some("hunter2"), port: 1 }"#, &["hunter2"]);
        check(r#"token: "a8f3kdm20sl49fk""#, &["a8f3kdm20sl49fk"]);
    }

    #[test]
    fn code_stand_ins_and_sentences_are_left() {
        for text in [
            "fn login(password: String, token: Token) -> Session",
            "password = get_password()",
            "connect(password=settings.db_password2)",
            "let token = tokens.next().unwrap();",
            "token: Token::Ident(name)",
            "PASSWORD=${DB_PASSWORD}",
            "--password <PASSWORD>",
            r#""password": "is too short (minimum is 8 characters)""#,
            r#"expected token: "while", found token: "identifier""#,
            "secret: null",
            "max_tokens=4096 token_count: 17",
            "PWD=/home/runner/src/proj",
            "OLDPWD=/home/runner",
            "self.assertIn('Password:', stderr.getvalue())",
            "assert sig == \"short_fun(a=1)\"",
            "PBKDF2HMAC = openssl.kdf.PBKDF2HMAC",
            "disable_session_auth=s3_disable_session_auth,",
        ] {
            check(text, &[]);
        }
    }
}
