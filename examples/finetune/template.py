"""The chat template's form that marks the answers, so that the loss is taken of every answer and of nothing else."""

from typing import Any

from trl.chat_template_utils import get_training_chat_template

from pipelines.trainability.chat import marks_answers
from schemas.errors import ModelError

# A turn as ChatML's templates write it, SmolLM2's among them, and the same text with the answers marked. TRL has no
# such form of it. The mark of an answer's end is learnt too, or the model would not stop.
_TURN = r"{{'<|im_start|>' + message['role'] + '\n' + message['content'] + '<|im_end|>' + '\n'}}"
_MARKED = (
    r"{{'<|im_start|>' + message['role'] + '\n'}}{% if message['role'] == 'assistant' %}"
    r"{% generation %}{{ message['content'] + '<|im_end|>' }}{% endgeneration %}"
    r"{% else %}{{ message['content'] + '<|im_end|>' }}{% endif %}{{ '\n' }}"
)


def marked_template(tokenizer: Any) -> str | None:
    """The template with every answer marked; null where nobody knows how: then the last answer alone is learnt.

    Raises ModelError where there is no template at all.
    """
    try:
        own: str = tokenizer.get_chat_template()
    except ValueError as error:
        raise ModelError("the model's tokenizer has no chat template; name an instruct model") from error
    # As jinja's escapes are written in the file, or as llama.cpp keeps them: with the line breaks themselves.
    for turn, marked in ((_TURN, _MARKED), (_TURN.replace(r"\n", "\n"), _MARKED.replace(r"\n", "\n"))):
        if own.count(turn) == 1:
            return own.replace(turn, marked)
    if marks_answers(own):
        return own
    try:
        return get_training_chat_template(tokenizer)
    except ValueError:
        return None
