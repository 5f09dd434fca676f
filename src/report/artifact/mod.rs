//! Files for people and programs to pick up after the run, written as things happen: a session that is killed leaves
//! what it had proven.
//!
//! `heal.patch` is an mbox of all proven patches, one mail a cluster, that `git am` and `git apply` read; one that does
//! not go on top of the earlier ones is a file of its own, `heal-2.patch`. `certificate.json` holds the proofs,
//! `report.json` everything, `summary.md` what a person reads first. What an earlier session left is moved to a folder
//! beside; files of others are not touched.

mod record;
mod summary;

use std::collections::{BTreeMap, BTreeSet};
use std::time::SystemTime;

use camino::{Utf8Path, Utf8PathBuf};
use jiff::Timestamp;
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::json;

use crate::model::{Event, Patch};
use crate::report::artifact::record::{Cluster, Proof, Record};
use crate::report::json_lines::cleaned;
use crate::report::{Clean, ReportError, Reporter, Streams, Wanted, phrases};
use crate::text::harmless;

/// The version of `certificate.json`'s outer shape.
const CERTIFICATES_SCHEMA: u32 = 1;

struct Artifact {
    out_dir: Utf8PathBuf,
    clean: Clean,
    date_rfc2822: String,
    record: Record,
    handed_over: BTreeSet<String>,
    complaint: Option<String>,
}

pub(super) fn make(wanted: &Wanted, _: &mut Streams) -> Result<Option<Box<dyn Reporter>>, ReportError> {
    let Some(out_dir) = wanted.out_dir.clone() else { return Ok(None) };
    rotate(&out_dir)?;
    Ok(Some(Box::new(Artifact {
        out_dir,
        clean: wanted.clean.clone(),
        date_rfc2822: date_rfc2822(wanted.now),
        record: Record::new(),
        handed_over: BTreeSet::new(),
        complaint: None,
    })))
}

impl Reporter for Artifact {
    fn hear(&mut self, event: &Event) {
        self.record.add(event);
        match event {
            Event::StepStarted { .. } | Event::Proposed { .. } | Event::Judged { .. } => {}
            Event::Proven { .. } | Event::Reviewed { .. } => {
                self.write_patches();
                self.write_report();
            }
            Event::SessionStarted { .. }
            | Event::ReportRead { .. }
            | Event::Reproduced { .. }
            | Event::Clustered { .. }
            | Event::ClusterRefused { .. }
            | Event::ClusterStarted { .. }
            | Event::Applied { .. }
            | Event::ClusterUnhealed { .. }
            | Event::ClusterHealedToo { .. }
            | Event::Notice { .. }
            | Event::BudgetExhausted { .. }
            | Event::SessionEnded { .. } => self.write_report(),
        }
    }

    fn complaint(&self) -> Option<String> {
        self.complaint.clone()
    }
}

impl Artifact {
    fn write_patches(&mut self) {
        let mut patches: Vec<(Patch, String)> = Vec::new();
        for (cluster, proof) in self.record.standing() {
            let mail = self.mail(cluster, proof);
            match patches.first_mut().map(|(joined, mails)| (joined.then(&proof.patch), joined, mails)) {
                Some((Ok(both), joined, mails)) => {
                    *joined = both;
                    *mails += &mail;
                }
                Some((Err(_), ..)) | None => patches.push((proof.patch.clone(), mail)),
            }
        }
        let named = |(n, (_, mails)): (u32, (Patch, String))| (patch_name(n), mails);
        let mut files: BTreeMap<String, String> = (1..).zip(patches).map(named).collect();
        let certificates: Vec<_> = self.record.standing().map(|(_, proof)| &proof.certificate).collect();
        if !certificates.is_empty() {
            let certificates = json!({ "schema": CERTIFICATES_SCHEMA, "certificates": certificates });
            files.insert("certificate.json".to_owned(), self.json(&certificates));
        }
        for (name, text) in &files {
            self.write(name, text);
        }
        for stale in std::mem::replace(&mut self.handed_over, files.into_keys().collect()) {
            if !self.handed_over.contains(&stale) {
                self.note(fs_err::remove_file(self.out_dir.join(stale)));
            }
        }
    }

