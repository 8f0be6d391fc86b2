#!/usr/bin/env bash
# Makes the certificates of the reference models; README.md says how and why. Run anywhere; needs a release build of tl.
#   make.sh            from the recordings that are kept
#   make.sh --record   records anew first (python with requirements.txt in $PYTHON)
set -euo pipefail
cd "$(dirname "$0")/../.."
tl="${TL:-target/release/tl}"
models="$(mktemp -d)"
trap 'rm -r "$models"' EXIT

for model in mlp mnist_cnn attention conv_groups; do
  "$tl" generate "$model" -o "$models" >"$models/$model.txt"
done
if [ "${1:-}" = --record ]; then
  "${PYTHON:-python3}" certs/make/record.py "$models" certs/make/recorded
fi

certify() { # model, certificate, further options
  local shared=()
  case "$1" in mlp | mnist_cnn) shared=(--parameters "generated/$1.safetensors") ;; esac
  "$tl" certify "$models/$1.json" --input "$models/$1.input.npz" "${shared[@]}" -o "certs/accept/$2.json" "${@:3}"
}
for model in mlp mnist_cnn attention conv_groups; do
  certify "$model" "${model}_torch" --output "certs/make/recorded/$model.torch.npy" \
    --about "$model in PyTorch 2.15.0 (eager, float32, one thread); certs/make/README.md"
  certify "$model" "${model}_onnxruntime" --output "certs/make/recorded/$model.onnxruntime.npy" \
    --about "$model in ONNX Runtime 1.31.1 (CPU, one thread); certs/make/README.md"
  certify "$model" "${model}_exec" --claim exec --about "$model in tl's float32 engine, every bit; certs/make/README.md"
done
"$tl" bugs run -o certs >/dev/null # the bug zoo, and the small networks of src/generate/gaps.rs
