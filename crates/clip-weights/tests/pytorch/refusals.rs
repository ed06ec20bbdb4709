//! Archives that are damaged, hostile or of something else: one sentence each, and soon.

use std::fs;
use std::time::{Duration, Instant};

use super::archive::{NAME, Pickle, View, archive, edited};
use super::{Fixture, unpacked};

/// A quarter of a second is the longest it takes; this is for machines that are busy otherwise.
const PATIENCE: Duration = Duration::from_secs(10);

/// The file is always called `m.pt`.
#[track_caller]
fn message(bytes: &[u8]) -> String {
    let fixture = Fixture::new("m.pt", bytes);
    let started = Instant::now();
    let message = fixture.refusal();
    let elapsed = started.elapsed();
    assert!(elapsed < PATIENCE, "{elapsed:?}: {message}");
    message
}

#[track_caller]
fn check(bytes: &[u8], expected: &str) {
    assert_eq!(message(bytes), expected);
}

#[track_caller]
fn check_damaged(bytes: &[u8], reason: &str) {
    check(
        bytes,
        &format!(
            "FOLDER/m.pt is not a whole PyTorch archive ({reason}): download or copy it again"
        ),
    );
}

#[track_caller]
fn check_unread(bytes: &[u8], reason: &str) {
    check(
        bytes,
        &format!(
            "FOLDER/m.pt cannot be read as weights ({reason}): write the model's state dict again with `torch.save` and convert that"
        ),
    );
}

/// A pickle that is no state dict, without a tensor.
fn pickle(operations: &[u8]) -> Vec<u8> {
    Pickle::new().raw(operations).archive(0)
}

/// Among the weights, and where there are no weights.
#[test]
fn what_a_pickle_would_run_is_named() {
    let check = |bytes: Vec<u8>, global: &str| {
        check(
            &bytes,
            &format!(
                "FOLDER/m.pt mentions {global}, which is no part of weights, and was not run: if you trust where the file comes from, write its state dict again with `torch.save` and convert that"
            ),
        );
    };
    let called = |module, name| {
        Pickle::new().global(module, name).text("touch hacked").raw(&[0x85, b'R']).archive(0)
    };
    check(called("os", "system"), "os.system");
    check(called("posix", "system"), "posix.system");
    check(called("builtins", "eval"), "builtins.eval");
    check(called("torch", "load"), "torch.load");
    check(
        called("torch._utils", "_rebuild_wrapper_subclass"),
        "torch._utils._rebuild_wrapper_subclass",
    );
    // Mentioned only, and by the operation of later protocols.
    check(Pickle::new().text("os").text("system").raw(&[0x93]).archive(0), "os.system");
    // In a state dict, behind tensors.
    let view = View::new(&[1], &[1]);
    let behind = Pickle::state_dict("FloatStorage", 1, view).text("x").global("os", "system");
    check(behind.raw(b"s").archive(4), "os.system");
    // A quantized tensor is of a storage that is not read.
    check(Pickle::state_dict("QInt8Storage", 1, view).archive(4), "torch.QInt8Storage");
    // An object of a class that nobody knows, and a dictionary that is somebody's class.
    let object = |end: &[u8]| {
        Pickle::new().global("__main__", "Model").raw(b")\x81}").text("a").raw(b"Nsb").raw(end)
    };
    check(object(b"").archive(0), "__main__.Model");
    let filled = object(b"").text(NAME).tensor("FloatStorage", 0, 1, view).raw(b"s");
    check(filled.archive(4), "__main__.Model");
}

#[test]
fn classes_are_not_called() {
    let class = |module: &str, end: &[u8]| {
        Pickle::new().global(module, "CLIP").raw(b")").raw(end).archive(0)
    };
    for module in ["__torch__.clip.model", "clip.model", "torch.nn.modules.clip"] {
        let called = message(&class(module, b"R"));
        assert!(called.contains(" as no PyTorch does): "), "{called}");
        // An object of it is one without tensors.
        let made = message(&class(module, b"\x81"));
        assert!(made.ends_with(" holds no tensors"), "{made}");
    }
}

#[test]
fn other_operations_are_named() {
    let check = |operations: &[u8], name: &str| {
        check_unread(&pickle(operations), &format!("its pickle uses the operation {name}"));
    };
    check(b"ios\nsystem\n", "i (0x69)");
    check(b"P0\n", "P (0x50)");
    check(&[0x82, 1], r"\x82 (0x82)");
    check(&[0xff], r"\xff (0xff)");
    check(&[0x97], r"\x97 (0x97)");
}

