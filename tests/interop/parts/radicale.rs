//! Radicale, the calendar and contacts server, which takes from the proxy in front of it who signs in, or asks by itself.

use std::path::{Path, PathBuf};

use tempfile::TempDir;

use super::Part;

/// Radicale, with what it keeps in a folder of its own.
pub struct Radicale {
    _part: Part,
    folder: TempDir,
    /// Host and port.
    pub authority: String,
}

impl Radicale {
    /// Debian's.
    pub fn start() -> Self {
        Self::run(&["radicale"], "[auth]\ntype = http_x_remote_user\n")
    }

    /// The one that `scripts/radicale` gets, which asks by itself, with this section for signing in.
    pub fn start_newer(auth: &str) -> Self {
        let found = Path::new(env!("CARGO_MANIFEST_DIR")).join("target/radicale");
        assert!(found.is_dir(), "Radicale 3.5 is missing. Run: scripts/radicale");
        Self::run(&["env", &format!("PYTHONPATH={}", found.display()), "python3", "-m", "radicale"], auth)
    }

    fn run(program: &[&str], auth: &str) -> Self {
        let folder = tempfile::tempdir().unwrap();
        let settings = format!(
            "[server]\nhosts = 127.0.0.1:0\n{auth}\
             [storage]\nfilesystem_folder = {}\n[logging]\nlevel = info\n",
            folder.path().join("kept").display()
        );
        let file = folder.path().join("config");
        std::fs::write(&file, settings).unwrap();
        let arguments = [&program[1..], &["--config", file.to_str().unwrap()]].concat();
        let part = Part::start(program[0], folder.path(), &arguments);
        let line = part.err.line_with("Listening on").expect("Radicale starts");
        let port = line.trim_end_matches('\'').rsplit(':').next().expect("a port");
        let authority = format!("127.0.0.1:{port}");
        Self { _part: part, folder, authority }
    }

    /// The people who have something here, by the name that Radicale was given.
    pub fn people(&self) -> Vec<String> {
        let names = entries(&self.root()).into_iter().map(|path| path.file_name().unwrap().to_owned());
        names.map(|name| name.into_string().unwrap()).collect()
    }

    /// The events and cards that this person has here.
    pub fn items(&self, person: &str) -> Vec<String> {
        let collections = entries(&self.root().join(person));
        let files =
            collections.iter().flat_map(|collection| entries(collection)).filter(|path| path.is_file());
        let items = files.filter(|path| path.extension().is_some_and(|end| end == "ics" || end == "vcf"));
        items.map(|path| std::fs::read_to_string(path).unwrap()).collect()
    }

    fn root(&self) -> PathBuf {
        self.folder.path().join("kept/collection-root")
    }
}

/// What is in the folder, in order, and without what is hidden; nothing while there is no such folder.
fn entries(folder: &Path) -> Vec<PathBuf> {
    let Ok(entries) = std::fs::read_dir(folder) else { return Vec::new() };
    let is_shown = |path: &PathBuf| !path.file_name().unwrap().to_string_lossy().starts_with('.');
    let mut entries: Vec<_> = entries.map(|entry| entry.unwrap().path()).filter(is_shown).collect();
    entries.sort();
    entries
}
