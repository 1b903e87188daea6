"""The run that README shows is the run that happens."""

from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
README = (ROOT / "README.md").read_text(encoding="utf-8")


def test_its_summary_is_in_readme(demo):
    from pipelines._summary import summary_lines
    from pipelines.gate import report_of

    # How much of the work is new depends on what other tests have left in the cache.
    said, readme = summary_lines(report_of(demo)), README.splitlines()
    told = ["\n".join(line for line in lines if not line.startswith("new ")) for lines in (said, readme)]
    assert told[0] in told[1], "paste the new run's output into README"


def test_the_story_of_its_row_is_in_readme(demo):
    from pipelines._explain import explain, story

    (told,) = explain(demo, "chats_sharegpt.json:18")
    assert "\n".join(story(told)) in README, "paste the new story into README"
