//! A run from its configuration to its checkpoints.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use burn::module::Module;
use clip_checkpoint::{Dtype, ModelCard};
use clip_data::{Dataset, Loader, Problem, SamplerConfig, Transform};
use clip_model::Device;
use clip_tokenizer::Tokenizer;

use crate::adapt::Anchor;
use crate::average::Average;
use crate::batch::Patches;
use crate::features::{FeatureSource, FeatureStore};
use crate::initial::InitialModel;
use crate::learner::Learner;
use crate::metrics::{Metrics, Record};
use crate::source::{FeatureRun, Source, StepBatch};
use crate::speed::Speed;
use crate::state::{Progress, State, changed_setting};
use crate::texts::Texts;
use crate::validate::{EmbeddedImages, embed_texts};
use crate::{
    AdamW, Error, FeatureConfig, Files, Observer, Outcome, Result, Start, StepEvent, Stepper,
    TrainConfig, TrainPrecision, Translations, Validation, adapt, export, parameters, plot, seed,
};

/// A run.
pub struct Trainer {
    config: TrainConfig,
    device: Device,
    card: ModelCard,
    vocabulary: Option<Vec<u8>>,
    tokenizer: Tokenizer,
    source: Source,
    validation: Option<Loader>,
    learner: Option<Learner>,
    stepper: Stepper,
    average: Average,
    anchor: Option<Anchor>,
    progress: Progress,
    metrics: Metrics,
    files: Files,
    /// Steps of each epoch.
    epochs: Vec<u64>,
}

impl Trainer {
    /// Opens the data and readies the model, on a device with gradients.
    ///
    /// # Errors
    ///
    /// Where the data, the checkpoint to start from or the state to resume from cannot be read, the
    /// data make no batch, or the output folder is not as [`Start`] wants it.
    pub fn new(config: TrainConfig, device: &Device, start: Start) -> Result<Self> {
        let files = Files::new(&config.output);
        if start == Start::New && files.state().exists() {
            return Err(Error::Occupied { path: config.output });
        }
        let device = match config.checkpointing {
            true => device.clone().autodiff().gradient_checkpointing(),
            false => device.clone().autodiff(),
        };
        let drawing = seed::drawing(&device, config.seed);
        let InitialModel { mut card, vocabulary, clip } = InitialModel::new(&config, &device)?;
        card.config.probability = config.loss.probability();
        let learner = Learner::new(clip, config.loss, config.from.is_none(), &device);
        let anchor = Anchor::new(&learner, config.adapt.start_share);
        let factors = adapt::layer_factors(&learner, config.optimizer.layer_decay);
        let learner = config.adapt.apply(learner).with_precision(config.precision.into());
        // Drawing the weights now makes them independent of what is computed first.
        let values = parameters::values(&learner);
        drop(drawing);
        let source = source(&config, &card)?;
        let epochs: Vec<u64> =
            (0..config.schedule.epochs).map(|epoch| source.steps(epoch)).collect();
        if epochs.iter().sum::<u64>() == 0 {
            return Err(Error::NoBatches {
                batch_size: config.sampler.batch_size,
                rows: source.dataset().len(),
                names: source.dataset().names().len(),
            });
        }
        let average = Average::new(config.ema, values);
        let mut trainer = Self {
            tokenizer: Tokenizer::new(
                &card.tokenizer,
                card.config.text.context_length,
                vocabulary.as_deref(),
            )?,
            validation: validation_loader(&config, &card)?,
            stepper: Stepper {
                optimizer: AdamW::new(config.optimizer.clone(), factors),
                loss: config.loss,
                chunk: config.chunk,
            },
            progress: Progress::new(config.clone()),
            metrics: Metrics::new(files.metrics()),
            learner: Some(learner),
            average,
            anchor,
            device,
            card,
            vocabulary,
            source,
            files,
            epochs,
            config,
        };
        if start == Start::Resume {
            trainer.restore()?;
        }
        Ok(trainer)
    }

    /// The data that the run learns from.
    pub fn dataset(&self) -> &Dataset {
        self.source.dataset()
    }

    /// The card of the model.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    /// The translations that the run learns.
    pub fn translations(&self) -> Option<&Translations> {
        match &self.source {
            Source::Images(_) => None,
            Source::Features(run) => run.source.translations.as_ref(),
        }
    }

    /// Where the run writes.
    pub fn files(&self) -> &Files {
        &self.files
    }

    /// Steps of the whole run.
    pub fn steps(&self) -> u64 {
        let all = self.epochs.iter().sum();
        match self.config.schedule.max_steps {
            0 => all,
            most => most.min(all),
        }
    }

    /// Steps taken so far.
    pub fn step(&self) -> u64 {
        self.progress.step
    }

