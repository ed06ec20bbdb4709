//! Images for a model to look at.

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use clip_retrieval::Item;
use rmcp::model::{CallToolResult, ContentBlock};

use crate::errors::{ApiError, ApiResult};
use crate::item::ItemBody;
use crate::state::Server;

/// Images of an answer.
const IMAGES: usize = 8;

/// Bytes of all images of an answer, in Base64: what clients take.
const BYTES: usize = 1_000_000;

/// Pixels on the longer side, the largest that fit first.
const SIDES: [u32; 5] = [1024, 768, 512, 256, 128];

impl Server {
    /// Each image with a line that says which it is. One that cannot be shown is said, and the others are shown.
    pub(super) async fn show_tool(&self, names: &[String]) -> ApiResult<CallToolResult> {
        if !(1..=IMAGES).contains(&names.len()) {
            return Err(ApiError::invalid(format!(
                "`items` are from 1 to {IMAGES} images: show the others with the next call"
            )));
        }
        let (mut blocks, mut left, mut failure) = (Vec::new(), BYTES, None);
        for (at, name) in names.iter().enumerate() {
            match self.shown(name, left / (names.len() - at)).await {
                Ok((line, image)) => {
                    left -= image.len();
                    blocks.push(ContentBlock::text(line));
                    blocks.push(ContentBlock::image(image, "image/jpeg"));
                }
                Err(error) => {
                    blocks.push(ContentBlock::text(format!("{name}: {error}")));
                    failure = Some(error);
                }
            }
        }
        let has_image = blocks.iter().any(|block| matches!(block, ContentBlock::Image(_)));
        match failure {
            Some(error) if names.len() == 1 => Err(error),
            Some(_) if !has_image => Ok(CallToolResult::error(blocks)),
            _ => Ok(CallToolResult::success(blocks)),
        }
    }

    /// What an image is, and itself in Base64 within so many bytes.
    async fn shown(&self, name: &str, room: usize) -> ApiResult<(String, String)> {
        let item = self.named(name).await?;
        // Eight get 125,000 bytes each: a detailed image of 512 pixels.
        let first = SIDES.iter().position(|side| room >= BYTES / 4 || *side <= 512).unwrap_or(0);
        for side in &SIDES[first..] {
            let image = STANDARD.encode(self.thumbnail(&item, *side).await?);
            if image.len() <= room {
                return Ok((line(&item), image));
            }
        }
        Err(ApiError::internal("the image does not fit into the answer: show fewer at once"))
    }
}

fn line(item: &Item) -> String {
    let item = ItemBody::from(item);
    let mut line = item.path.unwrap_or(item.id);
    if let (Some(width), Some(height)) = (item.width, item.height) {
        line += &format!(", {width} x {height} pixels");
    }
    if let Some(taken) = item.taken {
        line += &format!(", taken {taken}");
    }
    line
}
