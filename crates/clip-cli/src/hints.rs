//! What helps on this command line against what the libraries say.

use std::error::Error as StdError;
use std::path::Path;

use clip_retrieval::{Error as Retrieval, exchange};
use clip_search::evaluation::EvaluationError;
use clip_search::{Error, Note, Task, Warning, count};
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
    let hint = match error {
        Error::Clip(error) => return encoding(error),
        Error::Retrieval(error) => return retrieval(error),
        Error::Exchange(error) => return vectors(error),
        Error::Weights(error) => return weights(error),
        Error::Evaluation(EvaluationError::TooFew { count: found }) => {
            let found = count(*found, "picture");
            return Some(format!(
                "--train has {found}, too few to hold out every tenth: give --validation, or more pictures"
            ));
        }
        Error::NoModel { name } => {
            let hint = "give a checkpoint file or a name that `clip-cli models` lists";
            let name = name.display();
            return Some(format!(
                "{error}: {hint}, or convert one with `clip-cli models add {name}`"
            ));
        }
        Error::ModelIsFolder { path } => {
            let path = path.display();
            return Some(format!("{error}: convert it with `clip-cli models add {path}`"));
        }
        Error::Checkpoint(clip_checkpoint::Error::NotCanonical { origin, .. }) => {
            return Some(format!("{error} with `clip-cli models add {origin}`"));
        }
        Error::Cancelled { task: Task::Graph, .. } => ": the same command makes it",
        Error::Cancelled { task: Task::Images | Task::Texts, .. } => {
            ": the same command goes on from there"
        }
        Error::NoBuiltInModel => ": name one with `--model FILE`",
        Error::NotPublished { .. } => ", or give any other source to `clip-cli models add`",
        Error::NameOfBuiltIn { .. } => ": choose another with --name",
        Error::NameOfPublished { name, id } => {
            return Some(format!(
                "{name} is the name of the published model that `clip-cli models pull {id}` gives: choose another with --name"
            ));
        }
        Error::NotAsPublished { .. } => "; `clip-cli models add` takes it as it is",
        Error::NoDataFolder => {
            ": say where the library is with --index FOLDER, and where a model goes with -o FILE"
        }
        Error::NoClusters { .. } => ": build it with --features milvus",
        Error::IsCluster { .. } => ": `clip-cli export` brings one into a file",
        Error::SameModel { .. } => ": name another model with --model",
        Error::Missing { .. } => ", or leave out what is missing with --drop-missing",
        Error::Watch { path, .. } if !path.as_os_str().is_empty() => {
            "; `clip-cli index` without --watch can be run from time to time, as by cron"
        }
        Error::OutputExists { .. } => ": overwrite it with --force, or name another file",
        Error::OutputIsInput { .. } => " with --output",
        Error::Evaluation(EvaluationError::NoCaptions) => {
            ": leave out --captions to ask with its names"
        }
        _ => return None,
    };
    Some(format!("{error}{hint}"))
}

fn encoding(error: &clip::Error) -> Option<String> {
    matches!(error, clip::Error::Text(clip::TextError::TooLong { .. }))
        .then(|| format!("too long (--truncate cuts it): {error}"))
}

fn retrieval(error: &Retrieval) -> Option<String> {
    let hint = match error {
        Retrieval::NoLibrary { .. } => ", as in `clip-cli index ~/Pictures`",
        Retrieval::NotALibrary { .. } | Retrieval::Older { .. } | Retrieval::Newer { .. } => {
            " with --index"
        }
        Retrieval::OtherModel { .. } => {
            ": choose another place with --index, or make it anew with `clip-cli reindex`"
        }
        _ => return None,
    };
    Some(format!("{error}{hint}"))
}

fn vectors(error: &exchange::Error) -> Option<String> {
    match error {
        exchange::Error::Library(error) => retrieval(error),
        exchange::Error::OtherModel { .. } => Some(format!("{error}: name the model with --model")),
        _ => None,
    }
}

fn weights(error: &Weights) -> Option<String> {
    let hint = match error {
        Weights::Name { .. } => " with --name",
        Weights::OutputExists { .. } => ", with --name or --force",
        Weights::OutputIsSource { .. } => " with --output",
        Weights::Activation { .. } => " (--activation)",
        Weights::TooLarge { .. } => " with --dtype f32",
        _ => return None,
    };
    Some(format!("{error}{hint}"))
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

/// What an update left out, and what helps.
pub(crate) fn note(note: &Note) -> String {
    let hint = match note {
        Note::Unreadable { .. } => " (`clip-cli library errors` says why)",
        Note::Unplugged { first: Some(_), .. } => "; --drop-missing drops what is gone",
        Note::Excluded(_) => " (--exclude-dir; a .clipignore takes such off)",
        _ => "",
    };
    format!("{note}{hint}")
}

/// A path that no tag can be given to.
pub(crate) fn untagged(path: &Path, is_unread: bool) -> String {
    let path = path.display();
    match is_unread {
        true => format!(
            "{path} could not be read (`clip-cli library errors` says why): its tags wait until it can be"
        ),
        false => format!("{path} is not in the library: `clip-cli index` takes it in"),
    }
}

/// There is nothing to search.
pub(crate) const EMPTY: &str = "the library is empty: name a folder of pictures to search, as in `clip-cli search \"a dog\" ~/Pictures`";

/// There is nothing to show on a map.
pub(crate) const NO_PICTURES: &str =
    "there are no pictures in the library: add some first, as in `clip-cli index ~/Pictures`";

/// There is nothing to export.
pub(crate) const NOTHING_MEANT: &str =
    "nothing in the library is meant by that: `clip-cli library stats` says what is in it";

/// How to get a large model.
pub(crate) const SMALL_MODEL: &str = "this is the small built-in model: it knows few things. OpenAI's weights know far more: \
     `clip-cli models pull clip-vit-base-patch32`, then search with \
     `--model clip-vit-base-patch32`";

/// Above the published models.
pub(crate) const PULL: &str = "\nMore, by `clip-cli models pull NAME`:\n\n";
