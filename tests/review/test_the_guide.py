"""What docs/annotating.md shows as settings are settings."""

import re
from decimal import Decimal
from pathlib import Path

from schemas.settings import load_settings

GUIDE = Path(__file__).parents[2] / "docs" / "annotating.md"


def test_the_settings_in_the_guide_load_and_mean_what_it_says(tmp_path: Path) -> None:
    [block] = re.findall(r"^```yaml\n(.*?)^```", GUIDE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    path = tmp_path / "assay.yaml"
    path.write_text(block, encoding="utf-8")
    asked = load_settings(path).annotation
    assert [rule.tier for rule in asked.rules] == ["expert", "expert", "crowd"]
    assert asked.adjudication == "expert"
    assert asked.tiers["expert"].budget == Decimal(1000)
    assert asked.overlap.annotators <= len(asked.tiers["crowd"].annotators)


def test_every_picture_in_the_guide_is_small_enough_for_a_page() -> None:
    pictures = re.findall(r"\((images/annotate-[a-z]+\.png)\)", GUIDE.read_text(encoding="utf-8"))
    assert len(set(pictures)) == 5
    for picture in pictures:
        content = (GUIDE.parent / picture).read_bytes()
        assert int.from_bytes(content[16:20], "big") <= 1400  # the width, in the header
        assert len(content) < 150_000
