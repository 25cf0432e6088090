#!/bin/sh
# One night: run a suite, compare it with the baseline and with the nights before, write every
# artifact, and exit with the worse of both verdicts (0 pass, 1 regression, 5 cannot tell, others:
# see stressbench --help).
#
#   nightly.sh [SUITE [BASELINE [ARTIFACTS]]]
#
# Keep ARTIFACTS/runs from night to night: `history` reads it. More options of the two commands
# come from the environment:
#
#   RUN_OPTIONS='--role dense'  COMPARE_OPTIONS='--treat engine.version'  nightly.sh my-suite.yaml
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
# shellcheck disable=SC2086  options are words of their own
"$stressbench" run "$suite" --out "$artifacts/runs" ${RUN_OPTIONS:-}
# Tonight's run is the newest one in the directory.
tonight=$(ls -td "$artifacts"/runs/*/ | head -n 1)

if [ ! -e "$baseline/records.jsonl" ]; then
    mkdir -p "$baseline"
    cp "$tonight/records.jsonl" "$baseline/"
    echo "no baseline yet: tonight's run is now $baseline" >&2
    exit 0
fi

compare() {
    # shellcheck disable=SC2086
    "$stressbench" compare "$baseline" "$tonight" --history "$artifacts/runs" \
        ${COMPARE_OPTIONS:-} "$@"
}

# Keep the verdicts until every format is written: a red night needs its report most.
verdict=0
compare --format json --output "$artifacts/compare.json" || verdict=$?
case $verdict in
0 | 1 | 5)
    for format in markdown junit; do
        compare --degradation --format "$format" --output "$artifacts/compare.$format" ||
            [ $? -eq "$verdict" ]
    done
    compare --explain || [ $? -eq "$verdict" ]
    ;;
esac

trend=0
"$stressbench" history "$artifacts/runs" --format json >"$artifacts/history.json" || trend=$?
"$stressbench" history "$artifacts/runs" --html "$artifacts/history.html" || [ $? -eq "$trend" ]

for code in 4 3 2 1 5; do
    if [ "$verdict" -eq "$code" ] || [ "$trend" -eq "$code" ]; then exit "$code"; fi
done
exit "$verdict"
