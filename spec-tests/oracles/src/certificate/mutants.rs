//! Mutants of a certificate: one field changed at a time, in every way that its kind admits.
//!
//! Words, elements and keys of long lists are sampled from a listed seed; everything else is complete.

use super::document::exact;
use super::json::Json;
use rug::Rational;
use std::collections::BTreeSet;
use tl_spec_tests::Random;

/// A mutant: what was changed, and its text.
#[derive(Clone, Debug)]
pub struct Mutant {
    /// The place as a JSON pointer, and the change.
    pub what: String,
    /// The document.
    pub text: Vec<u8>,
}

/// How much is tried.
#[derive(Clone, Copy, Debug)]
pub struct Effort {
    /// Words tried of each tensor, and elements of each list.
    pub samples: usize,
    /// One of so many mutants is kept.
    pub one_in: u64,
    /// Whether every byte of the text is deleted and incremented.
    pub bytes: bool,
}

/// Every keyword that has a meaning somewhere in a document; a keyword is replaced by each.
const KEYWORDS: [&str; 42] = [
    "element",
    "argmax",
    "decision",
    "forward",
    "exec",
    "trace",
    "divergence",
    "gradient",
    "adjoint",
    "region",
    "region32",
    "counterexample",
    "error_bound",
    "step",
    "nearest_even",
    "toward_zero",
    "down",
    "up",
    "nearest_away",
    "canonical",
    "propagate_x86",
    "first_term",
    "zero",
    "last",
    "first",
    "sequential",
    "pairwise",
    "lanes",
    "blocks",
    "tree",
    "halving",
    "adjacent",
    "zeros",
    "undefined",
    "erf",
    "tanh",
    "given",
    "identity",
    "exact",
    "enclosure",
    "mean",
    "tl-cert/2",
];

/// The vocabulary, and a word that is not in it.
const OPERATIONS: &str = "abs adaptive_avg_pool add avg_pool batch_norm bce bce_with_logits broadcast clamp concat const conv conv_transpose cos \
    cosine cross_entropy div elu erf exp flatten gather gelu global_avg_pool group_norm hard_sigmoid hard_swish hinge huber input instance_norm kl \
    layer_norm leaky_relu linear log log_softmax logsumexp mae masked_softmax matmul max max_pool mean min mish mse mul neg nll pad permute poisson \
    pow reciprocal reduce_max reduce_min relu reshape rms_norm rsqrt scale sigmoid silu sin slice softmax softplus sqrt sub sum tanh transpose \
    upsample rely";

/// Hands all mutants of the document with this text to `sink`; never the text itself.
pub fn mutants(text: &[u8], effort: Effort, random: &mut Random, sink: &mut dyn FnMut(Mutant)) {
    let tree = Json::read(text).expect("an accepted certificate");
    let mut names = BTreeSet::new();
    collect_names(&tree, "", &mut names);
    let mut walk = Walk { names, effort, random };
    let (mut sites, mut path) = (Vec::new(), Vec::new());
    list_sites(&tree, "", &mut path, &mut sites);
    for (path, key) in &sites {
        let value = at(&tree, path);
        for (change, replacement) in walk.replacements(value, key) {
            if replacement == *value || !walk.random.below(effort.one_in).eq(&0) {
                continue;
            }
            let mut mutant = tree.clone();
            *at_mut(&mut mutant, path) = replacement;
            let what = format!("{} {change}", pointer(&tree, path));
            sink(Mutant { what, text: mutant.text().into_bytes() });
        }
    }
    let mut push = |what: String, text: Vec<u8>| sink(Mutant { what, text });
    for (what, end) in
        [("junk after", &b" x"[..]), ("a second document", b"{}"), ("a new line", b"\n"), ("a NUL", b"\0")]
    {
        push(what.into(), [text, end].concat());
    }
    push("a byte order mark".into(), [b"\xef\xbb\xbf", text].concat());
    push("a space in front".into(), [b" ", text].concat());
    if effort.bytes {
        for at in 0..text.len() {
            push(format!("byte {at} deleted"), [&text[..at], &text[at + 1..]].concat());
            let mut more = text.to_vec();
            more[at] = more[at].wrapping_add(1);
            push(format!("byte {at} incremented"), more);
        }
        (0..text.len()).step_by(16).for_each(|at| push(format!("cut at byte {at}"), text[..at].to_vec()));
    }
}

type Path = Vec<usize>;

fn children(value: &Json) -> Vec<(&str, &Json)> {
    match value {
        Json::Array(items) => items.iter().map(|item| ("", item)).collect(),
        Json::Object(pairs) => pairs.iter().map(|(key, value)| (key.as_str(), value)).collect(),
        _ => Vec::new(),
    }
}

/// Every value with the key that it, or the array around it, stands under.
fn list_sites<'a>(value: &'a Json, key: &'a str, path: &mut Path, sites: &mut Vec<(Path, &'a str)>) {
    sites.push((path.clone(), key));
    let inside = if key == "files" { "digest" } else { "" };
    for (i, (name, child)) in children(value).into_iter().enumerate() {
        path.push(i);
        let name = if name.is_empty() { key } else { name };
        list_sites(child, if inside.is_empty() { name } else { inside }, path, sites);
        path.pop();
    }
}

