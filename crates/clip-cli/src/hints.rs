//! What helps on this command line against what the libraries say.

use std::error::Error as StdError;

use clip_search::evaluation::EvaluationError;
use clip_search::{Error, Task, Warning};

use crate::output;

/// A message with its causes, and with what helps. A cause that the message before it quotes is not
/// repeated.
pub(crate) fn message<'a>(chain: impl Iterator<Item = &'a (dyn StdError + 'static)>) -> String {
    let mut message = String::new();
    for error in chain {
        let text = match error.downcast_ref() {
            Some(error) => with_hint(error),
            None => error.to_string(),
        };
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
    }
    message
}

/// What the engine says, and which command or option helps.
fn with_hint(error: &Error) -> String {
    match error {
        Error::Cancelled { task: Task::Graph, .. } => {
            "stopped before the graph was made: the same command makes it".to_owned()
        }
        Error::Cancelled { task, done, total } => {
            let noun = if *task == Task::Texts { "text" } else { "picture" };
            let total = output::count(*total, noun);
            format!("stopped after {done} of {total}: the same command goes on from there")
        }
        Error::NoModel { name } => format!(
            "{error}: give a checkpoint file or a name that `clip-cli models` lists, or convert one with `clip-cli models add {}`",
            name.display()
        ),
        Error::ModelIsFolder { path } => {
            format!("{error}: convert it with `clip-cli models add {}`", path.display())
        }
        Error::NoBuiltInModel => format!("{error}: name one with `--model FILE`"),
        Error::NotPublished { .. } => {
            format!("{error}, or give any other source to `clip-cli models add`")
        }
        Error::NameOfBuiltIn { .. } => format!("{error}: choose another with --name"),
        Error::NameOfPublished { name, id } => format!(
            "{name} is the name of the published model that `clip-cli models pull {id}` gives: choose another with --name"
        ),
        Error::NotAsPublished { .. } => {
            format!("{error}; `clip-cli models add` takes it as it is")
        }
        Error::NoDataFolder => format!(
            "{error}: say where the library is with --index FOLDER, and where a model goes with -o FILE"
        ),
        Error::NoClusters { .. } => format!("{error}: build it with --features milvus"),
        Error::IsCluster { .. } => {
            format!("{error}: `clip-cli export` brings one into a file")
        }
        Error::SameModel { .. } => format!("{error}: name another model with --model"),
        Error::Missing { count, first, place } => format!(
            "{} of {place} cannot be found, such as {}: plug in their drive, or leave them out with --drop-missing",
            output::count(*count, "picture"),
            first.display()
        ),
        Error::Watch { path, reason } if !path.as_os_str().is_empty() => format!(
            "{} cannot be watched; `clip-cli index` without --watch can be run from time to time, as by cron: {reason}",
            path.display()
        ),
        Error::Watch { reason, .. } => format!("changes cannot be watched: {reason}"),
        Error::Checkpoint(clip_checkpoint::Error::NotCanonical { origin, .. }) => {
            format!("{error} with `clip-cli models add {origin}`")
        }
        Error::Evaluation(EvaluationError::NoCaptions) => {
            format!("{error}: leave out --captions to ask with its names")
        }
        Error::Evaluation(EvaluationError::TooFew { count }) => format!(
            "--train has {}, too few to hold out every tenth: give --validation, or more pictures",
            output::count(*count, "picture")
        ),
        Error::Retrieval(clip_retrieval::Error::NoLibrary { path }) => format!(
            "there is no library {}: make one first, as in `clip-cli index ~/Pictures`",
            path.display()
        ),
        error => error.to_string(),
    }
}

/// What the engine warns of, and what helps.
pub(crate) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::UnknownLabels { unknown, labels } => format!(
            "{unknown} of the {} in --data are not in --train: their pictures count as wrong",
            output::count(*labels, "label")
        ),
        Warning::NumericNames { .. } => format!(
            "{warning}: put names in their place, or list them in classnames.txt beside the data, a line for each class from 0 on"
        ),
        warning => warning.to_string(),
    }
}
