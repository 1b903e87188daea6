"""What OpenAI's fine-tuning counts of a row, by its published rules of thumb: its tokenizer is public, no template is.

From the OpenAI Cookbook, "How to count tokens with tiktoken" and "Data preparation and analysis for chat model
fine-tuning": three tokens a message, one for a speaker's name, three for the answer that is primed; trained on are the
assistant's messages but those of weight 0. How tools are written out is not published: their JSON text is counted.
"""

from collections.abc import Callable, Sequence
from typing import NamedTuple

import orjson

from pipelines._tokens import counter
from pipelines.formats import Line
from pipelines.trainability.chat import Message
from pipelines.trainability.figures import Figures, failed

PER_MESSAGE, PER_NAME, PRIMED = 3, 1, 3


class OpenAI:
    """Counts rows of our `openai` export in one encoding."""

    def __init__(self, encoding: str, *, max_length: int) -> None:
        self._count: Callable[[str], int] = counter(encoding)
        self._max_length = max_length

    def prepare(self, lines: Sequence[Line | str]) -> list[Figures]:
        """Figures of each row, in order; a text in its place is why it cannot be written."""
        return [failed(line) if isinstance(line, str) else self._figures(line) for line in lines]

    def _figures(self, line: Line) -> Figures:
        content = line.content
        if line.task == "dpo":
            asked = [self._message(message, learnt=False) for message in content["input"]["messages"]]
            answers = [content["preferred_output"], content["non_preferred_output"]]
        else:
            asked, answers = [], [content["messages"]]
        said = [[self._message(turn, learnt=_is_learnt(turn)) for turn in answer] for answer in answers]
        offered = self._count(orjson.dumps(content["tools"]).decode()) if content.get("tools") else 0
        sequences = [_Sequence(offered, [*asked, *messages]) for messages in said]
        supervised = sum(sequence.learnt(self._max_length) for sequence in sequences)
        return Figures(
            tokens=sum(sequence.tokens for sequence in sequences),
            kept=sum(min(sequence.tokens, self._max_length) for sequence in sequences),
            supervised=supervised,
            skipped=supervised == 0,
            answer_cut=False,
            lost_turns=0,
        )

    def _message(self, message: Message, *, learnt: bool) -> "_Message":
        name = PER_NAME + self._count(message["name"]) if message.get("name") else 0
        words = self._count(message.get("content") or "")
        functions = [call["function"] for call in message.get("tool_calls") or ()]
        called = sum(self._count(function[key]) for function in functions for key in ("name", "arguments"))
        return _Message(PER_MESSAGE + self._count(message["role"]) + name, words + called, learnt)


class _Message(NamedTuple):
    """Tokens around what a message says, and of what it says."""

    around: int
    words: int
    is_learnt: bool


class _Sequence(NamedTuple):
    """Definitions of tools, in tokens, and the messages behind them."""

    offered: int
    messages: Sequence[_Message]

    @property
    def tokens(self) -> int:
        return self.offered + sum(message.around + message.words for message in self.messages) + PRIMED

    def learnt(self, window: int) -> int:
        """Tokens of answers within the window."""
        at, found = self.offered, 0
        for message in self.messages:
            start, at = at + message.around, at + message.around + message.words
            found += max(0, min(at, window) - start) if message.is_learnt else 0
        return found


def _is_learnt(message: Message) -> bool:
    return message["role"] == "assistant" and message.get("weight") != 0
