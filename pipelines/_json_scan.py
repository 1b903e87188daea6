"""What pieces of JSON text tell about brackets and quotes, without parsing them."""

import re

import orjson

WRAPPERS = (
    "data",
    "train",
    "validation",
    "valid",
    "test",
    "rows",
    "examples",
    "records",
    "items",
    "samples",
    "dataset",
)
"""Keys under which a JSON object holds the list of its rows."""

TOKEN = re.compile(rb'"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|([\[{])|([\]}])|(")')
SEPARATORS = re.compile(rb"[\s,]*")
SCALAR = re.compile(rb'(?:"[^"\\\n]*(?:\\[^\n][^"\\\n]*)*"|[^,\[\]{}"\s][^,\[\]{}"\n]*)[ \t\r]*')
FIRST_KEY = re.compile(rb'\s*\{\s*("[^"\\\n]*(?:\\[^\n][^"\\\n]*)*")\s*:')
WRAPPED = re.compile(rb'"(?:' + "|".join(WRAPPERS).encode() + rb')"\s*:\s*\[')
# What lies between two objects, from a closing quote (or value) of one to the first quote of the next.
_BETWEEN = re.compile(rb'"[^"]*\}\s*,\s*\{\s*"')

INCOMPLETE, BROKEN, DEEP = -1, -2, -3


def close(buffer: bytes, start: int, limit: int) -> int:
    """The index after the bracket that closes the one at `start`; INCOMPLETE where `limit` comes first; BROKEN
    for a quote that is not closed in its line."""
    depth = 0
    for token in TOKEN.finditer(buffer, start, limit):
        what = token.lastindex
        if what is None:  # a string
            continue
        if what == 1:
            depth += 1
        elif what == 2:
            depth -= 1
            if depth == 0:
                return token.end()
        else:
            return BROKEN if buffer.find(b"\n", token.start(), limit) >= 0 else INCOMPLETE
    return INCOMPLETE


def ends_where_it_should(raw: bytes) -> bool:
    """Whether a broken element is whole by its brackets. A missing brace makes it end with another kind of
    bracket; a missing quote turns strings inside out, and then one of them reads `}, {`."""
    if raw[:1] + raw[-1:] not in (b"{}", b"[]"):
        return raw[:1] not in b"[{"
    return not any(_BETWEEN.match(token[0]) for token in TOKEN.finditer(raw) if token.lastindex is None)


def so_far(piece: bytes) -> int:
    """What the beginning of an element tells: INCOMPLETE where only its end is missing, DEEP or BROKEN."""
    try:
        orjson.loads(piece.decode("utf-8", "ignore"))
    except orjson.JSONDecodeError as error:
        if "depth" in error.msg:
            return DEEP
        return INCOMPLETE if "end of data" in error.msg else BROKEN
    return BROKEN


def is_wrapped(head: bytes) -> bool:
    """Whether an object's first list of rows lies under one of WRAPPERS, as in {"data": [{...}]}."""
    opening = re.match(rb"\s*\{", head)
    position = opening.end() if opening else len(head)
    while member := re.compile(rb'[\s,]*("[^"\\\n]*(?:\\[^\n][^"\\\n]*)*")\s*:\s*').match(head, position):
        position = member.end()
        if head[position : position + 1] == b"[":
            return member[1][1:-1].decode("utf-8", "replace") in WRAPPERS and bool(
                re.compile(rb"\[\s*[{\[\]]").match(head, position)
            )
        if head[position : position + 1] == b"{":
            position = close(head, position, len(head))
        else:
            scalar = SCALAR.match(head, position)
            position = scalar.end() if scalar else -1
        if position < 0:
            return False
    return False
