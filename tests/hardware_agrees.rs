//! The hardware reading against the kernel's binary32 model: bit for bit, NaN as NaN, under every kind of schedule.

use std::collections::BTreeMap;
use tl::{Hardware32, default_schedule};
use tl_kernel::Limits;
use tl_kernel::context::binary32::schedule::{BiasPosition, Combine, Order, Schedule, Start};
use tl_kernel::context::binary32::{Binary32, Environment};
use tl_kernel::context::{Context, PADDING, Rows};
use tl_kernel::ir::evaluate::{Named, evaluate};
use tl_kernel::ir::{Shape, Tensor};

/// SplitMix64, from a listed seed.
struct Random(u64);

impl Random {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let z = (self.0 ^ self.0 >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ z >> 31
    }

    fn below(&mut self, n: usize) -> usize {
        (self.next() % n as u64) as usize
    }

    /// Any word: special ones, all exponents, or magnitudes around 1.
    fn word(&mut self, wild: bool) -> u32 {
        const SPECIAL: [u32; 16] = [
            0,
            0x8000_0000,
            1,
            0x8000_0001,
            0x007f_ffff,
            0x807f_ffff,
            0x0080_0000,
            0x7f7f_ffff,
            0xff7f_ffff,
            0x7f80_0000,
            0xff80_0000,
            0x7fc0_0000,
            0x7fa0_0001,
            0xffc1_2345,
            0x3f80_0000,
            0xbf80_0000,
        ];
        let bits = self.next() as u32;
        match (wild, self.below(4)) {
            (true, 0) => SPECIAL[self.below(16)],
            (true, 1) => bits,
            _ => bits & 0x807f_ffff | (120 + self.below(12) as u32) << 23,
        }
    }

    fn words(&mut self, n: usize, wild: bool) -> Vec<u32> {
        (0..n).map(|_| self.word(wild)).collect()
    }
}

fn floats(words: &[u32]) -> Vec<f32> {
    words.iter().map(|&word| f32::from_bits(word)).collect()
}

fn same(hardware: f32, model: u32) -> bool {
    hardware.to_bits() == model || hardware.is_nan() && f32::from_bits(model).is_nan()
}

/// A schedule of every kind, for `n` terms.
fn schedules(n: usize, random: &mut Random) -> Vec<Schedule> {
    let mut orders = vec![Order::Sequential, Order::Pairwise { leaf: 1 }, Order::Pairwise { leaf: 5 }];
    for combine in [Combine::Sequential, Combine::Halving, Combine::Adjacent] {
        orders.extend([1, 3, 8, 16, 20].map(|width| Order::Lanes { width, combine }));
    }
    let inner = Box::new(Order::Lanes { width: 4, combine: Combine::Halving });
    orders.push(Order::Blocks { size: 7, inner });
    // A random tree: the nodes that are still free are joined two at a time.
    let (mut free, mut pairs): (Vec<usize>, Vec<(usize, usize)>) = ((0..n).collect(), Vec::new());
    while free.len() > 1 {
        let (left, right) = (free.swap_remove(random.below(free.len())), free.swap_remove(random.below(free.len())));
        free.push(n + pairs.len());
        pairs.push((left, right));
    }
    orders.push(Order::Tree { pairs });
    let mut schedules = Vec::new();
    for order in orders {
        for fma in [false, true] {
            for (start, bias) in [
                (Start::FirstTerm, BiasPosition::Last),
                (Start::Zero, BiasPosition::Last),
                (Start::FirstTerm, BiasPosition::First),
            ] {
                schedules.push(Schedule { order: order.clone(), fma, start, bias });
            }
        }
    }
    schedules
}

fn readings(schedule: &Schedule) -> (Hardware32, Binary32) {
    (Hardware32::new(schedule.clone()), Binary32::new(Environment::default(), schedule.clone()))
}

#[test]
fn scalar_operations_agree_on_all_kinds_of_words() {
    let (hardware, model) = readings(&default_schedule());
    let mut random = Random(1);
    for round in 0..20_000 {
        let (a, b) = (random.word(round % 2 == 0), random.word(round % 2 == 0));
        let (x, y) = (f32::from_bits(a), f32::from_bits(b));
        macro_rules! agree {
            ($($operation:ident($($x:ident $a:ident),*))*) => {$({
                let (found, right) = (hardware.$operation($(&$x),*).unwrap(), model.$operation($(&$a),*).unwrap());
                assert!(same(found, right), "{} {a:08x} {b:08x}: {:08x}, not {right:08x}", stringify!($operation), found.to_bits());
            })*};
        }
        agree! { neg(x a) abs(x a) add(x a, y b) sub(x a, y b) mul(x a, y b) div(x a, y b) max(x a, y b) min(x a, y b) sqrt(x a) rsqrt(x a) }
        if round % 10 < 2 {
            agree! { exp(x a) expm1(x a) log(x a) log1p(x a) pow(x a, y b) tanh(x a) erf(x a) sin(x a) cos(x a) }
        }
    }
}

