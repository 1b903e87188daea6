"""The model and its tokenizer, where they are computed, and the chat template's form that marks the answers."""

from typing import Any, NamedTuple

import torch
from options import SMOLLM2
from trl.chat_template_utils import get_training_chat_template

from pipelines.cache.home import default_cache
from pipelines.difficulty.causal_folder import BUILTIN, CausalFolder
from pipelines.trainability.chat import marks_answers
from schemas.errors import ModelError

# A turn as ChatML's templates write it, SmolLM2's among them, and the same with the answers marked: the text is the
# same, and the loss is taken of what is marked. The mark of an answer's end is learnt, or the model would not stop.
_TURN = r"{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
_MARKED = (
    r"{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}"
    r"{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    r"{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
)


class Place(NamedTuple):
    """`rows` are computed at once at most, so that memory holds them."""

    name: str
    cuda: bool
    rows: int

    @property
    def precision(self) -> str:
        """What most is computed in, as the libraries call it. docs/finetune.md has what each takes on a CPU."""
        return "bfloat16" if self.cuda else "float32"


def place() -> Place:
    """A GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return Place(torch.cuda.get_device_name(), True, 32)
    return Place(f"CPU, {torch.get_num_threads()} threads", False, 4)


def folder_of(name: str) -> CausalFolder:
    """Raises ModelError where there is no such model on this machine; none is fetched."""
    try:
        return CausalFolder(BUILTIN if name == SMOLLM2 else name)
    except ModelError as error:
        said = str(error).partition("; ")[0]
        raise ModelError(f"{said}; --model is the folder of a causal language model, or {SMOLLM2!r}") from error


def load(name: str, *, exactly: bool = True) -> Any:
    """Model and tokenizer. `exactly`: in 32 bits, so that merging rounds nothing. Raises ModelError."""
    return folder_of(name).load(default_cache(), dtype=torch.float32 if exactly else torch.bfloat16)


def marked_template(tokenizer: Any) -> str | None:
    """The chat template with its answers marked, every answer of a conversation; null where nobody knows how.

    Then TRL learns the last answer alone, which it finds in any template.
    """
    own: str = tokenizer.get_chat_template()
    if marks_answers(own):
        return own
    if own.count(_TURN) == 1:
        return own.replace(_TURN, _MARKED)
    try:
        return get_training_chat_template(tokenizer)  # type: ignore[no-any-return]
    except ValueError:
        return None
