//! Reports of any size, the same bytes on every machine: what real runners write, a million times.

use std::fs::File;
use std::io::{self, BufWriter, Write};
use std::path::{Path, PathBuf};

/// A kind of input.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Input {
    /// JUnit XML, each case an empty element of about 200 bytes.
    Junit,
    /// JUnit XML with captured output, as text and as CDATA.
    JunitOutput,
    /// JUnit XML in which every hundredth case fails with a stack trace.
    JunitFailures,
    /// JUnit XML of which nearly all is what one case printed.
    JunitHuge,
    /// TAP with a failure with diagnostics in every thousand points.
    Tap,
    /// What `cargo test` prints, in binaries of ten thousand tests.
    CargoText,
}

impl Input {
    pub(crate) const ALL: [Self; 6] =
        [Self::Junit, Self::JunitOutput, Self::JunitFailures, Self::JunitHuge, Self::Tap, Self::CargoText];

    pub(crate) fn name(self) -> &'static str {
        match self {
            Self::Junit => "junit",
            Self::JunitOutput => "junit-output",
            Self::JunitFailures => "junit-failures",
            Self::JunitHuge => "junit-huge",
            Self::Tap => "tap",
            Self::CargoText => "cargo-text",
        }
    }

    pub(crate) fn is_xml(self) -> bool {
        !matches!(self, Self::Tap | Self::CargoText)
    }

    /// Returns about how many bytes it has at full size.
    pub(crate) fn bytes_wanted(self) -> u64 {
        match self {
            Self::Junit | Self::JunitOutput | Self::JunitFailures | Self::JunitHuge => 200 << 20,
            Self::Tap | Self::CargoText => 100 << 20,
        }
    }

    /// Writes it into a folder, unless it is there; returns its path.
    pub(crate) fn write_into(self, folder: &Path, n_bytes: u64) -> io::Result<PathBuf> {
        let path = folder.join(format!("{}-{n_bytes}", self.name()));
        if !path.exists() {
            let unfinished = path.with_extension("unfinished");
            let mut to = Counted { to: BufWriter::with_capacity(1 << 20, File::create(&unfinished)?), n_bytes: 0 };
            self.write(&mut to, n_bytes)?;
            to.flush()?;
            std::fs::rename(unfinished, &path)?;
        }
        Ok(path)
    }

    fn write(self, to: &mut Counted, n_bytes: u64) -> io::Result<()> {
        match self {
            Self::Tap => tap(to, n_bytes),
            Self::CargoText => cargo_text(to, n_bytes),
            Self::JunitHuge => junit_huge(to, n_bytes),
            _ => junit(self, to, n_bytes),
        }
    }
}

/// A writer that knows how much was written.
struct Counted {
    to: BufWriter<File>,
    n_bytes: u64,
}

impl Write for Counted {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        let n_written = self.to.write(bytes)?;
        self.n_bytes += n_written as u64;
        Ok(n_written)
    }

    fn flush(&mut self) -> io::Result<()> {
        self.to.flush()
    }
}

const PER_SUITE: u64 = 1000;

