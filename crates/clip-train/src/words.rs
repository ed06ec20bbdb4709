//! What a run says of itself.

use std::fmt;

use crate::{StepEvent, Trainer, Validation};

/// A number with its noun, in the plural where it is not one.
fn count(number: usize, noun: &str) -> String {
    format!("{number} {noun}{}", if number == 1 { "" } else { "s" })
}

impl Trainer {
    /// What it learns from, its size and its steps: `600 pictures of 20 names, 9.4 M parameters, 100 steps`,
    /// and a line for its translations.
    pub fn summary(&self) -> Vec<String> {
        let dataset = self.dataset();
        let tensors = clip_checkpoint::tensors(&self.card().config);
        let parameters: usize = tensors.map(|spec| spec.elements()).sum();
        let run = format!(
            "{} of {}, {:.1} M parameters, {}",
            count(dataset.len(), "picture"),
            count(dataset.names().len(), "name"),
            parameters as f64 / 1e6,
            count(self.steps() as usize, "step"),
        );
        let translations = self.translations().map(|translations| {
            let languages = count(translations.languages(), "language");
            format!("{} in {languages}", count(translations.learned(), "translation"))
        });
        std::iter::once(run).chain(translations).collect()
    }

    /// What of the data takes no part, and why.
    pub fn problems(&self) -> Vec<String> {
        let data = self.dataset().problems().iter().map(ToString::to_string);
        let translations = self.translations().map(|translations| translations.problems());
        let translations = translations.into_iter().flatten().cloned();
        data.chain(translations).collect()
    }
}

impl fmt::Display for StepEvent {
    /// `epoch 1, step 3/20: loss 2.305, 421 pictures/s, logit scale 14.3, gradient norm 1.02`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { epoch, step, steps, report, .. } = self;
        let (loss, norm) = (report.loss, report.gradient_norm);
        let (rate, scale) = (self.samples_per_second, self.logit_scale);
        write!(f, "epoch {epoch}, step {step}/{steps}: loss {loss:.3}, {rate:.0} pictures/s, ")?;
        write!(f, "logit scale {scale:.1}, gradient norm {norm:.2}")
    }
}

impl fmt::Display for Validation {
    /// `R@1 / 5 / 10: text to image 41.2 / 70.0 / 81.3, image to text 40.1 / 68.8 / 80.2`
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent =
            |recalls: [f64; 3]| recalls.map(|recall| format!("{:.1}", 100.0 * recall)).join(" / ");
        let (image, text) = (percent(self.text_to_image), percent(self.image_to_text));
        write!(f, "R@1 / 5 / 10: text to image {image}, image to text {text}")?;
        let mut before = ", R@1 of names alone: ";
        for (language, recall) in &self.languages {
            write!(f, "{before}{language} {:.1}", 100.0 * recall)?;
            before = ", ";
        }
        Ok(())
    }
}