#[test]
fn pickles_that_break_off_or_make_no_sense_are_damaged() {
    let check = |operations: &[u8], reason: &str| {
        check_damaged(&pickle(operations), &format!("its pickle {reason}"));
    };
    check(b"X\xff\xff\xff\xff", "breaks off");
    check(&[0x8d, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff], "breaks off");
    check(b"cos\nsystem", "breaks off");
    check(b"J\0\0", "breaks off");
    check(b"", "takes a value that is not there");
    check(b"(0", "takes a value that is not there");
    check(b"t", "goes back to a mark that is not there");
    check(b"h\x07", "repeats what was never there");
    check(b"X\x01\0\0\0\xff", "holds a text that is none");
    check(b"NNa", "appends to what is no list");
    check(b"}(NNNu", "sets an item of what is no dictionary");
    check(b"NNNs", "sets an item of what is no dictionary");
    check(b"N}b", "gives attributes to what has none");
    check(b"N)R", "calls what is no function");
    check(b"N)\x81", "makes an object of what is no class");
    check(b"NQ", "describes a storage as no PyTorch does");
    check(b"ctorch._utils\n_rebuild_tensor_v2\n)R", "describes a tensor as no PyTorch does");
    check(b"NN\x93", "names something by no text");
}

/// A list that contains itself, a dictionary that does, one that names two dictionaries that name two
/// .., and a thousand lists in each other.
#[test]
fn cycles_and_depths_end() {
    let too_large = "its objects are nested as in no model";
    check_unread(&pickle(b"}q\0X\x01\0\0\0ah\0s"), too_large);
    let mut doubling = Pickle::new().raw(b"}q\0");
    for level in 1..60 {
        let (inner, outer) = (level - 1, level);
        doubling = doubling.raw(b"}").raw(&[b'q', outer]);
        for key in ["a", "b"] {
            doubling = doubling.text(key).raw(&[b'h', inner, b's']);
        }
    }
    check_unread(&doubling.archive(0), too_large);
    // A hundred thousand long names of one tensor.
    let long = Pickle::new().raw(b"}").text(&"x".repeat(900)).raw(b"}");
    let view = View::new(&[1], &[1]);
    let mut long = long.text("t").tensor("FloatStorage", 0, 1, view).raw(b"q\x01s");
    for number in 0..100_000 {
        long = long.text(&number.to_string()).raw(b"h\x01s");
    }
    check_unread(&long.raw(b"s").archive(4), too_large);
    let harmless = [b"]q\0h\0a".to_vec(), [b"]".repeat(1000), b"a".repeat(999)].concat()];
    for operations in harmless {
        let message = message(&pickle(&operations));
        assert!(message.ends_with(" holds no tensors"), "{message}");
    }
}

/// The largest pickle that is read, full of what costs most.
#[test]
fn long_pickles_end() {
    let full = |operations: &[u8]| {
        let times = (4 << 20) / operations.len() - 300;
        operations.repeat(times)
    };
    let head = Pickle::new().raw(b"cclip.model\nCLIP\nq\x01").tensor(
        "FloatStorage",
        0,
        1,
        View::new(&[1, 1, 1, 1], &[1, 1, 1, 1]),
    );
    for operations in [b"N".to_vec(), b"\x94".to_vec(), b"]".to_vec(), b"h\x01)\x81".to_vec()] {
        let message = message(&head.clone().raw(&full(&operations)).archive(4));
        assert!(message.ends_with(" holds no tensors"), "{message}");
    }
    check_unread(&pickle(&b"N".repeat(5 << 20)), "its entry data.pkl has 5242883 bytes");
}

#[test]
fn archives_that_are_cut_off_are_damaged() {
    let whole = unpacked("state-dict.pt");
    for length in [4, 100, whole.len() / 2, whole.len() - 30, whole.len() - 1] {
        let message = message(&whole[..length]);
        let start = "FOLDER/m.pt is not a whole PyTorch archive (its list of entries is missing or broken: ";
        assert!(message.starts_with(start), "{message}");
    }
    // As large as ViT-L/14; the file has holes, so it needs no room on the disk.
    let fixture = Fixture::new("m.pt", &whole[..100]);
    fs::File::options().write(true).open(&fixture.path).unwrap().set_len(1 << 30).unwrap();
    let started = Instant::now();
    fixture.refusal();
    let elapsed = started.elapsed();
    assert!(elapsed < PATIENCE, "{elapsed:?}");
}

