//! Dot products against the same ones formed on words, by `arithmetic` in the order of the schedule.

#![allow(clippy::expect_used, reason = "a test stops at the first surprise")]

use tl_kernel::context::binary32::schedule::{Accumulate, BiasPosition, Combine, Order, Start};
use tl_kernel::context::binary32::{Binary32, Environment, RoundingMode, Schedule, arithmetic};
use tl_kernel::context::{Context, Rows};

const ONE: u32 = 0x3f80_0000;
const MINUS: u32 = 0x8000_0000;
/// Meets a zero in the tables below.
const INFINITY: u32 = 0x7f80_0000;
/// 1 + 2^-12: its square 1 + 2^-11 + 2^-24 is a tie.
const TIE: u32 = 0x3f80_0800;
/// Two factors: their product is 2^-24 and a little more than 2^-60.
const FACTOR: u32 = 0x3f80_2b1c;
const COFACTOR: u32 = 0x337f_a9e5;

/// SplitMix64 (Steele, Lea, Flood 2014).
fn random(state: &mut u64) -> u64 {
    *state = state.wrapping_add(0x9e37_79b9_7f4a_7c15);
    let z = (*state ^ *state >> 30).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    let z = (z ^ z >> 27).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ z >> 31
}

/// A word with one of `fields` exponents from `least` on; one in `zeros` is a zero, and one in eight has a fraction of few ones.
fn word(state: &mut u64, least: u32, fields: u32, zeros: u64) -> u32 {
    let bits = random(state);
    if bits.is_multiple_of(zeros) {
        return bits as u32 & MINUS;
    }
    let fraction = if bits >> 56 & 7 == 0 { bits as u32 & 0x0060_0003 } else { bits as u32 & 0x007f_ffff };
    bits as u32 & MINUS | (least + (bits >> 32) as u32 % fields) << 23 | fraction
}

fn orders() -> Vec<Order> {
    vec![
        Order::Sequential,
        Order::Pairwise { leaf: 3 },
        Order::Lanes { width: 4, combine: Combine::Halving },
        Order::Blocks { size: 5, inner: Box::new(Order::Lanes { width: 2, combine: Combine::Adjacent }) },
    ]
}

/// The products of two rows, each operation on words.
struct OnWords<'a>(&'a [u32], &'a [u32], Environment);

impl Accumulate for OnWords<'_> {
    type Value = u32;

    fn zero(&self) -> u32 {
        0
    }

    fn add(&self, a: u32, b: u32) -> u32 {
        arithmetic::add(a, b, self.2).0
    }

    fn product(&self, i: usize) -> u32 {
        arithmetic::mul(self.0[i], self.1[i], self.2).0
    }

    fn fma(&self, i: usize, a: u32) -> u32 {
        arithmetic::fma(self.0[i], self.1[i], a, self.2).0
    }
}

/// The words of left rows of `n` terms against right ones, each compared with the one formed on words.
fn compared(
    (environment, schedule): &(Environment, Schedule),
    n: usize,
    left: &[u32],
    right: &[u32],
    bias: Option<&[u32]>,
) -> Vec<u32> {
    let reading = Binary32::new(*environment, schedule.clone());
    let all =
        reading.dots(&Rows::contiguous(left, n), &Rows::contiguous(right, n), bias).expect("a schedule that fits");
    let mut pairs = left.chunks(n).flat_map(|x| right.chunks(n).enumerate().map(move |(j, y)| (x, j, y)));
    for (&word, (x, j, y)) in all.iter().zip(&mut pairs) {
        let expected = schedule.reduce(n, bias.map(|bias| bias[j]), &OnWords(x, y, *environment)).expect("it fits");
        assert_eq!(word, expected, "{schedule:?} {environment:?}: {word:08x}, on words {expected:08x}; {x:x?} {y:x?}");
    }
    assert!(pairs.next().is_none());
    all
}

#[test]
fn every_word_is_the_one_formed_on_words() {
    let mut state = 0x5eed_0000_0000_0d07;
    // (least exponent field and number of fields) of both sides: around 1; wide; products at the subnormal threshold; below it; at the
    // overflow threshold; anything, with subnormal words; many infinities and NaN
    let classes = [
        (124, 4, 124, 4),
        (87, 80, 87, 80),
        (55, 20, 50, 20),
        (20, 60, 20, 60),
        (188, 4, 188, 4),
        (0, 256, 0, 256),
        (249, 7, 0, 4),
    ];
    for (a, b, c, d) in classes {
        for zeros in [3, 1000] {
            for order in orders() {
                for (fma, start, position, rounding) in [
                    (false, Start::FirstTerm, BiasPosition::Last, RoundingMode::NearestEven),
                    (true, Start::Zero, BiasPosition::First, RoundingMode::NearestEven),
                    (true, Start::FirstTerm, BiasPosition::Last, RoundingMode::Up),
                ] {
                    let environment = Environment { rounding, ..Environment::default() };
                    let schedule = Schedule { order: order.clone(), fma, start, bias: position };
                    let reading = (environment, schedule);
                    for n in [1, 2, 7, 40] {
                        let left: Vec<u32> = (0..n).map(|_| word(&mut state, a, b, zeros)).collect();
                        let right: Vec<u32> = (0..n * 37).map(|_| word(&mut state, c, d, zeros)).collect();
                        let bias: Vec<u32> = (0..37).map(|_| word(&mut state, a, b, 3)).collect();
                        compared(&reading, n, &left, &right, (n % 2 == 0).then_some(&bias));
                    }
                }
            }
        }
    }
}

