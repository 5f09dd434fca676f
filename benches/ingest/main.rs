//! How fast reports are read, and in how much memory: beside what a bare loop over the same bytes takes, in the same run.
//!
//! `cargo bench --bench ingest` measures at full size, `-- --quick` at a tenth of it; further arguments are names of
//! inputs. Each reading is a process of its own, so that its peak memory is its own, and the best of several counts.
//! Absolute numbers are the machine's; the ratios are the program's.

#![expect(clippy::unwrap_used, clippy::print_stdout, reason = "a benchmark is a program for people")]

mod generate;
mod measure;

use std::fs::File;
use std::io::{BufRead, BufReader};
use std::path::Path;
use std::process::Command;

use heal_tests::ingest::{self, Hints};

use crate::generate::Input;
use crate::measure::Cost;

/// Number of times each reading is measured; the best counts.
const RUNS: usize = 7;

/// Bytes that the bare loops read at once, as the program does.
const BUFFER_BYTES: usize = 256 << 10;

/// The ways in which an input is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Way {
    /// By the program, as it reads reports.
    Program,
    /// By quick-xml's events, with nothing done for any.
    Events,
    /// Line by line, with a look at how each begins.
    Prefixes,
    /// Line ends are counted.
    Lines,
    /// Twice by the program, one after the other.
    Twice,
    /// Twice by the program, at the same time.
    Parallel,
}

impl Way {
    const ALL: [Self; 6] = [Self::Program, Self::Events, Self::Prefixes, Self::Lines, Self::Twice, Self::Parallel];

    fn name(self) -> &'static str {
        match self {
            Self::Program => "heal-tests",
            Self::Events => "quick-xml events",
            Self::Prefixes => "line prefixes",
            Self::Lines => "line ends",
            Self::Twice => "two, in turn",
            Self::Parallel => "two, at once",
        }
    }

    /// Reads the file; returns the number of things found.
    fn read(self, path: &Path) -> u64 {
        match self {
            Self::Program => read_by_program(path),
            Self::Events => count_events(path),
            Self::Prefixes => count_prefixes(path),
            Self::Lines => count_lines(path),
            Self::Twice => read_by_program(path) + read_by_program(path),
            Self::Parallel => std::thread::scope(|scope| {
                let other = scope.spawn(|| read_by_program(path));
                read_by_program(path) + other.join().unwrap()
            }),
        }
    }
}

fn read_by_program(path: &Path) -> u64 {
    let reading = ingest::read_from(File::open(path).unwrap(), &Hints::default(), None).unwrap();
    reading.report.counts.tests
}

fn buffered(path: &Path) -> BufReader<File> {
    BufReader::with_capacity(BUFFER_BYTES, File::open(path).unwrap())
}

fn count_events(path: &Path) -> u64 {
    let mut reader = quick_xml::Reader::from_reader(buffered(path));
    let mut buffer = Vec::new();
    let mut n_events = 0;
    loop {
        match reader.read_event_into(&mut buffer).unwrap() {
            quick_xml::events::Event::Eof => return n_events,
            _ => n_events += 1,
        }
        buffer.clear();
    }
}

fn count_prefixes(path: &Path) -> u64 {
    let mut reader = buffered(path);
    let mut line = Vec::new();
    let mut n_results = 0;
    while reader.read_until(b'\n', &mut line).unwrap() > 0 {
        let text = line.trim_ascii_start();
        let is_result = [&b"ok "[..], b"not ok ", b"test ", b"<testcase "].iter().any(|begin| text.starts_with(begin));
        n_results += u64::from(is_result);
        line.clear();
    }
    n_results
}

fn count_lines(path: &Path) -> u64 {
    let mut reader = buffered(path);
    let mut n_lines = 0;
    loop {
        let bytes = reader.fill_buf().unwrap();
        if bytes.is_empty() {
            return n_lines;
        }
        n_lines += memchr::memchr_iter(b'\n', bytes).count() as u64;
        let n_bytes = bytes.len();
        reader.consume(n_bytes);
    }
}

/// Measures one way of reading a file in a process of its own.
#[expect(
    clippy::disallowed_methods,
    reason = "a process of its own has a peak of its own; it is this program, and it ends"
)]
fn measure(way: Way, path: &Path) -> Cost {
    let program = std::env::current_exe().unwrap();
    let child = Command::new(program).args(["--child", way.name()]).arg(path).output().unwrap();
    let told = String::from_utf8_lossy(&child.stdout).into_owned();
    Cost::read(&told)
        .unwrap_or_else(|| panic!("{way:?} of {}: {}", path.display(), String::from_utf8_lossy(&child.stderr)))
}

/// Measures all ways of reading an input in turn, so that what else the machine does befalls all alike, and prints a table
/// of the best of each.
fn compare(input: Input, path: &Path) {
    let is_meant = |way: &Way| match way {
        Way::Events => input.is_xml(),
        Way::Twice | Way::Parallel => input == Input::Junit,
        Way::Program | Way::Prefixes | Way::Lines => true,
    };
    let mut costs: Vec<(Way, Cost)> = Vec::new();
    for run in 0..RUNS {
        for (at, way) in Way::ALL.into_iter().filter(is_meant).enumerate() {
            let cost = measure(way, path);
            if run == 0 {
                costs.push((way, cost));
            }
            costs[at].1 = costs[at].1.best(cost);
        }
    }
    let n_bytes = std::fs::metadata(path).unwrap().len();
    println!("\n{} ({} MB)", input.name(), n_bytes / 1_000_000);
    println!(
        "{:>18} {:>8} {:>8} {:>8} {:>9} {:>10}  heal-tests takes",
        "", "MB/s", "wall s", "cpu s", "peak MiB", "found"
    );
    let program = costs[0].1;
    for (way, cost) in costs {
        let ratio = match way {
            Way::Program | Way::Twice | Way::Parallel => String::new(),
            _ => format!("{:.2}x its cpu", program.cpu.as_secs_f64() / cost.cpu.as_secs_f64()),
        };
        println!(
            "{:>18} {:>8.0} {:>8.3} {:>8.3} {:>9.1} {:>10}  {ratio}",
            way.name(),
            n_bytes as f64 / 1e6 / cost.wall.as_secs_f64(),
            cost.wall.as_secs_f64(),
            cost.cpu.as_secs_f64(),
            cost.peak_bytes as f64 / f64::from(1 << 20),
            cost.n_found
        );
    }
}

fn main() {
    let arguments: Vec<String> = std::env::args().skip(1).collect();
    if let [child, way, path] = &arguments[..]
        && child == "--child"
    {
        let way = Way::ALL.into_iter().find(|known| known.name() == way).unwrap();
        println!("{}", Cost::of(|| way.read(Path::new(path))).line());
        return;
    }
    if !arguments.iter().any(|argument| argument == "--bench") {
        println!("to measure, run `cargo bench`");
        return;
    }
    let is_quick = arguments.iter().any(|argument| argument == "--quick");
    let names: Vec<_> = arguments.iter().filter(|argument| !argument.starts_with("--")).collect();
    let is_wanted = |input: &Input| names.is_empty() || names.iter().any(|name| *name == input.name());
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    for input in Input::ALL.into_iter().filter(is_wanted) {
        let n_bytes = input.bytes_wanted() / if is_quick { 10 } else { 1 };
        let path = input.write_into(folder, n_bytes).unwrap();
        compare(input, &path);
    }
}
