//! A rotary position counted from the wrong end of the cache.

use super::{Bug, Build, Entry, Program, within};
use crate::generate::draft::{Draft, values};

pub(super) const ENTRY: Entry = Entry {
    name: "rope_off_by_one",
    wrong: "a RoPE position off by one beside a cache",
    story: "Three keys lie in the cache, at positions 0, 1, 2; the new token is at 3. Code that takes the length after appending rotates its query and key by 4. The score of the \
            token with itself is unchanged, for only the distance counts, so the mistake does not show in the first step without a cache; every score with a cached \
            key is one step too far. (RoPE is composed of sin, cos and products here.)",
    repair: "the position of the new token is the number of keys that were in the cache before it.",
    build: Build::Written(build),
};

/// Rows of x rotated by their positions, the halves of a row being the two coordinates; frequencies 1 and 1/100.
fn rotated(d: &mut Draft, x: usize, positions: usize, frequencies: usize, rows: usize) -> usize {
    let half = |d: &mut Draft, from: usize| {
        let to = from + 2;
        d.node(&format!(r#"slice {{"start":[0,{from}],"end":[{rows},{to}],"step":[1,1]}}"#), &[x])
    };
    let (a, b) = (half(d, 0), half(d, 2));
    let angle = d.node("matmul", &[positions, frequencies]);
    let (cos, sin) = (d.node("cos", &[angle]), d.node("sin", &[angle]));
    let [a_cos, b_sin] = [[a, cos], [b, sin]].map(|parents| d.node("mul", &parents));
    let [b_cos, a_sin] = [[b, cos], [a, sin]].map(|parents| d.node("mul", &parents));
    let halves = [d.node("sub", &[a_cos, b_sin]), d.node("add", &[b_cos, a_sin])];
    d.node(r#"concat {"axis":1}"#, &halves)
}

fn scores(position: f32) -> Program {
    let mut d = Draft::default();
    let query = d.input("query", values(&[1, 4], &[1.0, 0.5, -0.5, 0.25]));
    let keys = [0.5, 1.0, 1.0, -1.0, 1.5, 0.5, 0.0, 1.0, 1.0, -0.5, 0.5, 0.5, 1.0, 0.5, -0.5, 0.25];
    let keys = d.input("keys", values(&[4, 4], &keys));
    let frequencies = d.parameter("frequencies", values(&[1, 2], &[1.0, 0.01]));
    let of_query = d.parameter("query_position", values(&[1, 1], &[position]));
    let of_keys = d.parameter("key_positions", values(&[4, 1], &[0.0, 1.0, 2.0, position]));
    let query = rotated(&mut d, query, of_query, frequencies, 1);
    let keys = rotated(&mut d, keys, of_keys, frequencies, 4);
    let keys = d.node(r#"permute {"order":[1,0]}"#, &[keys]);
    let scores = d.node("matmul", &[query, keys]);
    Program::new(d.output("scores", scores))
}

fn build() -> Bug {
    Bug::new(scores(4.0), scores(3.0), "scores", &[0, 2])
        .broken_is_refused(within("1/10"), "scores with the new token at position 4, against those at position 3")
        .fixed_is_near(within("1e-6"), "scores with the new token at position 3, where it is")
}
