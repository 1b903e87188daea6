"""The cheap checks as columns: rows of Alpaca as ingest reads them, every check, failures counted

Left out are the checks that read measures (`length.over_max_tokens`, `language.foreign`, `language.mixed`,
`constraints.language_asked`): they judge what a tokenizer and a language model said, and without these nothing is left
of them to time. The stopwatch runs while records are checked, not while they are read.
"""

from benchmarks.peers.timing import Stopwatch, arguments, say
from checks.catalogue import all_checks, reads_only_the_record, verdicts
from pipelines.ingest import read_records

source, out, _ = arguments()
checks = [check for check in all_checks() if reads_only_the_record(check)]
records = read_records(str(source))
with Stopwatch() as watch:
    passed = verdicts(records, checks)
    # Null is of rows that a check is not about.
    counts = {check.reason: int((~passed[check.column]).sum()) for check in checks}
say(out, **watch.said(), rows=records.height, counts=counts)
