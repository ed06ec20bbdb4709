//! `POST /v1/embeddings`: OpenAI's shape, with images in the ways that other servers take them.

mod dialects;
mod image;
pub(crate) mod multipart;

use axum::extract::{FromRequest, Request, State};
use axum::http::header;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clip::Embedding;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use crate::encode::{Encoded, Input};
use crate::errors::{ApiError, ApiResult, ErrorBody};
use crate::json::Json;
use crate::state::Server;

pub(crate) use image::of_text as image_of_text;

/// What is to be encoded, and how the vectors are written.
///
/// `input` takes a text or a list of texts (OpenAI); with `modality` `image`, images as data URIs or Base64
/// (infinity); objects `{"text": ..}` and `{"image": ..}` (Jina); objects `{"content": [..]}` with parts of
/// type `text` and `image_url` (OpenRouter). `messages` takes one text or image as a chat (vLLM). Addresses of
/// images are refused: the server reads no addresses.
#[derive(Debug, Default, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(crate) struct EmbeddingsRequest {
    /// The name of the model; the one that is served where it is left out.
    model: Option<String>,
    /// Texts and images.
    #[schema(value_type = Option<EmbeddingsInput>)]
    input: Option<Value>,
    /// One text or image, as vLLM takes it.
    #[schema(value_type = Option<Vec<Message>>)]
    messages: Option<Value>,
    /// What the texts of `input` are, as infinity has it.
    modality: Option<Modality>,
    /// How a vector is written.
    encoding_format: Option<EncodingFormat>,
    /// The same, as Jina has it.
    embedding_type: Option<EncodingFormat>,
    /// Numbers of a vector: those of the model and no other.
    dimensions: Option<usize>,
    /// Whether vectors have length 1: always.
    normalized: Option<bool>,
    /// Nothing is done with it.
    #[expect(dead_code, reason = "clients send it")]
    user: Option<String>,
    /// Nothing is done with it: the model has one kind of vector.
    #[expect(dead_code, reason = "clients send it")]
    task: Option<String>,
}

/// The schema of `input`, which [`dialects`] reads with errors that say more.
#[derive(ToSchema)]
#[schema(as = EmbeddingsInput)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) enum EmbeddingsInput {
    /// A text, or an image with `modality` `image`.
    One(String),
    /// Several of them, or of objects.
    Many(Vec<EmbeddingsItem>),
}

#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) enum EmbeddingsItem {
    /// A text, or an image with `modality` `image`.
    Plain(String),
    /// A text, as Jina has it.
    Text { text: String },
    /// An image as a data URI or Base64, as Jina has it.
    Image { image: String },
    /// One text or image, as OpenRouter has it.
    Content { content: Vec<ContentPart> },
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) struct Message {
    /// `user` usually; it changes nothing.
    role: String,
    /// One text or image.
    content: MessageContent,
}

#[derive(ToSchema)]
#[serde(untagged)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) enum MessageContent {
    Text(String),
    Parts(Vec<ContentPart>),
}

#[derive(ToSchema)]
#[serde(tag = "type", rename_all = "snake_case")]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) enum ContentPart {
    Text { text: String },
    ImageUrl { image_url: ImageUrl },
}

#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) struct ImageUrl {
    /// A data URI.
    url: String,
}

/// What texts of `input` are.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum Modality {
    Text,
    Image,
}

/// How a vector is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub(crate) enum EncodingFormat {
    /// A list of numbers.
    #[default]
    Float,
    /// The bytes of the numbers in Base64: 32 bits each, little-endian. OpenAI's own client asks for it.
    Base64,
}

/// The vectors, in the order of the inputs.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct EmbeddingsResponse {
    /// `list`.
    object: &'static str,
    data: Vec<EmbeddingData>,
    /// The model that made the vectors.
    model: String,
    usage: Usage,
}

#[derive(Debug, Serialize, ToSchema)]
struct EmbeddingData {
    /// `embedding`.
    object: &'static str,
    /// Which input it is of.
    index: usize,
    embedding: Written,
}

/// A vector of length 1, as it was asked for.
#[derive(Debug, Serialize, ToSchema)]
#[serde(untagged)]
enum Written {
    Float(Vec<f32>),
    Base64(String),
}

/// What the inputs were.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct Usage {
    /// Tokens of the texts, start and end counted.
    pub(crate) prompt_tokens: usize,
    /// The same.
    pub(crate) total_tokens: usize,
    /// Images.
    pub(crate) images: usize,
}

