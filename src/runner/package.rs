//! What a `package.json` says of a package's tests: which program runs them, how a script starts it, what is made before.
//!
//! A package is tested by the program that its scripts start first, else by the one that is configured, else by the one
//! it depends on. Scripts are read; only steps that make what the tests load are ever run, as [`build`] plans it.

use camino::{Utf8Path, Utf8PathBuf};
use serde_json::Value;

use crate::runner::script::{Program, Start, Step, assignment, steps};
use crate::runner::{Adopted, Invocation, Site, Suite, nearest};
use crate::runner::{mocha, node_test, vitest};

/// Programs in the order in which one is preferred where a package is configured for several, or depends on several.
const PROGRAMS: &[&Program] = &[&vitest::PROGRAM, &mocha::PROGRAM, &node_test::PROGRAM];

/// The scripts that are looked at first, in this order; then the others whose names begin with `test`.
const SCRIPTS: &[&str] = &["test", "test:unit", "test:ci", "tests", "unit", "test:node", "test:js"];

/// How deep a script is followed through others, and how many commands of it are looked at.
const SCRIPTS_DEPTH_MAX: usize = 4;
const STEPS_MAX: usize = 64;

/// Programs that make of the sources what tests load.
const MAKERS: &[&str] =
    &["babel", "esbuild", "ncc", "rollup", "swc", "tsc", "tsdown", "tshy", "tsup", "unbuild", "vite", "webpack"];

/// Programs whose work no test needs, and which may fail for reasons that are no test's.
const CHECKERS: &[&str] = &[
    "attw",
    "biome",
    "commitlint",
    "cspell",
    "depcheck",
    "dprint",
    "echo",
    "eslint",
    "knip",
    "markdownlint",
    "oxlint",
    "prettier",
    "publint",
    "standard",
    "stylelint",
    "tslint",
    "xo",
];

/// Variables every run gets: no colour, and nothing that waits for a person.
const ENVIRONMENT: &[(&str, &str)] = &[("CI", "1"), ("FORCE_COLOR", "0")];

/// Options that node takes from `NODE_OPTIONS`, by how they begin, as far as tests are run with them.
const NODE_OPTIONS: &[&str] = &[
    "--import",
    "--require",
    "--loader",
    "--experimental-",
    "--conditions",
    "--max-",
    "--no-",
    "--enable-source-maps",
    "--trace-",
    "--unhandled-rejections",
    "--preserve-symlinks",
    "--stack-trace-limit",
    "--es-module-specifier",
    "--openssl-",
    "--dns-result-order",
    "--stack-size",
];

/// A program as a package starts it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Launch {
    /// The package's folder.
    pub(super) dir: Utf8PathBuf,
    /// What the typed command, else the package's script, decides.
    pub(super) start: Start,
}

/// Returns the file that shows that the nearest package is tested by a program.
pub(super) fn detect(program: &Program, dir: &Utf8Path, root: &Utf8Path) -> Option<Utf8PathBuf> {
    let mut folders = dir.ancestors().take_while(|folder| folder.starts_with(root));
    let folder = folders.find(|folder| Package::at(folder).tested_by().is_some_and(|own| own.name == program.name))?;
    let files = ["package.json"].iter().chain(program.files).chain(program.traces);
    files.map(|file| folder.join(file)).find(|path| path.is_file())
}

/// Takes over what of a typed command decides how a program's tests behave: variables and paths beside options.
pub(super) fn adopt(program: &Program, command: &[String]) -> Option<Adopted> {
    let start = Start::of(command, program)?;
    let variables = start.variables().into_iter().map(|(name, value)| format!("{name}={value}"));
    Some(Adopted { build: variables.chain(start.paths).collect(), test: start.options })
}

