//! What the executable answers without a host.

use std::ffi::OsString;
use std::io::{self, Write};
use std::process::ExitCode;

use k1s_source_proto::PROTOCOL_MAJOR;

use crate::Source;
use crate::describe::describe_as_json;

/// What the command line asks for.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Asked {
    /// A host started us.
    Serve,
    /// A person or a script did.
    Answer(Answer),
}

/// An answer that needs no host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Answer {
    Describe,
    Version,
    Help,
    /// Started without a host and without a question.
    NoHost,
    Unknown(String),
}

/// Reads the arguments, without the program's name.
pub(crate) fn asked(arguments: impl Iterator<Item = OsString>, has_host: bool) -> Asked {
    let arguments: Vec<String> = arguments
        .map(|argument| argument.to_string_lossy().into_owned())
        .collect();
    let arguments: Vec<&str> = arguments.iter().map(String::as_str).collect();
    match arguments.as_slice() {
        [] if has_host => Asked::Serve,
        [] => Asked::Answer(Answer::NoHost),
        ["--describe"] => Asked::Answer(Answer::Describe),
        ["--version" | "-V"] => Asked::Answer(Answer::Version),
        ["--help" | "-h"] => Asked::Answer(Answer::Help),
        [first, ..] => Asked::Answer(Answer::Unknown((*first).to_owned())),
    }
}

impl Answer {
    pub(crate) fn print<S: Source>(&self) -> ExitCode {
        let (printed, code) = match self {
            Self::Describe => (
                print(io::stdout(), &format!("{:#}\n", describe_as_json::<S>())),
                ExitCode::SUCCESS,
            ),
            Self::Version => {
                let version = format!("{} {} (k1s.source.v{PROTOCOL_MAJOR})\n", S::NAME, S::VERSION);
                (print(io::stdout(), &version), ExitCode::SUCCESS)
            }
            Self::Help => (print(io::stdout(), &usage::<S>()), ExitCode::SUCCESS),
            Self::NoHost => (print(io::stderr(), &usage::<S>()), ExitCode::from(2)),
            Self::Unknown(argument) => {
                let text = format!("unknown argument {argument}\n\n{}", usage::<S>());
                (print(io::stderr(), &text), ExitCode::from(2))
            }
        };
        if printed.is_err() { ExitCode::FAILURE } else { code }
    }
}

fn print(mut to: impl Write, text: &str) -> io::Result<()> {
    to.write_all(text.as_bytes())
}

fn usage<S: Source>() -> String {
    let name = S::NAME;
    let kind = S::TYPE;
    format!(
        "{name} {version} is a source of k1s-sync: it tells a host what a place of the kind \"{kind}\" declares.\n\
         The host starts it; by itself it does nothing:\n\
         \n\
         \x20 k1s-sync-host --plugin ./{name} --set FIELD=VALUE\n\
         \n\
         --describe  print what it is and its configuration's schema, as JSON\n\
         --version   print name, version and contract\n\
         --help      print this\n",
        version = S::VERSION,
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn arguments_come_before_the_host() {
        let ask = |arguments: &[&str], host| asked(arguments.iter().map(OsString::from), host);
        assert_eq!(ask(&[], true), Asked::Serve);
        assert_eq!(ask(&[], false), Asked::Answer(Answer::NoHost));
        assert_eq!(ask(&["--describe"], true), Asked::Answer(Answer::Describe));
        assert_eq!(ask(&["--version"], false), Asked::Answer(Answer::Version));
        assert_eq!(ask(&["--help"], false), Asked::Answer(Answer::Help));
        assert_eq!(
            ask(&["run", "--help"], true),
            Asked::Answer(Answer::Unknown("run".to_owned()))
        );
    }
}
