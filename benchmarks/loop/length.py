"""The rules of checks/length.py, row by row"""

from itertools import islice

from benchmarks.loop.row import Row, compiled, is_code
from checks import length

_WORD, _ASKS_FOR_TEXT = compiled(length._WORD), compiled(length._ASKS_FOR_TEXT)
_RUN = compiled(rf"[A-Za-z0-9+/=]{{{length.UNBROKEN_RUN}}}")


def short_prompt(row: Row) -> bool:
    return len(list(islice(_WORD.finditer(row.prompt[:200]), 2))) == 2


def short_completion(row: Row) -> bool:
    answer = row.answer
    if not answer or len(answer) >= length.SHORT_ANSWER_BYTES or len(answer.encode()) >= length.SHORT_ANSWER_BYTES:
        return True
    return len(_WORD.findall(answer)) > length.SHORT_ANSWER_WORDS or not _ASKS_FOR_TEXT.search(row.prompt)


def _probe_recurs(text: str) -> bool:
    """Whether one of a few short pieces stands in the text three times."""
    room = len(text) - length.PROBE_CHARACTERS
    for step in range(1, length.PROBES + 1):
        start = room * step // length.PROBES
        if text.count(text[start : start + length.PROBE_CHARACTERS]) > 2:
            return True
    return False


def repeats_itself(row: Row) -> bool:
    answer = row.answer
    if len(answer) < length.MIN_CHARACTERS_TO_REPEAT or not _probe_recurs(answer) or is_code(answer):
        return True
    words = _WORD.findall(answer.lower())
    grams = [tuple(words[start : start + length.REPEATED_NGRAM]) for start in range(len(words) - 4)]
    # Fewer words than one n-gram has, and yet a piece recurs: nothing is said but that piece.
    return bool(grams) and 1 - len(set(grams)) / len(grams) <= length.MAX_REPEATED_SHARE


def unbroken_run(row: Row) -> bool:
    return not any(len(text) >= length.UNBROKEN_RUN and _RUN.search(text) for text in (row.prompt, row.answer))


def _echoes(answer: str, text: str) -> bool:
    if len(answer) < length.MIN_ECHO_CHARACTERS:
        return False
    said = answer.strip()
    return len(said) >= length.MIN_ECHO_CHARACTERS and said == text.strip()


def echoes_prompt(row: Row) -> bool:
    return not _echoes(row.answer, row.prompt)


def echoes_context(row: Row) -> bool:
    return not _echoes(row.answer, row.context)


RULES = (short_prompt, short_completion, repeats_itself, unbroken_run, echoes_prompt, echoes_context)