fn at<'a>(tree: &'a Json, path: &[usize]) -> &'a Json {
    path.iter().fold(tree, |value, &i| children(value)[i].1)
}

fn at_mut<'a>(tree: &'a mut Json, path: &[usize]) -> &'a mut Json {
    path.iter().fold(tree, |value, &i| match value {
        Json::Array(items) => &mut items[i],
        Json::Object(pairs) => &mut pairs[i].1,
        _ => unreachable!("a path leads through arrays and objects"),
    })
}

fn pointer(tree: &Json, path: &[usize]) -> String {
    let (mut value, mut text) = (tree, String::new());
    for &i in path {
        let (key, child) = children(value)[i];
        text += &if key.is_empty() { format!("/{i}") } else { format!("/{key}") };
        value = child;
    }
    text
}

/// Names of tensors, files and outputs: what a name may be mistaken for.
fn collect_names(value: &Json, key: &str, names: &mut BTreeSet<String>) {
    if let (Json::String(text), "name" | "file" | "tensor") = (value, key) {
        names.insert(text.clone());
    }
    for (name, child) in children(value) {
        if matches!(key, "outputs" | "parameters") {
            names.insert(name.to_owned());
        }
        collect_names(child, name, names);
    }
}

struct Walk<'a> {
    names: BTreeSet<String>,
    effort: Effort,
    random: &'a mut Random,
}

type Changes = Vec<(String, Json)>;

impl Walk<'_> {
    /// At most `samples` of the places below `n`, ascending.
    fn sample(&mut self, n: usize) -> Vec<usize> {
        if n <= self.effort.samples {
            return (0..n).collect();
        }
        let mut chosen = BTreeSet::from([0, n - 1]);
        while chosen.len() < self.effort.samples {
            chosen.insert(usize::try_from(self.random.below(n as u64)).expect("below n"));
        }
        chosen.into_iter().collect()
    }

    fn replacements(&mut self, value: &Json, key: &str) -> Changes {
        let mut changes: Changes = vec![
            ("null".into(), Json::Null),
            ("an empty array".into(), Json::Array(vec![])),
            ("an empty object".into(), Json::Object(vec![])),
            ("in an array".into(), Json::Array(vec![value.clone()])),
            ("true".into(), Json::Bool(true)),
            ("false".into(), Json::Bool(false)),
        ];
        match value {
            Json::Number(text) => changes.extend(of_number(text)),
            Json::String(text) => changes.extend(self.of_string(text, key)),
            Json::Array(items) => changes.extend(self.of_array(items)),
            Json::Object(pairs) => changes.extend(self.of_object(pairs)),
            Json::Bool(_) => changes.extend(["0", "1"].map(|n| (n.into(), Json::Number(n.into())))),
            Json::Null => {}
        }
        changes
    }

    fn of_string(&mut self, text: &str, key: &str) -> Changes {
        let mut texts: Vec<String> = match key {
            "words" => self.of_words(text),
            "op" => OPERATIONS.split_whitespace().map(Into::into).collect(),
            "abs" | "rel" | "slack" | "ulps" | "epsilon" | "factor" | "coefficient" | "at_most" => of_exact(text),
            "digest" => {
                let changed = |at: usize| {
                    let mut bytes = text.as_bytes().to_vec();
                    bytes[at] = if bytes[at] == b'0' { b'1' } else { b'0' };
                    String::from_utf8(bytes).expect("digits")
                };
                let cut = text[..text.len() - 1].to_owned();
                vec![
                    changed(0),
                    changed(31),
                    changed(63),
                    text.to_uppercase(),
                    cut,
                    text.to_owned() + "0",
                    "0".repeat(64),
                ]
            }
            _ if KEYWORDS.contains(&text) => KEYWORDS.map(Into::into).to_vec(),
            _ => self.names.iter().cloned().collect(),
        };
        texts.extend([String::new(), format!("{text}x"), format!("{text}\0"), text.to_uppercase(), format!(" {text}")]);
        let mut changes: Changes = texts.into_iter().map(|t| (format!("{t:?}"), Json::String(t))).collect();
        changes.push(("a number".into(), Json::Number("1".into())));
        changes
    }

    /// Sampled words changed in eight ways; then the list itself.
    fn of_words(&mut self, text: &str) -> Vec<String> {
        let words: Vec<&str> = text.split(' ').collect();
        let mut texts = Vec::new();
        for at in self.sample(words.len()) {
            let word = u32::from_str_radix(words[at], 16).expect("a word");
            let (ulp, exponent) = ([word.wrapping_add(1), word.wrapping_sub(1)], 1 << 23);
            let others = [word ^ 1 << 31, word.wrapping_add(exponent), word.wrapping_sub(exponent)];
            for changed in ulp.into_iter().chain(others).chain([0x7fc0_0000, 0x7f80_0000, 0xff80_0000]) {
                let mut all = words.clone();
                let changed = format!("{changed:08x}");
                all[at] = &changed;
                texts.push(all.join(" "));
            }
        }
        let last = words[words.len() - 1];
        texts.extend([words[1..].join(" "), format!("{text} {last}"), format!("{text} "), text.replacen(' ', "  ", 1)]);
        texts.extend([words.iter().rev().copied().collect::<Vec<_>>().join(" "), text[..text.len() - 1].to_owned()]);
        texts
    }

    fn of_array(&mut self, items: &[Json]) -> Changes {
        let mut changes = Changes::new();
        let mut push = |what: String, items: Vec<Json>| changes.push((what, Json::Array(items)));
        for i in self.sample(items.len()) {
            push(format!("without element {i}"), [&items[..i], &items[i + 1..]].concat());
            push(format!("element {i} twice"), [&items[..=i], &items[i..]].concat());
            let mut swapped = items.to_vec();
            swapped.swap(i, (i + 1) % items.len());
            push(format!("element {i} and its neighbour swapped"), swapped);
        }
        for (what, more) in
            [("0", Json::Number("0".into())), ("1", Json::Number("1".into())), ("{}", Json::Object(vec![]))]
        {
            push(format!("and {what}"), [items, &[more]].concat());
        }
        push("backwards".into(), items.iter().rev().cloned().collect());
        changes
    }

    fn of_object(&mut self, pairs: &[(String, Json)]) -> Changes {
        let mut changes = Changes::new();
        let mut push = |what: String, pairs: Vec<(String, Json)>| changes.push((what, Json::Object(pairs)));
        for i in self.sample(pairs.len()) {
            let (key, value) = &pairs[i];
            push(format!("without {key:?}"), [&pairs[..i], &pairs[i + 1..]].concat());
            push(format!("{key:?} twice"), [&pairs[..=i], &pairs[i..]].concat());
            push(format!("{key:?} null, then again"), [&[(key.clone(), Json::Null)], pairs].concat());
            let mut renamed = pairs.to_vec();
            renamed[i].0 += "x";
            push(format!("{key:?} renamed"), renamed);
            let mut swapped = pairs.to_vec();
            let other = (i + 1) % pairs.len();
            swapped[i].1 = pairs[other].1.clone();
            swapped[other].1 = value.clone();
            push(format!("the values of {key:?} and its neighbour swapped"), swapped);
        }
        for (key, value) in [
            ("note", Json::Number("0".into())),
            ("about", Json::String("another".into())),
            ("slack", Json::String("2".into())),
            ("slack", Json::String("1/2".into())),
            ("ulps", Json::String("1".into())),
            ("witness", Json::Object(vec![("precision".into(), Json::Number("64".into()))])),
            ("attributes", Json::Object(vec![])),
            ("nodes", Json::Array(vec![])),
            ("files", Json::Object(vec![])),
            ("cotangents", Json::Array(vec![Json::Object(vec![])])),
        ] {
            push(format!("and {key:?}"), [pairs, &[(key.into(), value)]].concat());
        }
        push("keys backwards".into(), pairs.iter().rev().cloned().collect());
        changes
    }
}

