//! What a Go program prints when it dies: a panic or a fatal error, and the goroutines that ran.

use crate::ingest::trace;
use crate::model::{Frame, Location};

/// How the first line of it begins.
const HEADS: &[&str] = &["panic: ", "fatal error: ", "runtime: goroutine stack exceeds", "SIGQUIT: ", "SIGABRT: "];

/// What a test binary panics with when its deadline is over.
const TIMED_OUT: &str = "test timed out after ";

/// Goroutines that are looked at.
const GOROUTINES_MAX: usize = 1000;

/// Tells whether a line is the first of what is printed.
pub(super) fn begins(line: &str) -> bool {
    HEADS.iter().any(|head| line.starts_with(head))
}

/// A death, taken apart.
#[derive(Debug, Default)]
pub(super) struct Crash {
    /// What it died of.
    pub(super) message: String,
    /// Tests that ran when the deadline was over, as the program lists them since Go 1.20.
    listed: Vec<String>,
    goroutines: Vec<Goroutine>,
}

/// One goroutine: the calls it was in, innermost first.
#[derive(Debug, Default)]
struct Goroutine {
    frames: Vec<Frame>,
    /// The function that started it.
    creator: String,
}

impl Crash {
    /// Reads what was printed.
    pub(super) fn read(text: &str) -> Self {
        let mut crash = Self { message: message(text), ..Self::default() };
        let mut function = "";
        for line in text.lines() {
            let listed = line.strip_prefix("\t\t").and_then(|line| line.rsplit_once(" ("));
            if line.starts_with("goroutine ") && line.ends_with(':') {
                if crash.goroutines.len() >= GOROUTINES_MAX {
                    break;
                }
                crash.goroutines.push(Goroutine::default());
            } else if let Some(goroutine) = crash.goroutines.last_mut() {
                goroutine.line(line, &mut function);
            } else if let Some((name, _)) = listed {
                crash.listed.push(name.to_owned());
            }
        }
        crash
    }

    /// Tells whether the deadline was over.
    pub(super) fn is_timeout(&self) -> bool {
        self.message.starts_with(TIMED_OUT)
    }

    /// Returns the names of the tests that the program lists as running.
    pub(super) fn listed(&self) -> &[String] {
        &self.listed
    }

    /// Returns the functions of tests that ran, those of the first goroutine, which is at fault, before others.
    pub(super) fn functions(&self) -> Vec<&str> {
        let at_fault = if self.is_timeout() { self.goroutines.len() } else { 1 };
        let mut functions = Vec::new();
        for goroutine in self.goroutines.iter().take(at_fault) {
            for function in goroutine.functions() {
                if !functions.contains(&function) {
                    functions.push(function);
                }
            }
        }
        functions
    }

    /// Returns the frames of the goroutine that ran `function`, else of the first, without those of the runtime.
    pub(super) fn frames(&self, function: &str) -> Vec<Frame> {
        let runs = |goroutine: &&Goroutine| goroutine.functions().any(|name| name == function);
        let goroutine = if self.is_timeout() {
            self.goroutines.iter().rfind(runs)
        } else {
            self.goroutines.iter().find(runs).or(self.goroutines.first())
        };
        let is_own = |frame: &&Frame| !is_of_runtime(frame.function.as_deref().unwrap_or_default());
        let frames = goroutine.into_iter().flat_map(|goroutine| &goroutine.frames);
        frames.filter(is_own).take(trace::FRAMES_MAX).cloned().collect()
    }
}

impl Goroutine {
    /// Reads a function's line, or the line under it that tells where it was.
    fn line<'t>(&mut self, line: &'t str, function: &mut &'t str) {
        if let Some(place) = line.strip_prefix('\t') {
            let place = place.split_once(" +0x").map_or(place, |(place, _)| place);
            if let Some(location) = place.rsplit_once(':').and_then(|(file, line)| trace::place(file, line, None))
                && !function.is_empty()
            {
                self.frames.push(Frame { function: Some((*function).to_owned()), location });
            }
            *function = "";
        } else if let Some(creator) = line.strip_prefix("created by ") {
            creator.split(" in goroutine").next().unwrap_or_default().clone_into(&mut self.creator);
            *function = "";
        } else {
            *function = line.rfind('(').map_or("", |arguments| &line[..arguments]);
        }
    }

    /// Returns the names of tests among its calls and its creator, innermost first.
    fn functions(&self) -> impl Iterator<Item = &str> {
        let calls = self.frames.iter().filter_map(|frame| frame.function.as_deref());
        calls.chain([self.creator.as_str()]).filter_map(test_of)
    }
}

/// Returns the test in whose body a function stands: that of `example.com/shop/cart.TestTotal.func1` is `TestTotal`.
fn test_of(function: &str) -> Option<&str> {
    let name = function.rsplit('/').next()?;
    name.split('.').skip(1).find(|part| super::is_test_name(part))
}

/// Tells whether a function is of Go's runtime or its `testing` package.
fn is_of_runtime(function: &str) -> bool {
    ["runtime.", "testing.", "panic", "main.main", "runtime/", "internal/"]
        .iter()
        .any(|prefix| function.starts_with(prefix))
}

