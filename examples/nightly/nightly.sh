#!/bin/sh
# One night: run a suite, compare it with the baseline, write every artifact, and exit with
# the verdict (0 pass, 1 regression, 5 inconclusive, others: see stressbench --help).
#
#   nightly.sh [SUITE [BASELINE [ARTIFACTS]]]
#
# The first night has no baseline: its run becomes one, and the night passes.
set -eu

suite=${1:-nightly}
baseline=${2:-results/nightly-baseline}
artifacts=${3:-artifacts}
stressbench=${STRESSBENCH:-stressbench}
command -v "$stressbench" >/dev/null 2>&1 || {
    echo "nightly.sh: there is no '$stressbench' here: type make setup, then make nightly" >&2
    exit 3
}

mkdir -p "$artifacts"
"$stressbench" run "$suite" --out "$artifacts/runs"
# Tonight's run is the newest one in the directory.
tonight=$(ls -td "$artifacts"/runs/*/ | head -n 1)

if [ ! -e "$baseline/records.jsonl" ]; then
    mkdir -p "$baseline"
    cp "$tonight/records.jsonl" "$baseline/"
    echo "no baseline yet: tonight's run is now $baseline" >&2
    exit 0
fi

# Keep the verdict until every format is written: a red night needs its report most.
verdict=0
"$stressbench" compare "$baseline" "$tonight" --format json --output "$artifacts/compare.json" ||
    verdict=$?
case $verdict in 0 | 1 | 5) ;; *) exit "$verdict" ;; esac
for format in markdown junit; do
    "$stressbench" compare "$baseline" "$tonight" --degradation --format "$format" \
        --output "$artifacts/compare.$format" || [ $? -eq "$verdict" ]
done
"$stressbench" compare "$baseline" "$tonight" --explain || [ $? -eq "$verdict" ]
exit "$verdict"
