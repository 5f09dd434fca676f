//! Commands as `package.json` scripts and people write them → which program they start, and with what options.
//!
//! Of the shell's language it knows words, quotes and what separates commands; nothing is expanded or run.

/// A program that runs the tests of packages: how commands start it, and how packages tell that they use it.
#[derive(Debug)]
pub(super) struct Program {
    /// The name of its command.
    pub(super) name: &'static str,
    /// The word that must follow, or for `node` stand among its options; empty when there is none.
    pub(super) verb: &'static str,
    /// Other commands that start it with the same options, and the word that must follow.
    pub(super) fronts: &'static [(&'static str, &'static str)],
    /// Options kept in every run that have their value in the next word, or after `=`.
    pub(super) valued: &'static [&'static str],
    /// Options kept in every run that have no value, or one after `=`. One that ends in `-` stands for all that begin so.
    pub(super) flags: &'static [&'static str],
    /// Options that are not kept and have their value in the next word.
    pub(super) dropped: &'static [&'static str],
    /// Packages any of which installs it.
    pub(super) packages: &'static [&'static str],
    /// Its configuration files.
    pub(super) files: &'static [&'static str],
    /// Its key in `package.json`, or nothing.
    pub(super) key: &'static str,
    /// Files that suggest it where nothing else does.
    pub(super) traces: &'static [&'static str],
}

/// One command of a script.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Step {
    /// As it is written.
    pub(super) text: String,
    /// Its words, without quotes.
    pub(super) words: Vec<String>,
}

/// How a command starts a program.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Start {
    /// Variables it sets.
    pub(super) env: Vec<(String, String)>,
    /// Options of node, where that is named as well; each is one word.
    pub(super) node: Vec<String>,
    /// The command it is started by, and the word that follows.
    pub(super) front: Option<(&'static str, &'static str)>,
    /// The program's own options that decide how tests behave.
    pub(super) options: Vec<String>,
    /// The rest: files, folders and patterns of them.
    pub(super) paths: Vec<String>,
}

/// Commands that start another one named after them.
const LAUNCHERS: &[&str] = &[
    "npx",
    "pnpx",
    "bunx",
    "npm",
    "pnpm",
    "yarn",
    "bun",
    "exec",
    "dlx",
    "x",
    "cross-env",
    "cross-env-shell",
    "env",
    "--",
];

/// Commands that start another one named after options of their own, and whose work is of no use in a re-run.
const WRAPPERS: &[&str] = &["c8", "nyc", "dotenv", "env-cmd", "time", "timeout", "nice", "xvfb-run", "run"];

/// Programs that are node with a loader, and that loader.
const NODES: &[(&str, Option<&str>)] =
    &[("node", None), ("nodejs", None), ("tsx", Some("tsx")), ("ts-node", Some("ts-node/register"))];

/// Options of node with a value in the next word, and how each is written in one word.
const NODE_VALUED: &[(&str, &str)] = &[
    ("-r", "--require"),
    ("--require", "--require"),
    ("--import", "--import"),
    ("--loader", "--loader"),
    ("--experimental-loader", "--experimental-loader"),
    ("-C", "--conditions"),
    ("--conditions", "--conditions"),
    ("--env-file", "--env-file"),
];

/// Splits a script into its commands.
pub(super) fn steps(script: &str) -> Vec<Step> {
    let mut steps = Vec::new();
    let mut rest = script;
    while !rest.trim().is_empty() {
        let (words, n_bytes) = words(rest);
        let (text, after) = rest.split_at(n_bytes);
        if !words.is_empty() {
            steps.push(Step { text: text.trim().to_owned(), words });
        }
        rest = after.trim_start_matches(['&', '|', ';', '\n']);
    }
    steps
}

/// Reads the words of the first command, and returns how many bytes it takes.
fn words(text: &str) -> (Vec<String>, usize) {
    let mut words = Vec::new();
    let mut word: Option<String> = None;
    let mut quote = None;
    let mut characters = text.char_indices();
    while let Some((at, character)) = characters.next() {
        match (quote, character) {
            (Some(open), _) if character == open => quote = None,
            (None, '"' | '\'') => {
                quote = Some(character);
                word.get_or_insert_default();
            }
            (Some('"') | None, '\\') => {
                word.get_or_insert_default().extend(characters.next().map(|(_, escaped)| escaped));
            }
            (None, '&' | '|' | ';' | '\n') => {
                words.extend(word);
                return (words, at);
            }
            (None, _) if character.is_whitespace() => words.extend(word.take()),
            _ => word.get_or_insert_default().push(character),
        }
    }
    words.extend(word);
    (words, text.len())
}

