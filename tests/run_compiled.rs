//! `tl run --compiled` from outside: outputs by a plan, and the schedule of a deterministic one, which `tl certify` takes as it is printed.

mod folder;

use folder::Folder;

/// A reference model with its input.
fn generated(name: &str) -> Folder {
    let folder = Folder::new();
    let ran = folder.tl(&format!("generate {name} -o @"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    folder
}

/// The numbers that a run prints.
fn numbers(text: &str) -> Vec<f32> {
    let values = text.lines().filter(|line| line.starts_with("  ["));
    values.map(|line| line.rsplit(' ').next().and_then(|word| word.parse().ok()).expect("a number")).collect()
}

#[test]
fn a_plan_has_the_outputs_of_the_eager_run_within_rounding_whatever_its_threads() {
    for name in ["mlp", "attention", "conv_groups"] {
        let folder = generated(name);
        let run = |options: &str| {
            let ran = folder.tl(&format!("run @{name}.json --input @{name}.input.npz --all{options}"));
            assert_eq!(ran.exit, 0, "{ran:?}");
            ran.out
        };
        let (eager, one) = (run(""), run(" --compiled"));
        assert_eq!(one, run(" --compiled --threads 2"), "{name}");
        let (eager, one) = (numbers(&eager), numbers(&one));
        assert!(!eager.is_empty() && eager.len() == one.len(), "{name}");
        let most = eager.iter().fold(0.0f32, |most, x| most.max(x.abs()));
        assert!(eager.iter().zip(&one).all(|(x, y)| (x - y).abs() <= 1e-5 * most), "{name}: {eager:?}, {one:?}");
    }
}

#[test]
fn a_deterministic_plan_prints_the_schedule_that_an_exec_certificate_states() {
    let folder = generated("mlp");
    let line = "@mlp.json --input @mlp.input.npz";
    let eager = folder.tl(&format!("run {line}"));
    let ran = folder.tl(&format!("run {line} --compiled --deterministic --threads 2 -o @y.npz"));
    assert_eq!(ran.exit, 0, "{ran:?}");
    let schedule = ran.out.lines().find_map(|line| line.strip_prefix("schedule    ")).expect("it is printed");
    let expected = format!("{}schedule    {schedule}\nwritten     @y.npz\n", eager.out);
    assert_eq!(ran.out, expected, "the bits are those of the eager run");
    let certify = format!("certify {line} --output @y.npz --claim exec --schedule {schedule} -o @exec.json");
    let ran = folder.tl(&certify);
    assert_eq!(ran.exit, 0, "{ran:?}");
    assert!(ran.out.contains("ACCEPTED"), "{}", ran.out);
}

#[test]
fn what_a_plan_cannot_do_is_refused() {
    let folder = generated("mlp");
    for (options, said) in [
        ("--deterministic", "--compiled"),
        ("--threads 2", "--compiled"),
        ("--compiled --semantics real", "TL0501"),
        (
            r#"--compiled --schedule {"order":{"kind":"pairwise","leaf":1},"fma":true,"start":"zero","bias":"first"}"#,
            "TL0501",
        ),
    ] {
        let ran = folder.tl(&format!("run @mlp.json --input @mlp.input.npz {options}"));
        assert_eq!(ran.exit, 3, "{ran:?}");
        assert!(ran.err.contains(said), "{options}: {}", ran.err);
    }
}

#[test]
fn gradients_of_a_plan_are_those_of_the_tape_within_rounding_and_in_every_bit_where_it_is_deterministic() {
    let folder = generated("mlp");
    let import = folder.tl("run @mlp.json --input @mlp.input.npz --semantics binary32 -o @u.npy");
    assert_eq!(import.exit, 0, "{import:?}");
    let grad = |options: &str| {
        let ran = folder.tl(&format!("grad @mlp.json --input @mlp.input.npz --cotangent @u.npy --all{options}"));
        assert_eq!(ran.exit, 0, "{ran:?}");
        ran.out
    };
    let (eager, exact, fast) = (grad(""), grad(" --compiled --deterministic"), grad(" --compiled --threads 2"));
    let (gradients, schedule) = exact.split_at(eager.len());
    assert_eq!(gradients, eager);
    assert!(schedule.starts_with("schedule    {"), "{schedule}");
    let (eager, fast) = (numbers(&eager), numbers(&fast));
    let most = eager.iter().fold(0.0f32, |most, x| most.max(x.abs()));
    assert!(most > 0.0 && eager.len() == fast.len());
    assert!(eager.iter().zip(&fast).all(|(x, y)| (x - y).abs() <= 1e-5 * most));
    for option in ["--schedule {}", "--detect-anomaly"] {
        let ran = folder.tl(&format!("grad @mlp.json --input @mlp.input.npz --cotangent @u.npy --compiled {option}"));
        assert_eq!(ran.exit, 3, "{ran:?}");
    }
}
