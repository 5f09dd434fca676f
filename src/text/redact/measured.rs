//! How much of what is secret goes, and how much of what is not stays, over generated secrets in generated places.

use super::*;

/// A small generator, so that the corpus is the same everywhere.
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: usize) -> usize {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        usize::try_from(self.0 >> 33).unwrap() % sides
    }

    fn text(&mut self, alphabet: &str, len: usize) -> String {
        let alphabet: Vec<char> = alphabet.chars().collect();
        (0..len).map(|_| alphabet[self.roll(alphabet.len())]).collect()
    }
}

const ALNUM: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";
const HEX: &str = "0123456789abcdef";
const UPPER: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZ234567";
const BASE64: &str = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
const PASSWORD: &str = "abcdefghijkmnpqrstuvwxyzABCDEFGHJKLMNPQRSTUVWXYZ23456789!#%*-_";

/// Prefix, alphabet and length of the random part.
const SECRETS: &[(&str, &str, usize)] = &[
    ("ghp_", ALNUM, 36),
    ("gho_", ALNUM, 36),
    ("github_pat_", ALNUM, 60),
    ("glpat-", ALNUM, 20),
    ("AKIA", UPPER, 16),
    ("ASIA", UPPER, 16),
    ("", BASE64, 40),
    ("sk-proj-", ALNUM, 48),
    ("sk-", ALNUM, 48),
    ("sk-", HEX, 32),
    ("sk-ant-api03-", ALNUM, 80),
    ("sk-or-v1-", HEX, 64),
    ("gsk_", ALNUM, 52),
    ("xai-", ALNUM, 80),
    ("hf_", ALNUM, 34),
    ("xoxb-", ALNUM, 40),
    ("xapp-1-", ALNUM, 40),
    ("sk_live_", ALNUM, 24),
    ("rk_test_", ALNUM, 24),
    ("whsec_", ALNUM, 32),
    ("AIza", ALNUM, 35),
    ("ya29.", ALNUM, 60),
    ("GOCSPX-", ALNUM, 28),
    ("npm_", ALNUM, 36),
    ("pypi-AgEIcHlwaS5vcmc", ALNUM, 80),
    ("rubygems_", HEX, 48),
    ("dckr_pat_", ALNUM, 27),
    ("dop_v1_", HEX, 64),
    ("SG.abcdefghij1234567890AB.", ALNUM, 43),
    ("key-", HEX, 32),
    ("hvs.", ALNUM, 40),
    ("shpat_", HEX, 32),
    ("lin_api_", ALNUM, 40),
    ("tskey-auth-", ALNUM, 30),
    ("pul-", HEX, 40),
    ("ATATT3xFfGF0", ALNUM, 100),
    ("eyJhbGciOiJIUzI1NiJ9.eyJzdWIiOiIxMjM0In0.", ALNUM, 43),
    ("", ALNUM, 32),
    ("", ALNUM, 40),
];

/// Contexts in which a secret shows itself by nothing but its own form.
const BARE: &[&str] = &[
    "request failed for {}",
    "got \"{}\", want \"x\"",
    "[{}]",
    "  left: \"{}\"",
    "\x1b[31merror\x1b[0m: \x1b[1m{}\x1b[0m rejected",
    "log line\\n{}\\nnext",
    "https://api.example.com/v1/{}/items",
    "a,b,{},d",
];

/// Contexts that say that a secret follows.
const NAMED: &[&str] = &[
    "API_KEY={}",
    "export SERVICE_TOKEN='{}'",
    "{\"client_secret\": \"{}\"}",
    "\"{\\\"access_token\\\":\\\"{}\\\"}\"",
    "Authorization: Bearer {}",
    "-H 'X-Api-Key: {}'",
    "tool --auth-token {} --verbose",
    "https://user:{}@host.example.com/repo.git",
    "GET /v1/items?access_token={}&page=2",
    "password: {}",
    "Config { secret: \"{}\" }",
    "<password>{}</password>",
    "Set-Cookie: sid={}; Path=/; HttpOnly",
    "Cookie: theme=dark; JSESSIONID={}",
];

