//! What the JSON files say ends up on the card, or is refused by name.

mod common;

use clip_checkpoint::{
    Activation, AttentionMask, Interpolation, ModelCard, Pooling, Projection, ResizeMode, Stem,
    TextConfig, VisionConfig, VisionPooling,
};
use clip_weights::{Options, PreprocessMode, Source, convert, open};
use common::{Folder, Model};
use serde_json::{Value, json};

fn card(folder: &Folder) -> Result<ModelCard, String> {
    let options = Options { output: Some(folder.join("out.safetensors")), ..Options::default() };
    let source = Source::Path(folder.path().to_owned());
    convert(&source, &options, &mut ()).map(|s| s.card).map_err(|error| error.to_string())
}

/// The card after `change` was applied to the tiny model.
fn changed(change: impl FnOnce(&mut Model)) -> Result<ModelCard, String> {
    let mut model = Model::tiny();
    change(&mut model);
    card(&model.write())
}

#[track_caller]
fn refused<T: std::fmt::Debug>(result: Result<T, String>, message: &str) {
    assert_eq!(result.unwrap_err(), message);
}

#[test]
fn the_architecture_is_read() {
    let config = changed(|_| ()).unwrap().config;
    let vision = VisionConfig {
        image_size: 9,
        patch_size: 4,
        width: 8,
        layers: 2,
        heads: 2,
        mlp_width: 12,
        activation: Activation::Gelu,
        layer_norm_eps: 1e-5,
        conv_stem: None,
        stem: Stem::Normalized,
        pooling: VisionPooling::ClassToken,
        projection: Projection::Linear,
    };
    let text = TextConfig {
        context_length: 5,
        vocab_size: 20,
        width: 6,
        layers: 1,
        heads: 3,
        mlp_width: 10,
        activation: Activation::QuickGelu,
        layer_norm_eps: 1e-5,
        pooling: Pooling::EndToken(19),
        mask: AttentionMask::Causal,
        projection: Projection::Linear,
    };
    assert_eq!((config.embed_dim, config.vision, config.text), (6, vision, text));
}

#[test]
fn the_older_config_dict_wins_with_its_defaults() {
    let config = changed(|model| {
        let mut older = model.config["text_config"].take();
        older.as_object_mut().unwrap().remove("eos_token_id");
        older["eos_token_id"] = json!(17);
        model.config["text_config"] = json!({"hidden_size": 99, "eos_token_id": 2});
        model.config["text_config_dict"] = older;
        model.config["vision_config_dict"] = Value::Null;
    });
    let text = config.unwrap().config.text;
    assert_eq!((text.width, text.pooling), (6, Pooling::EndToken(17)));
}

#[test]
fn pooling_and_token_ids_follow_the_end_token() {
    let check = |tokens: Value, pooling, start, end| {
        let card = changed(|model| {
            for (key, value) in tokens.as_object().unwrap() {
                model.config["text_config"][key] = value.clone();
            }
        });
        let card = card.unwrap();
        assert_eq!(card.config.text.pooling, pooling);
        assert_eq!((card.tokenizer.start_token, card.tokenizer.end_token), (Some(start), end));
        assert_eq!(card.tokenizer.pad_token, end);
    };
    check(json!({"eos_token_id": 2}), Pooling::Argmax, 18, 19);
    check(json!({"eos_token_id": 2, "bos_token_id": 0}), Pooling::Argmax, 18, 19);
    check(json!({"eos_token_id": 7, "bos_token_id": 3}), Pooling::EndToken(7), 3, 7);
    refused(
        changed(|model| model.config["text_config"]["bos_token_id"] = json!(20)),
        "config.json sets text_config.bos_token_id to 20; only an id up to 19 can be converted",
    );
    refused(
        changed(|model| model.config["text_config"]["eos_token_id"] = json!([2, 19])),
        "config.json sets text_config.eos_token_id to [2,19]; only one token id can be converted",
    );
}

/// With the published vocabulary the ids are the vocabulary's, whatever an old file says.
#[test]
fn the_published_vocabulary_has_its_own_ids() {
    let full = |eos: u32| {
        changed(|model| {
            model.config["text_config"]["vocab_size"] = json!(49_408);
            model.config["text_config"]["bos_token_id"] = json!(0);
            model.config["text_config"]["eos_token_id"] = json!(eos);
            model.add("text_model.embeddings.token_embedding.weight", &[49_408, 6]);
        })
    };
    let tokenizer = full(2).unwrap().tokenizer;
    assert_eq!((tokenizer.start_token, tokenizer.end_token), (Some(49_406), 49_407));
    assert_eq!(full(49_407).unwrap().tokenizer, tokenizer);
    refused(
        full(19),
        "config.json sets text_config.eos_token_id to 19; only 2 or 49407 can be converted",
    );
}

