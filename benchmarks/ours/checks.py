"""The cheap checks as columns: rows of Alpaca as ingest reads them, every check, failures counted

Left out are the checks that read measures (`length.over_max_tokens`, `language.foreign`, `language.mixed`,
`constraints.language_asked`): they judge what a tokenizer and a language model said, and without these nothing is left
of them to time. With `which=nearest` only those are asked that come nearest to Data-Juicer's filters, and exact
duplicates are counted as it does. The stopwatch runs while records are checked, not while they are read.
"""

from benchmarks.peers.timing import Stopwatch, arguments, say
from checks.catalogue import all_checks, reads_only_the_record, verdicts
from pipelines._normal import content_key
from pipelines.ingest import read_records

# Two of lengths, two of characters, two of repetition.
NEAREST = (
    *("length.short_prompt", "length.short_completion"),
    *("formatting.control_characters", "length.unbroken_run"),
    *("length.repeats_itself", "length.echoes_prompt"),
)

source, out, options = arguments()
nearest = options.get("which") == "nearest"
checks = [check for check in all_checks() if reads_only_the_record(check) and (not nearest or check.reason in NEAREST)]
records = read_records(str(source))
with Stopwatch() as watch:
    passed = verdicts(records, checks)
    # Null is of rows that a check is not about.
    counts = {check.reason: int((~passed[check.column]).sum()) for check in checks}
    if nearest:
        counts["duplicate.exact"] = records.height - records.select(content_key().n_unique()).item()
say(out, **watch.said(), rows=records.height, counts=counts)