const BENIGN: &[&str] = &[
    "test cart::tests::total_of_empty_cart_is_zero ... ok",
    "   Compiling serde_json v1.0.{n}",
    "thread 'tests::parses_{n}' panicked at src/parser.rs:{n}:17:",
    "assertion `left == right` failed: token mismatch",
    "  left: Token { kind: Ident, span: Span { lo: {n}, hi: 42 } }",
    "error[E0308]: mismatched types --> src/lib.rs:{n}:5",
    "   {n}: core::ops::function::FnOnce::call_once{{vtable.shim}}",
    "  at Object.<anonymous> (/home/ci/proj/src/auth/token.test.js:{n}:12)",
    "  at /home/ci/proj/node_modules/jest-circus/build/jestAdapterInit.js:{n}:9",
    "commit {h40}",
    "sha256:{h64}",
    "\"integrity\": \"sha512-{b86}==\"",
    "github.com/pkg/errors v0.9.1 h1:{b43}=",
    "id: {h8}-{h4}-4{h3}-a{h3}-{h12}",
    "Running unittests src/lib.rs (target/debug/deps/cart-{h16})",
    "note: _ZN4core9panicking9panic_fmt17h{h16}E",
    "_RNvCskwGfYPst2Cb_7example{n}exampleFn",
    "2026-03-0{d}T12:34:56.{n}Z INFO server started on port 8{n}",
    "FAILED tests/test_auth.py::TestLogin::test_password_reset_requires_token[case{n}] - AssertionError",
    "E   AssertionError: assert {'token': None} == {'token': 'x'}",
    "def authenticate(self, password: str, token: Optional[Token] = None) -> Session:",
    "let password = read_password(&mut stdin)?;",
    "    self.token = tokens.pop().expect(\"a token\");",
    "password must be at least {n} characters long",
    "\"password\": [\"can't be blank\", \"is too short\"]",
    "max_tokens={n} prompt_tokens: 17 tokens/s: 42.5",
    "[INFO] Tests run: {n}, Failures: 1, Errors: 0, Skipped: 0, Time elapsed: 0.{n} s",
    "expected 0x7ffe{h8} got 0x0",
    "cache key: linux-cargo-{h40}",
    "/tmp/.tmp{a6}/project/target/debug/build/ring-{h16}/out",
    "goroutine {n} [running]: testing.tRunner.func1.2({0x5{h6}, 0xc000{h6}})",
    "  --> $DIR/long-name-of-a-test-with-many-hyphenated-words-{n}.rs:1:1",
    "at com.example.AbstractSingletonProxyFactoryBeanTest$Inner{n}.shouldReturnTrueWhenValid(AbstractTest.java:{n})",
    "nix build /nix/store/{l32}-rust-1.95.0/bin/rustc",
    "index-{a8}.js  {n}.12 kB | gzip: 4.1 kB",
    "session_id missing in cookie header, auth: none",
    "PASS src/auth/secret.test.ts ({n} ms)",
    "secret_len = {n}, key = \"user:{n}\"",
    "#{n} DONE 0.{n}s  exporting layers  writing image sha256:{h64} done",
    "Set-Cookie: theme=dark_mode; Path=/; Max-Age={n}",
    "GET /search?key=some_package_name&page={n}",
    "http://user:password@proxy.example.com:{n}",
    "origin  git@github.com:example/project-{n}.git (fetch)",
];

fn benign(template: &str, dice: &mut Dice) -> String {
    let mut line = String::new();
    let mut rest = template;
    while let Some((before, after)) = rest.split_once('{') {
        line.push_str(before);
        let Some((hole, after)) = after.split_once('}') else { break };
        let (alphabet, len) = match hole.split_at_checked(1) {
            Some(("n", "")) => ("123456789", 1 + dice.roll(5)),
            Some(("d", "")) => ("123456789", 1),
            Some(("h", len)) => (HEX, len.parse().unwrap_or(0)),
            Some(("b", len)) => (BASE64, len.parse().unwrap_or(0)),
            Some(("a", len)) => (ALNUM, len.parse().unwrap_or(0)),
            Some(("l", len)) => ("0123456789abcdfghijklmnpqrsvwxyz", len.parse().unwrap_or(0)),
            _ => ("", 0),
        };
        match alphabet {
            "" => line.extend(["{", hole, "}"]),
            _ => line.push_str(&dice.text(alphabet, len)),
        }
        rest = after;
    }
    line + rest
}

/// A secret leaks when any eight characters of its random part are left.
fn leaks(redacted: &str, random: &str) -> bool {
    random.as_bytes().windows(8).any(|window| redacted.contains(std::str::from_utf8(window).unwrap()))
}

/// Returns the share of secrets that go, and the texts in which one stays.
fn share_found(contexts: &[&str], secrets: &[(&str, &str, usize)]) -> (f64, Vec<String>) {
    let (mut dice, redactor) = (Dice(7), Redactor::new(&[]));
    let (mut n_secrets, mut missed) = (0, Vec::new());
    for context in contexts {
        for &(prefix, alphabet, len) in secrets.iter().chain(secrets).chain(secrets) {
            let random = dice.text(alphabet, len);
            let text = context.replace("{}", &format!("{prefix}{random}"));
            n_secrets += 1;
            if leaks(redactor.redact(&text).as_str(), &random) {
                missed.push(text);
            }
        }
    }
    (1.0 - missed.len() as f64 / f64::from(n_secrets), missed)
}

#[test]
fn nearly_all_secrets_are_found_wherever_they_stand() {
    let passwords = [("", PASSWORD, 14), ("", PASSWORD, 20), ("", HEX, 32)];
    for (contexts, secrets, least) in [(BARE, SECRETS, 0.99), (NAMED, SECRETS, 0.995), (NAMED, &passwords[..], 0.98)] {
        let (share, missed) = share_found(contexts, secrets);
        assert!(share >= least, "{share}: {missed:#?}");
    }
}

#[test]
fn hardly_any_honest_line_is_changed() {
    let (mut dice, redactor) = (Dice(11), Redactor::new(&[]));
    let templates = BENIGN.iter().flat_map(|line| std::iter::repeat_n(line, 30));
    let lines: Vec<String> = templates.map(|line| benign(line, &mut dice)).collect();
    let changed: Vec<&String> = lines.iter().filter(|line| redactor.redact(line).as_str() != line.as_str()).collect();
    let share = changed.len() as f64 / lines.len() as f64;
    assert!(share <= 0.005, "{share}: {changed:#?}");
}