#[test]
fn the_padding_token_is_found_by_its_text() {
    let pad = |file: &str, value: Value| {
        let folder = Model::tiny().write();
        folder.file(file, json!({ "pad_token": value }).to_string());
        card(&folder).map(|card| card.tokenizer.pad_token)
    };
    assert_eq!(pad("tokenizer_config.json", json!("<|endoftext|>")), Ok(19));
    assert_eq!(pad("tokenizer_config.json", json!("!")), Ok(0));
    assert_eq!(pad("tokenizer_config.json", json!({"content": "!"})), Ok(0));
    assert_eq!(pad("tokenizer_config.json", Value::Null), Ok(19));
    assert_eq!(pad("special_tokens_map.json", json!("!")), Ok(0));
    refused(
        pad("tokenizer_config.json", json!("[PAD]")),
        "tokenizer_config.json sets pad_token to \"[PAD]\"; only <|endoftext|> or ! can be converted",
    );
}

#[test]
fn what_the_towers_cannot_do_is_refused() {
    let check = |field: &str, value: Value, message: &str| {
        refused(
            changed(|model| *model.config.pointer_mut(field).unwrap() = value),
            &format!("config.json sets {message} can be converted"),
        );
    };
    check("/model_type", json!("blip"), "model_type to \"blip\"; only clip or siglip");
    check(
        "/projection_dim",
        json!(-1),
        "projection_dim to -1; only a whole number from 1 to 1048576",
    );
    check("/vision_config/num_hidden_layers", json!(1_000_000_000), {
        "vision_config.num_hidden_layers to 1000000000; only a whole number from 1 to 1000"
    });
    check("/vision_config/hidden_act", json!("gelu_new"), {
        "vision_config.hidden_act to \"gelu_new\"; only quick_gelu or gelu or gelu_pytorch_tanh"
    });
    check("/vision_config/image_size", json!([9, 9]), {
        "vision_config.image_size to [9,9]; only a whole number from 1 to 1048576"
    });
    check("/text_config", json!(3), "text_config to 3; only an object");
    refused(
        changed(|model| model.config["vision_config"]["num_channels"] = json!(4)),
        "config.json sets vision_config.num_channels to 4; only 3 can be converted",
    );
    refused(
        changed(|model| model.config["vision_config"]["num_attention_heads"] = json!(3)),
        "the configuration describes no model: 3 heads do not divide the vision tower's width of 8",
    );
}

#[test]
fn both_forms_of_preprocessing_are_read() {
    let new = changed(|_| ()).unwrap().preprocess;
    assert_eq!((new.resize_size, new.crop_size), (11, 9));
    assert_eq!(new.interpolation, Interpolation::Bilinear);
    assert_eq!((new.mean, new.std), ([0.5, 0.25, 0.125], [1.0, 2.0, 4.0]));

    let old = json!({
        "feature_extractor_type": "CLIPFeatureExtractor", "size": 11, "crop_size": 9,
        "resample": 2, "do_resize": true, "do_center_crop": true, "do_normalize": true,
        "image_mean": [0.5, 0.25, 0.125], "image_std": [1.0, 2.0, 4.0],
    });
    assert_eq!(changed(|model| model.preprocessor = old).unwrap().preprocess, new);

    // What is not said is CLIP's own; the crop must fit the tower, so it is given.
    let short = changed(|model| model.preprocessor = json!({"crop_size": 9})).unwrap().preprocess;
    assert_eq!((short.resize_size, short.interpolation), (224, Interpolation::Bicubic));
    assert_eq!(short.mean, [0.481_454_66, 0.457_827_5, 0.408_210_73]);
    assert_eq!(short.std, [0.268_629_54, 0.261_302_6, 0.275_777_1]);

    let plain = changed(|model| model.preprocessor["do_normalize"] = json!(false));
    let plain = plain.unwrap().preprocess;
    assert_eq!((plain.mean, plain.std), ([0.0; 3], [1.0; 3]));
}

