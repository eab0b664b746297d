//! The program: reads the command line, runs the verb, tells the shell how it ended.

use crate::cli::{LogFormat, Outcome, RunArguments, Verb, write_completion};
use crate::config::LogLevel;
use crate::{control, get, kubeconfig, logging, prunes, run, status, store_file, sync, vet};

/// Runs the program.
#[must_use]
pub fn main() -> Outcome {
    match Verb::parse_from(std::env::args_os()) {
        Ok(verb) => perform(verb),
        Err(error) => error.exit(),
    }
}

fn perform(verb: Verb) -> Outcome {
    match verb {
        Verb::Run(arguments) => daemon(*arguments),
        Verb::Get(arguments) => blocking(get::get(arguments)),
        Verb::Vet(arguments) => {
            logging::start(LogFormat::Human, LogLevel::Warn);
            blocking(vet::vet(arguments))
        }
        Verb::Prunes(arguments) => blocking(prunes::prunes(arguments)),
        Verb::Suspend(arguments) => blocking(control::suspend(arguments)),
        Verb::Resume(arguments) => blocking(control::resume(arguments)),
        Verb::Reset(arguments) => blocking(control::reset(arguments)),
        Verb::Sources(arguments) => blocking(status::sources(arguments)),
        Verb::Status(arguments) => blocking(status::status(arguments)),
        Verb::Sync(arguments) => blocking(sync::sync(arguments)),
        Verb::Store(arguments) => told(store_file::store(&arguments)),
        Verb::Kubeconfig(arguments) => told(kubeconfig::kubeconfig(&arguments)),
        Verb::Version => {
            crate::console::line(&format!("k1s-sync-host {}", env!("CARGO_PKG_VERSION")));
            Outcome::Done
        }
        Verb::Completion { shell } => told(write_completion(shell, &mut std::io::stdout()).map(|()| Outcome::Done)),
    }
}

fn daemon(arguments: RunArguments) -> Outcome {
    logging::start(arguments.log_format, arguments.log_level.unwrap_or_default());
    blocking(run::run(arguments))
}

fn blocking<E: std::fmt::Display>(work: impl Future<Output = Result<Outcome, E>>) -> Outcome {
    match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => told(runtime.block_on(work)),
        Err(error) => told(Err(error)),
    }
}

/// Says an error where errors belong; it was logged nowhere before.
fn told<E: std::fmt::Display>(result: Result<Outcome, E>) -> Outcome {
    result.unwrap_or_else(|error| {
        anstream::eprintln!("error: {error}");
        Outcome::Failed
    })
}
