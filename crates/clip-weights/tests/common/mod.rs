//! A tiny model in Hugging Face layout, written to a folder of its own.

#![expect(dead_code, reason = "each test file uses a part of this")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

use half::{bf16, f16};
use safetensors::Dtype;
use safetensors::tensor::TensorView;
use serde_json::{Value, json};
use tempfile::TempDir;

/// Shape and values of one tensor.
pub(crate) type Tensor = (Vec<usize>, Vec<f32>);

/// What a folder will hold.
pub(crate) struct Model {
    pub(crate) config: Value,
    pub(crate) preprocessor: Value,
    pub(crate) tensors: BTreeMap<String, Tensor>,
}

impl Model {
    /// Every axis has another length, so that no transposition passes unseen; but the text
    /// projection is square, as in ViT-B/32, where only the values can tell.
    pub(crate) fn tiny() -> Self {
        let config = json!({
            "model_type": "clip",
            "projection_dim": 6,
            "vision_config": {
                "hidden_size": 8, "num_hidden_layers": 2, "num_attention_heads": 2,
                "intermediate_size": 12, "image_size": 9, "patch_size": 4, "hidden_act": "gelu",
            },
            "text_config": {
                "hidden_size": 6, "num_hidden_layers": 1, "num_attention_heads": 3,
                "intermediate_size": 10, "vocab_size": 20, "max_position_embeddings": 5,
                "bos_token_id": 18, "eos_token_id": 19,
            },
        });
        let preprocessor = json!({
            "image_processor_type": "CLIPImageProcessor",
            "size": {"shortest_edge": 11}, "crop_size": {"height": 9, "width": 9}, "resample": 2,
            "image_mean": [0.5, 0.25, 0.125], "image_std": [1.0, 2.0, 4.0],
        });
        let mut model = Self { config, preprocessor, tensors: BTreeMap::new() };
        model.add("logit_scale", &[]);
        model.add("vision_model.embeddings.class_embedding", &[8]);
        model.add("vision_model.embeddings.patch_embedding.weight", &[8, 3, 4, 4]);
        model.add("vision_model.embeddings.position_embedding.weight", &[5, 8]);
        model.norm("vision_model.pre_layrnorm", 8);
        model.norm("vision_model.post_layernorm", 8);
        model.layer("vision_model.encoder.layers.0", 8, 12);
        model.layer("vision_model.encoder.layers.1", 8, 12);
        model.add("visual_projection.weight", &[6, 8]);
        model.add("text_model.embeddings.token_embedding.weight", &[20, 6]);
        model.add("text_model.embeddings.position_embedding.weight", &[5, 6]);
        model.layer("text_model.encoder.layers.0", 6, 10);
        model.norm("text_model.final_layer_norm", 6);
        model.add("text_projection.weight", &[6, 6]);
        model
    }

    /// Adds a tensor of values that f32, f16 and bf16 hold exactly, and that differ in any two places.
    pub(crate) fn add(&mut self, name: &str, shape: &[usize]) {
        let start = self.tensors.len() * 7;
        let count = shape.iter().product::<usize>();
        let values = (start..start + count).map(|i| (i % 256) as f32 / 64.0 - 2.0).collect();
        self.tensors.insert(name.to_owned(), (shape.to_vec(), values));
    }

    fn norm(&mut self, path: &str, width: usize) {
        self.add(&format!("{path}.weight"), &[width]);
        self.add(&format!("{path}.bias"), &[width]);
    }

    fn layer(&mut self, path: &str, width: usize, mlp: usize) {
        self.norm(&format!("{path}.layer_norm1"), width);
        self.norm(&format!("{path}.layer_norm2"), width);
        let linears = [
            ("self_attn.q_proj", width, width),
            ("self_attn.k_proj", width, width),
            ("self_attn.v_proj", width, width),
            ("self_attn.out_proj", width, width),
            ("mlp.fc1", width, mlp),
            ("mlp.fc2", mlp, width),
        ];
        for (name, input, output) in linears {
            self.add(&format!("{path}.{name}.weight"), &[output, input]);
            self.add(&format!("{path}.{name}.bias"), &[output]);
        }
    }

    /// Element `[row, column]` of a matrix.
    pub(crate) fn at(&self, name: &str, row: usize, column: usize) -> f32 {
        let (shape, values) = &self.tensors[name];
        values[row * shape[1] + column]
    }

    /// Writes the folder with one f32 file.
    pub(crate) fn write(&self) -> Folder {
        let folder = self.write_configs();
        folder.weights("model.safetensors", &self.tensors, Dtype::F32);
        folder
    }

    /// Writes everything but the weights.
    pub(crate) fn write_configs(&self) -> Folder {
        let folder = Folder(tempfile::tempdir().unwrap());
        folder.file("config.json", self.config.to_string());
        folder.file("preprocessor_config.json", self.preprocessor.to_string());
        folder
    }

    /// Writes the tensors to two shards and an index; every second tensor is in the second shard.
    pub(crate) fn write_sharded(&self) -> Folder {
        let folder = self.write_configs();
        let mut map = serde_json::Map::new();
        for (number, shard) in SHARDS.iter().enumerate() {
            let part: BTreeMap<_, _> = self
                .tensors
                .iter()
                .enumerate()
                .filter(|(index, _)| index % 2 == number)
                .map(|(_, (name, tensor))| (name.clone(), tensor.clone()))
                .collect();
            map.extend(part.keys().map(|name| (name.clone(), json!(shard))));
            folder.weights(shard, &part, Dtype::F32);
        }
        folder.file("model.safetensors.index.json", json!({"weight_map": map}).to_string());
        folder
    }
}

pub(crate) const SHARDS: [&str; 2] =
    ["model-00001-of-00002.safetensors", "model-00002-of-00002.safetensors"];

/// A folder that disappears with the test.
pub(crate) struct Folder(TempDir);

impl Folder {
    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    pub(crate) fn join(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub(crate) fn file(&self, name: &str, contents: impl AsRef<[u8]>) {
        fs::create_dir_all(self.join(name).parent().unwrap()).unwrap();
        fs::write(self.join(name), contents).unwrap();
    }

    pub(crate) fn remove(&self, name: &str) {
        fs::remove_file(self.join(name)).unwrap();
    }

    pub(crate) fn weights(&self, name: &str, tensors: &BTreeMap<String, Tensor>, dtype: Dtype) {
        let bytes: Vec<(&String, &Vec<usize>, Vec<u8>)> = tensors
            .iter()
            .map(|(name, (shape, values))| (name, shape, encode(values, dtype)))
            .collect();
        let views = bytes.iter().map(|(name, shape, bytes)| {
            (name.as_str(), TensorView::new(dtype, (*shape).clone(), bytes).unwrap())
        });
        safetensors::serialize_to_file(views, None, &self.join(name)).unwrap();
    }
}

fn encode(values: &[f32], dtype: Dtype) -> Vec<u8> {
    let each = |value: &f32| match dtype {
        Dtype::F16 => f16::from_f32(*value).to_le_bytes().to_vec(),
        Dtype::BF16 => bf16::from_f32(*value).to_le_bytes().to_vec(),
        Dtype::F64 => f64::from(*value).to_le_bytes().to_vec(),
        _ => value.to_le_bytes().to_vec(),
    };
    values.iter().flat_map(each).collect()
}
