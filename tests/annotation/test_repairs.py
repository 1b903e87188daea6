"""Repairs that leave no doubt, and those that are left to people."""

import pytest

from annotation.asking._repairs import Repaired, repair

TEMPLATE, PLACEHOLDER = "formatting.template_in_answer", "formatting.placeholder_in_answer"
REPEATS, FENCE = "length.repeats_itself", "formatting.open_code_fence"


@pytest.mark.parametrize(
    ("finding", "broken", "better"),
    [
        (TEMPLATE, "<|im_start|>assistant\nTea at four.<|im_end|>", "Tea at four."),
        (TEMPLATE, "### Response:\nTea.\n\n### Instruction:\nMake coffee.", "Tea."),
        (TEMPLATE, "Tea.<|eot_id|><|start_header_id|>user<|end_header_id|>\n\nThanks", "Tea."),
        (TEMPLATE, "<start_of_turn>model\nTea.<end_of_turn>", "Tea."),
        (TEMPLATE, "[/INST] Tea. [INST] And coffee?", "Tea."),
        (PLACEHOLDER, "<noinput>\nRain at noon.", "Rain at noon."),
        (PLACEHOLDER, "Rain at noon.\n<nooutput>", "Rain at noon."),
        (PLACEHOLDER, "Rain.\n[No Output]\nThen sun.", "Rain.\nThen sun."),
        (REPEATS, "Wet floor. Wet floor. Wet floor. Wet floor.", "Wet floor."),
        (REPEATS, "a b\nc a b\nc a b\nc a b\nc a", "a b\nc"),
        (REPEATS, "Stop now. Stop now. Stop now. Sto", "Stop now."),
        (FENCE, "Run:\n```sh\nmake", "Run:\n```sh\nmake\n```"),
        ("formatting.html_entities", "Tea &amp; cake &#39;at&#39; 4", "Tea & cake 'at' 4"),
        ("formatting.mojibake", "CafÃ© crÃ¨me", "Café crème"),
        ("formatting.mojibake", "CafÃ© 東京", "Café 東京"),
        ("formatting.control_characters", "Tea\x07 at four", "Tea at four"),
    ],
)
def test_what_is_certain_is_mended(finding: str, broken: str, better: str) -> None:
    assert repair(broken, [finding]) == Repaired(better, (finding,))


@pytest.mark.parametrize(
    ("finding", "text"),
    [
        (PLACEHOLDER, "Clouds, <nooutput> and puddles."),
        (PLACEHOLDER, "<noinput>"),
        (TEMPLATE, "First comes <|assistant|> and then the text."),
        (TEMPLATE, "<|im_start|>"),
        (REPEATS, "Row, row, row your boat, row, row home."),
        (REPEATS, "Tea. Tea."),
        (FENCE, "Say ``` to open a block."),
        ("formatting.mojibake", "CafÃ\ufffd crÃ¨me"),
        ("formatting.html_entities", "Write &lt;b&gt;tea&lt;/b&gt;."),
        ("refusal.full", "I cannot help with that."),
    ],
)
def test_what_is_not_is_left_to_people(finding: str, text: str) -> None:
    assert repair(text, [finding]) is None


def test_several_findings_are_mended_together_and_only_those() -> None:
    broken = "<|im_start|>assistant\nTea &amp; cake.<|im_end|>"
    both = repair(broken, ["formatting.html_entities", TEMPLATE])
    assert both == Repaired("Tea & cake.", (TEMPLATE, "formatting.html_entities"))
    assert repair(broken, [TEMPLATE]) == Repaired("Tea &amp; cake.", (TEMPLATE,))


def test_a_megabyte_is_mended_in_no_time() -> None:
    assert repair("wet floor " * 100_000, [REPEATS]) == Repaired("wet floor", (REPEATS,))
    assert repair("<" * 200_000 + "noinput", [PLACEHOLDER]) is None
