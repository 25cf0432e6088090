#!/usr/bin/env bash
# Plant two faults that a configuration change can cause, and let `compare` find them.
# Needs about eight minutes on two idle cores: four runs of eighty requests.
#
#   examples/planted-fault/run.sh [OUT]
set -euo pipefail
cd "$(dirname "$0")"
stressbench=${STRESSBENCH:-stressbench}
command -v "$stressbench" >/dev/null || {
  echo "run.sh: there is no '$stressbench' here: type make setup, then set" \
    "STRESSBENCH to the full path of .venv/bin/stressbench" >&2
  exit 3
}
out=${1:-planted-fault-runs}
layers=$(printf '"sliding_attention",%.0s' {1..30})
rope='{"dtype":"float32","hf_overrides":{"rope_parameters":{"rope_theta":10000.0,"rope_type":"default"}}}'
window='{"dtype":"float32","hf_overrides":{"sliding_window":64,"layer_types":['${layers%,}']}}'

"$stressbench" run window.yaml --out "$out/base"
"$stressbench" run window.yaml --out "$out/same"
"$stressbench" run window.yaml --out "$out/rope" --set "models.dense.args=$rope"
"$stressbench" run window.yaml --out "$out/window" --set "models.dense.args=$window"

for fault in same rope window; do
  echo "== $fault"
  "$stressbench" compare "$out"/base/* "$out/$fault"/* --treat engine.args --explain ||
    echo "exit code $?"
done
