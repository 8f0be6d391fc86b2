//! The model zoo: published counts, the page `docs/zoo.md` (`BLESS=1` renews it), and `tl zoo` itself.

use std::fs;
use std::path::PathBuf;
use tempfile::TempDir;
use tl::Model;
use tl::net::{Mode, NetSpec};
use tl::zoo::{NETWORKS, page, variants};
use tl_import::ImportOptions;

#[test]
fn counts_are_the_published_ones() {
    let published = [
        ("mnist_mlp", 669_706),
        ("mnist_cnn", 3_489_130),
        ("cifar_cnn", 2_431_018),
        ("cifar_cnn_bn", 2_431_402),
        ("cifar_cnn_bn_unbiased", 2_431_210),
        ("resnet34", 21_289_802),
        ("resnet50", 23_528_522),
        ("mobilenet_v2", 2_236_682),
        ("efficientnet_b0", 4_020_358),
        ("efficientnet_b0_expanded", 7_155_658),
        ("vit_tiny", 5_526_346),
        ("lenet5", 61_706),
    ];
    assert_eq!(NETWORKS.len(), published.len());
    for (entry, (name, count)) in NETWORKS.iter().zip(published) {
        let lowered = entry.lowered().unwrap_or_else(|error| panic!("{error}"));
        assert_eq!((entry.name, lowered.count(), entry.published), (name, count, count));
        let drawn: usize =
            entry.spec().lower(Mode::Train, 1).expect("it fits").parameters.iter().map(|p| p.shape.elements()).sum();
        assert_eq!(drawn as u64, count, "{name}: what is trained is all that a graph for training has");
    }
}

#[test]
fn the_bestiary_has_the_published_counts_and_these_variants_do_not_fit() {
    let (mut fit, mut refused, mut missing) = (0, Vec::new(), 0);
    for variant in variants() {
        match variant.spec().map(|spec| spec.lower(Mode::Eval, 1)) {
            Ok(Ok(lowered)) => {
                assert_eq!(lowered.count(), variant.published, "{}", variant.name);
                fit += 1;
            }
            Ok(Err(_)) => refused.push(variant.name),
            Err(_) => {
                missing += 1;
                refused.extend(variant.beginning().filter(|spec| spec.check().is_err()).map(|_| variant.name));
            }
        }
    }
    assert_eq!(
        refused,
        ["alexnet", "tiny_detr", "qanet_encoder_block", "qanet_model_encoder_stack", "tiny_qanet", "yolov1"]
    );
    assert_eq!((fit, missing), (FIT, MISSING));
}

const FIT: usize = 141;
/// `tiny_detr` among them, which is refused before the first layer that is missing.
const MISSING: usize = 106;

#[test]
fn the_page_says_what_lowering_every_network_says() {
    let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs/zoo.md");
    let made = page().unwrap_or_else(|error| panic!("{error}"));
    if std::env::var_os("BLESS").is_some_and(|value| value == "1") {
        fs::write(&path, &made).expect("the page is writable");
    }
    assert!(fs::read_to_string(&path).is_ok_and(|kept| kept == made), "run `BLESS=1 cargo test --test zoo`");
}

/// The command's exit code and what it says.
fn tl(arguments: &[&str]) -> (u8, String, String) {
    let (mut out, mut err) = (Vec::new(), Vec::new());
    let arguments = ["tl", "zoo"].iter().chain(arguments).map(|argument| argument.into());
    let exit = tl::commands::run(arguments, &mut out, &mut err);
    (exit, String::from_utf8_lossy(&out).into_owned(), String::from_utf8_lossy(&err).into_owned())
}