#[test]
fn archives_of_something_else_are_refused() {
    check_damaged(&archive(&[("mimetype", b"text")]), "it has no entry data.pkl");
    check_damaged(&archive(&[("a/b/data.pkl", b"N.")]), "it has no entry data.pkl");
    check_damaged(
        &archive(&[("a/data.pkl", b"N."), ("b/data.pkl", b"N.")]),
        "it has more than one data.pkl",
    );
    check_unread(
        &archive(&[("a/data.pkl", b"N."), ("a/byteorder", b"big")]),
        "its numbers are not little-endian",
    );
    let absent = Pickle::state_dict("FloatStorage", 1, View::new(&[1], &[1])).archive(0);
    let text = b"model/data/0";
    let renamed = replace(&absent, text, b"model/data/1");
    check_damaged(&renamed, "it has no entry data/0");
    // Two entries of one name, which a writer does not write.
    let twice = archive(&[("a/data.pkl", b"N."), ("a/data.pkm", b"N.")]);
    check_damaged(
        &replace(&twice, b"data.pkm", b"data.pkl"),
        "two of its entries have the same name",
    );
}

/// TorchScript's code is compressed in every archive; what is read must not be.
#[test]
fn compressed_entries_are_refused_by_name() {
    let archive = Pickle::state_dict("FloatStorage", 1, View::new(&[1], &[1])).archive(4);
    for (name, distance) in [("model/data.pkl", 2), ("model/data/0", 1)] {
        let mut bytes = archive.clone();
        // The method is 22 bytes before the name in an entry's own header, 36 in the list's.
        let places: Vec<_> = (0..bytes.len() - name.len())
            .filter(|at| bytes[*at..].starts_with(name.as_bytes()))
            .collect();
        assert_eq!(places.len(), 2, "{distance}");
        bytes[places[0] - 22] = 8;
        bytes[places[1] - 36] = 8;
        let entry = name.strip_prefix("model/").unwrap();
        check_unread(&bytes, &format!("its entry {entry} is compressed or encrypted"));
    }
}

#[test]
fn tensors_that_are_not_there_are_refused() {
    let refused = |class: &str, count: i64, zeros: usize, view: View| {
        message(&Pickle::state_dict(class, count, view).archive(zeros))
    };
    let check = |message: String, reason: String| {
        assert!(message.contains(&format!("({reason}): ")), "{message}");
    };
    let whole = View::new(&[2, 3], &[3, 1]);
    check(
        refused("FloatStorage", 6, 23, whole),
        "its entry data/0 has 23 bytes, too few for 6 values".to_owned(),
    );
    check(
        refused("FloatStorage", 1 << 62, 24, whole),
        format!("its entry data/0 has 24 bytes, too few for {} values", 1i64 << 62),
    );
    let beyond = |view: View| {
        check(
            refused("HalfStorage", 6, 12, view),
            format!(
                "tensor {NAME} of shape {:?} reaches beyond the 6 values of data/0",
                view.shape
            ),
        );
    };
    beyond(View::new(&[2, 4], &[4, 1]));
    beyond(View::new(&[2, 3], &[4, 1]));
    beyond(View { offset: 1, ..whole });
    beyond(View::new(&[i64::MAX, i64::MAX], &[1, 1]));
    beyond(View::new(&[2, 2], &[i64::MAX, i64::MAX]));
    beyond(View::new(&[1 << 40, 1 << 40], &[0, 0]));
    check(
        refused("FloatStorage", 6, 24, View::new(&[1 << 40], &[0])),
        format!("tensor {NAME} of shape [1099511627776] repeats the 6 values of data/0"),
    );
    check(
        refused("FloatStorage", 6, 24, View::new(&[i64::MAX, 0], &[1, 1])),
        format!("tensor {NAME} has shape [{}, 0]", i64::MAX),
    );
    for strides in [[-3, 1], [3, -1]] {
        check(
            refused("FloatStorage", 6, 24, View::new(&[2, 3], &strides)),
            "its pickle describes a tensor as no PyTorch does".to_owned(),
        );
    }
}

#[test]
fn bytes_that_changed_are_noticed() {
    let bytes = unpacked("state-dict.pt");
    let flipped = |at: usize| {
        let mut flipped = bytes.clone();
        flipped[at] ^= 1;
        message(&flipped)
    };
    let find = |text: &[u8]| bytes.windows(text.len()).position(|part| part == text).unwrap();
    let pickle = flipped(find(b"visual.class_embedding"));
    assert!(pickle.contains("(its entry data.pkl: "), "{pickle}");
    // The values of a tensor that is the whole of an entry.
    assert_eq!(
        flipped(find(b"archive/data/40") + 1000),
        "the checksum of tensor transformer.resblocks.0.mlp.c_fc.weight in m.pt is wrong: download or copy the file again"
    );
}