/// Plans the steps before the tests that make what they load: all of them but checks, if one of them makes something.
pub(super) fn build(program: &Program, site: &Site) -> Option<Invocation> {
    let manifest = detect(program, &site.dir, &site.root)?;
    let package = Package::at(manifest.parent()?);
    let (before, _) = package.start(program)?;
    let before: Vec<_> = before.into_iter().filter(|step| !is_check(step)).collect();
    before.iter().any(is_making).then(|| {
        let command = before.iter().map(|step| step.text.as_str()).collect::<Vec<_>>().join(" && ");
        let argv = ["npm", "exec", "--offline", "-c", &command].map(str::to_owned).to_vec();
        Invocation { argv, cwd: package.dir, env: pairs(ENVIRONMENT), ..Invocation::default() }
    })
}

impl Launch {
    /// Finds out how the package at a site starts a program.
    pub(super) fn of(program: &Program, site: &Site) -> Self {
        let manifest = detect(program, &site.dir, &site.root);
        let dir = manifest.as_deref().and_then(Utf8Path::parent).unwrap_or(&site.dir).to_owned();
        let typed = (site.adopted != Adopted::default()).then(|| adopted(&site.adopted));
        let scripted = || Package::at(&dir).start(program).map(|(_, start)| start);
        let mut start = typed.or_else(scripted).unwrap_or_default();
        start.paths.retain(|path| !path.starts_with("node_modules/"));
        Self { dir, start }
    }

    /// Makes the suite of the package: its program with the options of its own, from where it is installed.
    pub(super) fn suite(&self, program: &Program, site: &Site) -> Suite {
        let (name, verb) = self.start.front.unwrap_or((program.name, program.verb));
        let mut suite = Suite { cwd: self.dir.clone(), env: pairs(ENVIRONMENT), ..Suite::of_project(site, &[]) };
        suite.argv = installed(name, &self.dir, &site.root);
        suite.argv.extend((!verb.is_empty()).then(|| verb.to_owned()));
        suite.argv.extend(self.start.options.iter().cloned());
        suite.env.extend(self.start.variables());
        suite
    }
}

impl Start {
    /// Returns the variables that a run needs: those that are set, and options of node.
    fn variables(&self) -> Vec<(String, String)> {
        let is_taken = |option: &&String| NODE_OPTIONS.iter().any(|known| option.starts_with(known));
        let options: Vec<_> = self.node.iter().filter(is_taken).map(String::as_str).collect();
        let node = (!options.is_empty()).then(|| ("NODE_OPTIONS".to_owned(), options.join(" ")));
        self.env.iter().cloned().chain(node).collect()
    }
}

/// Reads what [`adopt`] took over, or what the configuration says: then every word that is no variable is an option.
fn adopted(adopted: &Adopted) -> Start {
    let (mut env, mut paths) = (Vec::new(), Vec::new());
    for word in &adopted.build {
        match assignment(word) {
            Some(pair) => env.push(pair),
            None => paths.push(word.clone()),
        }
    }
    let has_options = paths.iter().any(|word| word.starts_with('-'));
    let options = if has_options { std::mem::take(&mut paths) } else { Vec::new() };
    Start { env, options: [options.as_slice(), &adopted.test].concat(), paths, ..Start::default() }
}

/// Returns the words that start a program where it is installed: in the nearest `node_modules`, by Yarn without one, or
/// by npx, which is kept from fetching it.
fn installed(name: &str, dir: &Utf8Path, root: &Utf8Path) -> Vec<String> {
    match nearest(dir, root, &[&format!("node_modules/.bin/{name}")]) {
        Some(path) => vec![path.into_string()],
        None if matches!(name, "node" | "bun" | "deno") => vec![name.to_owned()],
        None if nearest(dir, root, &[".pnp.cjs"]).is_some() => ["yarn", "run", name].map(str::to_owned).to_vec(),
        None => ["npx", "--no-install", name].map(str::to_owned).to_vec(),
    }
}

/// A folder that may have a `package.json`.
struct Package {
    dir: Utf8PathBuf,
    /// What stands in it; nothing when there is none.
    manifest: Value,
}

impl Package {
    fn at(dir: &Utf8Path) -> Self {
        let text = fs_err::read_to_string(dir.join("package.json")).unwrap_or_default();
        let manifest = serde_json::from_str(text.trim_start_matches('\u{feff}')).unwrap_or_default();
        Self { dir: dir.to_owned(), manifest }
    }