    /// Takes the steps that are left, or as many as the observer lets it.
    ///
    /// # Errors
    ///
    /// [`Error::NotFinite`] where the loss left the numbers, [`Error::AllSkipped`] where no row of
    /// an epoch can be read, and where the last save fails. A save on the way that fails is told
    /// to the observer, and the run goes on: the disk may have room at the next one.
    pub fn run(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        self.files.write_config(&self.config.to_toml())?;
        self.metrics.resume(self.progress.step)?;
        if self.make_features(observer)? == Outcome::Stopped {
            self.save()?;
            return Ok(Outcome::Stopped);
        }
        let steps = self.steps();
        while self.progress.step < steps {
            let epoch = self.progress.epoch;
            if self.epoch(observer)? == Outcome::Stopped {
                self.save()?;
                return Ok(Outcome::Stopped);
            }
            let over = self.progress.step >= steps;
            if over || self.progress.epoch.is_multiple_of(self.config.validate_every) {
                self.validate(observer)?;
            }
            match self.save() {
                Err(error) if !over => observer.problem(&error.to_string()),
                other => other?,
            }
            debug_assert!(over || self.progress.epoch > epoch);
        }
        plot::write(&self.metrics.records(), &self.files.plot())?;
        Ok(Outcome::Finished)
    }

    /// Makes the features that a run on features learns from, and what follows from them. The observer
    /// may end it.
    fn make_features(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let Source::Features(run) = &mut self.source else { return Ok(Outcome::Finished) };
        let encoder = self.learner.as_ref().map(|learner| learner.valid().clip.image);
        let folder = self.config.features.as_ref().and_then(|features| features.folder.clone());
        let store = FeatureStore {
            encoder: &encoder.expect("a learner between steps"),
            preprocess: &self.card.preprocess,
            folder: folder.unwrap_or_else(|| self.files.features()),
            loader: &self.config.data.loader,
            seed: self.config.seed,
            device: self.device.clone().inner(),
        };
        let validation = self.validation.as_ref().map(Loader::shared_dataset);
        if run.fill(&store, &self.config.augment, validation, observer)? == Outcome::Stopped {
            return Ok(Outcome::Stopped);
        }
        if self.progress.step > 0 {
            return Ok(Outcome::Finished);
        }
        let problems = run.problems();
        self.progress.skipped = problems.len() as u64;
        problems.iter().for_each(|problem| observer.problem(problem));
        let learner = self.learner.take().expect("a learner between steps");
        let vectors = |texts: &Texts| {
            let (model, device) = (learner.serving(), self.device.clone().inner());
            let vectors = embed_texts(&model, &self.tokenizer, texts.list(), &device)?;
            let width = self.card.config.embed_dim;
            Ok(vectors.chunks_exact(width).map(<[f32]>::to_vec).collect())
        };
        let initial = run.initial_head(vectors)?;
        self.learner = Some(match initial {
            Some(initial) => initial.apply(learner)?,
            None => learner,
        });
        Ok(Outcome::Finished)
    }

    /// The rest of the current epoch.
    fn epoch(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        let epoch = self.progress.epoch;
        let vision = &self.card.config.vision;
        let full = epoch + self.config.full_epochs >= self.config.schedule.epochs;
        let share = if full { 1.0 } else { self.config.patches_kept };
        let patches = Patches::new(vision.image_size, vision.patch_size, share);
        let steps = self.steps();
        let mut speed = Speed::start();
        let mut problem = None;
        let mut seen = self.progress.step_in_epoch > 0;
        let mut batches = self.source.epoch(epoch, self.progress.step_in_epoch);
        loop {
            let seed = seed::of_step(self.config.seed, self.progress.step);
            let Some(batch) = self.source.next(&mut batches, seed) else { break };
            for Problem { origin, reason } in batch.skipped() {
                self.progress.skipped += 1;
                let line = format!("{origin}: {reason}");
                observer.problem(&line);
                problem = Some(line);
            }
            self.progress.step_in_epoch += 1;
            if batch.len() < 2 {
                // Contrast takes two.
                self.progress.step += 1;
                continue;
            }
            seen = true;
            let tokenizer = &self.tokenizer;
            let inputs = match &batch {
                StepBatch::Images(batch) => patches.inputs(batch, tokenizer, seed, &self.device)?,
                StepBatch::Features(batch) => batch.inputs(tokenizer, &self.device)?,
            };
            let rate = self.config.schedule.rate(self.progress.step, steps);
            let learner = self.learner.take().expect("a learner between steps");
            let (learner, report) = self.stepper.step(learner, inputs, rate)?;
            self.progress.step += 1;
            self.progress.updates += 1;
            let logit_scale = learner.scale();
            self.average.follow(&learner, self.progress.step);
            self.learner = Some(learner);
            let (samples_per_second, seconds_per_step) = speed.count(batch.len());
            let event = StepEvent {
                epoch: epoch + 1,
                step: self.progress.step,
                steps,
                report,
                rate,
                logit_scale,
                samples_per_second,
                seconds_per_step,
                skipped: self.progress.skipped,
            };
            self.metrics.add(Record::of_step(&event))?;
            observer.step(&event);
            if self.progress.step >= steps {
                // Too late to stop: what is left is the validation.
                break;
            }
            if observer.stop() {
                return Ok(Outcome::Stopped);
            }
            if self.progress.step.is_multiple_of(self.config.save_every)
                && let Err(error) = self.save()
            {
                observer.problem(&error.to_string());
            }
        }
        if !seen {
            let problem = problem.unwrap_or_else(|| "an epoch without batches".to_owned());
            return Err(Error::AllSkipped { epoch: epoch + 1, problem });
        }
        self.progress.epoch += 1;
        self.progress.step_in_epoch = 0;
        Ok(Outcome::Finished)
    }