#[test]
fn constants_agree() {
    let (hardware, model) = readings(&default_schedule());
    assert!(same(hardware.pi().unwrap(), model.pi().unwrap()));
    for text in ["0", "1/3", "-1e-45", "16777217", "1e39", "0x1.000001p0", "7e-46"] {
        let value = tl_kernel::number::Exact::parse(text).unwrap();
        assert!(same(hardware.constant(&value).unwrap(), model.constant(&value).unwrap()), "{text}");
    }
}

#[test]
fn sums_and_dots_agree_under_every_schedule() {
    let mut random = Random(2);
    for n in [0usize, 1, 2, 7, 15, 16, 17, 31, 48, 50] {
        for schedule in schedules(n, &mut random).into_iter().chain([default_schedule()]) {
            let (hardware, model) = readings(&schedule);
            for wild in [false, true] {
                let terms = random.words(n, wild);
                let (found, right) = (hardware.sum(&floats(&terms)).unwrap(), model.sum(&terms).unwrap());
                assert!(
                    same(found, right),
                    "sum {schedule:?} of {terms:08x?}: {:08x}, not {right:08x}",
                    found.to_bits()
                );

                let (pool, weights, bias) = (random.words(40, wild), random.words(3 * n, wild), random.words(3, wild));
                let mut cell = |_| if random.below(5) == 0 { PADDING } else { random.below(40) as u32 };
                let index: Vec<u32> = (0..2 * n).map(&mut cell).collect();
                let (float_pool, float_weights, float_bias) = (floats(&pool), floats(&weights), floats(&bias));
                let rows = |n: usize| {
                    if n == 0 {
                        (Rows::empty(2), Rows::empty(3))
                    } else {
                        (Rows::gathered(&pool, 2, n, index.clone()).unwrap(), Rows::contiguous(&weights, n))
                    }
                };
                let float_rows = |n: usize| {
                    if n == 0 {
                        (Rows::empty(2), Rows::empty(3))
                    } else {
                        (Rows::gathered(&float_pool, 2, n, index.clone()).unwrap(), Rows::contiguous(&float_weights, n))
                    }
                };
                for with_bias in [false, true] {
                    let ((x, w), (fx, fw)) = (rows(n), float_rows(n));
                    let right = model.dots(&x, &w, with_bias.then_some(&bias[..])).unwrap();
                    let found = hardware.dots(&fx, &fw, with_bias.then_some(&float_bias[..])).unwrap();
                    let agree = found.len() == right.len()
                        && found.iter().zip(&right).all(|(&found, &right)| same(found, right));
                    assert!(
                        agree,
                        "dots {schedule:?}, pool {pool:08x?}, index {index:?}, weights {weights:08x?}: {found:?}, not {right:08x?}"
                    );
                }
            }
        }
    }
}

#[test]
fn products_large_enough_for_threads_agree() {
    let mut random = Random(3);
    for (rows, terms, columns) in [(1, 700, 200), (37, 70, 60), (2, 4000, 17)] {
        let (x, w, b) =
            (random.words(rows * terms, false), random.words(columns * terms, false), random.words(columns, false));
        let (hardware, model) = readings(&default_schedule());
        let found = hardware
            .dots(&Rows::contiguous(&floats(&x), terms), &Rows::contiguous(&floats(&w), terms), Some(&floats(&b)))
            .unwrap();
        let right = model.dots(&Rows::contiguous(&x, terms), &Rows::contiguous(&w, terms), Some(&b)).unwrap();
        assert!(found.iter().zip(&right).all(|(&found, &right)| same(found, right)), "{rows} {terms} {columns}");
    }
}

/// A graph as certificates write it, and its inputs and parameters with random words.
fn whole_graph(name: &str, seed: u64) -> (tl::Model, Named<u32>) {
    let mut reference = tl::generate::reference(name).unwrap();
    let mut random = Random(seed);
    let fill = |tensor: &Tensor<u32>, random: &mut Random| {
        let words = random.words(tensor.data().len(), false);
        let words = words.into_iter().map(|word| (f32::from_bits(word) * 0.03125).to_bits());
        Tensor::new(tensor.shape().clone(), words.collect()).unwrap()
    };
    for tensor in reference.model.parameters.values_mut().chain(reference.inputs.values_mut()) {
        *tensor = fill(tensor, &mut random);
    }
    (reference.model, reference.inputs)
}