    fn tested_by(&self) -> Option<&'static Program> {
        let scripts: Vec<_> = self.test_scripts().into_iter().map(|script| self.steps(script)).collect();
        let of_step = |step: &Step| PROGRAMS.iter().find(|program| Start::of(&step.words, program).is_some());
        let started = scripts.iter().flatten().find_map(of_step);
        let has = |file: &&str| self.dir.join(file).is_file();
        let is_configured = |program: &&&Program| {
            let has_key = !program.key.is_empty() && self.manifest.get(program.key).is_some();
            has_key || program.files.iter().any(&has)
        };
        let configured = || PROGRAMS.iter().find(is_configured);
        let depended = || PROGRAMS.iter().find(|program| self.depends_on(program.packages));
        let traced = || PROGRAMS.iter().find(|program| program.traces.iter().any(&has));
        started.or_else(configured).or_else(depended).or_else(traced).copied()
    }

    /// Returns how a script starts a program, and the steps before that.
    fn start(&self, program: &Program) -> Option<(Vec<Step>, Start)> {
        self.test_scripts().into_iter().find_map(|script| {
            let mut steps = self.steps(script);
            let (at, start) =
                steps.iter().enumerate().find_map(|(at, step)| Some((at, Start::of(&step.words, program)?)))?;
            steps.truncate(at);
            Some((steps, start))
        })
    }

    /// Returns the names of scripts that run tests, the most telling first.
    fn test_scripts(&self) -> Vec<&str> {
        let scripts = self.manifest.get("scripts").and_then(Value::as_object);
        let names: Vec<_> = scripts.into_iter().flat_map(|scripts| scripts.keys().map(String::as_str)).collect();
        let known = SCRIPTS.iter().copied().filter(|name| names.contains(name));
        let others = names.iter().copied().filter(|name| name.starts_with("test") && !SCRIPTS.contains(name));
        known.chain(others).collect()
    }

    /// Returns the commands of a script and of what runs before it, those of other scripts in place of their calls.
    fn steps(&self, script: &str) -> Vec<Step> {
        let mut found = Vec::new();
        self.add_steps(script, &[], SCRIPTS_DEPTH_MAX, &mut found);
        found
    }

    fn add_steps(&self, script: &str, handed: &[String], depth: usize, found: &mut Vec<Step>) {
        let text_of = |name: &str| self.manifest.get("scripts")?.get(name)?.as_str();
        let before = text_of(&format!("pre{script}")).map(steps).unwrap_or_default();
        let mut own = text_of(script).map(steps).unwrap_or_default();
        if let Some(last) = own.last_mut() {
            last.words.extend(handed.iter().cloned());
        }
        for step in before.into_iter().chain(own) {
            let (names, handed) = step.scripts();
            let is_of_scripts = !names.is_empty() && names.iter().all(|name| text_of(name).is_some());
            if found.len() >= STEPS_MAX {
                return;
            } else if is_of_scripts && depth > 0 {
                for name in names {
                    self.add_steps(name, handed, depth - 1, found);
                }
            } else {
                found.push(step);
            }
        }
    }

    fn depends_on(&self, packages: &[&str]) -> bool {
        let kinds = ["devDependencies", "dependencies", "peerDependencies"];
        let mut asked = kinds.iter().filter_map(|kind| self.manifest.get(*kind)?.as_object());
        asked.any(|asked| packages.iter().any(|package| asked.contains_key(*package)))
    }
}

/// Tells whether a step makes something: by a program for that, or a script named after it.
fn is_making(step: &Step) -> bool {
    let words = || step.words.iter().filter(|word| !word.starts_with('-'));
    let is_only_checking = step.words.iter().any(|word| word == "--noEmit");
    words().any(|word| MAKERS.contains(&word.as_str()) || word.contains("build") || word.contains("compile"))
        && !is_only_checking
}

fn is_check(step: &Step) -> bool {
    let is_checker = step.words.iter().take(3).any(|word| CHECKERS.contains(&word.as_str()));
    let is_test = PROGRAMS.iter().any(|program| Start::of(&step.words, program).is_some());
    is_checker || is_test || step.words.iter().any(|word| word == "--noEmit" || word.contains("lint"))
}

