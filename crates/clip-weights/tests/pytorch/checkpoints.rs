//! Checkpoints of people's own training: the model below any prefix, among states of other things.

use std::collections::BTreeMap;

use clip_weights::{Family, Source, open};
use half::f16;
use safetensors::{Dtype, SafeTensors};

use super::archive::{Pickle, Storages, View};
use super::common::Tensor;
use super::{Fixture, quick_gelu, state_dict, unpacked};

/// The model with OpenAI's names.
fn tensors() -> BTreeMap<String, Tensor> {
    let bytes = unpacked("state-dict.safetensors");
    let file = SafeTensors::deserialize(&bytes).unwrap();
    let values = |tensor: &safetensors::tensor::TensorView<'_>| -> Vec<f32> {
        let bytes = tensor.data();
        match tensor.dtype() {
            Dtype::F16 => {
                bytes.as_chunks().0.iter().map(|b| f16::from_le_bytes(*b).to_f32()).collect()
            }
            _ => bytes.as_chunks().0.iter().map(|b| f32::from_le_bytes(*b)).collect(),
        }
    };
    let tensor = |(name, tensor): (String, safetensors::tensor::TensorView<'_>)| {
        (name, (tensor.shape().to_vec(), values(&tensor)))
    };
    file.tensors().into_iter().map(tensor).collect()
}

#[track_caller]
fn check(bytes: &[u8]) {
    let (summary, checkpoint) = Fixture::new("m.ckpt", bytes).convert(&quick_gelu()).unwrap();
    assert_eq!((summary.family, &*summary.card.name), (Family::OpenAi, "m"));
    state_dict::check(&checkpoint, &unpacked("state-dict.safetensors"));
}

/// What training loops write down: `{"epoch": 7, .., "optimizer_state_dict": {..}, "loss": 0.5}`. The
/// state of the optimizer is by number, and all but the numbers are things of Python's.
fn beside(pickle: Pickle) -> Pickle {
    let numpy = Pickle::new()
        .global("numpy.core.multiarray", "scalar")
        .global("numpy", "dtype")
        .text("f8")
        .raw(&[0x89, 0x88, 0x87, b'R', b'(', b'K', 3])
        .text("<")
        .raw(b"NNNJ\xff\xff\xff\xffJ\xff\xff\xff\xffK\x00tb")
        .global("_codecs", "encode")
        .raw(b"(")
        .text("\0\0\0\0\0\0\0\0")
        .text("latin1")
        .raw(b"tR\x86R")
        .operations();
    let namespace = Pickle::new()
        .global("argparse", "Namespace")
        .raw(b")\x81}")
        .text("device")
        .global("torch", "device")
        .text("cuda")
        .raw(b"K\x00\x86Rsb")
        .operations();
    pickle
        .text("epoch")
        .raw(b"K\x07s")
        .text("best_score")
        .raw(&numpy)
        .raw(b"s")
        .text("args")
        .raw(&namespace)
        .raw(b"s")
        .text("optimizer_state_dict")
        .raw(b"}")
        .text("state")
        .global("collections", "defaultdict")
        .global("builtins", "dict")
        .raw(b"\x85R(K\x00}")
        .text("exp_avg")
        .global("torch._utils", "_rebuild_sparse_tensor")
        .raw(b"N\x85RsusX\x0c\x00\x00\x00param_groups](}ess")
        .text("loss")
        .raw(b"G\x3f\xe0\x00\x00\x00\x00\x00\x00s")
        // The names of Python 3 and later protocols, and a set that is frozen.
        .text("callbacks")
        .raw(b"(X\x01\x00\x00\x00a\x91s")
        .text("schedule")
        .text("torch.optim.lr_scheduler")
        .text("LambdaLR")
        .raw(b"\x93)}\x92s")
}

#[test]
fn the_model_is_found_below_any_key_and_prefix() {
    let tensors = tensors();
    let storages = Storages::of(&tensors);
    for (key, prefix) in [
        ("model_state_dict", ""),
        ("model", ""),
        ("state_dict", ""),
        ("module", ""),
        ("anything", ""),
        ("state_dict", "module."),
        ("state_dict", "model."),
        ("state_dict", "net."),
        ("state_dict", "clip."),
        ("state_dict", "clip_model."),
        ("state_dict", "encoder."),
        ("state_dict", "model._orig_mod."),
        ("state_dict", "_orig_mod.module."),
        ("model", "_forward_module.model.module."),
    ] {
        let pickle = beside(Pickle::new().raw(b"}")).text(key);
        check(&storages.archive(storages.dict(pickle, prefix).raw(b"s")));
    }
    for prefix in ["module.", "_orig_mod.", "module._orig_mod.", "clip.", "a.b.c."] {
        check(&storages.archive(storages.dict(Pickle::new(), prefix)));
    }
}

/// In the same way in safetensors, where names alone say where things are.
#[test]
fn the_model_is_found_in_safetensors() {
    for prefix in ["module.", "model.clip.", "_orig_mod."] {
        let bytes = unpacked("state-dict.safetensors");
        let file = SafeTensors::deserialize(&bytes).unwrap();
        let mut tensors: Vec<_> = file.tensors();
        for (name, _) in &mut tensors {
            *name = format!("{prefix}{name}");
        }
        // A head of the user's own beside the model.
        tensors.push(("head.weight".to_owned(), file.tensor("logit_scale").unwrap()));
        check(&safetensors::serialize(tensors, None).unwrap());
    }
}

