//! The command `tl-check`.

use std::process::ExitCode;

fn main() -> ExitCode {
    ExitCode::from(tl_check::run_in_terminal(std::env::args_os()))
}