fn pairs(variables: &[(&str, &str)]) -> Vec<(String, String)> {
    variables.iter().map(|(name, value)| ((*name).to_owned(), (*value).to_owned())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runner::testing::Project;

    fn check_program(manifest: &str, files: &[&str], program: Option<&str>) {
        let project = Project::with(&[("package.json", manifest)]);
        for file in files {
            project.write(file, "");
        }
        let found = Package::at(&project.site.root).tested_by().map(|program| program.name);
        assert_eq!(found, program, "{manifest} {files:?}");
    }

    #[test]
    fn a_package_is_tested_by_what_its_scripts_start_else_by_what_it_is_configured_for_else_by_what_it_depends_on() {
        check_program(r#"{"scripts": {"test": "node --test"}, "devDependencies": {"jest": "1"}}"#, &[], Some("node"));
        check_program(r#"{"scripts": {"test": "echo 'no test' && exit 1"}}"#, &[], None);
        check_program(r#"{"scripts": {"start": "node --test"}}"#, &[], None);
        check_program("{", &[], None);
    }

    #[test]
    fn steps_that_make_what_tests_load_are_planned_and_checks_are_not() {
        let plan = |scripts: &str| {
            let project = Project::with(&[("package.json", &format!(r#"{{"scripts": {scripts}}}"#))]);
            build(&node_test::PROGRAM, &project.site).map(|invocation| invocation.argv[4].clone())
        };
        let check = |scripts: &str, wanted: Option<&str>| assert_eq!(plan(scripts).as_deref(), wanted, "{scripts}");
        check(r#"{"test": "node --test"}"#, None);
        check(r#"{"test": "eslint . && node --test"}"#, None);
        check(r#"{"test": "tsc --noEmit && node --test"}"#, None);
        check(
            r#"{"test": "npm run lint && npm run make && node --test", "lint": "eslint .", "make": "rm -rf dist && tsc"}"#,
            Some("rm -rf dist && tsc"),
        );
        check(r#"{"pretest": "node build.js", "test": "node --test"}"#, Some("node build.js"));
        check(r#"{"test": "npm test"}"#, None);
    }

    #[test]
    fn a_launch_is_that_of_the_typed_command_else_that_of_the_script() {
        let manifest = r#"{"scripts": {"test": "NODE_ENV=test node --import tsx --test 'src/**/*.test.ts'"}}"#;
        let mut project = Project::with(&[("package.json", manifest), ("src/a.test.ts", "")]);
        let launch = Launch::of(&node_test::PROGRAM, &project.site);
        assert_eq!(launch.start.paths, ["src/**/*.test.ts"]);
        let suite = launch.suite(&node_test::PROGRAM, &project.site);
        assert_eq!(suite.argv, ["node", "--test", "--import", "tsx"]);
        assert!(suite.env.contains(&("NODE_ENV".to_owned(), "test".to_owned())));
        let typed = ["node", "--test", "--test-concurrency=1", "src/a.test.ts"].map(str::to_owned);
        project.site.adopted = adopt(&node_test::PROGRAM, &typed).unwrap();
        let launch = Launch::of(&node_test::PROGRAM, &project.site);
        assert_eq!((launch.start.paths, launch.start.options), (typed[3..].to_vec(), typed[2..3].to_vec()));
    }

    #[test]
    fn a_program_is_started_where_it_is_installed() {
        let project = Project::with(&[("node_modules/.bin/mocha", ""), ("packages/a/package.json", "{}")]);
        let root = &project.site.root;
        let start = |name: &str| installed(name, &root.join("packages/a"), root).join(" ");
        assert_eq!(start("mocha"), root.join("node_modules/.bin/mocha"));
        assert_eq!(start("jest"), "npx --no-install jest");
        assert_eq!(start("node"), "node");
        project.write(".pnp.cjs", "");
        assert_eq!(start("jest"), "yarn run jest");
    }
}
