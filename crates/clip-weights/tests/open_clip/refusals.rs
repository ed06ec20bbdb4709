//! What the canonical file cannot express, and what does not belong together, is refused by name.

use serde_json::{Value, json};

use super::{CONFIG, Fixture, WEIGHTS, is_text};

/// The model `bare` with another value of one field of `model_cfg`.
fn changed(field: &str, value: impl Into<Value>) -> Fixture {
    Fixture::new("bare").set(&format!("/model_cfg/{}", field.replace('.', "/")), value)
}

#[test]
fn configuration_and_tensors_must_be_of_one_model() {
    let check = |field: &str, value: usize, found: usize| {
        changed(field, value).check_refusal(&format!(
            "{CONFIG} calls for a model_cfg.{field} of {value}, but the tensors in {WEIGHTS} are of a model with {found}: one of the two is of another model"
        ));
    };
    check("embed_dim", 24, 20);
    check("vision_cfg.width", 128, 64);
    check("vision_cfg.layers", 3, 2);
    check("vision_cfg.layers", 1, 2);
    check("vision_cfg.patch_size", 3, 4);
    check("vision_cfg.image_size", 16, 12);
    check("text_cfg.width", 48, 24);
    check("text_cfg.layers", 12, 1);
    check("text_cfg.context_length", 77, 7);
    check("text_cfg.vocab_size", 49_408, 40);
    // A default counts as if it were written.
    changed("vision_cfg.width", Value::Null).check_refusal(&format!(
        "{CONFIG} calls for a model_cfg.vision_cfg.width of 768, but the tensors in {WEIGHTS} are of a model with 64: one of the two is of another model"
    ));
    changed("vision_cfg.mlp_ratio", 2.0).check_refusal(&format!(
        "tensor visual.transformer.resblocks.0.mlp.c_fc.weight has shape [256, 64] in {WEIGHTS}, but {CONFIG} calls for [128, 64]: one of the two is of another model"
    ));
}

/// Heads leave no trace in the tensors, so all that can be checked is that they divide the width.
#[test]
fn heads_that_do_not_divide_the_width_are_refused() {
    changed("text_cfg.heads", 5).check_refusal(
        "the configuration describes no model: 5 heads do not divide the text tower's width of 24",
    );
}

#[test]
fn openais_archives_have_openais_activation() {
    let fixture = Fixture::new("bare").rename(str::to_owned);
    let sizes = ["input_resolution", "context_length", "vocab_size"];
    let bytes = fixture.read(WEIGHTS);
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let mut tensors = file.tensors();
    tensors.extend(sizes.map(|name| (name.to_owned(), file.tensor("logit_scale").unwrap())));
    fixture.write(WEIGHTS, safetensors::serialize(tensors, None).unwrap());
    fixture.check_refusal(&format!(
        "{CONFIG} calls for a model_cfg.quick_gelu of false, but the tensors in {WEIGHTS} are of a model with QuickGELU: one of the two is of another model"
    ));
    fixture.set("/model_cfg/quick_gelu", true).converted();
}

#[test]
fn unknown_fields_are_named() {
    for (field, value) in [
        ("rope", json!(true)),
        ("vision_cfg.rope", json!(1)),
        ("vision_cfg.heads", json!(1)),
        ("text_cfg.head_width", json!(64)),
        ("text_cfg.use_pad_mask", json!(false)),
        ("vision_cfg.norm_kwargs.elementwise_affine", json!(false)),
    ] {
        let fixture = match field.contains("norm_kwargs") {
            true => changed("vision_cfg.norm_kwargs", json!({})),
            false => Fixture::new("bare"),
        };
        let fixture =
            fixture.set(&format!("/model_cfg/{}", field.replace('.', "/")), value.clone());
        fixture.check_refusal(&format!(
            "{CONFIG} sets model_cfg.{field} to {value}; only fields of OpenCLIP 3.3 can be converted"
        ));
    }
}

