#!/usr/bin/env bash
# Fills fuzz/corpus/ with the seeds in fuzz/seeds/ every certificate in certs/, and the networks in zoo/.
set -euo pipefail
cd "$(dirname "$0")"
mkdir -p corpus/{decode,check,onnx_import,npy,netspec}
cp seeds/check/* corpus/check/
cp seeds/check/*.json corpus/decode/
cp seeds/onnx_import/*.onnx corpus/onnx_import/
cp seeds/npy/*.bin corpus/npy/
cp ../zoo/*.json corpus/netspec/
# A certificate may stand in any folder of certs/; equal names in two folders are two seeds.
find ../certs -name '*.json' -size -64k ! -name '*.schema.json' | while read -r path; do
    name=$(printf %s "${path#../certs/}" | tr / -)
    cp "$path" "corpus/decode/$name"
    cp "$path" "corpus/check/$name"
done
for target in corpus/*; do
    echo "$target: $(find "$target" -type f | wc -l) files"
done
