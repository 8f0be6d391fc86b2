//! The command `tl-check`.

use std::process::ExitCode;

fn main() -> ExitCode {
    let (mut out, mut err) = (std::io::stdout().lock(), std::io::stderr().lock());
    ExitCode::from(tl_check::run(std::env::args_os(), &mut out, &mut err))
}