impl Step {
    /// Returns the names of the package's scripts this starts, and the words it hands on to the last of them.
    pub(super) fn scripts(&self) -> (Vec<&str>, &[String]) {
        let words: Vec<&str> = self.words.iter().map(String::as_str).collect();
        let after = |n: usize| &self.words[n.min(words.len())..];
        let handed = |n: usize| after(n).strip_prefix(&["--".to_owned()][..]).unwrap_or(after(n));
        match words.as_slice() {
            ["npm" | "yarn" | "pnpm" | "bun", "run" | "run-script", name, ..] => (vec![name], handed(3)),
            ["npm", "test" | "t" | "tst", ..] => (vec!["test"], handed(2)),
            ["yarn" | "pnpm", name, ..] => (vec![name], handed(2)),
            ["run-s" | "npm-run-all" | "run-p", names @ ..] => {
                (names.iter().filter(|name| !name.starts_with('-')).copied().collect(), &[])
            }
            _ => (Vec::new(), &[]),
        }
    }
}

impl Start {
    /// Reads a command; `None` when it starts something else.
    pub(super) fn of(words: &[String], program: &Program) -> Option<Self> {
        let mut start = Self::default();
        let mut rest = words;
        let mut is_wrapped = false;
        while let Some((word, after)) = rest.split_first() {
            let name = stem(word);
            if let Some((front, verb)) = program.front(name, after) {
                start.front = Some((front, verb));
                start.read_arguments(&after[usize::from(!verb.is_empty())..], program);
                return Some(start);
            }
            if let Some((_, loader)) = NODES.iter().find(|(node, _)| *node == name) {
                start.node.extend(loader.map(|loader| format!("--import={loader}")));
                if program.name == "node" {
                    return start.of_node(after, program);
                }
                rest = start.read_node(after);
                continue;
            }
            match assignment(word) {
                Some(pair) => start.env.push(pair),
                None if WRAPPERS.contains(&name) => is_wrapped = true,
                None if is_wrapped || LAUNCHERS.contains(&name) || word.starts_with('-') => {}
                None => return None,
            }
            rest = after;
        }
        None
    }

    /// Takes the options of node from the beginning of `words`; returns what follows.
    fn read_node<'w>(&mut self, mut words: &'w [String]) -> &'w [String] {
        while let [option, after @ ..] = words
            && option.starts_with('-')
        {
            let valued = NODE_VALUED.iter().find(|(short, _)| short == option);
            let (option, after) = match (valued, after) {
                (Some((_, long)), [value, after @ ..]) => (format!("{long}={value}"), after),
                _ => (option.clone(), after),
            };
            self.node.push(option);
            words = after;
        }
        words
    }

    /// Reads the arguments of node's own runner: `--test` must stand among the options before any path.
    fn of_node(mut self, words: &[String], program: &Program) -> Option<Self> {
        let at = words.iter().position(|word| word == program.verb)?;
        self.read_arguments(&words[..at], program);
        if !self.paths.is_empty() {
            return None;
        }
        self.read_arguments(&words[at + 1..], program);
        self.options.splice(..0, self.node.drain(..));
        Some(self)
    }

    /// Divides the program's arguments into options that are kept, options that are not, and paths.
    pub(super) fn read_arguments(&mut self, words: &[String], program: &Program) {
        let mut words = words.iter().peekable();
        while let Some(word) = words.next() {
            let name = word.split('=').next().unwrap_or(word);
            let has_value = name.len() < word.len();
            if !word.starts_with('-') {
                self.paths.push(word.clone());
            } else if program.valued.contains(&name) {
                self.options.push(word.clone());
                self.options.extend(words.next_if(|_| !has_value).cloned());
            } else if program.keeps(name) {
                self.options.push(word.clone());
            } else if program.dropped.contains(&name) && !has_value {
                words.next();
            }
        }
    }
}

impl Program {
    /// Returns the command of this name that starts the program, and its verb, if that follows.
    fn front(&self, name: &str, after: &[String]) -> Option<(&'static str, &'static str)> {
        let own = (self.name != "node").then_some((self.name, self.verb));
        let follows = |verb: &str| verb.is_empty() || after.first().is_some_and(|word| word == verb);
        let mut fronts = own.into_iter().chain(self.fronts.iter().copied());
        fronts.find(|(front, verb)| *front == name && follows(verb))
    }

    fn keeps(&self, option: &str) -> bool {
        self.flags.iter().any(|flag| *flag == option || flag.ends_with('-') && option.starts_with(flag))
    }
}

/// Returns the name of a program from its path: `mocha` of `./node_modules/mocha/bin/_mocha.js`.
fn stem(word: &str) -> &str {
    let file = word.rsplit('/').next().unwrap_or(word);
    let is_path = file.len() < word.len();
    let name = file.strip_prefix('_').filter(|_| is_path).unwrap_or(file);
    let endings = [".js", ".cjs", ".mjs", "@latest"];
    endings.iter().find_map(|ending| name.strip_suffix(ending)).unwrap_or(name)
}

