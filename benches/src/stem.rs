//! An image tower that is a convolutional stem, from the stem's own file.

use burn::module::{Module, ModuleMapper, Param};
use burn::tensor::{Tensor, TensorData};
use clip_checkpoint::{ConvPadding, ConvStem, ConvStemCheckpoint};
use clip_model::Device;
use clip_vision::{
    ConvStageConfig, ConvStemConfig, PackedVisionTransformer, Packer, Pixels, Pooling, Stem,
    VisionTransformerConfig, WeightDtype,
};

use crate::protocol::Result;

/// The stem, and the file's classifier as the linear layer above the mean of its map; packed in the
/// number format of that name.
///
/// # Errors
///
/// Where the file has no classifier or a tensor cannot be read, or the device has no packed weights.
pub fn stem_tower(
    checkpoint: &ConvStemCheckpoint,
    dtype: &str,
    device: &Device,
) -> Result<PackedVisionTransformer> {
    let card = checkpoint.card();
    let (stem, size) = (config(&card.conv_stem), card.preprocess.crop_size);
    let (stride, features) = (stem.stride(), card.classes.ok_or("a stem with its classifier")?);
    let tower = VisionTransformerConfig::new(size, stride, features, 0, 1, 1)
        .with_conv_stem(Some(stem))
        .with_stem(Stem::Biased)
        .with_pooling(Pooling::Mean)
        .init(device);
    let mut filler = Filler { checkpoint, device, path: Vec::new(), error: None };
    let tower = tower.map(&mut filler);
    if let Some(error) = filler.error {
        return Err(error.into());
    }
    let pixels = Pixels { mean: card.preprocess.mean, std: card.preprocess.std };
    let weights = WeightDtype::ALL.into_iter().find(|weights| weights.name() == dtype);
    let packer = weights.and_then(|weights| Packer::on(device, weights));
    Ok(tower.pack(&pixels, packer.ok_or("weights are packed on the CPU backend flex alone")?))
}

fn config(stem: &ConvStem) -> ConvStemConfig {
    let stage = |stage: &clip_checkpoint::ConvStage| {
        let clip_checkpoint::ConvStage { blocks, channels, expansion, kernel_size, stride } =
            *stage;
        ConvStageConfig::new(blocks, channels, expansion, kernel_size, stride)
    };
    let padding = match stem.padding {
        ConvPadding::Same => clip_vision::ConvPadding::Same,
        ConvPadding::Symmetric => clip_vision::ConvPadding::Symmetric,
    };
    ConvStemConfig::new(stem.channels, stem.stages.iter().map(stage).collect())
        .with_head_channels(stem.head_channels)
        .with_padding(padding)
}

struct Filler<'a> {
    checkpoint: &'a ConvStemCheckpoint,
    device: &'a Device,
    path: Vec<String>,
    error: Option<clip_checkpoint::Error>,
}

impl Filler<'_> {
    fn read(&self, shape: &[usize]) -> clip_checkpoint::Result<Vec<f32>> {
        match &*self.path.join(".") {
            "patch_embedding.weight" => {
                let (matrix, features) = (self.checkpoint.read("classifier.weight")?, shape[0]);
                let count = matrix.len();
                let at = |i: usize| matrix[i * features % count + i * features / count];
                Ok((0..count).map(at).collect())
            }
            "patch_embedding.bias" => self.checkpoint.read("classifier.bias"),
            path => self.checkpoint.read(&format!("visual.{path}")),
        }
    }
}

impl ModuleMapper for Filler<'_> {
    fn enter_module(&mut self, name: &str, _container_type: &str) {
        self.path.push(name.to_owned());
    }

    fn exit_module(&mut self, _name: &str, _container_type: &str) {
        self.path.pop();
    }

    fn map_float<const D: usize>(&mut self, param: Param<Tensor<D>>) -> Param<Tensor<D>> {
        let shape = param.lazy_shape();
        match self.read(&shape) {
            Ok(values) => {
                Param::from_tensor(Tensor::from_data(TensorData::new(values, shape), self.device))
            }
            Err(error) => {
                self.error.get_or_insert(error);
                param
            }
        }
    }
}