impl From<&Encoded> for Usage {
    fn from(encoded: &Encoded) -> Self {
        let Encoded { tokens, images, .. } = *encoded;
        Self { prompt_tokens: tokens, total_tokens: tokens, images }
    }
}

/// A request in any of the ways.
#[derive(Debug)]
struct Read {
    model: Option<String>,
    format: EncodingFormat,
    dimensions: Option<usize>,
    inputs: Vec<Input>,
}

impl EmbeddingsRequest {
    fn read(self) -> ApiResult<Read> {
        if self.normalized == Some(false) {
            let message = "vectors have length 1 here: leave out `normalized`, or set it to true";
            return Err(ApiError::invalid(message).with_param("normalized"));
        }
        let inputs = match (self.input, self.messages, self.modality) {
            (Some(input), None, modality) => {
                dialects::input(input, modality.unwrap_or(Modality::Text))?
            }
            (None, Some(messages), None) => dialects::messages(messages)?,
            (None, Some(_), Some(_)) => {
                let message =
                    "`modality` says what `input` is, and means nothing beside `messages`";
                return Err(ApiError::invalid(message).with_param("modality"));
            }
            (Some(_), Some(_), _) => {
                return Err(ApiError::invalid("give `input` or `messages`, not both"));
            }
            (None, None, _) => {
                let message = "there is no `input`: give a text, or a list of texts or images";
                return Err(ApiError::invalid(message).with_param("input"));
            }
        };
        let format = self.encoding_format.or(self.embedding_type).unwrap_or_default();
        Ok(Read { model: self.model, format, dimensions: self.dimensions, inputs })
    }
}

/// The vectors of texts and images.
#[utoipa::path(
    post,
    path = "/v1/embeddings",
    tag = "embeddings",
    request_body(content(
        (EmbeddingsRequest = "application/json", example = json!({"input": ["a dog", "a cat"], "encoding_format": "base64"})),
        (multipart::EmbeddingsForm = "multipart/form-data"),
    )),
    responses(
        (status = 200, description = "A vector for each input", body = EmbeddingsResponse),
        (status = 400, description = "An input cannot be encoded", body = ErrorBody),
        (status = 404, description = "Another model is asked for", body = ErrorBody),
        (status = 413, description = "Too much at once", body = ErrorBody),
        (status = 415, description = "The body is neither JSON nor a form", body = ErrorBody),
        (status = 429, description = "Too much waits already", body = ErrorBody),
        (status = 503, description = "The model was not free in time", body = ErrorBody),
    )
)]
pub(crate) async fn embeddings(
    State(server): State<Server>,
    request: Request,
) -> ApiResult<Json<EmbeddingsResponse>> {
    let kind = request.headers().get(header::CONTENT_TYPE);
    let kind = kind.and_then(|kind| kind.to_str().ok()).unwrap_or_default().to_ascii_lowercase();
    let Read { model, format, dimensions, inputs } = match kind.as_str() {
        kind if kind.starts_with("multipart/form-data") => {
            multipart::read(request, &server).await?
        }
        _ => Json::<EmbeddingsRequest>::from_request(request, &server).await?.0.read()?,
    };
    server.check_model(model.as_deref())?;
    let own = server.embedder().card().config.embed_dim;
    if let Some(dimensions) = dimensions.filter(|dimensions| *dimensions != own) {
        let message = format!(
            "the vectors of {} have {own} dimensions, not {dimensions}: leave out `dimensions`",
            server.model()
        );
        return Err(ApiError::invalid(message).with_param("dimensions"));
    }
    let encoded = server.encode(inputs).await?;
    let usage = Usage::from(&encoded);
    let data = encoded.embeddings.into_iter().enumerate().map(|(index, embedding)| EmbeddingData {
        object: "embedding",
        index,
        embedding: format.write(embedding),
    });
    let data = data.collect();
    Ok(Json(EmbeddingsResponse { object: "list", data, model: server.model().to_owned(), usage }))
}

impl EncodingFormat {
    fn write(self, embedding: Embedding) -> Written {
        match self {
            Self::Float => Written::Float(embedding.into_vec()),
            Self::Base64 => {
                let bytes = embedding.as_slice().iter().flat_map(|value| value.to_le_bytes());
                Written::Base64(STANDARD.encode(bytes.collect::<Vec<u8>>()))
            }
        }
    }
}
