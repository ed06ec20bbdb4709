//! Learning of a text tower from given vectors: knowledge distillation with the vectors as the teacher,
//! as Multilingual-CLIP does it (Carlsson et al. 2022). The image half is locked (LiT,
//! arXiv:2111.07991) and takes no part.
//!
//! Each step draws texts of the teacher by their weight, puts them into sentences, mixes translations
//! in, and moves the tower along the [loss](DistillLoss) against all of the teacher's vectors.

mod batch;
mod config;
mod loss;
mod teacher;
mod templates;
mod translations;
mod validate;

use std::path::Path;

use burn::module::Module;
use burn::tensor::Tensor;
use clip_checkpoint::{Checkpoint, Dtype, ModelCard, Tower};
use clip_model::{Device, TextEncoder, float_tensor};
use clip_nn::Precision;
use clip_tokenizer::Tokenizer;

pub use config::{DistillConfig, FreshText, TeacherConfig, TranslationsConfig};
pub use loss::DistillLoss;
pub use teacher::Teacher;
pub use templates::TemplateConfig;
pub use translations::{Translation, Translations};
pub use validate::{Agreement, TextValidation};

use self::batch::{Groups, Sampler};
use self::loss::LossAndSlope;
use self::validate::Comparison;
use crate::average::Average;
use crate::metrics::{Metrics, Record};
use crate::parameters::{self, Tape, host};
use crate::speed::Speed;
use crate::state::{Progress, State, changed_setting};
use crate::{
    AdamW, Error, Files, Observer, Outcome, Pass, Result, Run, Start, StepEvent, StepReport,
    TrainPrecision, export, plot, seed, step,
};

/// A run that trains a text tower towards given vectors.
pub struct Distiller {
    config: DistillConfig,
    device: Device,
    /// Where the image half comes from.
    start: Checkpoint,
    card: ModelCard,
    vocabulary: Option<Vec<u8>>,
    tokenizer: Tokenizer,
    teacher: Teacher,
    translations: Translations,
    sampler: Sampler,
    /// The teacher's vectors `[N, E]`, off the tape.
    vectors: Tensor<2>,
    encoder: Option<TextEncoder>,
    optimizer: AdamW,
    average: Average,
    progress: Progress<DistillConfig>,
    metrics: Metrics,
    files: Files,
}

impl Distiller {
    /// Opens teacher and translations and readies the tower, on a device with gradients.
    ///
    /// # Errors
    ///
    /// Where the checkpoint, the teacher, a table or the state to resume from cannot be read, the
    /// teacher's vectors do not have the width of the checkpoint's space, or the output folder is not
    /// as [`Start`] wants it.
    pub fn new(config: DistillConfig, device: &Device, start: Start) -> Result<Self> {
        let files = Files::new(&config.output);
        if start == Start::New && files.state().exists() {
            return Err(Error::Occupied { path: config.output });
        }
        let checkpoint = Checkpoint::open(&config.from)?;
        let teacher = Teacher::open(&config.teacher.vectors)?;
        let translations = Translations::open(&config.translations.tables, &teacher)?;
        let mut card = export::trained_further(&checkpoint, &config.from);
        let (width, embed_dim) = (teacher.width(), card.config.embed_dim);
        if width != embed_dim {
            let (path, from) = (config.teacher.vectors, config.from);
            return Err(Error::TeacherWidth { path, width, from, embed_dim });
        }
        let vocabulary = match &config.model {
            Some(fresh) => {
                fresh.replace(&mut card);
                card.validate()?;
                None
            }
            None => checkpoint.vocabulary().map(<[u8]>::to_vec),
        };
        let inner = device.clone().inner();
        let device = device.clone().autodiff();
        let drawing = seed::drawing(&device, config.seed);
        let mut encoder = match &config.model {
            Some(_) => TextEncoder::init(&card.config, &device),
            None => TextEncoder::load(&checkpoint, &device)?,
        };
        encoder.text.transformer.set_precision(config.precision.into());
        let values = parameters::values(&encoder);
        drop(drawing);
        let shape = [teacher.texts().len(), width];
        let mut run = Self {
            tokenizer: Tokenizer::new(
                &card.tokenizer,
                card.config.text.context_length,
                vocabulary.as_deref(),
            )?,
            sampler: Sampler::new(&config, &teacher, translations.rows().len()),
            vectors: float_tensor(teacher.vectors().to_vec(), shape, &inner),
            optimizer: AdamW::new(config.optimizer.clone(), Default::default()),
            average: Average::new(config.ema, values),
            progress: Progress::new(config.clone()),
            metrics: Metrics::new(files.metrics()),
            encoder: Some(encoder),
            start: checkpoint,
            card,
            vocabulary,
            teacher,
            translations,
            device,
            files,
            config,
        };
        if start == Start::Resume {
            run.restore()?;
        }
        Ok(run)
    }

