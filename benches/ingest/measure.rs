//! What a process cost: wall time, processor time and peak memory, as the system counts them.

use std::path::Path;
use std::time::{Duration, Instant};

/// What one way of reading an input cost, in a process of its own.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Cost {
    pub(crate) wall: Duration,
    /// Time on a processor, in the program and in the system for it.
    pub(crate) cpu: Duration,
    /// The most memory the process had at a time, in bytes.
    pub(crate) peak_bytes: u64,
    /// What was found, so that nobody measures nothing.
    pub(crate) n_found: u64,
}

impl Cost {
    /// Measures `read`, which returns the number of things it found. Where the system does not tell, a number is 0.
    pub(crate) fn of(read: impl FnOnce() -> u64) -> Self {
        let (cpu, start) = (cpu_time(), Instant::now());
        let n_found = read();
        Self { wall: start.elapsed(), cpu: cpu_time().saturating_sub(cpu), peak_bytes: peak_bytes(), n_found }
    }

    /// Returns the best of two measurements.
    pub(crate) fn best(self, other: Self) -> Self {
        let (wall, cpu) = (self.wall.min(other.wall), self.cpu.min(other.cpu));
        Self { wall, cpu, peak_bytes: self.peak_bytes.min(other.peak_bytes), n_found: self.n_found }
    }

    /// Writes it as a line, to be read by the process that started this one.
    pub(crate) fn line(&self) -> String {
        format!("{} {} {} {}", self.wall.as_nanos(), self.cpu.as_nanos(), self.peak_bytes, self.n_found)
    }

    pub(crate) fn read(line: &str) -> Option<Self> {
        let numbers: Vec<u64> = line.split_whitespace().map_while(|number| number.parse().ok()).collect();
        let [wall, cpu, peak_bytes, n_found] = numbers[..] else { return None };
        Some(Self { wall: Duration::from_nanos(wall), cpu: Duration::from_nanos(cpu), peak_bytes, n_found })
    }
}

/// Returns the time all threads of this process had on a processor, those that ended left out.
fn cpu_time() -> Duration {
    let of_thread = |path: &Path| {
        let text = std::fs::read_to_string(path.join("schedstat")).ok()?;
        text.split(' ').next()?.parse().ok().map(Duration::from_nanos)
    };
    let Ok(threads) = std::fs::read_dir("/proc/self/task") else { return Duration::ZERO };
    threads.flatten().filter_map(|thread| of_thread(&thread.path())).sum()
}

fn peak_bytes() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let kilobytes =
        status.lines().find_map(|line| line.strip_prefix("VmHWM:")?.split_whitespace().next()?.parse().ok());
    kilobytes.map_or(0, |kilobytes: u64| kilobytes << 10)
}