fn evaluated<C: Context>(model: &tl::Model, context: &C, inputs: &Named<u32>) -> Named<C::Value> {
    let inputs: BTreeMap<String, Tensor<C::Value>> = inputs
        .iter()
        .map(|(name, tensor)| (name.clone(), tensor.try_map(|&word| context.datum(word)).unwrap()))
        .collect();
    evaluate(&model.graph, |_| context, &model.parameters, &inputs).unwrap()
}

#[test]
fn whole_graphs_agree() {
    for (name, seed) in [("attention", 4), ("attention", 5), ("conv_groups", 6), ("conv_groups", 7)] {
        let (model, inputs) = whole_graph(name, seed);
        let other = Schedule::new(Order::Pairwise { leaf: 3 }, true, BiasPosition::First);
        for schedule in [default_schedule(), other] {
            let (hardware, reference) = readings(&schedule);
            let (found, right) = (evaluated(&model, &hardware, &inputs), evaluated(&model, &reference, &inputs));
            for (output, right) in &right {
                let found = found[output].data();
                assert!(
                    found.iter().zip(right.data()).all(|(&found, &right)| same(found, right)),
                    "{name} {seed} {output}"
                );
            }
        }
    }
}

/// A graph of random operations over vectors of random words.
#[test]
fn random_graphs_agree() {
    const UNARY: [&str; 14] = [
        "relu",
        "exp",
        "log",
        "sqrt",
        "rsqrt",
        "reciprocal",
        "tanh",
        "sigmoid",
        "neg",
        "silu",
        "mish",
        "erf",
        "sin",
        "cos",
    ];
    let mut random = Random(8);
    for seed in 0..60u64 {
        let length = 1 + random.below(40);
        let shape = format!("[2,{length}]");
        let mut nodes = vec![
            format!(r#"{{"op":"input","attributes":{{"name":"x"}},"parents":[],"shape":{shape}}}"#),
            format!(r#"{{"op":"input","attributes":{{"name":"y"}},"parents":[],"shape":{shape}}}"#),
        ];
        let mut last = 1;
        for id in 2..10 {
            let other = random.below(id);
            let node = match random.below(4) {
                0 => format!(r#"{{"op":"{}","parents":[{last}],"shape":{shape}}}"#, UNARY[random.below(14)]),
                1 => format!(
                    r#"{{"op":"{}","parents":[{last},{other}],"shape":{shape}}}"#,
                    ["add", "sub", "mul", "div", "max", "min", "pow"][random.below(7)]
                ),
                2 => format!(
                    r#"{{"op":"{}","attributes":{{"axis":1}},"parents":[{last}],"shape":{shape}}}"#,
                    ["softmax", "log_softmax"][random.below(2)]
                ),
                _ => format!(
                    r#"{{"op":"layer_norm","attributes":{{"axis":1,"epsilon":"1e-5"}},"parents":[{last}],"shape":{shape}}}"#
                ),
            };
            nodes.push(node);
            last = id;
        }
        let outputs: Vec<String> = (0..nodes.len()).map(|id| format!(r#""{id}":{id}"#)).collect();
        let text = format!(r#"{{"nodes":[{}],"outputs":{{{}}}}}"#, nodes.join(","), outputs.join(","));
        let cursor = tl_kernel::cert::json::Cursor::root(tl_kernel::cert::json::parse(text.as_bytes()).unwrap());
        let graph = tl_kernel::ir::Graph::decode(cursor, &Limits::default()).unwrap();
        let model = tl::Model::new(std::path::Path::new("random"), graph, Named::new()).unwrap();
        let tensor = |random: &mut Random| {
            Tensor::new(Shape::new(vec![2, length]).unwrap(), random.words(2 * length, seed % 2 == 0)).unwrap()
        };
        let inputs = Named::from([("x".into(), tensor(&mut random)), ("y".into(), tensor(&mut random))]);
        let schedules = schedules(length, &mut random);
        let schedule = match seed % 3 {
            0 => default_schedule(),
            _ => schedules[random.below(schedules.len())].clone(),
        };
        let (hardware, reference) = readings(&schedule);
        let (found, right) = (evaluated(&model, &hardware, &inputs), evaluated(&model, &reference, &inputs));
        for (output, right) in &right {
            for (position, (&found, &right)) in found[output].data().iter().zip(right.data()).enumerate() {
                assert!(
                    same(found, right),
                    "graph {seed} node {output} position {position}: {:08x}, not {right:08x}\n{text}",
                    found.to_bits()
                );
            }
        }
    }
}
