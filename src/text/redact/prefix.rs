//! Finds secrets that show what they are: by the prefix their provider gives them, or by where they stand (key
//! blocks, URLs, headers, command lines). To add a kind: one line in one of the tables.

use std::sync::LazyLock;

use regex::Regex;

use crate::text::redact::name::is_ordinary;
use crate::text::redact::{Secret, entropy};

/// A kind of secret and the pattern of its text.
type Rule = (&'static str, &'static str);

/// Tokens whose prefix is so particular that they count wherever they stand, even inside a longer word.
const PARTICULAR: &[Rule] = &[
    ("adobe", r"p8e-[a-zA-Z0-9]{32}"),
    ("age", r"AGE-SECRET-KEY-1[0-9A-Z]{40,}"),
    ("alibaba", r"LTAI[a-zA-Z0-9]{17,}"),
    ("anthropic", r"sk-ant-[a-zA-Z0-9_-]{16,}"),
    ("artifactory", r"AKCp[a-zA-Z0-9]{60,}"),
    ("atlassian", r"ATATT3[A-Za-z0-9_=-]{60,}"),
    ("aws", r"(?:AKIA|ASIA|ABIA|ACCA)[A-Z2-7]{16}"),
    ("databricks", r"dapi[a-f0-9]{32}(?:-\d)?"),
    ("digitalocean", r"do[opr]_v1_[a-f0-9]{40,}"),
    ("docker", r"dckr_(?:pat|oat)_[A-Za-z0-9_-]{20,}"),
    ("doppler", r"dp\.(?:pt|st|ct|sa|scim|audit)\.[a-zA-Z0-9._-]{32,}"),
    ("figma", r"figd_[A-Za-z0-9_-]{20,}"),
    ("github", r"gh[opsur]_[A-Za-z0-9_]{20,}"),
    ("github", r"github_pat_[A-Za-z0-9_]{20,}"),
    ("gitlab", r"gl(?:pat|ptt|rt|dt|soat|cbt|ft|imt|agent|oas|ffct)-[A-Za-z0-9_.=-]{20,}"),
    ("google", r"AIza[A-Za-z0-9_-]{35}"),
    ("google", r"GOCSPX-[A-Za-z0-9_-]{20,}"),
    ("google", r"ya29\.[A-Za-z0-9_-]{20,}"),
    ("grafana", r"gl(?:sa|c)_[A-Za-z0-9_=+/-]{30,}"),
    ("groq", r"gsk_[A-Za-z0-9]{40,}"),
    ("hubspot", r"pat-(?:na|eu)\d-[a-f0-9]{8}(?:-[a-f0-9]{4}){3}-[a-f0-9]{12}"),
    ("jwt", r"eyJ[A-Za-z0-9_=-]{8,}\.eyJ[A-Za-z0-9_=-]{8,}(?:\.[A-Za-z0-9_=+/-]*)?"),
    ("linear", r"lin_(?:api|oauth)_[A-Za-z0-9]{32,}"),
    ("new-relic", r"NRAK-[A-Z0-9]{27}"),
    ("notion", r"ntn_[A-Za-z0-9]{40,}"),
    ("npm", r"npm_[A-Za-z0-9]{30,}"),
    ("openrouter", r"sk-or-v1-[a-f0-9]{32,}"),
    ("openai", r"sk-(?:proj|svcacct|admin)-[A-Za-z0-9_-]{20,}"),
    ("perplexity", r"pplx-[A-Za-z0-9]{40,}"),
    ("planetscale", r"pscale_(?:tkn|pw|oauth)_[A-Za-z0-9_.=-]{32,}"),
    ("postman", r"PMAK-[a-f0-9]{24}-[a-f0-9]{34}"),
    ("pulumi", r"pul-[a-f0-9]{40}"),
    ("putty", r"Private-Lines: \d+\n(?:[A-Za-z0-9+/=]+\n?)+"),
    ("pypi", r"pypi-[A-Za-z0-9_-]{50,}"),
    ("rubygems", r"rubygems_[a-f0-9]{48}"),
    ("sendgrid", r"SG\.[A-Za-z0-9_-]{16,}\.[A-Za-z0-9_-]{32,}"),
    ("sentry", r"sntr[ysu]+_[A-Za-z0-9_=+/-]{40,}"),
    ("shopify", r"shp(?:at|ca|pa|ss)_[a-fA-F0-9]{32}"),
    ("slack", r"xox[abeprs]-[A-Za-z0-9-]{10,}"),
    ("slack", r"xapp-\d-[A-Za-z0-9-]{20,}"),
    ("slack", r"hooks\.slack\.com/(?:services|workflows|triggers)/[A-Za-z0-9+/]{30,}"),
    ("stripe", r"(?:sk|rk|pk)_(?:live|test)_[A-Za-z0-9]{10,}"),
    ("stripe", r"whsec_[A-Za-z0-9+/=]{24,}"),
    ("supabase", r"sb(?:p|_secret)_[A-Za-z0-9_-]{20,}"),
    ("tailscale", r"tskey-[a-z]+-[A-Za-z0-9-]{16,}"),
    ("terraform", r"[A-Za-z0-9]{14}\.atlasv1\.[A-Za-z0-9_=-]{60,}"),
    ("vault", r"hv[bsr]\.[A-Za-z0-9_-]{24,}"),
    ("xai", r"xai-[A-Za-z0-9]{60,}"),
];

