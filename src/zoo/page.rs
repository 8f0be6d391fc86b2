//! The page `docs/zoo.md`.

use super::{NETWORKS, Variant, variants};
use crate::error::Error;
use crate::net::layers::Argument;
use crate::net::{Layer, Mode, NetSpec};
use std::collections::BTreeMap;
use std::fmt::Write;
use tl_kernel::cert::json::Json;

const OPENING: &str = "# The model zoo

Networks as lists of layers, checked end to end before anything is built. `tl zoo list` prints the first table, `tl zoo show NAME` a network layer by layer, `tl zoo build NAME -o FILE.json` writes it as a
graph file with seeded parameters, which every command of `tl` takes. The networks are the files in [`zoo/`](../zoo), and yours are read the same way: `tl zoo check FILE.json`.
Nothing on this page is written by hand: it comes from lowering every network (`BLESS=1 cargo test --test zoo`).

A file is

```json
";

const FORMAT: &str = "```

with every argument written: there are no defaults, and unknown keys are refused. `input` is the shape of one sample, [n], [length, width] or [channels, height, width]; `epsilon` is what every normalisation
adds to the variance. Padding is `same` (XLA's: ⌈n / stride⌉ positions, the smaller half of the missing cells first), `valid` or `symmetric` (⌊(kernel − 1) / 2⌋ on either side); activations are
`relu`, `relu6`, `identity`, `swish`, `hSwish` and `gelu` (by the exact error function). `--mode train` normalises batches by their own statistics and makes the masks of dropout inputs of the
graph; `--mode eval` normalises by running statistics, constants of the graph that no count includes, and drops nothing. Initial values are drawn by a documented generator
(`src/net/initial.rs`): the same seed gives the same bits on every machine.

";

const LAYERS: &str = "
## The layers

What a layer is in the vocabulary of the checker, and the names and shapes of its parameters, stand at the head of its file in `src/net/layers/`. The parameters of layer N are called
`layers.N.weight`, `layers.N.block0.conv1.weight`, and so on.

";

const BESTIARY: &str = "
## The bestiary

The networks of *Verified Deep Learning* (Koonce, 2026) and of its repository, from the table [`zoo/bestiary.tsv`](../zoo/bestiary.tsv): our count beside the published one, and what the shape check
says of each. The specifications there have no channels of the input and are checked channel by channel only, so that a dense head may not fit the image before it. Inputs and the
conventions of the notation are in the table's first lines and in `src/zoo/bestiary.rs`. Language models stand there with a dense layer for their embedding; here their input is one-hot tokens.

";

/// The number with its digits in groups of three.
pub fn grouped(n: u64) -> String {
    let digits = n.to_string();
    let comma = |i: usize| i > 0 && (digits.len() - i).is_multiple_of(3);
    digits.char_indices().flat_map(|(i, digit)| [comma(i).then_some(','), Some(digit)]).flatten().collect()
}

fn dimensions(spec: &NetSpec) -> String {
    spec.input.iter().map(usize::to_string).collect::<Vec<_>>().join("×")
}

/// The page.
pub fn page() -> Result<String, Error> {
    let mut page = OPENING.to_string();
    let small = NETWORKS.iter().min_by_key(|entry| entry.json().len()).map_or("", |entry| entry.json());
    page += small;
    page += FORMAT;
    page += "| network | input | layers | parameters | multiply-adds | published | |\n|---|---|---|---|---|---|---|\n";
    for entry in NETWORKS {
        let (spec, lowered) = (entry.spec(), entry.lowered()?);
        let count = lowered.count();
        let verdict = if count == entry.published { "the same" } else { "DIFFERS" };
        let _ = writeln!(
            page,
            "| [`{name}`](../zoo/{name}.json) {title} | {input} | {layers} | {count} | {work} | {verdict} | {about} |",
            name = entry.name,
            title = spec.name,
            input = dimensions(&spec),
            layers = spec.layers.len(),
            count = grouped(count),
            work = grouped(lowered.multiply_adds()),
            about = entry.about,
        );
    }
    page += LAYERS;
    page += &vocabulary();
    page += BESTIARY;
    bestiary(&mut page);
    Ok(page)
}

/// The layers with their arguments.
fn vocabulary() -> String {
    let mut text = String::from("| layer | what it is | arguments |\n|---|---|---|\n");
    for (word, about, arguments) in Layer::vocabulary() {
        let argument = |argument: &Argument| {
            let about = argument.about.trim().trim_end_matches('.');
            format!("`{}` ({}): {about}", argument.name, kind(&argument.schema))
        };
        let arguments: Vec<String> = arguments.iter().map(argument).collect();
        let arguments = if arguments.is_empty() { "none".into() } else { arguments.join("<br>") };
        let _ = writeln!(text, "| `{word}` | {} | {arguments} |", about.trim().trim_end_matches('.'));
    }
    text
}

/// The kind of value that a schema admits, in words.
fn kind(schema: &Json) -> String {
    let Json::Object(entries) = schema else { return String::new() };
    match entries.first() {
        Some((key, Json::Array(words))) if key == "enum" => {
            let words = words.iter().map(|word| word.to_string().trim_matches('"').to_string());
            words.collect::<Vec<_>>().join(", ")
        }
        Some((_, Json::String(name))) if name == "boolean" => "true, false".into(),
        Some((_, Json::String(name))) if name == "integer" => "integer".into(),
        _ => "exact number as a string, such as \"1/10\"".into(),
    }
}

/// What the shape check says of a variant.
enum Finding {
    Fits { count: u64, work: u64 },
    Refused(Error),
    Missing(Vec<&'static str>),
}

fn finding(variant: &Variant) -> Finding {
    match variant.spec() {
        Ok(spec) => match spec.lower(Mode::Eval, 1) {
            Ok(lowered) => Finding::Fits { count: lowered.count(), work: lowered.multiply_adds() },
            Err(error) => Finding::Refused(error),
        },
        Err(missing) => match variant.beginning().map(|spec| spec.check()) {
            Some(Err(error)) => Finding::Refused(error),
            _ => Finding::Missing(missing),
        },
    }
}

fn bestiary(page: &mut String) {
    let found: Vec<(Variant, Finding)> = variants().map(|variant| (variant, finding(&variant))).collect();
    let is = |wanted: fn(&Finding) -> bool| found.iter().filter(|(_, finding)| wanted(finding)).count();
    let fits = is(|finding| matches!(finding, Finding::Fits { .. }));
    let refused = is(|finding| matches!(finding, Finding::Refused(_)));
    let agree = found
        .iter()
        .filter(|(variant, finding)| matches!(finding, Finding::Fits { count, .. } if *count == variant.published));
    let _ = writeln!(
        page,
        "Of {} variants {fits} fit, of which {} have the published number of parameters; {refused} are refused; {} need layers that are not there yet.\n",
        found.len(),
        agree.count(),
        found.len() - fits - refused,
    );
    *page += "### Those that fit\n\n| name | variant | input | parameters | published | multiply-adds |\n|---|---|---|---|---|---|\n";
    for (variant, finding) in &found {
        let (Finding::Fits { count, work }, Ok(spec)) = (finding, variant.spec()) else { continue };
        let published = if *count == variant.published { "the same".into() } else { grouped(variant.published) };
        let book = variant.book.map_or(String::new(), |book| format!(", in the book {}", grouped(book)));
        let _ = writeln!(
            page,
            "| `{}` | {}: {} | {} | {} | {published}{book} | {} |",
            variant.name,
            variant.architecture,
            variant.title,
            dimensions(&spec),
            grouped(*count),
            grouped(*work),
        );
    }
    *page += "\n### Those that are refused\n\n| name | published | why |\n|---|---|---|\n";
    for (variant, finding) in &found {
        if let Finding::Refused(error) = finding {
            let _ = writeln!(
                page,
                "| `{}` | {} | {}: {} |",
                variant.name,
                grouped(variant.published),
                error.place,
                error.message
            );
        }
    }
    *page += "\n### Those that need other layers\n\n| layers | variants |\n|---|---|\n";
    let mut needs: BTreeMap<String, Vec<&str>> = BTreeMap::new();
    for (variant, finding) in &found {
        if let Finding::Missing(missing) = finding {
            needs.entry(missing.join(", ")).or_default().push(variant.name);
        }
    }
    for (missing, names) in needs {
        let _ = writeln!(page, "| {missing} | {} |", names.join(", "));
    }
}