/// Returns what the first line says, without what comes of passing it on.
fn message(text: &str) -> String {
    let head = text.split("\ngoroutine ").next().unwrap_or_default().trim_end();
    let (first, rest) = head.split_once('\n').unwrap_or((head, ""));
    let first = first.strip_prefix("panic: ").unwrap_or(first);
    let passed_on = [" [recovered, repanicked]", " [recovered]"].iter().find_map(|mark| first.strip_suffix(mark));
    match passed_on {
        Some(first) => first.to_owned(),
        None if first.starts_with(TIMED_OUT) || rest.trim().is_empty() => first.to_owned(),
        // Values of several lines go on, as do reasons such as `[signal SIGSEGV: …]`.
        None => format!("{first}\n{}", rest.trim_end()),
    }
}

/// Returns the innermost place in the module of the package `suite`, else outside of libraries that are known.
pub(super) fn place(frames: &[Frame], suite: &str) -> Option<Location> {
    let is_host = suite.split('/').next().is_some_and(|first| first.contains('.'));
    let module: Vec<_> = suite.split('/').take(if is_host { 3 } else { 1 }).collect();
    let module = module.join("/");
    let function = |frame: &Frame| frame.function.clone().unwrap_or_default();
    let is_near = |frame: &&Frame| !module.is_empty() && function(frame).starts_with(&module);
    frames.iter().find(is_near).map(|frame| frame.location.clone()).or_else(|| trace::own_place(frames))
}

#[cfg(test)]
mod tests {
    use super::*;

    const PANIC: &str = "panic: runtime error: index out of range [3] with length 1 [recovered]\n\tpanic: runtime error: index out of range [3] with length 1\n\n\
        goroutine 6 [running]:\ntesting.tRunner.func1.2({0x6c8b50, 0x14a7})\n\t/usr/local/go/src/testing/testing.go:2125 +0x232\n\
        panic({0x6c8b50?, 0x14a?})\n\t/usr/local/go/src/runtime/panic.go:859 +0x125\nexample.com/shop/panics.index(...)\n\t/u/shop/panics/panics_test.go:5\n\
        example.com/shop/panics.TestIndex.func1(0x14a7?)\n\t/u/shop/panics/panics_test.go:14 +0x3f\ntesting.tRunner(0x14a7, 0x6d)\n\t/usr/local/go/src/testing/testing.go:2195 +0xea\n\
        created by testing.(*T).Run in goroutine 5\n\t/usr/local/go/src/testing/testing.go:2260 +0x4d4\n";

    #[test]
    fn a_panic_names_its_message_its_test_and_its_place() {
        let crash = Crash::read(PANIC);
        assert_eq!(crash.message, "runtime error: index out of range [3] with length 1");
        assert_eq!(crash.functions(), ["TestIndex"]);
        let frames = crash.frames("TestIndex");
        let functions: Vec<_> = frames.iter().filter_map(|frame| frame.function.as_deref()).collect();
        assert_eq!(functions, ["example.com/shop/panics.index", "example.com/shop/panics.TestIndex.func1"]);
        assert_eq!(place(&frames, "example.com/shop/panics").unwrap().to_string(), "/u/shop/panics/panics_test.go:5");
    }

    #[test]
    fn a_goroutine_of_its_own_names_the_test_that_started_it() {
        let crash = Crash::read(
            "panic: boom\n\tagain\n\ngoroutine 8 [running]:\nshop.work()\n\t/u/a.go:3 +0x1\ncreated by shop.TestWork in goroutine 7\n\t/u/a_test.go:9 +0x1\n",
        );
        assert_eq!((crash.message.as_str(), crash.functions()), ("boom\n\tagain", vec!["TestWork"]));
    }

    #[test]
    fn a_deadline_names_what_ran() {
        let text = "panic: test timed out after 1s\n\trunning tests:\n\t\tTestHangs (1s)\n\t\tTestHangs/part (1s)\n\n\
            goroutine 5 [running]:\ntesting.(*M).startAlarm.func1()\n\ttesting/testing.go:2961 +0x34a\n\n\
            goroutine 20 [sleep]:\ntime.Sleep(0x34)\n\truntime/time.go:368 +0x165\nexample.com/slow.TestHangs.func1(0x2?)\n\texample.com/slow/slow_test.go:11 +0x1d\n";
        let crash = Crash::read(text);
        assert!(crash.is_timeout());
        assert_eq!(
            (crash.message.as_str(), crash.listed()),
            ("test timed out after 1s", &["TestHangs".to_owned(), "TestHangs/part".to_owned()][..])
        );
        assert_eq!(crash.functions(), ["TestHangs"]);
        assert_eq!(
            place(&crash.frames("TestHangs"), "example.com/slow").unwrap().to_string(),
            "example.com/slow/slow_test.go:11"
        );
    }

    #[test]
    fn methods_and_other_functions_are_no_tests() {
        assert_eq!(test_of("example.com/shop.v2/cart.TestTotal.func1.2"), Some("TestTotal"));
        assert_eq!(test_of("shop.(*Suite).TestAdds"), Some("TestAdds"));
        assert_eq!(test_of("example.com/TestData/cart.load"), None);
        assert_eq!(test_of("main.main"), None);
    }
}
