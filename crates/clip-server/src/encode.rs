//! From texts and the bytes of images to vectors, by way of the queue.

use std::sync::Arc;

use axum::body::Bytes;
use clip::{Embedding, Picture};
use clip_search::DecodeOptions;
use futures_util::future::try_join_all;
use tokio::runtime::Handle;
use tokio::time::{Instant, timeout_at};

use crate::batch::{Place, Reply};
use crate::errors::{ApiError, ApiResult};
use crate::limits::IMAGE_COST;
use crate::state::Server;

/// Texts that are tokenized where the request is read; more of them would keep others waiting.
const FEW_TEXTS: usize = 16;

/// What has a vector.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Input {
    /// A text.
    Text(String),
    /// The bytes of an image file.
    Image(Bytes),
}

/// Vectors, with what they cost.
#[derive(Debug)]
pub struct Encoded {
    /// The vectors, in the order of the inputs.
    pub embeddings: Vec<Embedding>,
    /// Tokens of the texts, start and end counted.
    pub tokens: usize,
    /// Images.
    pub images: usize,
}

impl Server {
    /// The vectors of texts and images, in their order. They run through the model in batches with those of
    /// other requests. Where the future is dropped, what was not encoded yet never is.
    ///
    /// # Errors
    ///
    /// An error for the client: an input that cannot be encoded, by its number; too many of them; no room in
    /// the queue; no time.
    pub async fn encode(&self, inputs: Vec<Input>) -> ApiResult<Encoded> {
        let deadline = Instant::now() + self.limits().deadline;
        let place = self.admit(&inputs)?;
        let many = inputs.len() > 1;
        let images = inputs.iter().filter(|input| matches!(input, Input::Image(_))).count();
        let prepared = self.prepare(inputs, &place, many);
        let (replies, tokens) =
            timeout_at(deadline, prepared).await.map_err(|_| self.too_late())??;
        drop(place);
        let answers = try_join_all(replies.into_iter().map(answer));
        let embeddings = timeout_at(deadline, answers).await.map_err(|_| self.too_late())??;
        Ok(Encoded { embeddings, tokens, images })
    }

    /// The vectors of texts that people search by, kept for the next time.
    ///
    /// # Errors
    ///
    /// As [`Self::encode`].
    pub async fn encode_queries(&self, texts: &[String]) -> ApiResult<Vec<Embedding>> {
        let mut found: Vec<Option<Embedding>> =
            texts.iter().map(|text| self.cached(text)).collect();
        let missing: Vec<usize> = (0..texts.len()).filter(|&at| found[at].is_none()).collect();
        self.metrics().cached_texts(texts.len() - missing.len(), missing.len());
        if !missing.is_empty() {
            let inputs = missing.iter().map(|&at| Input::Text(texts[at].clone())).collect();
            let encoded = self.encode(inputs).await?;
            for (at, embedding) in missing.into_iter().zip(encoded.embeddings) {
                self.keep(&texts[at], &embedding);
                found[at] = Some(embedding);
            }
        }
        Ok(found.into_iter().flatten().collect())
    }

    /// A place in the queue for all of a request, or none.
    fn admit(&self, inputs: &[Input]) -> ApiResult<Place> {
        let limits = self.limits();
        let images = inputs.iter().filter(|input| matches!(input, Input::Image(_))).count();
        let texts = inputs.len() - images;
        if inputs.is_empty() {
            return Err(ApiError::invalid("there is nothing to encode: send a text or an image"));
        }
        let cost = texts + images * IMAGE_COST;
        if texts > limits.texts || images > limits.images || cost > limits.waiting {
            return Err(ApiError::too_large(format!(
                "a request may hold {} texts and {} images: send less at a time",
                limits.texts, limits.images
            )));
        }
        let places = Arc::clone(self.places()).try_acquire_many_owned(cost as u32);
        places.map(Arc::new).map_err(|_| {
            ApiError::busy(
                "as much waits for the model as this server takes: try again in a second",
            )
        })
    }