#[test]
fn settings_that_no_card_can_express_are_named() {
    let check = |field: &str, value: Value, supported: &str| {
        changed(field, value.clone()).check_refusal(&format!(
            "{CONFIG} sets model_cfg.{field} to {value}; only {supported} can be converted"
        ));
    };
    for tower in ["vision_cfg", "text_cfg"] {
        let check = |field: &str, value: Value, supported: &str| {
            check(&format!("{tower}.{field}"), value, supported);
        };
        check("ls_init_value", json!(1e-4), "blocks without layer scale");
        check("act_kwargs", json!({"approximate": "tanh"}), "GELU and QuickGELU");
        check("block_type", json!("custom"), "default");
        check("qk_norm", json!(true), "OpenAI's blocks");
        check("scale_fc", json!(true), "OpenAI's blocks");
        check("mlp_ratio", json!(0), "a number up to 1000");
        check("layers", json!(0), "a whole number from 1 to 1048576");
    }
    check("vision_cfg.pool_type", json!("avg"), "tok");
    check("vision_cfg.no_ln_pre", json!(true), "a layer norm before the blocks");
    check("vision_cfg.attentional_pool", json!("parallel"), "pooling at the class token");
    check("vision_cfg.image_size", json!([224, 224]), "a whole number from 1 to 1048576");
    check("text_cfg.pool_type", json!("first"), "argmax or eos");
    check("text_cfg.no_causal_mask", json!(true), "causal attention");
    check("text_cfg.embed_cls", json!(true), "pooling at the end token");
    check("text_cfg.proj_bias", json!(true), "a projection without bias");
    check("text_cfg.proj_type", json!("none"), "linear");
    check("text_cfg.hf_tokenizer_name", json!("bert-base-uncased"), "OpenAI's tokenizer");
    check("text_cfg.tokenizer_kwargs", json!({"clean": "canonicalize"}), "OpenAI's tokenizer");
    check("quick_gelu", json!("yes"), "true or false");
    check("embed_dim", Value::Null, "a whole number");
    check("text_cfg", Value::Null, "an object");
}

/// OpenCLIP's default for the end token, 2, is not the one of its own tokenizer.
#[test]
fn an_end_token_that_no_text_would_hold_is_refused() {
    let fixture = changed("text_cfg.pool_type", "eos").set("/model_cfg/text_cfg/eos_id", 40);
    fixture.check_refusal(
        "the configuration describes no model: the end token 40 is outside the vocabulary of 40 ids",
    );
    let fixture = fixture.set("/model_cfg/text_cfg/vocab_size", 49_408);
    let refuse = |fixture: &Fixture, value: &str| {
        fixture.check_refusal(&format!(
            "{CONFIG} sets model_cfg.text_cfg.eos_id to {value}; only 49407 can be converted"
        ));
    };
    let fixture = fixture.set("/model_cfg/text_cfg/eos_id", 2);
    refuse(&fixture, "2");
    refuse(&fixture.set("/model_cfg/text_cfg/eos_id", Value::Null), "null");
}

#[test]
fn preprocessing_that_no_card_can_express_is_named() {
    let check = |field: &str, value: Value, supported: &str| {
        Fixture::new("bare").set(&format!("/preprocess_cfg/{field}"), value.clone()).check_refusal(
            &format!(
                "{CONFIG} sets preprocess_cfg.{field} to {value}; only {supported} can be converted"
            ),
        );
    };
    check("resize_mode", json!("stretch"), "shortest or longest or squash");
    check("interpolation", json!("nearest"), "bicubic or bilinear or random");
    check("mode", json!("L"), "RGB");
    check("mean", json!([0.5]), "three numbers");
    let gray = Fixture::new("bare")
        .set("/preprocess_cfg/resize_mode", "longest")
        .set("/preprocess_cfg/fill_color", 127);
    gray.check_refusal(&format!(
        "{CONFIG} sets preprocess_cfg.fill_color to 127; only 0 can be converted"
    ));
}