/// Tokens whose prefix could as well be the end of a word: they count at the start of one, and with a digit within.
const COMMONPLACE: &[Rule] = &[
    ("airtable", r"pat[A-Za-z0-9]{14}\.[a-f0-9]{64}"),
    ("crates-io", r"cio[A-Za-z0-9]{32}"),
    ("discord", r"[MNO][A-Za-z0-9]{23,25}\.[A-Za-z0-9_-]{6}\.[A-Za-z0-9_-]{27,}"),
    ("facebook", r"EAA[A-Za-z0-9]{60,}"),
    ("huggingface", r"hf_[A-Za-z0-9]{30,}"),
    ("mailchimp", r"[a-f0-9]{32}-us\d{1,2}"),
    ("mailgun", r"key-[a-f0-9]{32}"),
    ("netlify", r"nfp_[A-Za-z0-9]{36,}"),
    ("nuget", r"oy2[a-z0-9]{43}"),
    ("openai", r"sk-[A-Za-z0-9_-]{20,}"),
    ("replicate", r"r8_[A-Za-z0-9]{30,}"),
    ("square", r"(?:sq0[a-z]{3}-|EAAA)[A-Za-z0-9_-]{22,}"),
    ("telegram", r"\d{8,10}:[A-Za-z0-9_-]{35}"),
    ("twilio", r"(?:SK|AC)[a-f0-9]{32}"),
    ("twitter", r"AAAAAAAAA[A-Za-z0-9%]{60,}"),
];

