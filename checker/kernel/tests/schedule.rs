//! What a schedule does, spelled out: each reduction is run on expressions and compared with the text that the definition of its order gives.

use std::cell::RefCell;
use tl_kernel::context::binary32::schedule::{Accumulate, BiasPosition, Combine, MAX_DEPTH, Order, Schedule, Start};

/// Expressions: `3` is term 3, `(a+b)` a sum, `[3 a]` term 3 accumulated onto `a` by fma.
#[derive(Default)]
struct Expressions(RefCell<Vec<String>>);

impl Expressions {
    fn push(&self, text: String) -> usize {
        self.0.borrow_mut().push(text);
        self.0.borrow().len() - 1
    }

    fn text(&self, value: usize) -> String {
        self.0.borrow()[value].clone()
    }
}

impl Accumulate for Expressions {
    type Value = usize;

    fn zero(&self) -> usize {
        self.push("Z".into())
    }

    fn add(&self, a: usize, b: usize) -> usize {
        self.push(format!("({}+{})", self.text(a), self.text(b)))
    }

    fn product(&self, i: usize) -> usize {
        self.push(i.to_string())
    }

    fn fma(&self, i: usize, a: usize) -> usize {
        self.push(format!("[{i} {}]", self.text(a)))
    }
}

fn written(schedule: &Schedule, n: usize, bias: bool) -> Result<String, String> {
    let terms = Expressions::default();
    let bias = bias.then(|| terms.push("B".into()));
    match schedule.reduce(n, bias, &terms) {
        Ok(value) => Ok(terms.text(value)),
        Err(error) => Err(error.to_string()),
    }
}

fn lanes(width: usize, combine: Combine) -> Order {
    Order::Lanes { width, combine }
}

fn blocks(size: usize, inner: Order) -> Order {
    Order::Blocks { size, inner: Box::new(inner) }
}

fn pairwise(leaf: usize) -> Order {
    Order::Pairwise { leaf }
}

fn tree(pairs: &[(usize, usize)]) -> Order {
    Order::Tree { pairs: pairs.to_vec() }
}

#[test]
fn every_order_adds_as_its_definition_says() {
    use Combine::{Adjacent, Halving, Sequential};
    for (order, n, expected) in [
        (Order::Sequential, 1, "0"),
        (Order::Sequential, 4, "(((0+1)+2)+3)"),
        (pairwise(1), 5, "(((0+1)+2)+(3+4))"),
        (pairwise(2), 7, "(((0+1)+(2+3))+((4+5)+6))"),
        (pairwise(3), 7, "(((0+1)+(2+3))+((4+5)+6))"),
        (pairwise(4), 7, "((((0+1)+2)+3)+((4+5)+6))"),
        (pairwise(9), 4, "(((0+1)+2)+3)"),
        (lanes(1, Halving), 3, "((0+1)+2)"),
        (lanes(2, Sequential), 5, "(((0+2)+4)+(1+3))"),
        (lanes(4, Sequential), 4, "(((0+1)+2)+3)"),
        (lanes(4, Halving), 4, "((0+2)+(1+3))"),
        (lanes(4, Adjacent), 4, "((0+1)+(2+3))"),
        (lanes(4, Halving), 9, "((((0+4)+8)+(2+6))+((1+5)+(3+7)))"),
        (lanes(5, Halving), 5, "(((0+3)+2)+(1+4))"),
        (lanes(5, Adjacent), 5, "(((0+1)+(2+3))+4)"),
        // five terms in eight lanes: the three empty lanes leave their partners alone
        (lanes(8, Halving), 5, "(((0+4)+2)+(1+3))"),
        (lanes(8, Halving), 3, "((0+2)+1)"),
        (lanes(8, Adjacent), 5, "(((0+1)+(2+3))+4)"),
        (lanes(usize::MAX, Halving), 2, "(0+1)"),
        (blocks(2, Order::Sequential), 5, "(((0+1)+(2+3))+4)"),
        (blocks(3, lanes(2, Halving)), 6, "(((0+2)+1)+((3+5)+4))"),
        (blocks(usize::MAX, pairwise(1)), 4, "((0+1)+(2+3))"),
        (blocks(4, blocks(2, Order::Sequential)), 8, "(((0+1)+(2+3))+((4+5)+(6+7)))"),
        (tree(&[]), 1, "0"),
        (tree(&[(2, 0), (1, 3)]), 3, "(1+(2+0))"),
        (tree(&[(0, 1), (2, 3), (4, 5)]), 4, "((0+1)+(2+3))"),
    ] {
        let schedule = Schedule::new(order, false, BiasPosition::Last);
        assert_eq!(written(&schedule, n, false).as_deref(), Ok(expected), "{schedule:?} {n}");
    }
}

