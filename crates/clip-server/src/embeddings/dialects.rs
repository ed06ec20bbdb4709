//! The ways in which servers take texts and images, told apart by their shape.

use serde_json::{Map, Value};

use super::Modality;
use super::image::of_text;
use crate::encode::Input;
use crate::errors::{ApiError, ApiResult};

/// The field `input`: a text or an object, or a list of them.
pub(super) fn input(input: Value, modality: Modality) -> ApiResult<Vec<Input>> {
    match input {
        Value::Array(list) if list.is_empty() => {
            Err(wrong("input", "the list is empty: give a text or an image"))
        }
        Value::Array(list) => {
            let one = |(at, value)| item(value, modality, &format!("input[{at}]"));
            list.into_iter().enumerate().map(one).collect()
        }
        value => Ok(vec![item(value, modality, "input")?]),
    }
}

fn item(value: Value, modality: Modality, param: &str) -> ApiResult<Input> {
    match (value, modality) {
        (Value::String(text), Modality::Text) => Ok(Input::Text(text)),
        (Value::String(text), Modality::Image) => Ok(Input::Image(of_text(&text, param)?)),
        (Value::Object(object), _) => object_of(object, param),
        (Value::Number(_) | Value::Array(_), _) => Err(wrong(
            param,
            "token ids are not taken, for the model has a tokenizer of its own: send texts",
        )),
        _ => Err(wrong(param, "a text or an object with `text`, `image` or `content` is expected")),
    }
}

/// `{"text": ..}` or `{"image": ..}` as Jina has it, `{"content": [..]}` as OpenRouter has it.
fn object_of(mut object: Map<String, Value>, param: &str) -> ApiResult<Input> {
    let found = (object.remove("text"), object.remove("image"), object.remove("content"));
    object.remove("type");
    object.remove("role");
    if let Some(name) = object.keys().next() {
        let message = format!("`{name}` is not known: give `text`, `image` or `content`");
        return Err(wrong(param, &message));
    }
    match found {
        (Some(Value::String(text)), None, None) => Ok(Input::Text(text)),
        (None, Some(Value::String(image)), None) => {
            Ok(Input::Image(of_text(&image, &format!("{param}.image"))?))
        }
        (None, None, Some(content)) => self::content(content, &format!("{param}.content")),
        (None, None, None) => Err(wrong(param, "give one of `text`, `image` and `content`")),
        (Some(_), None, None) | (None, Some(_), None) => Err(wrong(param, "a string is expected")),
        _ => Err(wrong(param, TWO)),
    }
}

/// What is said of two things that were to have one vector.
const TWO: &str = "a vector is of one text or of one image: send them as two inputs";

/// vLLM's `messages`: one text or image, whoever says it.
pub(super) fn messages(messages: Value) -> ApiResult<Vec<Input>> {
    let Value::Array(list) = messages else {
        return Err(wrong("messages", "a list of messages is expected"));
    };
    let mut inputs = Vec::new();
    for (at, message) in list.into_iter().enumerate() {
        let param = format!("messages[{at}].content");
        let content = match message {
            Value::Object(mut message) => message.remove("content"),
            _ => None,
        };
        let content =
            content.ok_or_else(|| wrong(&param, "a message with `content` is expected"))?;
        inputs.push(self::content(content, &param)?);
    }
    match inputs.len() {
        0 => Err(wrong("messages", "there is no message: give one with a text or an image")),
        1 => Ok(inputs),
        _ => Err(wrong("messages", "a vector is of one text or of one image: send one message")),
    }
}

/// A text, or parts of which one says something.
fn content(content: Value, param: &str) -> ApiResult<Input> {
    let parts = match content {
        Value::String(text) => return Ok(Input::Text(text)),
        Value::Array(parts) => parts,
        _ => return Err(wrong(param, "a text or a list of parts is expected")),
    };
    let mut found = None;
    for (at, part) in parts.into_iter().enumerate() {
        let param = format!("{param}[{at}]");
        // A part without words beside an image, as clients send it, says nothing.
        let Some(part) = self::part(part, &param)? else { continue };
        if found.replace(part).is_some() {
            return Err(wrong(&param, TWO));
        }
    }
    found.ok_or_else(|| wrong(param, "there is no part with a text or an image"))
}

