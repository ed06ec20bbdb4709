//! What helps on this command line against what the libraries say.

use std::error::Error as StdError;

use clip_retrieval::{Error as Retrieval, exchange};
use clip_search::evaluation::EvaluationError;
use clip_search::{Error, Task, Warning, count};
use clip_server::StartError;
use clip_train::Error as Train;
use clip_weights::Error as Weights;

/// A message with its causes, and with what helps. A cause that the message before it quotes is not
/// repeated.
pub(crate) fn message<'a>(chain: impl Iterator<Item = &'a (dyn StdError + 'static)>) -> String {
    let mut message = String::new();
    for error in chain {
        let text = with_hint(error);
        if message.is_empty() {
            message = text;
        } else if !message.contains(&text) {
            message = format!("{message}: {text}");
        }
    }
    message
}

/// What a library says, and which command or option helps.
fn with_hint(error: &(dyn StdError + 'static)) -> String {
    let search = error.downcast_ref().and_then(search);
    search
        .or_else(|| error.downcast_ref().and_then(retrieval))
        .or_else(|| error.downcast_ref().and_then(vectors))
        .or_else(|| error.downcast_ref::<Box<_>>().and_then(|error| vectors(error)))
        .or_else(|| error.downcast_ref().and_then(weights))
        .or_else(|| error.downcast_ref().and_then(train))
        .or_else(|| error.downcast_ref().and_then(encoding))
        .or_else(|| error.downcast_ref().and_then(server))
        .unwrap_or_else(|| error.to_string())
}

fn search(error: &Error) -> Option<String> {
    Some(match error {
        Error::Clip(error) => return encoding(error),
        Error::Retrieval(error) => return retrieval(error),
        Error::Exchange(error) => return vectors(error),
        Error::Weights(error) => return weights(error),
        Error::Cancelled { task: Task::Graph, .. } => {
            "stopped before the graph was made: the same command makes it".to_owned()
        }
        Error::Cancelled { task: task @ (Task::Images | Task::Texts), done, total } => {
            let noun = if *task == Task::Texts { "text" } else { "picture" };
            let total = count(*total, noun);
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
        Error::NotAsPublished { .. } => format!("{error}; `clip-cli models add` takes it as it is"),
        Error::NoDataFolder => format!(
            "{error}: say where the library is with --index FOLDER, and where a model goes with -o FILE"
        ),
        Error::NoClusters { .. } => format!("{error}: build it with --features milvus"),
        Error::IsCluster { .. } => format!("{error}: `clip-cli export` brings one into a file"),
        Error::SameModel { .. } => format!("{error}: name another model with --model"),
        Error::Missing { count: 1, first, place } => format!(
            "1 picture of {place} cannot be found, {}: plug in its drive, or leave it out with --drop-missing",
            first.display()
        ),
        Error::Missing { count, first, place } => format!(
            "{count} pictures of {place} cannot be found, such as {}: plug in their drive, or leave them out with --drop-missing",
            first.display()
        ),
        Error::Import { path, imported, .. } if *imported > 0 => format!(
            "cannot import {} ({} imported before)",
            path.display(),
            count(*imported, "item")
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
        Error::Evaluation(EvaluationError::TooFew { count: found }) => format!(
            "--train has {}, too few to hold out every tenth: give --validation, or more pictures",
            count(*found, "picture")
        ),
        _ => return None,
    })
}

fn encoding(error: &clip::Error) -> Option<String> {
    matches!(error, clip::Error::Text(clip::TextError::TooLong { .. }))
        .then(|| format!("too long (--truncate cuts it): {error}"))
}

fn retrieval(error: &Retrieval) -> Option<String> {
    Some(match error {
        Retrieval::NoLibrary { path } => format!(
            "there is no library {}: make one first, as in `clip-cli index ~/Pictures`",
            path.display()
        ),
        Retrieval::NotALibrary { .. } | Retrieval::Older { .. } | Retrieval::Newer { .. } => {
            format!("{error} with --index")
        }
        Retrieval::OtherModel { .. } => format!(
            "{error}: choose another place with --index, or make it anew with `clip-cli reindex`"
        ),
        _ => return None,
    })
}

fn vectors(error: &exchange::Error) -> Option<String> {
    match error {
        exchange::Error::Library(error) => retrieval(error),
        exchange::Error::OtherModel { .. } => Some(format!("{error}: name the model with --model")),
        _ => None,
    }
}

fn weights(error: &Weights) -> Option<String> {
    Some(match error {
        Weights::Name { .. } => format!("{error} with --name"),
        Weights::OutputExists { .. } => format!("{error}, with --name or --force"),
        Weights::OutputIsSource { .. } => format!("{error} with --output"),
        Weights::Activation { .. } => format!("{error} (--activation)"),
        Weights::TooLarge { .. } => format!("{error} with --dtype f32"),
        _ => return None,
    })
}

fn train(error: &Train) -> Option<String> {
    Some(match error {
        Train::Data(clip_data::Error::NoPaths) => {
            "`data.train` is empty: list shards, folders or tables there".to_owned()
        }
        Train::BadState { path, .. } if !path.exists() => {
            let folder = path.parent().unwrap_or(path).display();
            format!("no run was saved in {folder}: leave out --resume to begin one")
        }
        Train::Occupied { .. } => format!("{error} (--resume, --output)"),
        _ => return None,
    })
}

fn server(error: &StartError) -> Option<String> {
    match error {
        StartError::Search(error) => search(error),
        StartError::NoKey { .. } => Some(format!("{error} (--api-key, --no-api-key)")),
        StartError::Io { source, .. } if source.kind() == std::io::ErrorKind::AddrInUse => {
            Some(format!("{error}: choose another with --port"))
        }
        _ => None,
    }
}

/// What the engine warns of, and what helps.
pub(crate) fn warning(warning: &Warning) -> String {
    match warning {
        Warning::UnknownLabels { unknown, labels } => {
            let [are, their] = if *unknown == 1 { ["is", "its"] } else { ["are", "their"] };
            let labels = count(*labels, "label");
            format!(
                "{unknown} of the {labels} in --data {are} not in --train: {their} pictures count as wrong"
            )
        }
        Warning::NumericNames { .. } => format!(
            "{warning}: put names in their place, or list them in classnames.txt beside the data, a line for each class from 0 on"
        ),
        warning => warning.to_string(),
    }
}
