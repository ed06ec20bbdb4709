//! The environment variables by which immich's own service is set up, as far as they mean something here.

/// What the environment says.
#[derive(Debug, Default, Clone, PartialEq, Eq)]
pub struct Environment {
    /// The model to serve, as immich calls it.
    pub model: Option<String>,
    /// Seconds without a request after which immich's service forgets a model; 0 is never. A server here keeps
    /// its one model.
    pub ttl_seconds: Option<u64>,
}

/// Why it cannot be followed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum EnvironmentError {
    /// Several models.
    #[error(
        "MACHINE_LEARNING_PRELOAD__CLIP__VISUAL and __TEXTUAL name {first} and {second}: a server has one model, \
         so name the same in both"
    )]
    TwoModels {
        /// One of them.
        first: String,
        /// Another.
        second: String,
    },
    /// No number.
    #[error("MACHINE_LEARNING_MODEL_TTL is {value}: it is a number of seconds, or 0")]
    BadTtl {
        /// What it is.
        value: String,
    },
}

impl Environment {
    /// Reads the variables; empty ones are as none.
    ///
    /// # Errors
    ///
    /// [`EnvironmentError`].
    pub fn read(get: impl Fn(&str) -> Option<String>) -> Result<Self, EnvironmentError> {
        let get = |name: &str| get(name).filter(|value| !value.trim().is_empty());
        let lists = ["VISUAL", "TEXTUAL"]
            .map(|tower| get(&format!("MACHINE_LEARNING_PRELOAD__CLIP__{tower}")));
        let mut models = lists.iter().flatten().flat_map(|list| list.split(',')).map(str::trim);
        let model = models.next().map(str::to_owned);
        if let (Some(first), Some(second)) =
            (&model, models.find(|name| Some(*name) != model.as_deref()))
        {
            let (first, second) = (first.clone(), second.to_owned());
            return Err(EnvironmentError::TwoModels { first, second });
        }
        let ttl = get("MACHINE_LEARNING_MODEL_TTL").map(|value| {
            value.trim().parse().map_err(|_| EnvironmentError::BadTtl { value: value.clone() })
        });
        Ok(Self { model, ttl_seconds: ttl.transpose()? })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(list: &[(&str, &str)]) -> Result<Environment, EnvironmentError> {
        Environment::read(|name| {
            let found = list.iter().find(|(own, _)| *own == name);
            found.map(|(_, value)| (*value).to_owned())
        })
    }

    #[test]
    fn one_model_is_preloaded() {
        let [visual, textual] =
            ["MACHINE_LEARNING_PRELOAD__CLIP__VISUAL", "MACHINE_LEARNING_PRELOAD__CLIP__TEXTUAL"];
        let model = Some("ViT-B-32__openai".to_owned());
        let name = "ViT-B-32__openai";
        for list in [&[(visual, name), (textual, name)][..], &[(textual, name), (visual, "")]] {
            assert_eq!(read(list).unwrap().model, model);
        }
        assert_eq!(read(&[]).unwrap(), Environment::default());
        for list in
            [&[(visual, name), (textual, "other")][..], &[(visual, "ViT-B-32__openai, other")]]
        {
            assert!(matches!(read(list), Err(EnvironmentError::TwoModels { .. })), "{list:?}");
        }
        let ttl = "MACHINE_LEARNING_MODEL_TTL";
        assert_eq!(read(&[(ttl, "300")]).unwrap().ttl_seconds, Some(300));
        assert!(matches!(read(&[(ttl, "soon")]), Err(EnvironmentError::BadTtl { .. })));
    }
}
