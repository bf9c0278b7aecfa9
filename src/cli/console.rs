//! What a command reads and writes: standard input, output and error, and the terminal.

use std::io::{self, BufRead, BufReader, ErrorKind, IsTerminal as _, Read as _, Write};

use domain::Secret;
use serde_json::Value;

use super::failure::Failure;
use super::render;

/// The most that is read of a password's line, in bytes; the API takes no more.
const LINE_MOST: u64 = 64 * 1024;

/// Asks on the terminal, without showing what is typed.
pub(super) type Ask = dyn FnMut(&str) -> io::Result<String>;

/// The console of one command.
pub(super) struct Console {
    pub(super) out: Box<dyn Write>,
    pub(super) err: Box<dyn Write>,
    pub(super) input: Box<dyn BufRead>,
    /// None when standard input is no terminal: then nobody sits there to answer.
    pub(super) terminal: Option<Box<Ask>>,
}

impl Console {
    /// The console of this process. Each write takes its lock for itself, so that the log's lines find it free.
    pub(super) fn of_this_process() -> Self {
        let ask: Box<Ask> = Box::new(|prompt: &str| rpassword::prompt_password(prompt));
        Self {
            out: Box::new(io::stdout()),
            err: Box::new(io::stderr()),
            input: Box::new(BufReader::new(io::stdin())),
            terminal: io::stdin().is_terminal().then_some(ask),
        }
    }

    /// Prints the answer to a person.
    pub(super) fn say(&mut self, text: &str) -> Result<(), Failure> {
        writeln!(self.out, "{text}").and_then(|()| self.out.flush()).map_err(unwritten)
    }

    /// Prints what the API answered.
    pub(super) fn json(&mut self, answer: &Value) -> Result<(), Failure> {
        self.say(&render::json(answer))
    }

    /// Prints a secret, alone on its line of standard output, between words on standard error.
    pub(super) fn secret(&mut self, before: &str, secret: &str, after: &str) -> Result<(), Failure> {
        self.note(before);
        self.say(&render::plain(secret))?;
        self.note(after);
        Ok(())
    }

    /// Says why the command failed.
    pub(super) fn failure(&mut self, failure: &Failure) {
        for line in failure.message().into_iter().flat_map(str::lines) {
            self.note(&format!("doorkey: {}", render::plain(line)));
        }
    }

    /// Says it beside the answer, on standard error.
    pub(super) fn note(&mut self, text: &str) {
        if !text.is_empty() {
            // Standard error is where it would be told that this failed.
            let _ = writeln!(self.err, "{text}");
        }
    }

    /// Asks on the terminal; nothing when there is none.
    pub(super) fn ask(&mut self, prompt: &str) -> Result<Option<Secret<String>>, Failure> {
        let Some(ask) = self.terminal.as_mut() else { return Ok(None) };
        match ask(&render::plain(prompt)) {
            Ok(typed) => Ok(Some(Secret::new(typed))),
            Err(error) if matches!(error.kind(), ErrorKind::Interrupted | ErrorKind::UnexpectedEof) => {
                Err(Failure::Refused("Stopped before anything was done.".into()))
            }
            Err(error) => Err(Failure::Refused(format!("The terminal can't be read: {error}."))),
        }
    }

    /// Asks something that may be seen, on the terminal; nothing when there is none.
    pub(super) fn choose(&mut self, question: &str) -> Result<Option<String>, Failure> {
        if self.terminal.is_none() {
            return Ok(None);
        }
        let _ = write!(self.err, "{question}").and_then(|()| self.err.flush());
        let mut line = String::new();
        match self.input.by_ref().take(LINE_MOST).read_line(&mut line) {
            Ok(read) if read > 0 => Ok(Some(line)),
            Ok(_) => Err(Failure::Refused("Stopped before anything was done.".into())),
            Err(error) => Err(Failure::Refused(format!("The terminal can't be read: {error}."))),
        }
    }

    /// The account's password: the first line of standard input when that was asked for, or else asked on the terminal.
    pub(super) fn password(&mut self, prompt: &str, from_input: bool) -> Result<Secret<String>, Failure> {
        if from_input {
            return self.first_line("password");
        }
        self.ask(prompt)?.ok_or_else(|| {
            Failure::Usage(
                "There is no terminal to ask for the password on. Write it to standard input and add --password-stdin."
                    .into(),
            )
        })
    }

    /// The first line of standard input: `what`, which may be secret.
    pub(super) fn first_line(&mut self, what: &str) -> Result<Secret<String>, Failure> {
        let mut line = String::new();
        let read = self.input.by_ref().take(LINE_MOST).read_line(&mut line);
        // From here on it is wiped, whatever comes of it.
        let line = Secret::new(line);
        read.map_err(|error| {
            Failure::Usage(format!("The {what} can't be read from standard input: {error}."))
        })?;
        let text = line.expose();
        let text =
            text.strip_suffix('\n').map_or(text.as_str(), |text| text.strip_suffix('\r').unwrap_or(text));
        if text.is_empty() {
            return Err(Failure::Usage(format!("Standard input has no {what}. Write it as the first line.")));
        }
        Ok(Secret::new(text.to_owned()))
    }
}

fn unwritten(error: io::Error) -> Failure {
    match error.kind() {
        ErrorKind::BrokenPipe => Failure::ReaderGone,
        _ => Failure::Refused(format!("It was done, but the answer can't be written: {error}.")),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::cli::testing::Screen;

    fn first_line(input: &str) -> Result<String, u8> {
        let mut console = Screen::new().typed_in(input).console();
        let line = console.password("", true).map_err(|failure| failure.exit_code())?;
        Ok(line.expose().clone())
    }

    #[test]
    fn the_first_line_of_standard_input_is_the_password_to_the_letter() {
        assert_eq!(first_line("correct horse \nnext").as_deref(), Ok("correct horse "));
        assert_eq!(first_line("correct horse\r\n").as_deref(), Ok("correct horse"));
        assert_eq!(first_line("correct horse").as_deref(), Ok("correct horse"));
        assert_eq!(first_line(""), Err(2));
        assert_eq!(first_line("\n"), Err(2));
    }

    #[test]
    fn without_a_terminal_nobody_is_asked() {
        let mut console = Screen::new().console();
        let failure = console.password("Password: ", false).unwrap_err();
        assert_eq!(failure.exit_code(), 2);
        assert!(failure.message().unwrap().contains("--password-stdin"), "{failure:?}");
    }

    #[test]
    fn a_secret_stands_alone_on_standard_output() {
        let screen = Screen::new();
        screen.console().secret("Your key:", "dks_x", "Keep it.").unwrap();
        assert_eq!((screen.out(), screen.err()), ("dks_x\n".into(), "Your key:\nKeep it.\n".into()));
    }

    #[test]
    fn a_failure_is_said_line_by_line_and_can_do_nothing_to_the_terminal() {
        let screen = Screen::new();
        screen.console().failure(&Failure::Refused("Not\u{1b}[2J so.\nTry again.".into()));
        assert_eq!(screen.err(), "doorkey: Not\u{fffd}[2J so.\ndoorkey: Try again.\n");
    }

    #[test]
    fn a_reader_that_has_gone_is_a_quiet_end() {
        struct Gone;
        impl Write for Gone {
            fn write(&mut self, _: &[u8]) -> io::Result<usize> {
                Err(ErrorKind::BrokenPipe.into())
            }
            fn flush(&mut self) -> io::Result<()> {
                Ok(())
            }
        }
        let mut console = Screen::new().console();
        console.out = Box::new(Gone);
        assert_eq!(console.say("hello"), Err(Failure::ReaderGone));
    }
}