/// Secrets that stand in a telling place; group 1 is the secret.
const LOCATED: &[Rule] = &[
    // A block ends at its end mark; one that was cut ends where its characters do.
    (
        "private-key",
        r#"(-----BEGIN [A-Z0-9 ]{0,40}PRIVATE KEY(?: BLOCK)?-----(?:[\w+/=\s\\:,"'.-]*?-----END [A-Z0-9 ]{0,40}-----|[\w+/=\s\\:,"'-]*))"#,
    ),
    ("url-password", r#"(?i)\b[a-z][a-z0-9+.-]{1,20}://[^\s/"'<>@:?#]*:([^\s/"'<>]{2,})@"#),
    ("authorization", r#"(?i)authorization\\?["']?\s*[:=]\s*\\?["']?(?:[a-z-]{4,12}\s+)?([^\s"',;\\]{4,})"#),
    ("authorization", r"(?i)\b(?:bearer|basic)\s+([a-z0-9._~+/-]{16,}={0,2})"),
    ("cookie", r#"(?i)\b(?:set-)?cookie\\?["']?\s*:\s*\\?["']?[^\s=;:"',]{1,64}=([^\s;"',\\]{12,})"#),
    ("password", r#"(?i)\bcurl\b[^\n]{0,200}?\s(?:-u|--user)[= ]?["']?[^\s:"']+:([^\s"']+)"#),
    ("password", r"(?i)\blogin\s+\S+\s+password\s+(\S+)"),
    ("signature", r"(?i)[?&;](?:x-amz-signature|x-goog-signature|sig|signature)=([a-z0-9%+/=_-]{16,})"),
    ("token", r#"(?i)[?&](?:access_token|api_?key|client_secret|password|secret|token)=([^\s&"'<>#]{6,})"#),
    ("key", r#"(?i)[?&](?:key|auth)=([^\s&"'<>#]{12,})"#),
    ("azure", r"(?i)(?:AccountKey|SharedAccessKey)=([a-z0-9+/=]{20,})"),
    ("password", r#"(?i)[;"'](?:password|pwd)=([^;\s"']{3,})(?:;|["'])"#),
];

/// Words between the name of an authorization header and its secret.
const SCHEMES: &[&str] = &["apikey", "basic", "bearer", "digest", "negotiate", "token"];

/// Variables of shells, templates and format strings, and bracketed descriptions.
#[expect(clippy::unwrap_used, reason = "a constant pattern, exercised by every test")]
static STAND_IN: LazyLock<Regex> = LazyLock::new(|| {
    Regex::new(r"^(?:\$(?:[A-Z_][A-Z0-9_]*$|[({0-9])|%(?:[sdrvq]$|[({]|[A-Z_]+%$)|<[^>]*>?$|\{[^}]*\}*$|\[[^\]]*\]?$)")
        .unwrap()
});

#[expect(clippy::unwrap_used, reason = "constant patterns, exercised by every test")]
static PARTICULAR_ANY: LazyLock<Regex> = LazyLock::new(|| Regex::new(&alternatives(PARTICULAR)).unwrap());

/// An escape such as `\n` in JSON ends a word although its last character is a letter.
#[expect(clippy::unwrap_used, reason = "constant patterns, exercised by every test")]
static COMMONPLACE_ANY: LazyLock<Regex> =
    LazyLock::new(|| Regex::new(&format!(r"(?:^|[^A-Za-z0-9]|\\[nrt])(?:{})", alternatives(COMMONPLACE))).unwrap());

#[expect(clippy::unwrap_used, reason = "constant patterns, exercised by every test")]
static LOCATED_EACH: LazyLock<Vec<(&'static str, Regex)>> =
    LazyLock::new(|| LOCATED.iter().map(|(kind, pattern)| (*kind, Regex::new(pattern).unwrap())).collect());

/// Finds tokens by their prefix.
pub(super) fn find(text: &str) -> Vec<Secret> {
    let mut secrets = find_any(&PARTICULAR_ANY, PARTICULAR, text);
    let commonplace = find_any(&COMMONPLACE_ANY, COMMONPLACE, text);
    secrets.extend(commonplace.into_iter().filter(|secret| is_token(&text[secret.range.clone()])));
    in_order(secrets)
}

/// Finds secrets by where they stand.
pub(super) fn find_located(text: &str) -> Vec<Secret> {
    let find = |(kind, pattern): &(&'static str, Regex)| {
        let groups = pattern.captures_iter(text).filter_map(|captures| captures.get(1));
        let secret = |group: regex::Match| Secret { range: group.range(), kind };
        let is_secret = |value: &str| match *kind {
            "cookie" | "key" => entropy::is_tokenlike(value),
            _ => !is_ordinary(value),
        };
        groups.filter(|group| is_secret(group.as_str())).map(secret).collect::<Vec<_>>()
    };
    in_order(LOCATED_EACH.iter().flat_map(find).collect())
}

/// Tells whether a value stands for one that is filled in elsewhere, `${TOKEN}`, `<password>`, `***`, or only says
/// how a header is to be read.
pub(super) fn is_stand_in(value: &str) -> bool {
    let unquoted = value.trim_matches(['"', '\'', '`', '\\']);
    let is_scheme = SCHEMES.iter().any(|scheme| scheme.eq_ignore_ascii_case(unquoted));
    let mut chars = unquoted.chars();
    let first = chars.next();
    is_scheme || chars.all(|char| Some(char) == first) || STAND_IN.is_match(unquoted)
}

/// Sorts by place and drops what overlaps an earlier find; the next pass looks at it again.
pub(super) fn in_order(mut secrets: Vec<Secret>) -> Vec<Secret> {
    secrets.sort_by_key(|secret| (secret.range.start, std::cmp::Reverse(secret.range.end)));
    let mut end = 0;
    secrets.retain(|secret| {
        let apart = secret.range.start >= end;
        end = end.max(secret.range.end);
        apart
    });
    secrets
}

fn alternatives(rules: &[Rule]) -> String {
    rules.iter().map(|(_, pattern)| format!("({pattern})")).collect::<Vec<_>>().join("|")
}

/// Finds all matches of a pattern made by [`alternatives`]; the group that matched is the rule.
fn find_any(any: &Regex, rules: &[Rule], text: &str) -> Vec<Secret> {
    let secret = |captures: regex::Captures| {
        let mut groups = captures.iter().skip(1).zip(rules);
        groups.find_map(|(group, (kind, _))| Some(Secret { range: group?.range(), kind }))
    };
    any.captures_iter(text).filter_map(secret).collect()
}

/// Tells a token from words joined by hyphens that begin like one.
fn is_token(text: &str) -> bool {
    let is_word = |part: &str| part.len() < 32 && entropy::is_words_and_numbers(part);
    text.bytes().any(|byte| byte.is_ascii_digit()) && !text.split(['-', '_']).skip(1).all(is_word)
}
