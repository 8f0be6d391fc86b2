#!/usr/bin/env bash
# Runs every fuzz target for SECONDS (60 unless given), as many at one time as there are processors; fails at a finding. One line a target: executions, and
# the most memory. Logs stay in fuzz/logs/. The seed is fixed, so that a run repeats the last one as
# far as it gets.
set -euo pipefail
cd "$(dirname "$0")"
seconds=${1:-60}
if ! cargo fuzz --version >/dev/null 2>&1; then
    echo "SKIPPED fuzz: cargo-fuzz is not installed"
    exit 0
fi
if ! cargo +nightly --version >/dev/null 2>&1; then
    echo "SKIPPED fuzz: no nightly toolchain is installed"
    exit 0
fi
./seed.sh >/dev/null
cargo +nightly fuzz build --fuzz-dir .
mkdir -p logs
run() {
    local target=$1 log=logs/$1.log
    if cargo +nightly fuzz run --fuzz-dir . "$target" -- -seed=1 -max_total_time="$2" -timeout=10 -rss_limit_mb=4096 -max_len=4096 \
        -len_control=0 -dict=tl.dict -print_final_stats=1 -verbosity=0 >"$log" 2>&1; then
        echo "$target: $(awk '/number_of_executed_units/ {n = $2} /peak_rss_mb/ {m = $2} END {print n " executions, " m " MiB"}' "$log")"
    else
        echo "$target: a finding, see fuzz/$log"
        tail -n 30 "$log"
        return 1
    fi
}
export -f run
cargo +nightly fuzz list --fuzz-dir . | xargs -P "$(nproc)" -I TARGET bash -c "run TARGET $seconds"