#[test]
fn a_fused_schedule_multiplies_only_the_first_term_of_a_chain_apart() {
    for (order, n, expected) in [
        (Order::Sequential, 3, "[2 [1 0]]"),
        (pairwise(2), 4, "([1 0]+[3 2])"),
        (lanes(2, Combine::Halving), 5, "([4 [2 0]]+[3 1])"),
        (blocks(2, Order::Sequential), 3, "([1 0]+2)"),
        (tree(&[(0, 1), (3, 2)]), 3, "[2 [1 0]]"),
        (tree(&[(0, 1), (2, 3)]), 3, "(2+[1 0])"),
    ] {
        let schedule = Schedule::new(order, true, BiasPosition::Last);
        assert_eq!(written(&schedule, n, false).as_deref(), Ok(expected), "{schedule:?} {n}");
    }
}

#[test]
fn a_bias_enters_first_or_last_and_a_cleared_accumulator_counts() {
    use BiasPosition::{First, Last};
    use Start::{FirstTerm, Zero};
    for (order, fma, bias, start, expected) in [
        (Order::Sequential, false, Last, FirstTerm, "(((0+1)+2)+B)"),
        (Order::Sequential, false, First, FirstTerm, "(((B+0)+1)+2)"),
        (Order::Sequential, true, First, Zero, "[2 [1 [0 B]]]"),
        (Order::Sequential, true, Last, Zero, "([2 [1 [0 Z]]]+B)"),
        (Order::Sequential, false, Last, Zero, "((((Z+0)+1)+2)+B)"),
        (pairwise(1), false, First, FirstTerm, "(((B+0)+1)+2)"),
        (lanes(2, Combine::Halving), true, First, FirstTerm, "([2 [0 B]]+1)"),
        (lanes(2, Combine::Halving), true, First, Zero, "([2 [0 B]]+[1 Z])"),
        (blocks(2, Order::Sequential), false, First, FirstTerm, "((B+(0+1))+2)"),
        (blocks(2, Order::Sequential), true, First, Zero, "((B+[1 [0 Z]])+[2 Z])"),
        (blocks(2, Order::Sequential), false, Last, FirstTerm, "(((0+1)+2)+B)"),
        (tree(&[(2, 0), (1, 3)]), true, First, FirstTerm, "([1 B]+[0 2])"),
        (tree(&[(2, 1), (3, 0)]), true, First, FirstTerm, "[0 [1 [2 B]]]"),
    ] {
        let schedule = Schedule { order, fma, start, bias };
        assert_eq!(written(&schedule, 3, true).as_deref(), Ok(expected), "{schedule:?}");
    }
    for bias in [First, Last] {
        let schedule = Schedule::new(Order::Sequential, true, bias);
        assert_eq!(written(&schedule, 0, true).as_deref(), Ok("B"));
        assert_eq!(written(&schedule, 0, false).as_deref(), Ok("Z"));
    }
}

#[test]
fn malformed_schedules_are_refused() {
    let nested = |depth| (0..depth).fold(Order::Sequential, |inner, _| blocks(2, inner));
    for (order, n) in [
        (pairwise(0), 3),
        (lanes(0, Combine::Halving), 3),
        (blocks(0, Order::Sequential), 3),
        (blocks(2, blocks(2, pairwise(0))), 3),
        (nested(MAX_DEPTH + 1), 3),
        (blocks(3, tree(&[(0, 1), (3, 2)])), 3),
        (tree(&[(0, 1)]), 3),
        (tree(&[(0, 1), (3, 2)]), 2),
        (tree(&[(0, 1)]), 0),
        (tree(&[(0, 1), (0, 2)]), 3),
        (tree(&[(0, 3), (1, 2)]), 3),
        (tree(&[(0, 0), (3, 1)]), 3),
        (tree(&[(0, 1), (2, 4)]), 3),
        (tree(&[(0, usize::MAX), (2, 3)]), 3),
    ] {
        let schedule = Schedule::new(order, false, BiasPosition::Last);
        assert!(schedule.validate(n).is_err(), "{schedule:?}");
        assert!(written(&schedule, n, false).is_err(), "{schedule:?}");
    }
    let deepest = Schedule::new(nested(MAX_DEPTH), false, BiasPosition::Last);
    assert_eq!(deepest.validate(3), Ok(()));
}
