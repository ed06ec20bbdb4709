//! `clip-cli eval zeroshot`.

use anyhow::{Result, bail};
use clip_data::Dataset;
use clip_eval::{Bootstrap, Labeled, Matrix, Report, zeroshot};

use super::args::ZeroshotArgs;
use super::pictures::{Labeling, Pictures};
use super::results::{Measure, Results, subject};
use super::texts;
use crate::report::Skipped;
use crate::{commands, model};

pub(super) fn run(args: &ZeroshotArgs, skipped: &mut Skipped) -> Result<()> {
    args.results.check()?;
    let dataset = super::open(&args.data.data)?;
    let templates = texts::templates(&args.prompts, dataset.templates(), "generic")?;
    let labeling = match (&args.data.labels, by_class(&dataset)?) {
        (None, Some(labeling)) => labeling,
        (table, _) => {
            let labeling = Labeling::new(&dataset, table.as_deref())?;
            commands::warn_of_numbers(&labeling.names);
            labeling
        }
    };
    let names = &labeling.names;
    if let [only] = &names[..] {
        bail!("all pictures show {only}: there must be two labels at least to choose from");
    }

    let embedder = model::embedder(&args.model, commands::overflow(args.prompts.truncate))?;
    let pictures = Pictures::encode(&embedder, &dataset, &labeling.rows, skipped)?;
    let classes = texts::encode(&embedder, names, &templates)?;
    let classes = Matrix::new("labels", &classes, names.len(), embedder.card().config.embed_dim)?;
    let subject = subject(&embedder, &args.data.data);
    let measure = |pictures: &Pictures| {
        let labels = pictures.labels();
        let answers = zeroshot(&Labeled::new(pictures.matrix()?, &labels)?, &classes)?;
        let report = Report::zeroshot(subject.clone(), &answers, &Bootstrap::default())?;
        let measure = Measure::new(report, labels.len(), names.len());
        Ok(measure.with_classes(&answers, names, args.confusions.top_confusions))
    };
    let task = "zeroshot_classification";
    let results = Results::measure(task, subject.clone(), &pictures, &labeling.groups, measure)?;
    results.with_templates(&templates).deliver(&args.results)
}

/// By the numbers of the classes, where each picture has one and a list of names comes with them:
/// two classes may have one name, and a class no picture.
fn by_class(dataset: &Dataset) -> Result<Option<Labeling>> {
    let numbers: Option<Vec<usize>> = dataset.samples().iter().map(|sample| sample.class).collect();
    let (Some(numbers), Some(names)) = (numbers, dataset.class_names()) else { return Ok(None) };
    if let Some(beyond) = numbers.iter().find(|number| **number >= names.len()) {
        bail!(
            "a picture is of class {beyond}, and classnames.txt ends at {}: use the list of this data",
            names.len() as i64 - 1
        );
    }
    Ok(Some(Labeling::by_number(numbers.into_iter().map(Some), names.to_vec())))
}
