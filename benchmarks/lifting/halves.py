"""A causal model in two parts: frozen layers below, and the layers above, which are trained

What the frozen layers make of a text is the same in every run. It is worked out once and kept, which more than halves
the cost of a run and changes nothing in what is learnt.
"""

from collections.abc import Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import Any, NamedTuple

import numpy as np
import polars as pl
from numpy.typing import NDArray

from pipelines.difficulty.losses import batches
from pipelines.difficulty.turns import Sequence as Tokens
from pipelines.difficulty.turns import Turns

WINDOW = 384
"""Tokens; what is longer is cut there, in training and in measuring alike."""
# Tokens that the processor takes at a time where nothing is learnt.
_AT_ONCE = 1_024


class Text(NamedTuple):
    """Token ids, the places of those that are learnt and measured, and what the frozen layers make of all but the
    last (tokens, width)."""

    ids: list[int]
    scored: NDArray[np.int64]
    below: Any


class Halves:
    """A loaded model of the Llama family whose last `trained` layers can be trained."""

    def __init__(self, model: Any, tokenizer: Any, *, trained: int) -> None:
        self.model, self.tokenizer = model, tokenizer
        self._layers, self._norm = model.model.layers, model.model.norm
        self.cut = len(self._layers) - trained
        self._turns = Turns(tokenizer, WINDOW)
        self._known: dict[tuple[int, ...], Any] = {}

    def tokens(self, records: pl.DataFrame) -> list[Tokens | None]:
        """Each record in tokens; null for one without an answer that fits."""
        return [self._told(row) for row in records.select("kind", "messages", "chosen", "tools").iter_rows(named=True)]

    def texts(self, told: Sequence[Tokens]) -> list[Text]:
        """Tokens with what the frozen layers make of them."""
        new = list({tuple(one.ids): one for one in told if tuple(one.ids) not in self._known}.values())
        for one, below in zip(new, self._below(new), strict=True):
            self._known[tuple(one.ids)] = below
        return [_text(one, self._known[tuple(one.ids)]) for one in told]

    def _told(self, row: dict[str, Any]) -> Tokens | None:
        asked = self._turns(row)
        if not asked.given:
            return None
        first = asked.given[0]
        # Where an answer ends is learnt too.
        start, stop = first.spans[-1]
        return Tokens([*first.ids[:stop], self.tokenizer.eos_token_id], [*first.spans[:-1], (start, stop + 1)])

    def _below(self, told: Sequence[Tokens]) -> list[Any]:
        import torch

        found: list[Any] = [None] * len(told)
        with torch.inference_mode(), self._only(self._layers[: self.cut], torch.nn.Identity()):
            for places in batches(list(told), _AT_ONCE):
                rows = [told[place].ids[:-1] for place in places]
                longest = max(map(len, rows))
                ids = torch.tensor([row + [0] * (longest - len(row)) for row in rows])
                hidden = self.model.model(input_ids=ids, use_cache=False).last_hidden_state
                for place, row, states in zip(places, rows, hidden, strict=True):
                    found[place] = states[: len(row)].clone()
        # Marked as inference they could not be learnt from.
        return [torch.from_numpy(one.view(torch.int16).numpy().copy()).view(one.dtype) for one in found]

    def losses(self, texts: Sequence[Text]) -> Any:
        """The loss of every scored token of the texts, in nats, in their order: one batch."""
        import torch

        longest = max(len(text.ids) for text in texts) - 1
        hidden = torch.zeros(len(texts), longest, texts[0].below.shape[1], dtype=texts[0].below.dtype)
        for row, text in enumerate(texts):
            hidden[row, : len(text.below)] = text.below
        places = np.concatenate([row * longest + text.scored - 1 for row, text in enumerate(texts)])
        targets = np.concatenate([np.array(text.ids)[text.scored] for text in texts])
        with self._only(self._layers[self.cut :], self._norm):
            above = self.model.model(inputs_embeds=hidden, use_cache=False).last_hidden_state
        logits = self.model.lm_head(above.reshape(-1, above.shape[-1])[torch.from_numpy(places)])
        return torch.nn.functional.cross_entropy(logits.float(), torch.from_numpy(targets), reduction="none")

    def sums(self, texts: Sequence[Text]) -> NDArray[np.float64]:
        """For each text the sum of its scored tokens' losses, in nats."""
        import torch

        found = np.zeros(len(texts))
        with torch.inference_mode():
            for places in batches([Tokens(text.ids, []) for text in texts], _AT_ONCE):
                mine = [texts[place] for place in places]
                owners = np.repeat(np.arange(len(mine)), [len(text.scored) for text in mine])
                found[places] = np.bincount(owners, self.losses(mine).double().numpy(), len(mine))
        return found

    @contextmanager
    def _only(self, layers: Any, norm: Any) -> Iterator[None]:
        whole = self.model.model
        whole.layers, whole.norm = layers, norm
        try:
            yield
        finally:
            whole.layers, whole.norm = self._layers, self._norm


def _text(told: Tokens, below: Any) -> Text:
    return Text(told.ids, np.concatenate([np.arange(*span) for span in told.spans]), below)


def tokens_of(texts: Iterable[Text | Tokens]) -> int:
    """What passes through the model for them."""
    return sum(len(text.ids) for text in texts)