#[test]
fn the_command_lists_shows_counts_and_checks() {
    let folder = TempDir::new().expect("a temporary folder");
    let write = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, text).expect("it is written");
        path.to_string_lossy().into_owned()
    };
    let (exit, spec, _) = tl(&["spec", "lenet5"]);
    assert_eq!(exit, 0);
    let good = write("good.json", &spec);
    let wrong = write("wrong.json", &spec.replace(r#""valid""#, r#""same""#));
    let cut = write("cut.json", &spec[..spec.len() / 2]);
    let table: &[(&[&str], u8, &str, &str)] = &[
        (&["list"], 0, "efficientnet_b0_expanded  [3, 224, 224]   7,155,658", ""),
        (&["list", "--all"], 0, "vgg_16 ", ""),
        (
            &["list", "--json"],
            0,
            r#""name": "vit_tiny", "title": "ViT-Tiny", "input": [3,224,224], "parameters": 5526346"#,
            "",
        ),
        (&["show", "lenet5"], 0, "5 dense input 400, output 120, activation relu", ""),
        (&["show", "vit_tiny"], 0, "[197, 192]", ""),
        (&["show", "vit_tiny", "--json"], 0, r#""layers.1.block11.query.weight""#, ""),
        (&["count", "efficientnet_b0"], 0, "4020358\n", ""),
        (&["count", &good], 0, "61706\n", ""),
        (&["count", &good, "--json"], 0, r#""parameters": 61706"#, ""),
        (&["check", &good], 0, "LeNet-5: 8 layers, [1, 32, 32] to [10], 61,706 parameters", ""),
        (&["check", &wrong], 1, "", "it takes [400], it is given [1024] by layer 4 (flatten) of [16, 8, 8]"),
        (&["check", "alexnet"], 1, "", "it takes [9216], it is given [16384] by layer 8 (flatten) of [256, 8, 8]"),
        (&["count", "alexnet"], 3, "", "error[TL0541]"),
        (&["check", &cut], 3, "", "error[TL0101]"),
        (&["show", "missing.json"], 3, "", "error[TL0512]"),
        (&["show", "resnet35"], 3, "", "no network has this name, but mnist_mlp"),
        (&["show", "mamba_130m"], 3, "", "there is no layer mambaBlock yet"),
        (&["build", "lenet5", "-o", "/nowhere/x.json"], 3, "", "error[TL0508]"),
        (&["build", "lenet5", "-o", "x.json", "--batch", "0"], 3, "", "a batch of 0"),
        (&["build", "llava_7b_lm", "-o", "x.json"], 3, "", "initial values are drawn for at most"),
    ];
    for (arguments, exit, out, err) in table {
        let (found, text, notes) = tl(arguments);
        assert_eq!(found, *exit, "{arguments:?}: {text}{notes}");
        let plain = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(plain(&text).contains(&plain(out)) && notes.contains(err), "{arguments:?}: {text}{notes}");
        assert!(err.is_empty() || text.is_empty(), "{arguments:?}: {text}");
    }
}

#[test]
fn a_network_is_built_as_a_graph_file_and_read_again() {
    let folder = TempDir::new().expect("a temporary folder");
    let path = folder.path().join("lenet.json");
    let name = path.to_string_lossy().into_owned();
    for (mode, seed) in [("train", "1"), ("eval", "1"), ("eval", "2")] {
        let (exit, text, notes) = tl(&["build", "lenet5", "-o", &name, "--batch", "4", "--mode", mode, "--seed", seed]);
        assert_eq!(exit, 0, "{notes}");
        assert!(text.contains("input       x [4, 1, 32, 32]") && text.contains("written"), "{text}");
        let model = Model::load(&path, &ImportOptions::default()).unwrap_or_else(|error| panic!("{error}"));
        let spec: NetSpec = tl::zoo::network("lenet5").expect("it is in the zoo");
        let lowered = spec.lower(Mode::Eval, 4).expect("it fits");
        let seed = seed.parse().expect("a seed");
        assert_eq!(model.parameters, lowered.initial(seed).expect("it is small"));
        assert_eq!(model.outputs()[0].1.dimensions(), [4, 10]);
    }
}