    /// Tokenizes texts and decodes images, and puts each into the queue as soon as it is ready.
    async fn prepare(
        &self,
        inputs: Vec<Input>,
        place: &Place,
        many: bool,
    ) -> ApiResult<(Vec<Reply>, usize)> {
        let mut replies: Vec<Option<Reply>> = inputs.iter().map(|_| None).collect();
        let (mut texts, mut images) = (Vec::new(), Vec::new());
        for (at, input) in inputs.into_iter().enumerate() {
            match input {
                Input::Text(text) => texts.push((at, text)),
                Input::Image(bytes) => images.push((at, bytes)),
            }
        }
        let (texts, tokens) = match texts.len() {
            0..=FEW_TEXTS => self.queue_texts(texts, place, many)?,
            _ => {
                let (server, place) = (self.clone(), Arc::clone(place));
                Self::blocking(move || server.queue_texts(texts, &place, many)).await?
            }
        };
        let images = images.into_iter().map(|(at, bytes)| async move {
            let reply = self.queue_image(bytes, at, Arc::clone(place)).await;
            reply.map(|reply| (at, reply)).map_err(|error| error.of_input(at, many))
        });
        for (at, reply) in texts.into_iter().chain(try_join_all(images).await?) {
            replies[at] = Some(reply);
        }
        Ok((replies.into_iter().flatten().collect(), tokens))
    }

    fn queue_texts(
        &self,
        texts: Vec<(usize, String)>,
        place: &Place,
        many: bool,
    ) -> ApiResult<(Vec<(usize, Reply)>, usize)> {
        // All of them before any: a batch is not begun for a request that fails.
        let tokenized = texts.into_iter().map(|(at, text)| {
            let tokens = self.embedder().tokenize(&text);
            tokens
                .map(|tokens| (at, tokens))
                .map_err(|error| ApiError::from(error).of_input(at, many))
        });
        let tokenized = tokenized.collect::<ApiResult<Vec<_>>>()?;
        let tokens = tokenized.iter().map(|(_, tokens)| tokens.len()).sum();
        let queue = |(at, tokens)| (at, self.batcher().text(tokens, at, Arc::clone(place)));
        Ok((tokenized.into_iter().map(queue).collect(), tokens))
    }

    async fn queue_image(&self, bytes: Bytes, at: usize, place: Place) -> ApiResult<Reply> {
        let closed = |_| stopped();
        // Moved into the work: a client that hangs up does not let another image begin beside it.
        let decoder = Arc::clone(self.decoders()).acquire_owned().await.map_err(closed)?;
        let (server, runtime) = (self.clone(), Handle::current());
        Self::blocking(move || {
            let _decoder = decoder;
            let options =
                DecodeOptions { max_megapixels: server.limits().max_megapixels, exact: false };
            let reading = options.reading(server.embedder());
            let total = server.limits().decoding_bytes;
            let mut room = None;
            let wait = |bytes: u64| {
                let megabytes = (bytes.min(total) >> 20).max(1) as u32;
                room = runtime.block_on(server.decoding().acquire_many(megabytes)).ok();
            };
            let image = Picture::decode_when(&bytes, "the image", &reading, wait);
            let image = server.embedder().prepare(&image.map_err(clip::Error::from)?);
            drop(room);
            Ok(server.batcher().image(image, at, place))
        })
        .await
    }

    fn too_late(&self) -> ApiError {
        let seconds = self.limits().deadline.as_secs();
        ApiError::too_late(format!(
            "the model was not free within {seconds} seconds: try again later"
        ))
    }
}

impl ApiError {
    /// Says which of several inputs is wrong.
    fn of_input(self, at: usize, many: bool) -> Self {
        if many { self.with_param(format!("input[{at}]")) } else { self.with_param("input") }
    }
}

async fn answer(reply: Reply) -> ApiResult<Embedding> {
    reply.await.unwrap_or_else(|_| Err(stopped()))
}

fn stopped() -> ApiError {
    ApiError::too_late("the server is being stopped: try again later")
}