/// Reads a word that sets a variable.
pub(super) fn assignment(word: &str) -> Option<(String, String)> {
    let (name, value) = word.split_once('=')?;
    let is_name = name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'_') && !name.is_empty();
    is_name.then(|| (name.to_owned(), value.to_owned()))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PROGRAM: Program = Program {
        name: "mocha",
        verb: "",
        fronts: &[("electron-mocha", "")],
        valued: &["-r", "--timeout"],
        flags: &["--exit", "--experimental-"],
        dropped: &["--reporter", "-R"],
        packages: &[],
        files: &[],
        key: "",
        traces: &[],
    };

    fn start(command: &str) -> Option<Start> {
        Start::of(&steps(command)[0].words, &PROGRAM)
    }

    #[test]
    fn a_script_is_split_into_commands_and_words_as_a_shell_would() {
        let split = |script: &str| steps(script).into_iter().map(|step| (step.text, step.words)).collect::<Vec<_>>();
        let words = |words: &[&str]| words.iter().map(|&word| word.to_owned()).collect::<Vec<_>>();
        assert_eq!(
            split(r#"tsc -p . && mocha "a b" 'c&&d' e\ f "say \"hi\"" ''; echo $X|cat"#),
            [
                ("tsc -p .".to_owned(), words(&["tsc", "-p", "."])),
                (
                    r#"mocha "a b" 'c&&d' e\ f "say \"hi\"" ''"#.to_owned(),
                    words(&["mocha", "a b", "c&&d", "e f", "say \"hi\"", ""])
                ),
                ("echo $X".to_owned(), words(&["echo", "$X"])),
                ("cat".to_owned(), words(&["cat"])),
            ]
        );
        assert_eq!(split("a 'unclosed && b"), [("a 'unclosed && b".to_owned(), words(&["a", "unclosed && b"]))]);
    }

    #[test]
    fn a_program_is_found_behind_launchers_and_wrappers() {
        for command in [
            "mocha -r x --reporter dot --exit test",
            "npx mocha -r x --exit test",
            "npm exec -- mocha -r x --exit test",
            "pnpm exec mocha -r x -R spec --exit test",
            "yarn mocha -r x --bail --exit test",
            "c8 --reporter lcov mocha -r x --exit test",
            "dotenv -e .env -- mocha -r x --exit test",
            "./node_modules/.bin/_mocha -r x --exit --parallel test",
            "node node_modules/mocha/bin/mocha.js -r x --exit test",
        ] {
            let start = start(command).unwrap();
            let options = ["-r", "x", "--exit"].map(str::to_owned).to_vec();
            assert_eq!((start.options, start.paths), (options, vec!["test".to_owned()]), "{command}");
        }
        for command in ["eslint mocha", "echo mocha", "rm -rf mocha", "node build.js mocha", "mochawesome", ""] {
            assert!(steps(command).is_empty() || start(command).is_none(), "{command}");
        }
    }

    #[test]
    fn variables_node_options_and_fronts_are_kept() {
        let start =
            start("cross-env A=b NODE_ENV=test tsx -r dotenv/config --import=x node_modules/.bin/mocha").unwrap();
        assert_eq!(start.env, [("A".to_owned(), "b".to_owned()), ("NODE_ENV".to_owned(), "test".to_owned())]);
        assert_eq!(start.node, ["--import=tsx", "--require=dotenv/config", "--import=x"]);
        assert_eq!(self::start("electron-mocha a.js").unwrap().front, Some(("electron-mocha", "")));
    }

    #[test]
    fn options_keep_their_values_however_they_are_written() {
        let start = start("mocha --timeout=5 --timeout 6 --experimental-x=1 --reporter=dot a --unknown b").unwrap();
        assert_eq!(start.options, ["--timeout=5", "--timeout", "6", "--experimental-x=1"]);
        assert_eq!(start.paths, ["a", "b"]);
    }

    #[test]
    fn a_step_tells_which_scripts_it_starts() {
        let scripts = |command: &str| {
            let step = steps(command).remove(0);
            let (names, handed) = step.scripts();
            (names.join(","), handed.join(","))
        };
        for (command, names, handed) in [
            ("npm test", "test", ""),
            ("npm run test:unit -- --bail", "test:unit", "--bail"),
            ("yarn test:unit --bail", "test:unit", "--bail"),
            ("pnpm run build", "build", ""),
            ("run-s build test:unit", "build,test:unit", ""),
            ("npm ci", "", ""),
        ] {
            assert_eq!(scripts(command), (names.to_owned(), handed.to_owned()), "{command}");
        }
    }

    proptest::proptest! {
        #[test]
        fn any_script_can_be_read(script in r#"[a-z\\'"&|; =\n-]{0,40}|\PC{0,40}"#) {
            for step in steps(&script) {
                step.scripts();
                Start::of(&step.words, &PROGRAM);
            }
        }
    }
}
