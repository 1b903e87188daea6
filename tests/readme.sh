#!/usr/bin/env bash
# The commands README shows, from end to end on data/samples, with their exit codes and the words they must say.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
trap 'rm -rf "$out"' EXIT
passed=0

# step WHAT EXIT-CODE WORDS COMMAND...
step() {
    local what=$1 code=$2 words=$3 got=0
    shift 3
    "$@" > "$out/said" 2> "$out/told" || got=$?
    if [ "$got" != "$code" ] || ! grep -qF -- "$words" "$out/said" "$out/told" || grep -q Traceback "$out/told"; then
        echo "FAILED: $what (exit $got, wanted $code and \"$words\")"
        cat "$out/said" "$out/told"
        echo "$passed passed, 1 failed"
        exit 1
    fi
    passed=$((passed + 1))
    echo "ok: $what"
}

step "help" 0 "curate" assay --help
step "curate" 0 "gate        PASSED" assay curate data/samples/train --out "$out/demo" --against data/samples/benchmarks/holdout.jsonl
step "gate" 0 "PASSED" assay gate "$out/demo"
step "explain by row" 0 "duplicate.near" assay explain "$out/demo" data/samples/train/support_alpaca.json:17
id=$(sed -n 's/^record *//p' "$out/said")
step "explain by id" 0 "its twin came from" assay explain "$out/demo" "${id:0:12}"
step "report" 0 "report.html" assay report "$out/demo"
step "export" 0 "openai: " assay export "$out/demo" --to openai --out "$out/openai"
step "cache" 0 "MB" assay cache

printf 'name: strict\ndemands:\n  - figure: rows.released\n    min: 100000\n' > "$out/strict.yaml"
step "a stricter policy fails" 1 "FAILED" assay gate "$out/demo" --policy "$out/strict.yaml"
echo >> "$out/demo/splits/train.jsonl"
step "an altered file cannot be judged" 2 "was altered after the release was made" assay gate "$out/demo"
echo '<!doctype html><p>Not found' > "$out/data.json"
step "what is no data is refused" 2 "assay: " assay curate "$out/data.json" --out "$out/none"
step "an unknown format is refused" 2 "formats" assay curate data/samples/train --out "$out/none" --to parquet
step "no folder, no verdict" 2 "is not a folder" assay gate "$out/nowhere"
echo "$passed passed, 0 failed"
