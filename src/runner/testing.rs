//! Projects on disk for the tests of runners.

use camino::{Utf8Path, Utf8PathBuf};

use crate::runner::{Adopted, Site};

/// A project in a folder of its own, and a site at its root.
pub(super) struct Project {
    _folder: tempfile::TempDir,
    pub(super) site: Site,
}

impl Project {
    /// Makes a project of these files.
    pub(super) fn with(files: &[(&str, &str)]) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let root = Utf8PathBuf::from_path_buf(folder.path().canonicalize().unwrap()).unwrap();
        let build = Utf8PathBuf::from("/build");
        let adopted = Adopted::default();
        let site = Site { dir: root.clone(), root, build, adopted, offline: true, detailed: false };
        let project = Self { _folder: folder, site };
        for (path, text) in files {
            project.write(path, text);
        }
        project
    }

    /// Writes a file, and the folders it is in.
    pub(super) fn write(&self, path: &str, text: &str) {
        let path = self.site.root.join(path);
        fs_err::create_dir_all(path.parent().unwrap_or(Utf8Path::new("/"))).unwrap();
        fs_err::write(path, text).unwrap();
    }
}