#[test]
fn other_families_are_told_what_they_are() {
    let check = |field: &str, value: Value, family: &str| {
        changed(field, value).check_refusal(&format!(
            "{CONFIG} is of {family} (model_cfg.{field}), which is another architecture: take one whose towers are both OpenCLIP's own, such as its ViT-B-32"
        ));
    };
    check("multimodal_cfg", json!({"width": 512}), "a CoCa");
    check("vision_cfg.timm_model_name", json!("x"), "a CLIP with a picture tower of timm's");
    check("text_cfg.hf_model_name", json!("x"), "a CLIP with a text tower of transformers'");

    // By the names of its tensors it is OpenCLIP's too.
    let fixture = Fixture::new("bare").rename(|name| match name.strip_prefix("visual.") {
        Some(name) => format!("visual.trunk.{name}"),
        None => format!("text.{name}"),
    });
    fixture.set("/model_cfg/vision_cfg/timm_model_name", "vit_medium_patch16_gap_256").check_refusal(
        &format!("{CONFIG} is of a CLIP with a picture tower of timm's (model_cfg.vision_cfg.timm_model_name), which is another architecture: take one whose towers are both OpenCLIP's own, such as its ViT-B-32"),
    );
}

#[test]
fn resnet_towers_are_refused() {
    let expected = format!(
        "{WEIGHTS} is a CLIP with a ResNet tower (visual.layer1), but only those with a ViT can be converted: take one of OpenAI's ViT models"
    );
    changed("vision_cfg.layers", json!([3, 4, 6, 3])).check_refusal(&expected);
    let resnet = |name: &str| name.replace("visual.transformer.resblocks", "visual.layer1");
    Fixture::new("bare").rename(resnet).check_refusal(&expected);
}

/// Names that OpenAI's code does not have are OpenCLIP's, whose heads and activation nothing else
/// tells.
#[test]
fn a_missing_configuration_is_asked_for() {
    let expected = format!(
        "FOLDER has no {CONFIG}, which a model in OpenCLIP layout needs: copy it there from the place the weights came from"
    );
    let fixture = Fixture::new("custom-text");
    fixture.remove(CONFIG);
    for file in ["epoch_1.pt", "open_clip_pytorch_model.bin"] {
        assert_eq!(fixture.convert(file).err().unwrap(), expected);
    }
    // Bare names may be OpenAI's, so the activation is what is missing.
    let fixture = Fixture::new("bare");
    fixture.remove(CONFIG);
    let message = fixture.convert(WEIGHTS).err().unwrap();
    assert!(
        message.ends_with(
            "; OpenCLIP's models say it in open_clip_config.json, which belongs beside the file"
        ),
        "{message}"
    );
}

#[test]
fn damaged_configurations_are_refused() {
    let fixture = Fixture::new("bare");
    fixture.write(CONFIG, "[]");
    fixture.check_refusal(&format!(
        "FOLDER/{CONFIG} is not the JSON it should be (it is not an object): download it again"
    ));
    fixture.write(CONFIG, "{}");
    fixture.check_refusal(&format!(
        "{CONFIG} sets model_cfg to null; only an object can be converted"
    ));
}

#[test]
fn tensors_are_refused_by_name() {
    let renamed = |from: &str, to: &str| {
        let (from, to) = (from.to_owned(), to.to_owned());
        Fixture::new("bare")
            .rename(move |name| if name == from { to.clone() } else { name.to_owned() })
    };
    renamed("ln_final.bias", "ln_final.offset").check_refusal(&format!(
        "{CONFIG} calls for a tensor missing from {WEIGHTS}: ln_final.bias; there is ln_final.offset"
    ));
    renamed("text_projection", "text_projection.weight").check_refusal(&format!(
        "{CONFIG} calls for a tensor missing from {WEIGHTS}: text_projection; there are ln_final.bias, ln_final.weight, logit_scale, positional_embedding, text_projection.weight and 45 more"
    ));

    // A tensor that is there under both of its names is not chosen from.
    let fixture = Fixture::new("bare");
    let bytes = fixture.read(WEIGHTS);
    let file = safetensors::SafeTensors::deserialize(&bytes).unwrap();
    let twice = file.tensors().into_iter().flat_map(|(name, tensor)| {
        let longer = (is_text(&name) && name.starts_with("ln_")).then(|| format!("text.{name}"));
        longer
            .into_iter()
            .map({
                let tensor = tensor.clone();
                move |name| (name, tensor.clone())
            })
            .chain([(name, tensor)])
    });
    fixture.write(WEIGHTS, safetensors::serialize(twice, None).unwrap());
    fixture.check_refusal(&format!(
        "{WEIGHTS} holds 2 tensors that {CONFIG} has no place for: text.ln_final.bias, text.ln_final.weight"
    ));
}
