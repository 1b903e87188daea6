"""Half an emoji: JSON can spell it, no page can show it, so the server does not take it."""

import json
from typing import Any

import pytest

from annotation.server.embedded.whole_text import is_whole

FIELDS = [{"name": "text", "required": True, "settings": {"type": "text", "use_markdown": True}}]
QUESTIONS = [{"name": "say", "required": True, "settings": {"type": "text"}}]
HALF = "half a rocket \ud83d"
WHOLE = "a rocket \U0001f680, and how it is spelt: \\ud83d"


@pytest.mark.parametrize(
    ("body", "whole"),
    [
        (b"", True),
        (json.dumps(WHOLE).encode(), True),
        (json.dumps(WHOLE, ensure_ascii=False).encode(), True),
        (rb'"\\\ud83d"', False),
        (rb'"\uD83D\uDE80\uDE80"', False),
        (rb'"\ud83d\ud83d\ude80"', False),
        (rb'"\ud83d \ude80"', False),
        ('"\ud83d"'.encode("utf-8", "surrogatepass"), False),
        (json.dumps(HALF).encode("utf-16"), False),
        (json.dumps(WHOLE, ensure_ascii=False).encode("utf-16"), True),
        (b'"\xff"', False),
    ],
)
def test_what_is_whole(body: bytes, whole: bool) -> None:
    assert is_whole(body) is whole


def test_half_a_character_is_refused_wherever_it_stands_and_spoils_no_listing(
    argilla: Any, api: Any, make_dataset: Any
) -> None:
    owner, ana = (api(argilla.url, argilla.accounts[name].api_key) for name in ("owner", "ana"))
    number = make_dataset(owner, "crowd", fields=FIELDS, questions=QUESTIONS)
    items = [{"fields": {"text": WHOLE}}, {"fields": {"text": "b"}}]
    made = owner.post(f"/datasets/{number}/records/bulk", json={"items": items}).json()["items"]
    record = f"/records/{made[0]['id']}"

    def answer(text: str) -> dict[str, Any]:
        return {"values": {"say": {"value": text}}, "status": "submitted"}

    raw = json.dumps(answer(HALF), ensure_ascii=False).encode("utf-8", "surrogatepass")
    bulk = {"items": [{"record_id": made[1]["id"], **answer(HALF)}]}
    for refused in (
        ana.post(f"{record}/responses", content=json.dumps(answer(HALF))),  # without a type it is taken for JSON
        ana.post(f"{record}/responses", content=raw, headers={"Content-Type": "application/json; charset=utf-8"}),
        ana.post("/me/responses/bulk", content=json.dumps(bulk), headers={"Content-Type": "application/json"}),
        owner.patch(record, content=json.dumps({"metadata": {"a": HALF}})),
    ):
        assert refused.status_code == 422
        assert "half of a character (a lone surrogate" in refused.json()["detail"]
        assert refused.headers["x-content-type-options"] == "nosniff"
    assert ana.post(f"{record}/responses", json=answer(WHOLE)).status_code == 201
    listed = owner.get(f"/datasets/{number}/records?include=responses")
    assert listed.status_code == 200
    said = {one["fields"]["text"]: [each["values"]["say"]["value"] for each in one["responses"]]
            for one in listed.json()["items"]}  # fmt: skip
    assert said == {WHOLE: [WHOLE], "b": []}
