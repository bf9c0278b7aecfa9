//! `[key]`

use std::path::{Path, PathBuf};

use super::problem::Place;
use super::section::{Form, Given, Section, Wrong};
use super::values::{path, path_like};

/// Where the key comes from that seals what is stored. It never lies in the database.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Key {
    /// A file, made at the first start if there is none; a relative path is already under the data folder.
    /// Default: `doorkey.key`.
    File(PathBuf),
    /// A command that prints the key, so that any key management can hand it over.
    Command(KeyCommand),
    /// An open file descriptor of the server, from 3 on, that the key is read from.
    Fd(i32),
}

/// A command that prints the key. No shell stands between.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct KeyCommand {
    /// The program.
    pub program: String,
    /// Its arguments.
    pub arguments: Vec<String>,
}

const FILE: Form = path_like("/etc/doorkey/doorkey.key");
const WORD: Form = Form { expected: "a program and its arguments", example: "print-key", secret: false };

impl Key {
    pub(super) fn read(section: &mut Section<'_>, data: &Path) -> Self {
        let file = section.optional("file", &FILE, path);
        let command = section.list("command", &WORD, |word| Ok::<_, Wrong>(word.to_owned()));
        let fd = section.integer("fd", 3);

        one_only(section, [("file", file.place()), ("command", command.place()), ("fd", fd.place())]);
        let default = || Self::File(data.join("doorkey.key"));
        match (file, command, fd) {
            (Given::Is(file, _), _, _) => Self::File(data.join(file)),
            (_, Given::Is(words, place), _) => Self::command(section, words, place).unwrap_or_else(default),
            (_, _, Given::Is(fd, _)) => Self::Fd(fd),
            _ => default(),
        }
    }

    fn command(section: &mut Section<'_>, words: Vec<String>, place: Place) -> Option<Self> {
        let mut words = words.into_iter();
        match words.next() {
            Some(program) if !program.is_empty() => {
                Some(Self::Command(KeyCommand { program, arguments: words.collect() }))
            }
            _ => {
                section.problem(
                    "command",
                    place,
                    "must begin with a program, like command = [\"print-key\"].",
                );
                None
            }
        }
    }
}

/// Reports a second source. Which of two keys is meant is nothing to guess: with the wrong one nothing opens.
fn one_only(section: &mut Section<'_>, sources: [(&str, Option<&Place>); 3]) {
    let mut set = sources.into_iter().filter_map(|(name, place)| Some((name, place?)));
    let Some((first, first_place)) = set.next() else { return };
    for (name, place) in set {
        let predicate = format!(
            "is set, but the key already comes from {first} ({first_place}). Keep one of file, command and fd."
        );
        section.problem(name, place.clone(), &predicate);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::testing::{faults, from_env, from_toml};

    fn key(settings: &str) -> Key {
        from_toml(&format!("data = '/data'\n[key]\n{settings}")).unwrap().key
    }

    fn command(program: &str, arguments: &[&str]) -> Key {
        let arguments = arguments.iter().map(|word| (*word).to_owned()).collect();
        Key::Command(KeyCommand { program: program.into(), arguments })
    }

    #[test]
    fn from_one_place() {
        assert_eq!(key(""), Key::File("/data/doorkey.key".into()));
        assert_eq!(key("file = 'k'"), Key::File("/data/k".into()));
        assert_eq!(key("file = '/k'"), Key::File("/k".into()));
        assert_eq!(key("command = ['kms', 'get', '']"), command("kms", &["get", ""]));
        assert_eq!(key("fd = 3"), Key::Fd(3));
        assert_eq!(key("file = ''\ncommand = []\nfd = 4"), Key::Fd(4));
    }

    #[test]
    fn from_the_environment() {
        let key = |name: &str, value: &str| from_env(&[(name, value)]).map(|config| config.key);
        assert_eq!(key("DOORKEY__KEY__COMMAND", "kms, get"), Ok(command("kms", &["get"])));
        assert_eq!(key("DOORKEY__KEY__COMMAND", "['kms', 'a,b']"), Ok(command("kms", &["a,b"])));
        assert_eq!(key("DOORKEY__KEY__FD", "5"), Ok(Key::Fd(5)));
        assert_eq!(key("DOORKEY__KEY__FD", ""), Ok(Key::File("doorkey-data/doorkey.key".into())));
        assert_eq!(
            key("DOORKEY__KEY__COMMAND", "['kms'").unwrap_err(),
            "DOORKEY__KEY__COMMAND: [key] command must be a list: texts with commas between, \
             or like [\"print-key\"]."
        );
    }

    #[test]
    fn never_from_two() {
        assert_eq!(
            faults("[key]\nfd = 3\nfile = 'k'\ncommand = ['kms']"),
            [
                "doorkey.toml, line 2: [key] fd is set, but the key already comes from file (doorkey.toml, line 3). \
                 Keep one of file, command and fd.",
                "doorkey.toml, line 4: [key] command is set, but the key already comes from file (doorkey.toml, \
                 line 3). Keep one of file, command and fd.",
            ]
        );
    }

    #[test]
    fn what_a_source_looks_like() {
        for wrong in ["2", "-1", "'3'", "99999999999", "3.5"] {
            assert_eq!(
                faults(&format!("[key]\nfd = {wrong}")),
                ["doorkey.toml, line 2: [key] fd must be a whole number from 3 on, like fd = 3."]
            );
        }
        assert_eq!(
            faults("[key]\ncommand = 'kms get'"),
            [
                "doorkey.toml, line 2: [key] command must be a list, like command = [\"print-key\"]; it is text."
            ]
        );
        assert_eq!(
            faults("[key]\ncommand = ['', 'x']"),
            [
                "doorkey.toml, line 2: [key] command must begin with a program, like command = [\"print-key\"]."
            ]
        );
        assert_eq!(
            faults("[key]\ncommand = ['kms', 3]"),
            ["doorkey.toml, line 2: [key] command must be a program and its arguments, in quotes, like \
                 \"print-key\"; it is a number."]
        );
    }
}