    /// The texts and vectors that are learned.
    pub fn teacher(&self) -> &Teacher {
        &self.teacher
    }

    /// Their translations, and what of the tables takes no part.
    pub fn translations(&self) -> &Translations {
        &self.translations
    }

    /// The card of the model.
    pub fn card(&self) -> &ModelCard {
        &self.card
    }

    fn steps_per_epoch(&self) -> u64 {
        self.teacher.texts().len().div_ceil(self.config.batch_size) as u64
    }

    fn take_step(&mut self, rate: f64) -> Result<StepReport> {
        let draws = self.sampler.draw(self.progress.step, &self.teacher, &self.translations);
        let texts: Vec<&str> = draws.iter().map(|draw| &*draw.text).collect();
        let groups = Groups::new(&texts, &self.tokenizer, self.card.tokenizer.padding)?;
        let targets: Vec<usize> = groups.order.iter().map(|text| draws[*text].target).collect();
        let targets = validate::ids(&targets, &self.vectors.device());
        let encoder = self.encoder.take().expect("an encoder between steps");
        let found = groups.embed(&encoder, &self.device);
        let precision = self.config.precision.into();
        let plain = found.clone().without_autodiff();
        let LossAndSlope { loss, slope } =
            self.config.loss.forward(plain, &self.vectors, targets, precision);
        let tape = Tape::of(&found).expect("an encoder on a tape");
        // The gradient of this sum is the slope carried back: the chain rule.
        let mut gradients = (found * tape.put(slope)).sum().backward();
        let gradients = parameters::gradients(&encoder, &mut gradients);
        let pass = Pass { loss, gradients, text_vectors: None };
        let (encoder, report) = step::update(&mut self.optimizer, encoder, pass, rate)?;
        self.progress.step += 1;
        self.progress.updates += 1;
        self.average.follow(&encoder, self.progress.step);
        self.encoder = Some(encoder);
        Ok(report)
    }

    /// The encoder that is measured and saved: the average where there is one, off the tape.
    fn serving(&self) -> TextEncoder {
        let encoder = self.encoder.clone().expect("an encoder between steps");
        let mut encoder = self.average.apply(encoder).valid();
        encoder.text.transformer.set_precision(Precision::F32);
        encoder
    }

    fn validate(&mut self, observer: &mut dyn Observer) -> Result<()> {
        let encoder = self.serving();
        let comparison = Comparison {
            teacher: &self.teacher,
            translations: &self.translations,
            vectors: &self.vectors,
            tokenizer: &self.tokenizer,
            padding: self.card.tokenizer.padding,
            template: &self.config.validation_template,
            device: &self.vectors.device(),
        };
        let validation = comparison.measure(&encoder)?;
        self.metrics.add(Record::of_text_validation(&self.progress, &validation))?;
        observer.text_validated(self.progress.epoch, &validation);
        if self.progress.best.is_none_or(|best| validation.score() > best) {
            self.progress.best = Some(validation.score());
            if let Err(error) = self.export(&encoder, &self.files.best()) {
                observer.problem(&error.to_string());
            }
        }
        Ok(())
    }