/// `{"type": "text", "text": ..}` or `{"type": "image_url", "image_url": {"url": ..}}`.
fn part(part: Value, param: &str) -> ApiResult<Option<Input>> {
    let Value::Object(mut part) = part else {
        return Err(wrong(param, "a part is an object with a `type`"));
    };
    match part.get("type").and_then(Value::as_str) {
        Some("text" | "input_text") => match part.remove("text") {
            Some(Value::String(text)) if text.trim().is_empty() => Ok(None),
            Some(Value::String(text)) => Ok(Some(Input::Text(text))),
            _ => Err(wrong(param, "a part of type `text` has a string `text`")),
        },
        Some("image_url" | "input_image") => {
            let url = match part.remove("image_url") {
                Some(Value::Object(mut image)) => image.remove("url"),
                url => url,
            };
            match url {
                Some(Value::String(url)) => {
                    Ok(Some(Input::Image(of_text(&url, &format!("{param}.image_url"))?)))
                }
                _ => Err(wrong(param, "a part of type `image_url` has `image_url` with a `url`")),
            }
        }
        Some(kind) => {
            let message =
                format!("a part of type `{kind}` is not taken: `text` and `image_url` are");
            Err(wrong(param, &message))
        }
        None => Err(wrong(param, "a part has a `type`, `text` or `image_url`")),
    }
}

fn wrong(param: &str, message: &str) -> ApiError {
    ApiError::invalid(message).with_param(param)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::super::EmbeddingsRequest;
    use super::*;

    fn read(request: Value) -> ApiResult<Vec<Input>> {
        serde_json::from_value::<EmbeddingsRequest>(request).unwrap().read().map(|read| read.inputs)
    }

    fn text(text: &str) -> Input {
        Input::Text(text.to_owned())
    }

    #[test]
    fn each_dialect() {
        let image = || Input::Image(vec![1, 2, 3].into());
        let uri = "data:image/png;base64,AQID";
        for (request, expected) in [
            // OpenAI
            (json!({"input": "a dog"}), vec![text("a dog")]),
            (json!({"input": ["a", "b"], "model": "m", "user": "u"}), vec![text("a"), text("b")]),
            // infinity
            (json!({"input": [uri, "AQID"], "modality": "image"}), vec![image(), image()]),
            (json!({"input": uri, "modality": "image"}), vec![image()]),
            (json!({"input": ["a"], "modality": "text"}), vec![text("a")]),
            // Jina
            (
                json!({"input": [{"text": "a"}, {"image": uri}, {"image": "AQID"}], "normalized": true}),
                vec![text("a"), image(), image()],
            ),
            // vLLM
            (
                json!({"messages": [{"role": "user", "content": [
                    {"type": "image_url", "image_url": {"url": uri}}, {"type": "text", "text": ""}
                ]}]}),
                vec![image()],
            ),
            (json!({"messages": [{"role": "user", "content": "a"}]}), vec![text("a")]),
            // OpenRouter
            (
                json!({"input": [
                    {"content": [{"type": "text", "text": "a"}]},
                    {"content": [{"type": "image_url", "image_url": {"url": uri}}]},
                ]}),
                vec![text("a"), image()],
            ),
        ] {
            assert_eq!(read(request.clone()).unwrap(), expected, "{request}");
        }
    }

    #[test]
    fn what_is_refused() {
        for (request, part) in [
            (json!({}), "no `input`"),
            (json!({"input": []}), "empty"),
            (json!({"input": [1, 2]}), "token ids"),
            (json!({"input": [[1, 2], [3]]}), "token ids"),
            (json!({"input": 7}), "token ids"),
            (json!({"input": true}), "is expected"),
            (json!({"input": {"audio": "x"}}), "`audio` is not known"),
            (json!({"input": [{"text": "a", "image": "AQID"}]}), "two inputs"),
            (json!({"input": [{"text": 1}]}), "a string"),
            (json!({"input": ["http://a/b.png"], "modality": "image"}), "fetches no addresses"),
            (json!({"input": [{"image": "file:///etc/passwd"}]}), "fetches no addresses"),
            (json!({"input": "a", "messages": []}), "not both"),
            (json!({"messages": []}), "no message"),
            (json!({"messages": [{}]}), "`content`"),
            (json!({"messages": [{"content": "a"}, {"content": "b"}]}), "one message"),
            (json!({"messages": "a", "modality": "text"}), "beside `messages`"),
            (
                json!({"input": [{"content": [{"type": "text", "text": "a"}, {"type": "text", "text": "b"}]}]}),
                "two inputs",
            ),
            (json!({"input": [{"content": [{"type": "audio"}]}]}), "`audio`"),
            (json!({"input": [{"content": []}]}), "no part"),
            (json!({"input": "a", "normalized": false}), "length 1"),
        ] {
            let error = read(request.clone()).unwrap_err().to_string();
            assert!(error.contains(part), "{request}: {error}");
        }
    }
}