fn junit(kind: Input, to: &mut Counted, n_bytes: u64) -> io::Result<()> {
    writeln!(to, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<testsuites>")?;
    for suite in 0.. {
        if to.n_bytes >= n_bytes {
            break;
        }
        let class = format!("com.acme.shop.cart.CartService{suite:04}Test");
        writeln!(to, "  <testsuite name=\"{class}\" tests=\"{PER_SUITE}\" time=\"12.5\" hostname=\"build\">")?;
        writeln!(to, "    <properties><property name=\"java.version\" value=\"21.0.2\"/></properties>")?;
        for n in 0..PER_SUITE {
            let milliseconds = (n * 7919 + suite) % 1000;
            let parameter = if n % 10 == 0 { "[code=&quot;A&quot;]" } else { "" };
            write!(
                to,
                "    <testcase name=\"addsItemsToTheCartAndTakesOffTheDiscount{n}{parameter}\" classname=\"{class}\" \
                 file=\"src/test/java/com/acme/shop/cart/CartTest.java\" line=\"{n}\" time=\"0.{milliseconds:03}\""
            )?;
            match kind {
                Input::JunitOutput => junit_output(to, n)?,
                Input::JunitFailures if n % 100 == 7 => junit_failure(to, n)?,
                _ => writeln!(to, "/>")?,
            }
        }
        writeln!(to, "  </testsuite>")?;
    }
    writeln!(to, "</testsuites>")
}

fn junit_output(to: &mut Counted, n: u64) -> io::Result<()> {
    let (begin, arrow, end) = if n.is_multiple_of(2) { ("<![CDATA[", "->", "]]>") } else { ("", "-&gt;", "") };
    write!(to, ">\n      <system-out>{begin}")?;
    for line in 0..20 {
        writeln!(
            to,
            "2026-03-04 05:06:07.{n:03} [main] INFO  c.a.s.CartService {arrow} item {line} added to the cart"
        )?;
    }
    writeln!(to, "{end}</system-out>\n    </testcase>")
}

fn junit_failure(to: &mut Counted, n: u64) -> io::Result<()> {
    writeln!(
        to,
        ">\n      <failure message=\"expected: &lt;{n}&gt; but was: &lt;{}&gt;\" type=\"org.opentest4j.AssertionFailedError\">\
         org.opentest4j.AssertionFailedError: expected: &lt;{n}&gt; but was: &lt;{}&gt;",
        n + 1,
        n + 1
    )?;
    for line in 0..20 {
        writeln!(to, "\tat com.acme.shop.cart.CartService.total{line}(CartService.java:{})", 10 + line)?;
    }
    writeln!(to, "</failure>\n    </testcase>")
}

fn junit_huge(to: &mut Counted, n_bytes: u64) -> io::Result<()> {
    writeln!(to, "<testsuite name=\"a\" tests=\"2\"><testcase name=\"a\" classname=\"b\"/>")?;
    writeln!(to, "<testcase name=\"c\" classname=\"b\"><failure message=\"m\"/><system-out>")?;
    while to.n_bytes < n_bytes {
        writeln!(to, "2026-03-04 05:06:07.123 [main] DEBUG c.a.s.CartService -&gt; one more item")?;
    }
    writeln!(to, "</system-out></testcase></testsuite>")
}

fn tap(to: &mut Counted, n_bytes: u64) -> io::Result<()> {
    writeln!(to, "TAP version 14")?;
    let mut n_points = 0;
    while to.n_bytes < n_bytes {
        n_points += 1;
        if n_points % 1000 == 7 {
            writeln!(to, "not ok {n_points} - cart > total > adds items with discount {n_points}")?;
            writeln!(to, "  ---\n  message: 'expected 3, got 2'\n  at: src/cart.js:{n_points}:5")?;
            writeln!(to, "  expected: 3\n  actual: 2\n  ...")?;
        } else {
            writeln!(to, "ok {n_points} - cart > total > adds items with discount {n_points}")?;
        }
    }
    writeln!(to, "1..{n_points}")
}

const PER_BINARY: u64 = 10_000;

fn cargo_text(to: &mut Counted, n_bytes: u64) -> io::Result<()> {
    for binary in 0.. {
        if to.n_bytes >= n_bytes {
            return Ok(());
        }
        writeln!(to, "     Running tests/part{binary}.rs (target/debug/deps/part{binary}-{binary:016x})\n")?;
        writeln!(to, "running {PER_BINARY} tests")?;
        for n in 0..PER_BINARY {
            let status = if n % 1000 == 7 { "FAILED" } else { "ok" };
            writeln!(to, "test cart::service::tests::adds_items_with_discount_{n:05} ... {status}")?;
        }
        writeln!(to, "\nfailures:\n")?;
        let failing = || (0..PER_BINARY).filter(|n| n % 1000 == 7);
        for n in failing() {
            let name = format!("cart::service::tests::adds_items_with_discount_{n:05}");
            writeln!(to, "---- {name} stdout ----\n\nthread '{name}' panicked at tests/part{binary}.rs:{n}:9:")?;
            writeln!(to, "assertion `left == right` failed\n  left: {n}\n right: 3\n\n")?;
        }
        writeln!(to, "failures:")?;
        for n in failing() {
            writeln!(to, "    cart::service::tests::adds_items_with_discount_{n:05}")?;
        }
        let n_failed = failing().count() as u64;
        let n_passed = PER_BINARY - n_failed;
        writeln!(
            to,
            "\ntest result: FAILED. {n_passed} passed; {n_failed} failed; 0 ignored; 0 measured; 0 filtered out; finished in 1.00s\n"
        )?;
    }
    Ok(())
}