#[test]
fn other_number_formats_are_named() {
    let bytes = unpacked("state-dict.pt");
    for (class, found) in [("Byte", "U8"), ("Char", "I8"), ("Bool", "BOOL"), ("Short", "I16")] {
        check(
            &edited(&bytes, "HalfStorage", &format!("{class}Storage")),
            &format!(
                "tensor visual.conv1.weight in m.pt is stored as {found}; only f32, f16 and bf16 are read"
            ),
        );
    }
    check_damaged(
        &edited(&bytes, "HalfStorage", "DoubleStorage"),
        "its entry data/1 has 3072 bytes, too few for 1536 values",
    );
}

#[test]
fn tensors_that_are_renamed_are_missed() {
    let bytes = unpacked("state-dict.pt");
    check(
        &edited(&bytes, "transformer.resblocks.0.ln_1.bias", "transformer.resblocks.0.ls_1.bias"),
        "OpenAI's code calls for a tensor missing from m.pt: visual.transformer.resblocks.0.ln_1.bias; there is visual.transformer.resblocks.0.ls_1.bias",
    );
    check(
        &edited(&bytes, "transformer.resblocks.0.ln_1.bias", "transformer.resblocks.0.ln_2.bias"),
        "FOLDER/m.pt is not a whole PyTorch archive (its pickle holds tensor visual.transformer.resblocks.0.ln_2.bias twice): download or copy it again",
    );
}

#[test]
fn other_layouts_are_named() {
    let nested = |key, name| {
        let state_dict = Pickle::new().raw(b"}").text(key).raw(b"}").text(name);
        let view = View::new(&[2, 3, 1, 1], &[3, 1, 1, 1]);
        state_dict.tensor("FloatStorage", 0, 6, view).raw(b"ss").archive(24)
    };
    check(
        &nested("model", "conv1.weight"),
        "m.pt is no CLIP in OpenAI's, OpenCLIP's or Hugging Face's layout: it holds model.conv1.weight",
    );
    // Half a model is known by what it has.
    check(
        &nested("model", NAME),
        "OpenAI's code calls for a tensor missing from m.pt (below model): visual.positional_embedding; there is visual.conv1.weight",
    );
    check(
        &nested("model", "text_model.embeddings.token_embedding.weight"),
        "m.pt is no CLIP in OpenAI's, OpenCLIP's or Hugging Face's layout: it holds model.text_model.embeddings.token_embedding.weight",
    );
}

#[test]
fn resnet_towers_are_refused() {
    assert_eq!(
        Fixture::committed("resnet.pt").refusal(),
        "resnet.pt is a CLIP with a ResNet tower (visual.layer1), but only those with a ViT can be converted: take one of OpenAI's ViT models"
    );
}

#[test]
fn tensors_that_lack_or_are_strange_are_named() {
    let one = |shape: &[i64], strides: &[i64]| {
        let zeros = shape.iter().product::<i64>();
        let view = View::new(shape, strides);
        Pickle::state_dict("FloatStorage", zeros, view).archive(4 * zeros as usize)
    };
    check(
        &one(&[2, 3, 1, 1], &[3, 1, 1, 1]),
        "OpenAI's code calls for a tensor missing from m.pt: visual.positional_embedding; there is visual.conv1.weight",
    );
    check(
        &one(&[2, 3], &[3, 1]),
        "m.pt sets visual.conv1.weight to a tensor of shape [2, 3]; only a tensor of 4 axes can be converted",
    );
}

/// The formats before PyTorch 0.1.10, and pickles of others.
#[test]
fn legacy_files_are_refused() {
    let expected = "FOLDER/m.pt is a bare pickle or a tar archive, which are not read: load it with PyTorch and write its state dict again with `torch.save`";
    check(b"\x80\x02}q\x00.", expected);
    let mut tar = vec![0; 1024];
    tar[257..262].copy_from_slice(b"ustar");
    check(&tar, expected);
}

fn replace(bytes: &[u8], from: &[u8], to: &[u8]) -> Vec<u8> {
    assert_eq!(from.len(), to.len());
    let mut replaced = bytes.to_vec();
    let mut found = 0;
    for at in 0..bytes.len() - from.len() {
        if bytes[at..].starts_with(from) {
            replaced[at..at + to.len()].copy_from_slice(to);
            found += 1;
        }
    }
    assert!(found > 0);
    replaced
}