/// `CLIPImageProcessor.resize`: with both sides given, pictures become a square whatever they were.
#[test]
fn a_size_of_both_sides_squashes() {
    let read = |preprocessor: Value| {
        let card = changed(|model| {
            for (key, value) in preprocessor.as_object().unwrap() {
                model.preprocessor[key] = value.clone();
            }
        });
        let read = card.unwrap().preprocess;
        (read.resize, read.resize_size, read.crop_size)
    };
    let squash = ResizeMode::Squash;
    assert_eq!(read(json!({})), (ResizeMode::Shortest, 11, 9));
    let size = |side: usize| json!({"height": side, "width": side});
    assert_eq!(read(json!({"size": size(9)})), (squash, 9, 9));
    // Without a crop the square is the picture, whatever the crop would be.
    let uncropped = json!({"size": size(9), "do_center_crop": false, "crop_size": 99});
    assert_eq!(read(uncropped), (squash, 9, 9));
    let null = json!({"size": {"height": 9, "width": 9, "shortest_edge": null}});
    assert_eq!(read(null), (squash, 9, 9));
}

/// transformers has two processors for one file of settings.
#[test]
fn the_mode_of_preprocessing_can_be_chosen() {
    let folder = Model::tiny().write();
    let source = Source::Path(folder.path().to_owned());
    let mode = |preprocess| {
        let output = Some(folder.join("out.safetensors"));
        let options = Options { output, preprocess, force: true, ..Options::default() };
        let card = convert(&source, &options, &mut ()).unwrap().card;
        let opened = open(&source, &options, &mut ()).unwrap();
        assert_eq!(opened.inspect().preprocess, card.preprocess);
        card.preprocess.mode
    };
    assert_eq!(mode(None), PreprocessMode::HfPil);
    assert_eq!(mode(Some(PreprocessMode::HfTorchvision)), PreprocessMode::HfTorchvision);
}

/// Transformers 5 writes the same fields into `processor_config.json`, and prefers them.
#[test]
fn nested_preprocessing_is_preferred() {
    let mut model = Model::tiny();
    let folder = model.write();
    model.preprocessor["size"] = json!(13);
    let nested = json!({"image_processor": model.preprocessor, "processor_class": "CLIPProcessor"});
    folder.file("processor_config.json", nested.to_string());
    assert_eq!(card(&folder).unwrap().preprocess.resize_size, 13);
    folder.remove("preprocessor_config.json");
    assert_eq!(card(&folder).unwrap().preprocess.resize_size, 13);
    folder.file("processor_config.json", "{}");
    assert!(card(&folder).unwrap_err().contains("has no preprocessor_config.json"));
}

#[test]
fn preprocessing_that_the_card_cannot_express_is_refused() {
    let check = |field: &str, value: Value, supported: &str| {
        refused(
            changed(|model| model.preprocessor[field] = value.clone()),
            &format!(
                "preprocessor_config.json sets {field} to {value}; only {supported} can be converted"
            ),
        );
    };
    let edge = "one number, as shortest_edge";
    let square = "one number, as height = width";
    check("do_resize", json!(false), "true");
    check("do_center_crop", json!(false), "true");
    check("do_rescale", json!(false), "true");
    check("do_convert_rgb", json!(false), "true");
    check("do_normalize", json!("yes"), "true or false");
    check("rescale_factor", json!(1.0), "1/255");
    check("resample", json!(1), "2 (bilinear) or 3 (bicubic)");
    check("resample", json!("bicubic"), "2 (bilinear) or 3 (bicubic)");
    check("size", json!({"height": 9, "width": 8}), square);
    check("size", json!({"height": 8, "width": 8}), "the crop's 9 as height = width");
    check("size", json!({"height": 12, "width": 12}), "the crop's 9 as height = width");
    check("size", json!({"height": 9}), edge);
    check("size", json!({"height": 9, "width": 9, "shortest_edge": 9}), edge);
    check("size", json!({"longest_edge": 20, "shortest_edge": 11}), edge);
    check("size", json!(8), "a size of at least the crop's 9");
    check("crop_size", json!({"height": 9, "width": 8}), square);
    check("crop_size", json!({"shortest_edge": 9}), square);
    check("image_mean", json!([0.5, 0.5]), "three numbers");
    check("image_std", json!(0.5), "three numbers");
    check("image_processor_type", json!("SiglipImageProcessor"), {
        "CLIPImageProcessor or CLIPImageProcessorFast or CLIPImageProcessorPil or CLIPFeatureExtractor"
    });
    refused(
        changed(|model| model.preprocessor["crop_size"] = json!(10)),
        "the configuration describes no model: pictures are cropped to 10 pixels, but the vision tower takes 9",
    );
}
