"""Shapes of one instruction and one answer: Alpaca, Dolly, self-instruct, prompt and completion."""

from collections.abc import Callable

from pipelines._conversations import Turns, list_of, looks_like_turns, text_of, turns_of
from pipelines._drafts import COMPLETION_KEYS, PROMPT_KEYS, Fields, answered, asked, finish, system_of, take, visible
from pipelines._records import Draft, Message, message
from pipelines._rows import NotARecord, kind_of, shown
from schemas.record import Kind

# Several instances of one instruction repeat it; beyond this it is an attack or a mistake.
_UNFOLDED_CHARACTERS = 64 * 2**20


def instruction_drafts(context_key: str, answer_key: str) -> Callable[[Fields], list[Draft]]:
    """Alpaca and Dolly differ in names only."""

    def drafts(rest: Fields) -> list[Draft]:
        before = [*system_of(rest), *_history(rest)]
        instruction = text_of(rest.pop("instruction", None), "instruction")
        context = text_of(rest.pop(context_key, None), context_key)
        answer = text_of(rest.pop(answer_key, None), answer_key)
        messages = [*before, *asked(instruction, context), *answered(answer)]
        return [finish(Kind.SFT, messages, rest, context=visible(context))]

    return drafts


def _history(rest: Fields) -> list[Message]:
    """LLaMA-Factory's earlier turns: a list of [question, answer]."""
    if not isinstance(rest.get("history"), list | str):
        return []
    turns: list[Message] = []
    for pair in list_of(rest.pop("history"), "history"):
        if not isinstance(pair, list) or len(pair) != 2:
            raise NotARecord("type", f"history has {shown(pair)}, not a question and an answer")
        question, answer = (text_of(text, "history") for text in pair)
        turns += [message("user", question or ""), message("assistant", answer or "")]
    return turns


def self_instruct_drafts(rest: Fields) -> list[Draft]:
    system = system_of(rest)
    instruction = text_of(rest.pop("instruction", None), "instruction")
    instances = list_of(rest.pop("instances", None), "instances") or [{}]
    if len(instances) * len(instruction or "") > _UNFOLDED_CHARACTERS:
        raise NotARecord("too_long", f"its instances unfold to more than {_UNFOLDED_CHARACTERS} characters")
    found = []
    for index, instance in enumerate(instances):
        if not isinstance(instance, dict):
            raise NotARecord("type", f"instances[{index}] is {kind_of(instance)} ({shown(instance)}), not an object")
        own = dict(instance)
        context = text_of(own.pop("input", None), f"instances[{index}].input")
        answer = text_of(own.pop("output", None), f"instances[{index}].output")
        messages = [*system, *asked(instruction, context), *answered(answer)]
        metadata = {**rest, "instance": own} if own else dict(rest)
        found.append(finish(Kind.SFT, messages, metadata, context=visible(context)))
    return found


def prompt_and_completion(rest: Fields) -> tuple[list[Message], str | None]:
    """The messages of a row with one prompt and one completion, each a text or messages; and the context."""
    system = system_of(rest)
    asked_key, said = take(rest, PROMPT_KEYS)
    answer_key, answer = take(rest, COMPLETION_KEYS)
    if looks_like_turns(said, ("role", "from")):
        before, after = turns_of(said, asked_key), Turns([], [])
        if looks_like_turns(answer, ("role", "from")):
            after = turns_of(answer, answer_key)
        else:
            after = Turns(answered(text_of(answer, answer_key)), [])
        extras = {"prompt": before.extras, "completion": after.extras}
        if before.extras or after.extras:
            rest["message_extras"] = {key: value for key, value in extras.items() if value}
        return [*system, *before.messages, *after.messages], None
    context = rest.pop("context") if isinstance(rest.get("context"), str) else None
    messages = [*asked(text_of(said, asked_key), context), *answered(text_of(answer, answer_key))]
    return [*system, *messages], visible(context)


def prompt_completion_drafts(rest: Fields) -> list[Draft]:
    messages, context = prompt_and_completion(rest)
    return [finish(Kind.SFT, messages, rest, context=context)]
