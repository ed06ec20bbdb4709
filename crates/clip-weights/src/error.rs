use std::path::PathBuf;

use clip_checkpoint::Dtype;

/// Shorthand for results of this crate.
pub type Result<T> = std::result::Result<T, Error>;

/// Why a source was not converted.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum Error {
    /// Nothing lies under that path, and it is no hub id either.
    #[error(
        "there is no file or folder {path}; a model of the hub is written owner/name or owner/name@revision, such as openai/clip-vit-base-patch32"
    )]
    NoSource {
        /// What was asked for.
        path: PathBuf,
    },
    /// A file that the layout needs is not there.
    #[error(
        "{folder} has no {file}, which a model in {layout} layout needs: copy it there from the place the weights came from"
    )]
    MissingFile {
        /// Where it should be.
        folder: PathBuf,
        /// What it is called.
        file: String,
        /// Whose layout needs it.
        layout: &'static str,
    },
    /// Weights in a format that is not read.
    #[error(
        "{path} is neither a safetensors file nor an archive of PyTorch's: give the weights file itself, or save the model again with transformers' `save_pretrained`"
    )]
    UnreadFormat {
        /// The file.
        path: PathBuf,
    },
    /// The source is what this crate writes.
    #[error("{path} is converted already: use it as it is")]
    AlreadyCanonical {
        /// The file.
        path: PathBuf,
    },
    /// A name that no file can have everywhere.
    #[error("a model cannot be called {name:?} ({reason}): give another name")]
    Name {
        /// The name, given or that of the source.
        name: String,
        /// What is wrong with it.
        reason: &'static str,
    },
    /// The output is a file already, and not what would be written.
    #[error("{path} is there already and is {found}: choose another name, or replace it")]
    OutputExists {
        /// The file.
        path: PathBuf,
        /// What it is instead.
        found: &'static str,
    },
    /// The output would replace the source.
    #[error("the output {path} is the source itself: choose another")]
    OutputIsSource {
        /// The file.
        path: PathBuf,
    },
    /// A file cannot be read.
    #[error("cannot read {path}: {source}")]
    Io {
        /// The file.
        path: PathBuf,
        /// What the system said.
        source: std::io::Error,
    },
    /// A JSON file cannot be understood.
    #[error("{path} is not the JSON it should be ({reason}): download it again")]
    Json {
        /// The file.
        path: PathBuf,
        /// What the JSON reader said.
        reason: String,
    },
    /// A setting that the canonical file cannot express.
    #[error("{file} sets {field} to {value}; only {supported} can be converted")]
    Unsupported {
        /// The file.
        file: String,
        /// Path of the field in the file.
        field: String,
        /// Its value.
        value: String,
        /// What is supported.
        supported: String,
    },
    /// The text tower learned another vocabulary than the tokenizer knows.
    #[error(
        "{path} is not OpenAI's vocabulary, the only one that the tokenizer knows: a model that was trained with another cannot be converted"
    )]
    Vocabulary {
        /// The file of the source's tokenizer.
        path: PathBuf,
    },
    /// The bytes are not a whole file of the format that they begin with.
    #[error("{path} is not a whole {format} ({reason}): download or copy it again")]
    Damaged {
        /// The file.
        path: PathBuf,
        /// What the format is called.
        format: &'static str,
        /// What is wrong with it.
        reason: String,
    },
    /// A bare pickle, or a file as PyTorch wrote it before 0.1.10.
    #[error(
        "{path} is a bare pickle or a tar archive, which are not read: load it with PyTorch and write its state dict again with `torch.save`"
    )]
    LegacyTorch {
        /// The file.
        path: PathBuf,
    },
    /// An archive of PyTorch's with something in it that weights do not need.
    #[error(
        "{path} cannot be read as weights ({reason}): write the model's state dict again with `torch.save` and convert that"
    )]
    UnreadTorch {
        /// The file.
        path: PathBuf,
        /// What is in it.
        reason: String,
    },
    /// An archive of PyTorch's that mentions something of Python's other than tensors.
    #[error(
        "{path} mentions {global}, which is no part of weights, and was not run: if you trust where the file comes from, write its state dict again with `torch.save` and convert that"
    )]
    ForeignGlobal {
        /// The file.
        path: PathBuf,
        /// Module and name.
        global: String,
    },
    /// The bytes of a tensor are not those that were written.
    #[error("the checksum of tensor {tensor} in {file} is wrong: download or copy the file again")]
    Checksum {
        /// Foreign name.
        tensor: String,
        /// The weights file.
        file: String,
    },
    /// A weights file that is not the one that was asked for.
    #[error(
        "the SHA-256 of {path} is {found} and not {expected}, so it is another file or a damaged one: download or copy it again"
    )]
    Hash {
        /// The file.
        path: PathBuf,
        /// What was asked for.
        expected: String,
        /// What it is.
        found: String,
    },
    /// The picture tower is no transformer.
    #[error(
        "{file} is a CLIP with a ResNet tower (visual.layer1), but only those with a ViT can be converted: take one of OpenAI's ViT models"
    )]
    ResNet {
        /// The weights file.
        file: String,
    },
    /// A model of OpenCLIP's that is no CLIP of two plain transformers.
    #[error(
        "{file} is of {family} ({field}), which is another architecture: take one whose towers are both OpenCLIP's own, such as its ViT-B-32"
    )]
    OtherFamily {
        /// The configuration.
        file: String,
        /// Path of the field that says so.
        field: String,
        /// What it is instead.
        family: &'static str,
    },
    /// A SigLIP 2 for pictures of any shape.
    #[error(
        "{file} is of a SigLIP 2 for pictures of any shape, NaFlex ({field}), which cannot be converted: take one for pictures of one size, such as google/siglip2-base-patch16-224"
    )]
    NaFlex {
        /// The configuration.
        file: String,
        /// Path of the field that says so.
        field: String,
    },
    /// The configuration and the tensors are of different models.
    #[error(
        "{file} calls for a {field} of {value}, but the tensors in {files} are of a model with {found}: one of the two is of another model"
    )]
    Disagreement {
        /// The configuration.
        file: String,
        /// Path of the field in the file.
        field: String,
        /// Its value, or the default where it has none.
        value: String,
        /// The weights files.
        files: String,
        /// What the tensors say.
        found: String,
    },
    /// Nothing says which activation the model was trained with.
    #[error(
        "{file} does not say which activation the model was trained with: say quick-gelu for OpenAI's models and those trained on from them, or what its authors say; OpenCLIP's models say it in open_clip_config.json, which belongs beside the file"
    )]
    Activation {
        /// The weights file.
        file: String,
    },
    /// A classifier of images.
    #[error(
        "{files} is EfficientNet-Lite, which classifies images and reads no texts: `cargo xtask convert-weights` makes a convolutional stem of it, for training to start from"
    )]
    Classifier {
        /// The weights files.
        files: String,
    },
    /// Tensors with the names of no family, and no configuration.
    #[error(
        "{files} is no CLIP in OpenAI's, OpenCLIP's or Hugging Face's layout: it holds {}",
        if .names.is_empty() { "no tensors".to_owned() } else { list(.names) }
    )]
    UnknownLayout {
        /// Their names.
        names: Vec<String>,
        /// The weights files.
        files: String,
    },
    /// A checkpoint that holds more than one model, such as the average of the weights beside them.
    #[error(
        "{files} holds {} models, below {}: which of them is meant is not guessed; with PyTorch, write the state dict of one into a file of its own and convert that",
        .prefixes.len(),
        places(.prefixes)
    )]
    SeveralModels {
        /// The weights files.
        files: String,
        /// What the names of each model's tensors begin with.
        prefixes: Vec<String>,
    },
    /// Tensors that the configuration calls for are not there.
    #[error(
        "{authority} calls for {} missing from {files}: {}{}",
        count(.names),
        list(.names),
        there(.others)
    )]
    Missing {
        /// What calls for them: a file, or the code that the layout comes from.
        authority: &'static str,
        /// Their foreign names.
        names: Vec<String>,
        /// The weights files, and where in them the model is.
        files: String,
        /// Tensors that are there; those that nothing calls for, where that is known.
        others: Vec<String>,
    },
    /// Tensors that the configuration has no place for.
    #[error("{files} holds {} that {authority} has no place for: {}", count(.names), list(.names))]
    Unknown {
        /// What has no place: a file, or the code that the layout comes from.
        authority: &'static str,
        /// Their foreign names.
        names: Vec<String>,
        /// The weights files.
        files: String,
    },
    /// A tensor of another shape than the configuration calls for.
    #[error(
        "tensor {tensor} has shape {found:?} in {file}, but {authority} calls for {expected:?}: one of the two is of another model"
    )]
    Shape {
        /// What calls for the shape: a file, or the code that the layout comes from.
        authority: &'static str,
        /// Foreign name.
        tensor: String,
        /// The weights file.
        file: String,
        /// Shape in the file.
        found: Vec<usize>,
        /// Shape that follows from the configuration.
        expected: Vec<usize>,
    },
    /// A tensor in a number format that is not read.
    #[error("tensor {tensor} in {file} is stored as {found}; only f32, f16 and bf16 are read")]
    Dtype {
        /// Foreign name.
        tensor: String,
        /// The weights file.
        file: String,
        /// Format in the file.
        found: String,
    },
    /// Two shards hold a tensor of the same name.
    #[error(
        "tensor {tensor} is in {first} and in {second}: the shards are of two models, download them again"
    )]
    Duplicate {
        /// Foreign name.
        tensor: String,
        /// The shard that was read first.
        first: String,
        /// The other shard.
        second: String,
    },
    /// The index promises a tensor that its shard does not hold.
    #[error(
        "{index} says that tensor {tensor} is in {shard}, but it is not: the shards are of two models, download them again"
    )]
    NotInShard {
        /// Foreign name.
        tensor: String,
        /// The shard.
        shard: String,
        /// The index file.
        index: String,
    },
    /// NaN or infinity among the weights.
    #[error(
        "tensor {tensor} in {file} holds {value} at position {index}: the weights are damaged, download them again"
    )]
    NotFinite {
        /// Foreign name.
        tensor: String,
        /// The weights file.
        file: String,
        /// Position in the stored order.
        index: usize,
        /// The value found.
        value: f32,
    },
    /// A value that the number format to write cannot hold.
    #[error(
        "tensor {tensor} in {file} holds {value}, too large for {}: convert to f32",
        format.name()
    )]
    TooLarge {
        /// Foreign name.
        tensor: String,
        /// The weights file.
        file: String,
        /// The value found.
        value: f32,
        /// What it was to be stored as.
        format: Dtype,
    },
    /// A canonical tensor that the source's table does not name: a mistake in this crate.
    #[error("the table of this source does not name {tensor}: please report it")]
    NotInTable {
        /// Canonical name.
        tensor: String,
    },
    /// The canonical file cannot be written, or the card contradicts itself.
    #[error(transparent)]
    Checkpoint(#[from] clip_checkpoint::Error),
    /// A hub id or an address, but the program was built without downloads.
    #[error(
        "{id} is not on this disk, and this program was built without downloads: build it with the feature `hub` of clip-weights"
    )]
    HubDisabled {
        /// The address, or `owner/name`, with `@revision` where one was given.
        id: String,
    },
    /// No folder for downloads.
    #[error("there is no home folder for downloads: set HF_HOME to a folder")]
    HubNoCache,
    /// The hub cannot be reached.
    #[error(
        "cannot reach {endpoint} ({reason}): check the network, or download {id} elsewhere and give its folder"
    )]
    HubUnreachable {
        /// Address of the hub.
        endpoint: String,
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// One sentence on what failed.
        reason: String,
    },
    /// The hub wants to know who asks.
    #[error(
        "{endpoint} does not show {id} to everyone (status {status}): check the spelling, and if the model is gated or private, accept its terms there and set HF_TOKEN"
    )]
    HubRefused {
        /// Address of the hub.
        endpoint: String,
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// 401 or 403.
        status: u16,
    },
    /// The hub does not have the file or the repository.
    #[error(
        "{endpoint} has no {file} under {id}: check the spelling, and that the repository is a CLIP for transformers or OpenCLIP"
    )]
    HubNotFound {
        /// Address of the hub.
        endpoint: String,
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// File name.
        file: String,
    },
    /// The repository has no weights under a name that is known.
    #[error(
        "{endpoint} has no weights under {id} (looked for {}): name a revision that has them, as owner/name@revision, or download the repository yourself and give its folder",
        names.join(", ")
    )]
    HubNoWeights {
        /// Address of the hub.
        endpoint: String,
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// Files that were looked for.
        names: Vec<String>,
    },
    /// The hub, or what answers in its place, said something unexpected.
    #[error(
        "{endpoint} did not answer as a hub does for {file} of {id} ({reason}): check HF_ENDPOINT and try again later"
    )]
    HubAnswer {
        /// Address of the hub.
        endpoint: String,
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// File name.
        file: String,
        /// One sentence on what was unexpected.
        reason: String,
    },
    /// The connection broke, or the disk is full.
    #[error(
        "the download of {file} of {id} broke off ({reason}): run the command again, it goes on where it stopped"
    )]
    HubBroken {
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// File name.
        file: String,
        /// What the system said.
        reason: String,
    },
    /// The bytes that came are not the ones that the hub promised.
    #[error(
        "the SHA-256 of {file} of {id} is not the hub's, so the download was deleted: run the command again"
    )]
    HubHash {
        /// `owner/name`, with `@revision` where one was given.
        id: String,
        /// File name.
        file: String,
    },
    /// Files of two revisions.
    #[error("{id} changed on the hub while it was downloaded: run the command again")]
    HubChanged {
        /// `owner/name`, with `@revision` where one was given.
        id: String,
    },
    /// A server cannot be reached, or the address is none.
    #[error(
        "cannot reach {url} ({reason}): check the address and the network, or download the file elsewhere and give its path"
    )]
    UrlUnreachable {
        /// The address.
        url: String,
        /// One sentence on what failed.
        reason: String,
    },
    /// A server has no such file.
    #[error("{url} leads to no file (status {status}): check the address")]
    UrlNotFound {
        /// The address.
        url: String,
        /// 404 or 410.
        status: u16,
    },
    /// A server wants to know who asks.
    #[error(
        "{url} is not open to everyone (status {status}): download the file elsewhere and give its path"
    )]
    UrlRefused {
        /// The address.
        url: String,
        /// 401 or 403.
        status: u16,
    },
    /// A server said something unexpected.
    #[error(
        "{url} answered, but with {reason}: check the address (a model of the hub is given as owner/name), or try again later"
    )]
    UrlAnswer {
        /// The address.
        url: String,
        /// What came instead of the file.
        reason: String,
    },
    /// The connection broke, and nothing more came when it was taken up again.
    #[error(
        "the download of {url} broke off ({reason}): run the command again, it goes on where it stopped"
    )]
    UrlBroken {
        /// The address.
        url: String,
        /// What the system said.
        reason: String,
    },
    /// The bytes that came are not the ones that the address promises.
    #[error(
        "the SHA-256 of what {url} gave is not the one in its address, so the download was deleted: run the command again"
    )]
    UrlHash {
        /// The address.
        url: String,
    },
    /// One file came, of a layout that needs more.
    #[error(
        "{url} is a file in {layout} layout, which needs {file} beside it: give the folder, or the model's name on the hub"
    )]
    UrlAlone {
        /// The address.
        url: String,
        /// What is missing.
        file: String,
        /// Whose layout needs it.
        layout: &'static str,
    },
    /// The disk is full, or the folder of downloads cannot be written.
    #[error(
        "cannot keep the download in {path} ({reason}): make room, or set HF_HOME to a folder that can be written"
    )]
    NotStored {
        /// The file.
        path: PathBuf,
        /// What the system said.
        reason: std::io::Error,
    },
}

fn count(names: &[String]) -> String {
    if names.len() == 1 { "a tensor".to_owned() } else { format!("{} tensors", names.len()) }
}

/// What is there instead.
fn there(names: &[String]) -> String {
    match names.len() {
        0 => String::new(),
        1 => format!("; there is {}", list(names)),
        _ => format!("; there are {}", list(names)),
    }
}

/// Prefixes as people say them.
fn places(prefixes: &[String]) -> String {
    let place = |prefix: &String| prefix.strip_suffix('.').unwrap_or("the top").to_owned();
    match &prefixes.iter().map(place).collect::<Vec<_>>()[..] {
        [one, other] => format!("{one} and {other}"),
        places => list(places),
    }
}

/// The first few names; a hundred would hide the message.
fn list(names: &[String]) -> String {
    const SHOWN: usize = 5;
    let head = names.iter().take(SHOWN).cloned().collect::<Vec<_>>().join(", ");
    match names.len().saturating_sub(SHOWN) {
        0 => head,
        more => format!("{head} and {more} more"),
    }
}