    /// Writes the image half as it came, and the text half as it is now.
    fn export(&self, encoder: &TextEncoder, path: &Path) -> Result<()> {
        let mut tensors = std::collections::BTreeMap::new();
        for (name, tensor) in parameters::values(encoder) {
            tensors.insert(name, host(tensor));
        }
        for tower in [Tower::Vision, Tower::Both] {
            for spec in self.start.tower(tower) {
                let values = self.start.read(&spec.name)?;
                tensors.insert(spec.name, values);
            }
        }
        export::write(tensors, &self.card, self.vocabulary.as_deref(), Dtype::F16, path)
    }

    fn save(&self) -> Result<()> {
        self.export(&self.serving(), &self.files.last())?;
        let encoder = self.encoder.as_ref().expect("an encoder between steps");
        let state = State::of(self.progress.clone(), encoder, &self.optimizer, &self.average);
        state.save(&self.files.state())
    }

    fn restore(&mut self) -> Result<()> {
        let path = self.files.state();
        let state: State<DistillConfig> = State::load(&path, &self.vectors.device())?;
        // How often something is saved, and where, changes no number, and the numbers of the products
        // are what a machine is good at.
        let neutral = |config: &DistillConfig| DistillConfig {
            output: Default::default(),
            save_every: 1,
            validate_every: 1,
            precision: TrainPrecision::F32,
            ..config.clone()
        };
        let (before, now) = (neutral(&state.progress.config), neutral(&self.config));
        if let Some(setting) = changed_setting(&before, &now) {
            return Err(Error::OtherRun { path, setting });
        }
        let encoder = self.encoder.take().expect("an encoder between steps");
        let (encoder, progress) =
            state.restore(&path, encoder, &mut self.optimizer, &mut self.average)?;
        self.encoder = Some(encoder);
        self.progress = progress;
        Ok(())
    }
}

impl Run for Distiller {
    fn files(&self) -> &Files {
        &self.files
    }

    fn step(&self) -> u64 {
        self.progress.step
    }

    fn steps(&self) -> u64 {
        let all = self.config.schedule.epochs * self.steps_per_epoch();
        match self.config.schedule.max_steps {
            0 => all,
            most => most.min(all),
        }
    }

    fn run(&mut self, observer: &mut dyn Observer) -> Result<Outcome> {
        self.files.write_config(&self.config.to_toml())?;
        self.metrics.resume(self.progress.step)?;
        let (steps, steps_per_epoch) = (self.steps(), self.steps_per_epoch());
        let mut speed = Speed::start();
        while self.progress.step < steps {
            let rate = self.config.schedule.rate(self.progress.step, steps);
            let report = self.take_step(rate)?;
            let step = self.progress.step;
            let (samples_per_second, seconds_per_step) = speed.count(self.config.batch_size);
            let event = StepEvent {
                epoch: self.progress.epoch + 1,
                step,
                steps,
                report,
                rate,
                logit_scale: self.config.loss.scale as f32,
                samples_per_second,
                seconds_per_step,
                skipped: 0,
            };
            self.metrics.add(Record::of_step(&event))?;
            observer.step(&event);
            let over = step >= steps;
            let ends_epoch = over || step.is_multiple_of(steps_per_epoch);
            if ends_epoch {
                self.progress.epoch += 1;
            }
            // Too late to stop after the last one: what is left is the validation.
            let stop = !over && observer.stop();
            let is_due = over || self.progress.epoch.is_multiple_of(self.config.validate_every);
            let validates = ends_epoch && is_due;
            if validates {
                self.validate(observer)?;
            }
            if stop || validates || step.is_multiple_of(self.config.save_every) {
                match self.save() {
                    Err(error) if !over && !stop => observer.problem(&error.to_string()),
                    other => other?,
                }
            }
            if stop {
                return Ok(Outcome::Stopped);
            }
        }
        plot::write(&self.metrics.records(), &self.files.plot())?;
        Ok(Outcome::Finished)
    }
}