#[test]
fn carries_cancellation_and_thresholds_are_those_of_words() {
    let fused = |order| (Environment::default(), Schedule::new(order, true, BiasPosition::Last));
    let two = Order::Lanes { width: 2, combine: Combine::Halving };
    let below_one = 0x3f7f_ffff;
    for (order, row, expected) in [
        // both lanes carry into the next binade, 1 − 2^-24 + 0.75 · 2^-24, and are added
        (two.clone(), vec![below_one, below_one, 0x3340_0000, 0x3340_0000], 0x4000_0000),
        (two, vec![MINUS | below_one, MINUS | below_one, 0xb340_0000, 0xb340_0000], 0xc000_0000),
        // what cancels leaves room for small terms
        (Order::Sequential, vec![ONE, MINUS | ONE, 0x0080_0001], 0x0080_0001),
        (Order::Sequential, vec![ONE, MINUS | ONE, 0x0080_0001, 0x8080_0000], 1),
        (Order::Sequential, vec![ONE, MINUS | ONE], 0),
        (Order::Sequential, vec![MINUS, MINUS], MINUS),
        // a tie to even, and beside it, the product above and below the sum
        (Order::Sequential, vec![ONE, 0x3380_0000, 0], ONE),
        (Order::Sequential, vec![ONE, 0x3380_0001, 0], 0x3f80_0001),
        (Order::Sequential, vec![0x3380_0001, ONE], 0x3f80_0001),
        (Order::Sequential, vec![0x337f_ffff, ONE], ONE),
        (Order::Sequential, vec![0x0d80_0000, TIE], 0x3f80_1001),
        (Order::Sequential, vec![0x8d80_0000, TIE], 0x3f80_1000),
        (Order::Sequential, vec![0, TIE], 0x3f80_1000),
        // above a tie by the last place of a sum, and by what is cut off below it
        (Order::Sequential, vec![ONE, FACTOR], 0x3f80_0001),
        // 0 · ∞ is not forgotten
        (Order::Sequential, vec![INFINITY, ONE], 0x7fc0_0000),
        (Order::Sequential, vec![ONE, MINUS | ONE, INFINITY, ONE], 0x7fc0_0000),
        // a sum that leaves the 35 binades of its accumulator, upwards and by cancellation, and beyond what it keeps
        (Order::Sequential, vec![ONE, 0x4c80_0000, 0x4c80_0001], 0x4d00_0000),
        (Order::Sequential, vec![ONE, 0x4880_0000, 0x4880_0001], 0x4900_0010),
        (Order::Sequential, vec![0x4900_0001, 0xc900_0000, 0x3000_0000], 0x3d80_0000),
        (Order::Sequential, vec![0x3780_0000, 0x3fff_ffff, 0x2000_0001], 0x4000_0040),
        // beyond 2^127 on the way, beyond the greatest word, and back
        (Order::Sequential, vec![0x7f00_0000, 0x7e80_0000, 0xff00_0000], 0x7e80_0000),
        (Order::Sequential, vec![0x7f7f_ffff, 0x7380_0000, 0xff7f_ffff], 0x7f80_0000),
    ] {
        let left = |&x: &u32| match x {
            TIE => TIE,
            FACTOR => COFACTOR,
            INFINITY => 0,
            _ => ONE,
        };
        let left: Vec<u32> = row.iter().map(left).collect();
        assert_eq!(compared(&fused(order), row.len(), &left, &row, None), [expected], "{row:x?}");
    }
}

#[test]
fn every_left_row_meets_every_right_row() {
    let (mut state, n) = (0x5eed_0000_0000_0d08, 5);
    let mut words = |rows: usize| -> Vec<u32> { (0..rows * n).map(|_| word(&mut state, 124, 4, 1000)).collect() };
    let (left, right) = (words(3), words(18));
    compared(&(Environment::default(), Schedule::default()), n, &left, &right, None);
}
