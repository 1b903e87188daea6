#!/usr/bin/env bash
# The commands README shows, from end to end on data/samples, with their exit codes and the words they must say.
set -euo pipefail
cd "$(dirname "$0")/.."
out=$(mktemp -d)
# A store of this run's own: nothing that was decided before, and no server of the user's.
export ASSAY_HOME="$out/store"
unset ASSAY_DATABASE_URL ARGILLA_API_URL ARGILLA_API_KEY
trap 'assay annotate serve --stop > "$out/stop" 2>&1 || true; rm -rf "$out"' EXIT
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
step "gate by a ready policy" 0 "PASSED" assay gate "$out/demo" --policy preference
step "explain by row" 0 "duplicate.near" assay explain "$out/demo" data/samples/train/support_alpaca.json:17
id=$(sed -n 's/^record *//p' "$out/said")
step "explain by id" 0 "its twin came from" assay explain "$out/demo" "${id:0:12}"
step "report" 0 "report.html" assay report "$out/demo"
step "export" 0 "openai: " assay export "$out/demo" --to openai --out "$out/openai"
step "cache" 0 "MB" assay cache
step "gate of a finetune" 0 "PASSED" assay gate "$out/demo" --policy sft
step "advise" 0 "lora" assay advise "$out/demo" --params 135M --gpu-memory 24GB
step "recipe" 0 "asks the gate" \
    assay recipe "$out/demo" --for trl --model smollm2 --params 135M --gpu-memory 24GB --out "$out/recipe"
step "train" 0 "after, of" python examples/finetune/train.py "$out/demo" --recipe "$out/recipe" \
    --steps 6 --batch 4 --learning-rate 0.001 --held-out 8 --out "$out/trained"
step "the adapter and the merged model answer alike" 0 "merged" \
    python examples/finetune/answer.py "$out/trained" "What's the quickest way to peel garlic?"
step "the same again, and one setting" 0 "new         372 of 372 rows read, 0 checked, 0 embedded" \
    assay curate data/samples/train --out "$out/other" --against data/samples/benchmarks/holdout.jsonl --seed 7
step "a difference has its cause" 0 "because     seed: nothing else differs" assay diff "$out/demo" "$out/other"
step "row by row" 0 "train → " assay diff "$out/demo" "$out/other" --rows

step "serve" 0 "accounts    made now" assay annotate serve --port 0
step "a forecast" 0 "asks for" assay annotate push "$out/demo" --dry-run
printf 'annotation:\n  budget: {total: 1}\n' > "$out/poor.yaml"
step "a budget that is too small shows why" 1 "NOT ENOUGH" assay annotate push "$out/demo" --config "$out/poor.yaml"
step "push" 0 "31 tasks" assay annotate push "$out/demo"
step "push again sends nothing" 0 "sent        0 tasks" assay annotate push "$out/demo"
step "status" 0 "crowd/assay-record: 0 of 28 done" assay annotate status
step "pull" 0 "0 submitted" assay annotate pull "$out/demo"
step "cost" 0 "reserved    \$110.00" assay cost "$out/demo"
step "a correction" 0 "corrected   \$2.50" assay annotate adjust 2.50 --reason "one answer more" --annotator annotator
step "nothing is left over" 0 "withdrawn   0 tasks" assay annotate withdraw "$out/demo"
step "all is taken back" 0 "freed       \$110.00" assay annotate withdraw "$out/demo" --all
step "the books agree" 0 "spent       \$2.50" assay cost "$out/demo"
printf 'worker,task,label\na,1,x\nb,1,x\na,2,y\nb,2,y\n' > "$out/labels.csv"
step "agreement" 0 "alpha" assay agreement "$out/labels.csv"
step "stop" 0 "its data stays" assay annotate serve --stop
step "no server, no push" 2 "assay annotate serve" assay annotate push "$out/demo"

step "a threshold that nobody vouches for" 1 "not enough evidence" assay calibrate "$out/demo" --show
step "questions for others" 0 "questions to" assay calibrate "$out/demo" --write-questions "$out/questions.html"
printf 'name: strict\ndemands:\n  - figure: rows.released\n    min: 100000\n' > "$out/strict.yaml"
step "a stricter policy fails" 1 "FAILED" assay gate "$out/demo" --policy "$out/strict.yaml"
echo >> "$out/demo/splits/train.jsonl"
step "an altered file cannot be compared" 2 "was altered after the release was made" assay diff "$out/demo" "$out/other"
step "an altered file cannot be judged" 2 "was altered after the release was made" assay gate "$out/demo"
echo '<!doctype html><p>Not found' > "$out/data.json"
step "what is no data is refused" 2 "assay: " assay curate "$out/data.json" --out "$out/none"
step "an unknown format is refused" 2 "formats" assay curate data/samples/train --out "$out/none" --to parquet
step "no folder, no verdict" 2 "is not a folder" assay gate "$out/nowhere"
echo "$passed passed, 0 failed"
