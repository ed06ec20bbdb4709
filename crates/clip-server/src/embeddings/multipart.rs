//! Inputs as the fields of a form, where images need no Base64.

use axum::extract::multipart::{Field, MultipartError};
use axum::extract::{FromRequest, Multipart, Request};
use axum::http::StatusCode;
use utoipa::ToSchema;

use super::{EncodingFormat, Read};
use crate::encode::Input;
use crate::errors::{ApiError, ApiResult};
use crate::state::Server;

/// The fields of a form. `text` and `image` may stand several times; the vectors come in the order of the
/// fields.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a schema")]
pub(crate) struct EmbeddingsForm {
    /// The name of the model.
    model: Option<String>,
    /// `float` or `base64`.
    encoding_format: Option<EncodingFormat>,
    /// Numbers of a vector.
    dimensions: Option<usize>,
    /// Texts.
    text: Option<Vec<String>>,
    /// Image files.
    #[schema(value_type = Option<Vec<String>>, format = Binary)]
    image: Option<Vec<Vec<u8>>>,
}

pub(super) async fn read(request: Request, server: &Server) -> ApiResult<Read> {
    let form = Multipart::from_request(request, server).await;
    let mut form = form.map_err(|_| ApiError::invalid("the form has no boundary"))?;
    let mut read =
        Read { model: None, format: EncodingFormat::Float, dimensions: None, inputs: Vec::new() };
    while let Some(field) = form.next_field().await.map_err(unread)? {
        let name = field.name().unwrap_or_default().to_owned();
        match name.as_str() {
            "model" => read.model = Some(text(field).await?),
            "encoding_format" => read.format = format(&text(field).await?)?,
            "dimensions" => {
                let wrong =
                    |_| ApiError::invalid("`dimensions` is a number").with_param("dimensions");
                read.dimensions = Some(text(field).await?.trim().parse().map_err(wrong)?);
            }
            // By what was sent: `input` may be either.
            "text" | "image" | "file" | "input" => {
                let is_file = name == "image" || name == "file" || field.file_name().is_some();
                read.inputs.push(match is_file {
                    true => Input::Image(field.bytes().await.map_err(unread)?),
                    false => Input::Text(text(field).await?),
                });
                // Before the rest is read.
                if read.inputs.len() > server.limits().texts {
                    return Err(ApiError::too_large(
                        "the form has too many fields: send less at a time",
                    ));
                }
            }
            _ => {
                let message = format!("the field `{name}` is not known: send `text` and `image`");
                return Err(ApiError::invalid(message).with_param(name));
            }
        }
    }
    if read.inputs.is_empty() {
        return Err(ApiError::invalid("the form has neither a field `text` nor a file `image`"));
    }
    Ok(read)
}

pub(crate) async fn text(field: Field<'_>) -> ApiResult<String> {
    let name = field.name().unwrap_or_default().to_owned();
    let bytes = field.bytes().await.map_err(unread)?;
    let wrong = |_| ApiError::invalid("the text of a field is UTF-8").with_param(name);
    String::from_utf8(bytes.into()).map_err(wrong)
}

fn format(name: &str) -> ApiResult<EncodingFormat> {
    match name.trim() {
        "float" => Ok(EncodingFormat::Float),
        "base64" => Ok(EncodingFormat::Base64),
        _ => Err(ApiError::invalid("`encoding_format` is `float` or `base64`")
            .with_param("encoding_format")),
    }
}

pub(crate) fn unread(error: MultipartError) -> ApiError {
    match error.status() {
        StatusCode::PAYLOAD_TOO_LARGE => {
            ApiError::too_large("the body is larger than this server takes: send less at a time")
        }
        StatusCode::BAD_REQUEST => {
            ApiError::invalid("the form is damaged: its parts are not as announced")
        }
        _ => crate::buffers::reason(&error),
    }
}