    fn write_report(&mut self) {
        self.write("report.json", &self.json(&self.record));
        let clean = self.clean.clone();
        self.write("summary.md", &summary::markdown(&self.record, &|text| clean(text)));
    }

    /// Words one proof as a mail: the commit message a reviewer would want.
    fn mail(&self, cluster: &Cluster, proof: &Proof) -> String {
        let told = |text: &str| harmless::line(&(self.clean)(text));
        let healed = proof.certificate.healed.iter().map(|id| format!("  - {}", told(&id.to_string())));
        let runs = phrases::proof(&proof.certificate).into_iter().map(|run| format!("  - {run}"));
        let cautions =
            phrases::cautions(&proof.verdict).into_iter().map(|caution| format!("  - note: {}", told(&caution)));
        let head = [format!("Proposed by {}", told(&proof.origin.to_string())), String::new(), "Heals:".to_owned()];
        let proven = [String::new(), "Proof:".to_owned()];
        let body: Vec<_> = head.into_iter().chain(healed).chain(proven).chain(runs).chain(cautions).collect();
        let subject = harmless::short(&format!("heal {}", told(&cluster.title)), 100);
        crate::patch::mail(&proof.patch, &subject, &body.join("\n"), &self.date_rfc2822)
    }

    fn json(&self, value: &impl Serialize) -> String {
        let value = serde_json::to_value(value).unwrap_or_default();
        format!("{:#}\n", cleaned(value, &self.clean))
    }

    /// Writes a file whole or not at all. The first failure is what is complained of.
    fn write(&mut self, name: &str, text: &str) {
        let (path, part) = (self.out_dir.join(name), self.out_dir.join(format!("{name}.part")));
        self.note(fs_err::write(&part, text).and_then(|()| fs_err::rename(&part, &path)));
    }

    fn note(&mut self, done: std::io::Result<()>) {
        if let Err(error) = done {
            self.complaint.get_or_insert(error.to_string());
        }
    }
}

fn patch_name(n: u32) -> String {
    if n == 1 { "heal.patch".to_owned() } else { format!("heal-{n}.patch") }
}

/// Tells whether a file in an output folder is one this program writes.
fn is_own(name: &str) -> bool {
    let is_numbered = |name: &str| {
        let number = name.strip_prefix("heal-").and_then(|rest| rest.strip_suffix(".patch"));
        number.is_some_and(|number| !number.is_empty() && number.bytes().all(|byte| byte.is_ascii_digit()))
    };
    let name = name.strip_suffix(".part").unwrap_or(name);
    matches!(name, "heal.patch" | "certificate.json" | "report.json" | "summary.md") || is_numbered(name)
}

/// Makes the output folder and moves the files an earlier session left there to a folder beside it, in place of those
/// of the session before.
fn rotate(out_dir: &Utf8Path) -> Result<(), ReportError> {
    let Some(name) = out_dir.file_name() else {
        return Err(ReportError::NoFolderOfItsOwn(out_dir.to_owned()));
    };
    fs_err::create_dir_all(out_dir)?;
    let left = own_files(out_dir)?;
    if left.is_empty() {
        return Ok(());
    }
    let previous = out_dir.with_file_name(format!("{name}.1"));
    fs_err::create_dir_all(&previous)?;
    for file in own_files(&previous)? {
        fs_err::remove_file(previous.join(file))?;
    }
    for file in left {
        fs_err::rename(out_dir.join(&file), previous.join(&file))?;
    }
    Ok(())
}

fn own_files(folder: &Utf8Path) -> std::io::Result<Vec<String>> {
    let mut names = Vec::new();
    for entry in fs_err::read_dir(folder)? {
        let entry = entry?;
        names.extend(entry.file_name().into_string().ok().filter(|name| is_own(name)));
    }
    Ok(names)
}

fn date_rfc2822(now: SystemTime) -> String {
    let timestamp = Timestamp::try_from(now).unwrap_or(Timestamp::UNIX_EPOCH);
    jiff::fmt::rfc2822::to_string(&timestamp.to_zoned(TimeZone::UTC)).unwrap_or_default()
}

#[cfg(test)]
mod tests;