    /// The model that is measured and saved: the average where there is one, drawn to the start
    /// where that has a share.
    fn serving(&self) -> Learner {
        let learner = self.learner.clone().expect("a learner between steps");
        let learner = self.average.apply(learner);
        match &self.anchor {
            None => learner.serving(),
            Some(anchor) => anchor.pull(learner.serving()),
        }
    }

    fn validate(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let Some(loader) = &self.validation else { return Ok(()) };
        let model = self.serving();
        let (template, device) = (&self.config.validation_template, self.device.clone().inner());
        let images = match &self.source {
            Source::Images(_) => EmbeddedImages::of_loader(&model, loader, &device),
            Source::Features(run) => {
                let Some(features) = &run.validation else { return Ok(()) };
                EmbeddedImages::of_features(&model, features, loader.dataset(), &device)
            }
        };
        let validation =
            Validation::measure(&images, template, self.translations(), |sentences| {
                embed_texts(&model, &self.tokenizer, sentences, &device)
            })?;
        self.metrics.add(Record::of_validation(&self.progress, &validation))?;
        observer.validated(self.progress.epoch, &validation);
        if self.progress.best.is_none_or(|best| validation.score() > best) {
            self.progress.best = Some(validation.score());
            if let Err(error) = self.export(&model, &self.files.best()) {
                observer.problem(&error.to_string());
            }
        }
        Ok(())
    }

    fn export(&self, model: &Learner, path: &Path) -> Result<()> {
        export(model, &self.card, self.vocabulary.as_deref(), Dtype::F16, path)
    }

    fn save(&self) -> Result<()> {
        self.export(&self.serving(), &self.files.last())?;
        let learner = self.learner.as_ref().expect("a learner between steps");
        let state =
            State::of(self.progress.clone(), learner, &self.stepper.optimizer, &self.average);
        state.save(&self.files.state())
    }

    fn restore(&mut self) -> Result<()> {
        let path = self.files.state();
        let state = State::load(&path, &self.device.clone().inner())?;
        if let Some(setting) = differs(&state.progress.config, &self.config) {
            return Err(Error::OtherRun { path, setting });
        }
        let learner = self.learner.take().expect("a learner between steps");
        let (optimizer, average) = (&mut self.stepper.optimizer, &mut self.average);
        let (learner, progress) = state.restore(&path, learner, optimizer, average)?;
        self.learner = Some(learner);
        self.progress = progress;
        Ok(())
    }
}

fn source(config: &TrainConfig, card: &ModelCard) -> Result<Source> {
    let dataset = Arc::new(Dataset::open(&config.data.train)?.filtered(&config.data.filter));
    if config.features.is_some() {
        let source = FeatureSource::new(dataset, config, card)?;
        return Ok(Source::Features(Box::new(FeatureRun::new(source))));
    }
    let transform = Transform::train(&config.augment, &card.preprocess)?;
    let (captions, sampler) = (&config.captions, &config.sampler);
    let (how, seed) = (&config.data.loader, config.seed);
    let loader = Loader::new(dataset, transform, captions, sampler, how, seed)?;
    Ok(Source::Images(Box::new(loader)))
}

fn validation_loader(config: &TrainConfig, card: &ModelCard) -> Result<Option<Loader>> {
    if config.data.validation.is_empty() {
        return Ok(None);
    }
    let dataset = Arc::new(Dataset::open(&config.data.validation)?);
    let sampler =
        SamplerConfig { unique_names: false, drop_last: false, ..SamplerConfig::default() };
    let transform = Transform::exact(&card.preprocess)?;
    let (captions, how) = (&config.captions, &config.data.loader);
    Ok(Some(Loader::new(dataset, transform, captions, &sampler, how, config.seed)?))
}

/// The first setting in which a resume differs from its run. How batches are made, how often
/// something is saved, and where, may differ: they change no number. So may what a machine is good
/// at, the numbers of the products and how much memory they take.
fn differs(before: &TrainConfig, now: &TrainConfig) -> Option<String> {
    let neutral = |config: &TrainConfig| TrainConfig {
        output: PathBuf::new(),
        save_every: 1,
        validate_every: 1,
        precision: TrainPrecision::F32,
        checkpointing: false,
        chunk: 0,
        data: crate::DataConfig { loader: Default::default(), ..config.data.clone() },
        features: config
            .features
            .clone()
            .map(|features| FeatureConfig { folder: None, ..features }),
        ..config.clone()
    };
    changed_setting(&neutral(before), &neutral(now))
}
