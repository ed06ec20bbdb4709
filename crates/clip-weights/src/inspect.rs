//! What a source is, without converting it; and how that, and what was converted, reads.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;

use clip_checkpoint::{ModelConfig, PreprocessConfig, TokenizerConfig, Tower, tensors};
use serde::Serialize;

use crate::convert::check;
use crate::{Error, Family, Opened, Summary};

/// What a source says about its model.
#[derive(Debug)]
#[non_exhaustive]
pub struct Inspection {
    /// The name that the converted model would get.
    pub name: String,
    /// The path, the address or the hub id.
    pub origin: String,
    /// The kind of source.
    pub family: Family,
    /// License, where the source states one.
    pub license: Option<String>,
    /// The architecture.
    pub config: ModelConfig,
    /// How pictures are prepared.
    pub preprocess: PreprocessConfig,
    /// How texts are cut into tokens.
    pub tokenizer: TokenizerConfig,
    /// How many tensors there are of each number format, by its name.
    pub formats: BTreeMap<String, usize>,
    /// What the names of the tensors begin with in the file; what is elsewhere in it takes no part.
    pub prefix: String,
    /// Names of code that the file would have run in PyTorch; it was not.
    pub passed_over: BTreeSet<String>,
    /// Why [`Opened::convert`] would refuse the tensors.
    pub problem: Option<Error>,
}

impl Opened {
    /// What the source says about its model, compared with the names and shapes of its tensors.
    pub fn inspect(&self) -> Inspection {
        let Self { model, name, origin, options, .. } = self;
        let mut formats = BTreeMap::new();
        for tensor in model.weights.names().filter_map(|name| model.weights.get(name)) {
            *formats.entry(tensor.format()).or_default() += 1;
        }
        Inspection {
            name: name.clone(),
            origin: origin.clone(),
            family: model.layout.family,
            license: model.license.clone().or_else(|| options.license.clone()),
            config: model.config.clone(),
            preprocess: model.preprocess.clone(),
            tokenizer: model.tokenizer.clone(),
            formats,
            prefix: model.weights.prefix().to_owned(),
            passed_over: model.weights.passed_over().clone(),
            problem: check(model).err(),
        }
    }
}

impl fmt::Display for Inspection {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        row(f, "model", &self.name)?;
        source(f, &self.origin, self.family, self.license.as_deref())?;
        architecture(f, &self.config)?;
        let PreprocessConfig { mode, resize, resize_size, crop_size, interpolation, .. } =
            &self.preprocess;
        let (mode, resize, filter) = (in_card(mode), in_card(resize), in_card(interpolation));
        let line =
            format!("{mode}: resize {resize} to {resize_size} ({filter}), crop of {crop_size}");
        row(f, "pictures", &line)?;
        let TokenizerConfig { mode, start_token, end_token, pad_token, .. } = &self.tokenizer;
        let mode = in_card(mode);
        let start = start_token.map_or_else(|| "none".to_owned(), |id| id.to_string());
        let line = format!("{mode}: start {start}, end {end_token}, padding {pad_token}");
        row(f, "texts", &line)?;
        let formats = self.formats.iter().map(|(format, count)| format!("{count} of {format}"));
        row(f, "tensors", &formats.collect::<Vec<_>>().join(", "))?;
        if let Some(prefix) = self.prefix.strip_suffix('.') {
            row(f, "below", prefix)?;
        }
        if !self.passed_over.is_empty() {
            let names: Vec<_> = self.passed_over.iter().map(String::as_str).collect();
            row(f, "not run", &names.join(", "))?;
        }
        match &self.problem {
            None => row(f, "converts", "yes"),
            Some(problem) => row(f, "converts", &format!("no: {problem}")),
        }
    }
}

impl fmt::Display for Summary {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let card = &self.card;
        row(f, "model", &card.name)?;
        source(f, &card.source.origin, self.family, card.license.as_deref())?;
        architecture(f, &card.config)?;
        row(f, "weights", &format!("{}, {:.1} MB", self.dtype.name(), self.bytes as f64 / 1e6))?;
        row(f, "time", &format!("{:.1} s", self.elapsed.as_secs_f64()))?;
        let written = if self.was_there { "was there" } else { "written" };
        row(f, written, &self.output.display().to_string())?;
        for file in &card.source.files {
            row(f, "sha256", &format!("{}  {}", file.sha256, file.name))?;
        }
        Ok(())
    }
}

fn source(
    f: &mut fmt::Formatter<'_>,
    origin: &str,
    family: Family,
    license: Option<&str>,
) -> fmt::Result {
    row(f, "source", &format!("{origin} ({})", family.name()))?;
    row(f, "license", license.unwrap_or("not stated by the source"))
}

fn architecture(f: &mut fmt::Formatter<'_>, config: &ModelConfig) -> fmt::Result {
    let (vision, text) = (&config.vision, &config.text);
    let tower = |tower, width, layers, heads, activation: &dyn fmt::Display| {
        let parameters: usize =
            tensors(config).filter(|spec| spec.tower == tower).map(|spec| spec.elements()).sum();
        let millions = parameters as f64 / 1e6;
        format!(
            "{millions:.2} M parameters: width {width}, {layers} layers, {heads} heads, {activation}"
        )
    };
    let (width, layers, heads) = (vision.width, vision.layers, vision.heads);
    let tower_line = tower(Tower::Vision, width, layers, heads, &vision.activation);
    let (side, patch) = (vision.image_size, vision.patch_size);
    row(f, "vision", &format!("{tower_line}, {side}×{side} pixels, patch {patch}"))?;
    let (width, layers, heads) = (text.width, text.layers, text.heads);
    let tower_line = tower(Tower::Text, width, layers, heads, &text.activation);
    let (context, pooling) = (text.context_length, text.pooling);
    row(f, "text", &format!("{tower_line}, {context} tokens, pooled at {pooling}"))?;
    row(f, "embedding", &format!("{} values", config.embed_dim))
}

/// The name of a choice in the model card.
fn in_card(choice: &impl Serialize) -> String {
    let name = serde_json::to_value(choice).unwrap_or_default();
    name.as_str().unwrap_or_default().to_owned()
}

fn row(f: &mut fmt::Formatter<'_>, name: &str, value: &str) -> fmt::Result {
    writeln!(f, "{name:<10} {value}")
}
