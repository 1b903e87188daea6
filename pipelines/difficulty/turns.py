"""What a model is asked about a record: each answer behind its conversation, and the same answer alone.

The prompt is rendered by the model's own chat template, with its own special tokens, up to the place where an answer
begins; a model without a template reads the turns one a line, as the code of Superfiltering does. Alone, the answer
stands behind what opens an answer and nothing else ("<|im_start|>assistant"), as in the first paper's code, where
that was "### Response:"; so every token of it is predicted from something, in both cases. An answer is cut into
tokens by itself: the very same tokens are scored with the prompt and without. What ends a turn is no part of it.

Scored is every assistant turn that is trained on, given all before it: of a conversation each one whose `train` is not
false, of a preference the chosen answer's, of a labelled completion the last. A turn without text, such as one that
only calls a tool, has nothing to score.
"""

from collections.abc import Iterator
from enum import StrEnum
from typing import Any, NamedTuple

from pipelines.formats._tools import Unreadable, arguments, definitions
from schemas.record import Kind

Row = dict[str, Any]

# The mean of a single token's loss says nothing of an answer.
MIN_TOKENS = 2
# No vocabulary has longer tokens, so that text beyond a window of them need not be looked at.
_TOKEN_CHARS = 256


class Note(StrEnum):
    """Why a record has no difficulty; but for TRUNCATED, which says that its end was not seen."""

    TRUNCATED = "truncated"  # scored by the tokens that fit
    NO_ANSWER = "no_answer"  # no assistant turn with text is trained on
    ONE_TOKEN = "one_token"  # fewer than MIN_TOKENS of the answer can be scored
    PROMPT_TOO_LONG = "prompt_too_long"  # the prompt leaves no room for an answer
    NOT_RENDERED = "not_rendered"  # the model's template refuses the conversation
    NOT_FINITE = "not_finite"  # the model's loss is no number
    NOT_SAMPLED = "not_sampled"  # difficulty.sample left it out


class Sequence(NamedTuple):
    """Token ids, and which of them are scored: from start to stop of each span. No span holds the first token."""

    ids: list[int]
    spans: list[tuple[int, int]]


class Asked(NamedTuple):
    """The sequences of one record; `note` says why there are none, or that they are cut."""

    given: list[Sequence]
    alone: list[Sequence]
    note: Note | None


class Turns:
    """Records to sequences of at most `window` tokens, for one tokenizer of transformers."""

    def __init__(self, tokenizer: Any, window: int) -> None:
        self._tokenizer = tokenizer
        self._window = window
        self._opening = self._ids(self._opened())

    def __call__(self, row: Row) -> Asked:
        """`row` has kind, messages, chosen and tools."""
        turns, answers = _trained(row)
        if not answers:
            return Asked([], [], Note.NO_ANSWER)
        try:
            return self._asked(turns, answers, _tools(row))
        except Exception:  # templates raise what they like, and stumble over turns that they do not expect
            return Asked([], [], Note.NOT_RENDERED)

    def _asked(self, turns: list[Row], answers: list[int], tools: list[Row] | None) -> Asked:
        given: list[Sequence] = []
        alone: list[Sequence] = []
        whole, cut = "", False
        for at in answers:
            before = self._rendered(turns[:at], tools)
            # Some templates change earlier turns; then the conversation so far is a sequence of its own.
            if not given or not before.startswith(whole):
                given.append(Sequence([], []))
                whole = ""
            current = given[-1]
            current.ids.extend(self._ids(before[len(whole) :]))
            answer = self._ids(turns[at]["content"])
            fits = answer[: max(0, self._window - len(current.ids))]
            cut = len(fits) < len(answer)
            self._add(current, alone, fits)
            if cut:
                break
            whole = before + turns[at]["content"]
        return _judged([one for one in given if one.spans], alone, cut)

    def _add(self, current: Sequence, alone: list[Sequence], answer: list[int]) -> None:
        """The answer behind what is there, and alone."""
        # Where nothing opens an answer, its first token is predicted from nothing: it is scored in neither.
        first = 0 if self._opening else 1
        if len(answer) > first:
            start = len(current.ids)
            current.spans.append((start + first, start + len(answer)))
            alone.append(
                Sequence([*self._opening, *answer], [(len(self._opening) + first, len(self._opening) + len(answer))])
            )
        current.ids.extend(answer)

    def _opened(self) -> str:
        """What opens an answer: the template's words for it, behind the token that begins every text."""
        begins = self._begins()
        if not self._tokenizer.chat_template:
            return begins
        asked = [{"role": "user", "content": "?"}]
        with_opening, without = (self._templated(asked, opened) for opened in (True, False))
        opening = with_opening[len(without) :] if with_opening.startswith(without) else ""
        if begins and with_opening.startswith(begins) and not opening.startswith(begins):
            return begins + opening
        return opening

    def _begins(self) -> str:
        """The token that the tokenizer puts before every text; "" where it puts none."""
        name, at = self._tokenizer.bos_token, self._tokenizer.bos_token_id
        if not name or self._tokenizer.chat_template:
            return name or ""
        return name if self._tokenizer("a")["input_ids"][:1] == [at] else ""

    def _rendered(self, turns: list[Row], tools: list[Row] | None) -> str:
        if self._tokenizer.chat_template:
            return self._templated([_said(turn) for turn in turns], True, tools)
        return self._begins() + "".join(f"{turn['content']}\n" for turn in turns)

    def _templated(self, turns: list[Row], opened: bool, tools: list[Row] | None = None) -> str:
        text: str = self._tokenizer.apply_chat_template(
            turns, tools=tools, tokenize=False, add_generation_prompt=opened
        )
        return text

    def _ids(self, text: str) -> list[int]:
        bounded = text[: self._window * _TOKEN_CHARS]
        found: list[int] = self._tokenizer(bounded, add_special_tokens=False, verbose=False)["input_ids"]
        return found


def _trained(row: Row) -> tuple[list[Row], list[int]]:
    """The whole conversation, and the places in it of the turns to score."""
    shared = list(row["messages"] or ())
    turns = [*shared, *(row["chosen"] or ())]
    places = list(_answers(turns, len(shared) if row["kind"] == Kind.PREFERENCE.value else 0))
    return turns, places[-1:] if row["kind"] == Kind.KTO.value else places


def _answers(turns: list[Row], first: int) -> Iterator[int]:
    for at, turn in enumerate(turns):
        if at >= first and turn["role"] == "assistant" and turn["train"] is not False and turn["content"].strip():
            yield at


def _said(turn: Row) -> Row:
    """The turn as templates know it."""
    said = {name: turn[name] for name in ("role", "content", "name", "tool_call_id") if turn[name] is not None}
    if turn["tool_calls"]:
        said["tool_calls"] = [_called(call) for call in turn["tool_calls"]]
    return said


def _called(call: Row) -> Row:
    """Templates write arguments as JSON themselves; what is no JSON object stays text."""
    try:
        return {**call, "function": {**call["function"], "arguments": arguments(call)}}
    except Unreadable:
        return call


def _tools(row: Row) -> list[Row] | None:
    try:
        return definitions(row) or None
    except Unreadable:
        return None


def _judged(given: list[Sequence], alone: list[Sequence], cut: bool) -> Asked:
    scored = sum(stop - start for one in alone for start, stop in one.spans)
    if scored >= MIN_TOKENS:
        return Asked(given, alone, Note.TRUNCATED if cut else None)
    return Asked([], [], Note.PROMPT_TOO_LONG if cut else Note.ONE_TOKEN)
