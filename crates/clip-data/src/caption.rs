use rand::{Rng, RngExt};
use serde::{Deserialize, Serialize};

use crate::error::bad_config;
use crate::{Result, Sample, fill_template};

/// How a sample's texts become the caption of one draw.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub struct CaptionConfig {
    /// Sentences with one `{}` each, for the name or a keyword, filled as [`fill_template`] does; one is
    /// drawn, and one that stands twice is drawn twice as often. None are as good as `{}` alone.
    pub templates: Vec<String>,
    /// How often a keyword stands in for the name, in samples that have any.
    pub keyword_probability: f64,
    /// How much less likely each keyword is than the one before it: 1 makes all alike, 0 takes
    /// only the first.
    pub keyword_decay: f64,
    /// How often a caption is taken as it is, in samples that have any. A sample with nothing but
    /// captions always takes one.
    pub caption_probability: f64,
}

impl Default for CaptionConfig {
    fn default() -> Self {
        Self {
            templates: ["a picture of a {}", "a photo of a {}", "{}"].map(str::to_owned).into(),
            keyword_probability: 0.3,
            keyword_decay: 0.75,
            caption_probability: 0.5,
        }
    }
}

/// The text of one draw.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Caption {
    /// The sentence.
    pub text: String,
    /// The name or keyword that it is about; nothing for a caption of the sample's own.
    pub word: Option<String>,
}

impl CaptionConfig {
    /// Checks that the settings can be followed.
    ///
    /// # Errors
    ///
    /// [`Error::BadConfig`](crate::Error::BadConfig) for a template without exactly one `{}`, or a
    /// probability or decay outside `0..=1`.
    pub fn validate(&self) -> Result<()> {
        if let Some(bad) = self.templates.iter().find(|text| text.matches("{}").count() != 1) {
            return bad_config("templates", bad, "each has one {} for the name");
        }
        let rates = [
            ("keyword_probability", self.keyword_probability),
            ("keyword_decay", self.keyword_decay),
            ("caption_probability", self.caption_probability),
        ];
        match rates.into_iter().find(|(_, rate)| !(0.0..=1.0).contains(rate)) {
            Some((field, rate)) => bad_config(field, rate, "it is between 0 and 1"),
            None => Ok(()),
        }
    }

    /// Draws a caption. Underscores of names and keywords become spaces; case stays.
    pub fn caption<R: Rng + ?Sized>(&self, sample: &Sample, rng: &mut R) -> Caption {
        // All draws are made, whatever they decide, so that the settings do not move each other.
        let [take_caption, take_keyword, which, template] =
            std::array::from_fn(|_| rng.random::<f64>());
        if !sample.captions.is_empty()
            && (take_caption < self.caption_probability || !sample.has_concept())
        {
            let text = sample.captions[position(sample.captions.len(), which)].clone();
            return Caption { text, word: None };
        }
        let word = if take_keyword < self.keyword_probability && !sample.keywords.is_empty() {
            &sample.keywords[decaying(sample.keywords.len(), self.keyword_decay, which)]
        } else {
            &sample.name
        };
        let text = match self.templates.len() {
            0 => word.replace('_', " "),
            count => fill_template(&self.templates[position(count, template)], word),
        };
        Caption { text, word: Some(word.clone()) }
    }
}

/// One of `count` positions, all alike; `draw` is in `0.0..1.0`.
fn position(count: usize, draw: f64) -> usize {
    ((draw * count as f64) as usize).min(count - 1)
}

/// One of `count` positions with weights 1, decay, decay², ..
fn decaying(count: usize, decay: f64, draw: f64) -> usize {
    let weights = || std::iter::successors(Some(1.0), |weight| Some(weight * decay)).take(count);
    let mut left = draw * weights().sum::<f64>();
    for (position, weight) in weights().enumerate() {
        if left < weight {
            return position;
        }
        left -= weight;
    }
    // Rounding used up the last weight.
    count - 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::seed::{Purpose, generator};

    fn sample(name: &str, keywords: &[&str], captions: &[&str]) -> Sample {
        let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect();
        Sample {
            name: name.to_owned(),
            keywords: owned(keywords),
            captions: owned(captions),
            ..Sample::default()
        }
    }

    /// How often each caption comes in 10,000 draws.
    fn counts(config: &CaptionConfig, sample: &Sample) -> std::collections::BTreeMap<String, u32> {
        let mut rng = generator(Purpose::Row, &[3]);
        let mut counts = std::collections::BTreeMap::new();
        for _ in 0..10_000 {
            *counts.entry(config.caption(sample, &mut rng).text).or_default() += 1;
        }
        counts
    }

    fn config(keyword: f64, decay: f64, caption: f64) -> CaptionConfig {
        CaptionConfig {
            templates: vec![],
            keyword_probability: keyword,
            keyword_decay: decay,
            caption_probability: caption,
        }
    }

    #[test]
    fn earlier_keywords_come_more_often() {
        let counts = counts(&config(1.0, 0.5, 0.0), &sample("n", &["a", "b", "c"], &[]));
        let (a, b, c) = (counts["a"], counts["b"], counts["c"]);
        assert!((5500..5900).contains(&a) && (2700..3000).contains(&b), "{a} {b}");
        assert_eq!(a + b + c, 10_000);
    }

    #[test]
    fn settings_decide_which_text_is_taken() {
        let only = |config: CaptionConfig, sample: &Sample, text: &str| {
            assert_eq!(counts(&config, sample).keys().collect::<Vec<_>>(), [text]);
        };
        only(config(0.0, 1.0, 0.0), &sample("Guide_dog", &["a"], &["c"]), "Guide dog");
        only(config(1.0, 0.0, 0.0), &sample("n", &["a_b", "c"], &[]), "a b");
        only(config(1.0, 1.0, 1.0), &sample("n", &["a"], &["one_two"]), "one_two");
        only(config(1.0, 1.0, 1.0), &sample("n", &[], &[]), "n");
        // Nothing but captions: no template fits one.
        only(
            CaptionConfig { caption_probability: 0.0, ..CaptionConfig::default() },
            &sample("a dog.", &[], &["a dog."]),
            "a dog.",
        );
        let half = counts(&config(0.0, 1.0, 0.5), &sample("n", &[], &["c"]));
        assert!((4800..5200).contains(&half["c"]), "{half:?}");
        let thirds = counts(
            &CaptionConfig { keyword_probability: 0.0, ..CaptionConfig::default() },
            &sample("dog", &["a"], &[]),
        );
        assert!(thirds.values().all(|count| (3100..3600).contains(count)), "{thirds:?}");
        assert_eq!(thirds.len(), 3);
    }

    #[test]
    fn bad_settings_are_named() {
        let bad = |config: CaptionConfig| config.validate().unwrap_err().to_string();
        assert!(bad(config(1.5, 0.5, 0.0)).contains("keyword_probability"));
        assert!(bad(config(0.5, f64::NAN, 0.0)).contains("keyword_decay"));
        let templates = vec!["a photo".to_owned()];
        let text = bad(CaptionConfig { templates, ..CaptionConfig::default() });
        assert!(text.contains("a photo") && text.contains("templates"), "{text}");
        CaptionConfig::default().validate().unwrap();
    }
}
