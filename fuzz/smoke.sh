#!/usr/bin/env bash
# Runs every fuzz target for SECONDS (60 unless given), one after the other; fails at the first finding.
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
./seed.sh
cargo +nightly fuzz build --fuzz-dir .
for target in $(cargo +nightly fuzz list --fuzz-dir .); do
    echo "== $target for $seconds s"
    cargo +nightly fuzz run --fuzz-dir . "$target" -- \
        -max_total_time="$seconds" -timeout=10 -rss_limit_mb=4096 -max_len=4096 -len_control=0 -dict=tl.dict -print_final_stats=1 -verbosity=0
done