fn of_number(text: &str) -> Changes {
    let n: i128 = text.parse().expect("an integer");
    let mut texts: Vec<String> = [n + 1, n - 1, -n, 2 * n, n + 8, 0, 1 << 62, 1 << 63, n + (1 << 32), n + (1 << 64)]
        .map(|n| n.to_string())
        .to_vec();
    texts.extend([format!("{text}.0"), format!("{text}e0"), format!("-{text}"), format!("0{text}"), "1e999".into()]);
    let mut changes: Changes = texts.into_iter().map(|t| (t.clone(), Json::Number(t))).collect();
    changes.push(("as a string".into(), Json::String(text.into())));
    changes
}

/// Other numbers, other texts of the same number, and texts of no number.
fn of_exact(text: &str) -> Vec<String> {
    let value = exact(text).expect("an exact number");
    let mut texts: Vec<String> =
        [Rational::from(&value / 2), Rational::from(&value * 2), value.clone(), -value.clone()]
            .map(|q| q.to_string())
            .to_vec();
    for (at, c) in text.char_indices().filter(|(_, c)| c.is_ascii_digit()) {
        for other in [(c as u8 - b'0' + 1) % 10, (c as u8 - b'0' + 9) % 10] {
            texts.push(format!("{}{other}{}", &text[..at], &text[at + 1..]));
        }
    }
    for same in ["0{}", "{}.0", "{}e0", "{}/1", "{}p0", "-{}", "+{}", "{} ", "0x{}", "{}e1", "{}e-1", "{}/2", "{}_"] {
        texts.push(same.replace("{}", text));
    }
    texts.extend(["0", "-0", "1/0", "0/1", "inf", "NaN", "1e4096", "1e4097", "0x1p-4096", "١"].map(Into::into));
    texts
}
