"""A chat template and its tokenizer: conversations to the text that is trained on, and to its tokens.

What transformers' `apply_chat_template` does step by step, so that texts are rendered one by one, where one may fail,
and cut into tokens many at a time.
"""

import re
from collections.abc import Sequence
from typing import Any, NamedTuple

Message = dict[str, Any]
Tools = list[dict[str, Any]] | None

_GENERATION = re.compile(r"\{%-?\s*generation\s*-?%\}")


class Rendered(NamedTuple):
    """A conversation as text. `answers` are the characters from and to which the template marks an answer."""

    text: str
    answers: tuple[tuple[int, int], ...] = ()


class Encoded(NamedTuple):
    """A text's tokens, and for each whether it is of an answer; null where that was not asked for."""

    ids: list[int]
    is_answer: list[bool] | None = None


class Chat:
    """`template` takes the place of the tokenizer's own, where it is given."""

    def __init__(self, tokenizer: Any, template: str | None = None) -> None:
        self.tokenizer = tokenizer
        self._marks = dict(tokenizer.special_tokens_map)
        # A tokenizer may have a template of its own for conversations with tools.
        self._templates = {uses: tokenizer.get_chat_template(template, [] if uses else None) for uses in (False, True)}

    @property
    def marks_answers(self) -> bool:
        """Whether the template says which of its text is an answer."""
        return marks_answers(self._templates[False])

    def render(
        self, messages: Sequence[Message], tools: Tools = None, *, asks: bool = False, marked: bool = False
    ) -> Rendered:
        """The text; with `asks` up to where an answer is due, with `marked` the answers in it.

        Raises whatever the template raises, and ValueError where nothing is said.
        """
        from transformers.utils import chat_template_utils

        # Its annotations speak of one text, and of none of the answers.
        render: Any = chat_template_utils.render_jinja_template
        if not messages:
            raise ValueError("there is no message to render")
        said = [{key: value for key, value in turn.items() if value is not None} for turn in messages]
        texts, answers = render(
            conversations=[said],
            tools=tools,
            chat_template=self._templates[tools is not None],
            return_assistant_tokens_mask=marked,
            add_generation_prompt=asks,
            **self._marks,
        )
        return Rendered(texts[0], tuple(map(tuple, answers[0])) if marked else ())

    def encode(self, rendered: Sequence[Rendered], *, marked: bool = False) -> list[Encoded]:
        """The tokens of each text, in order: no mark is added, for templates write their own."""
        if not rendered:
            return []
        out = self.tokenizer(
            [one.text for one in rendered],
            add_special_tokens=False,
            padding=False,
            truncation=False,
            return_attention_mask=False,
            return_token_type_ids=False,
            verbose=False,
        )
        if not marked:
            return [Encoded(ids) for ids in out["input_ids"]]
        return [Encoded(ids, _within(out, at, len(ids), rendered[at].answers)) for at, ids in enumerate(out.input_ids)]

    def control_tokens(self) -> list[str]:
        """The texts that become control tokens wherever they stand, unless the tokenizer cuts them up there."""
        if getattr(self.tokenizer, "split_special_tokens", False):
            return []
        added = [token.content for token in self.tokenizer.added_tokens_decoder.values() if token.special]
        return sorted({*added, *self.tokenizer.all_special_tokens} - {""})


def marks_answers(template: str) -> bool:
    """Whether the template has `{% generation %}`.

    >>> marks_answers("{%- generation -%}{{ content }}{% endgeneration %}"), marks_answers("{{ content }}")
    (True, False)
    """
    return _GENERATION.search(template) is not None


def _within(out: Any, row: int, tokens: int, answers: Sequence[tuple[int, int]]) -> list[bool]:
    """As transformers masks: from the token of an answer's first character to that of its last."""
    found = [False] * tokens
    for start, end in answers:
        first, last = out.char_to_token(row, start), out.char_to_token(row, end - 1)
        if first is None:
            break
        stop = last + 1 if last else tokens
        found[first:stop] = [True] * len(found[first:stop])
    return found