/// `torch.compile`, data parallelism and sharding of a part of the model only.
#[test]
fn wrappers_of_parts_are_taken_off() {
    let wrapped = |name: &str| {
        let name = name.replace("visual.", "model.visual._orig_mod.");
        let name = name.replace(
            "resblocks.0.",
            "resblocks.0._fsdp_wrapped_module._checkpoint_wrapped_module.",
        );
        if name.starts_with("model.") { name } else { format!("model.{name}") }
    };
    let tensors = tensors();
    let renamed: BTreeMap<_, _> =
        tensors.iter().map(|(name, tensor)| (wrapped(name), tensor.clone())).collect();
    let storages = Storages::of(&renamed);
    check(&storages.archive(storages.dict(Pickle::new(), "")));
}

/// A module that the user wrote around the model, saved whole: `torch.save(model)`.
#[test]
fn a_module_of_the_users_own_is_its_state_dict() {
    let tensors = tensors();
    let storages = Storages::of(&tensors);
    let part = |pickle: Pickle| {
        let pickle = pickle.global("__main__", "Part").raw(b")\x81}").text("_parameters");
        storages.dict(pickle, "").raw(b"s").text("_buffers").raw(b"}s").text("_modules").raw(b"}sb")
    };
    let outer = Pickle::new().global("__main__", "Wrapper").raw(b")\x81}");
    let outer = outer.text("_parameters").raw(b"}s").text("_buffers").raw(b"}s");
    let outer = outer.text("config").global("__main__", "Config").raw(b")\x81s");
    let outer = part(outer.text("_modules").raw(b"}").text("clip")).raw(b"ssb");
    check(&storages.archive(outer));
}

#[test]
fn what_would_have_been_run_is_told() {
    let tensors = tensors();
    let storages = Storages::of(&tensors);
    let hostile = Pickle::new().raw(b"}").text("x").global("os", "system");
    let hostile = hostile.text("touch hacked").raw(b"\x85Rs").text("model");
    let fixture = Fixture::new("m.pt", &storages.archive(storages.dict(hostile, "").raw(b"s")));
    let opened = open(&Source::Path(fixture.path.clone()), &quick_gelu(), &mut ()).unwrap();
    let inspection = opened.inspect();
    assert_eq!(inspection.prefix, "model.");
    assert_eq!(inspection.passed_over.iter().collect::<Vec<_>>(), ["os.system"]);
    let text = inspection.to_string();
    assert!(
        text.contains("\nbelow      model\n") && text.contains("\nnot run    os.system\n"),
        "{text}"
    );
}

#[test]
fn several_models_are_not_chosen_from() {
    let tensors = tensors();
    let storages = Storages::of(&tensors);
    let both = |first: &str, second: &str| {
        let all: BTreeMap<_, _> = [(first, &tensors), (second, &tensors)]
            .into_iter()
            .flat_map(|(prefix, tensors)| {
                tensors
                    .iter()
                    .map(move |(name, tensor)| (format!("{prefix}{name}"), tensor.clone()))
            })
            .collect();
        let storages = Storages::of(&all);
        Fixture::new("m.pt", &storages.archive(storages.dict(Pickle::new(), ""))).refusal()
    };
    let expected = |first: &str, second: &str| {
        format!(
            "m.pt holds 2 models, below {first} and {second}: which of them is meant is not guessed; with PyTorch, write the state dict of one into a file of its own and convert that"
        )
    };
    assert_eq!(both("model.", "model_ema."), expected("model", "model_ema"));
    assert_eq!(both("", "ema."), expected("the top", "ema"));
    assert_eq!(both("state_dict.teacher.", "state_dict.student."), {
        expected("state_dict.student", "state_dict.teacher")
    });

    // The same tensors under two names are one model.
    let aliases = storages.dict(Pickle::new().raw(b"}").text("model"), "").raw(b"s").text("clip");
    check(&storages.archive(storages.dict(aliases, "").raw(b"s")));
    // Embeddings that were frozen are shared by models that differ elsewhere: here the entries of the
    // first two tensors, of one shape, are exchanged.
    let pickle = storages.dict(Pickle::new().raw(b"}").text("model"), "").raw(b"s").text("ema");
    let mut ema = pickle.raw(b"}");
    for (key, (name, (shape, values))) in tensors.iter().enumerate() {
        let key = if key < 2 { 1 - key } else { key };
        let shape: Vec<_> = shape.iter().map(|length| *length as i64).collect();
        let strides: Vec<_> =
            (1..=shape.len()).map(|axis| shape[axis..].iter().product()).collect();
        let view = View::new(&shape, &strides);
        ema = ema.text(name).tensor("FloatStorage", key, values.len() as i64, view).raw(b"s");
    }
    let message = Fixture::new("m.pt", &storages.archive(ema.raw(b"s"))).refusal();
    assert_eq!(message, expected("ema", "model"));
}

/// What is missing is named, where it was looked for, and what is there.
#[test]
fn what_is_missing_below_a_prefix_is_named() {
    let mut tensors = tensors();
    let tensor = tensors.remove("ln_final.bias").unwrap();
    tensors.insert("ln_final.offset".to_owned(), tensor);
    let storages = Storages::of(&tensors);
    let pickle = Pickle::new().raw(b"}").text("state_dict");
    let bytes = storages.archive(storages.dict(pickle, "model.").raw(b"s"));
    assert_eq!(
        Fixture::new("m.pt", &bytes).refusal(),
        "OpenAI's code calls for a tensor missing from m.pt (below state_dict.model): ln_final.bias; there is ln_final.offset"
    );
    // Among the weights nothing is passed over.
    let mut pickle = Pickle::new().raw(b"}").text("state_dict");
    pickle = storages.dict(pickle, "model.").text("model.x").global("os", "system").raw(b"ss");
    let message = Fixture::new("m.pt", &storages.archive(pickle)).refusal();
    assert!(message.starts_with("FOLDER/m.pt mentions os.system, "), "{message}");
}
