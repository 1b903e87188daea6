"""What people type into the search box: Elasticsearch's simple query language, turned into one FTS5 expression.

Words are ANDed unless `|` stands between them; `+` says AND, `-` before a word, phrase or group says NOT,
`"..."` is a phrase, `word*` a beginning, parentheses group, a backslash takes the meaning from the next
character. AND and OR bind alike, from the left: `a | b c` is `(a | b) c`. What makes no sense (a quote that never
closes, an operator with nothing behind it) is passed over, as Elasticsearch does. `~2` (misspellings) is accepted
and ignored. A hyphenated word is the AND of its parts.
"""

import re
from collections.abc import Iterator
from enum import Enum
from typing import NamedTuple

from .words import ends_in_word, phrases, words

# Far beyond what a person types, and what a pasted page has; FTS5 itself takes more.
MOST_WORDS = 2000
MOST_CHARACTERS = 50_000
# SQLite 3.40's parser overflows between 30 and 45 nested groups.
DEEPEST = 20
_TOO_DEEP = f"the query mixes AND and OR more than {DEEPEST} deep; make it simpler"


class QueryError(ValueError):
    """A query that is too big to evaluate. The message is for the person who typed it."""


class Phrase(NamedTuple):
    """Words in this order with nothing between them; with `prefix`, the last is only a beginning."""

    words: tuple[str, ...]
    prefix: bool


class Every(NamedTuple):
    """All of these; of none of these: any text."""

    parts: "tuple[Node, ...]"


class Either(NamedTuple):
    """At least one of these; of none of these: no text."""

    parts: "tuple[Node, ...]"


class Never(NamedTuple):
    """Not this."""

    part: "Node"


Node = Phrase | Every | Either | Never


class Match(NamedTuple):
    """An FTS5 expression, and whether it says what is NOT wanted. A null expression matches nothing."""

    expression: str | None
    negated: bool
    depth: int = 0


class _Kind(Enum):
    WORD = "word"
    PHRASE = "phrase"
    NOT = "not"
    SIGN = "sign"
    SPACE = "space"
    JUNK = "junk"


_LEXEME = re.compile(
    r'"(?P<phrase>(?:[^"\\]|\\.)*+)"(?:~\d*)?'
    r"|(?P<not>-++)"
    r"|(?P<sign>[+|()])"
    r"|(?P<space>\s++)"
    r'|(?P<word>(?:[^\s"|+()\\]|\\.)++\\?)'
    r"|(?P<junk>.)",
    re.DOTALL,
)
_ESCAPE = re.compile(r"\\(.?)", re.DOTALL)
_MISSPELT = re.compile(r"~\d*$")


class _Lexeme(NamedTuple):
    kind: _Kind
    text: str


class _Level:
    """What is known of one pair of parentheses while it is read."""

    def __init__(self) -> None:
        self.top: Node | None = None
        self.depth = 0
        self.negations = 0
        self._asked: str | None = None

    def operator(self, sign: str) -> None:
        if self._asked is None and self.top is not None:
            self._asked = sign
        self.negations = 0

    def add(self, node: Node | None, depth: int = 0) -> None:
        """Join what was read to what stands before it. `depth` is how deep its groups go."""
        if node is not None:
            node = _opposite(node) if self.negations % 2 else node
            joined = node if self.top is None else _joined(self.top, self._asked or "+", node)
            self.depth = _checked_depth(max(self.depth, depth) + (self.top is not None and not self._chains(joined)))
            self.top = joined
        self._asked, self.negations = None, 0

    def _chains(self, joined: Node) -> bool:
        return type(joined) is type(self.top)


def parse(query: str) -> Node | None:
    """What a query asks for; null when no searchable word is in it. Raises QueryError when it is too big.

    >>> parse('card-payment | "not now"')
    Either(parts=(Every(parts=(Phrase(words=('card',), prefix=False), Phrase(words=('payment',), prefix=False))), \
Phrase(words=('not', 'now'), prefix=False)))
    >>> parse("-pay*")
    Never(part=Phrase(words=('pay',), prefix=True))
    >>> parse("((!!!")
    """
    if len(query) > MOST_CHARACTERS:
        raise QueryError(f"the query has more than {MOST_CHARACTERS} characters; search for less")
    levels = [_Level()]
    size = 0
    for lexeme in _paired(_lexemes(query)):
        level = levels[-1]
        match lexeme:
            case _Lexeme(_Kind.NOT, text):
                level.negations = len(text)
            case _Lexeme(_Kind.SIGN, "("):
                levels.append(_Level())
            case _Lexeme(_Kind.SIGN, ")"):
                inner = levels.pop()
                levels[-1].add(inner.top, inner.depth)
            case _Lexeme(_Kind.SIGN, sign):
                level.operator(sign)
            case _Lexeme(_Kind.WORD | _Kind.PHRASE, text):
                node, count = (_word if lexeme.kind is _Kind.WORD else _phrase)(text)
                size = _checked(size + count)
                level.add(node)
            case _:
                level.negations = 0
    return levels[0].top


def expression(node: Node) -> Match:
    """The same question in FTS5's language, which knows NOT only behind something else.

    Every expression is either a match or the opposite of one, so no NOT is left inside but `this NOT that`.
    Raises QueryError when groups are nested too deep.

    >>> expression(parse("a -(b | c*)"))
    Match(expression='("a" NOT ("b" OR "c" *))', negated=False, depth=2)
    >>> expression(parse("-a | -b"))
    Match(expression='("a" AND "b")', negated=True, depth=1)
    """
    match node:
        case Phrase(parts, prefix):
            return Match(f'"{" ".join(parts)}"{" *" if prefix else ""}', False)
        case Never(part):
            inner = expression(part)
            return inner._replace(negated=not inner.negated)
        case Every(parts):
            return _every([expression(part) for part in parts])
        case Either(parts):  # neither of the opposites
            opposites = [found._replace(negated=not found.negated) for found in map(expression, parts)]
            every = _every(opposites)
            return every._replace(negated=not every.negated)


def _every(parts: list[Match]) -> Match:
    wanted = [part for part in parts if not part.negated]
    unwanted = _one_of([part for part in parts if part.negated])
    if not wanted:
        return unwanted._replace(negated=True)
    if any(part.expression is None for part in wanted):
        return Match(None, False)
    both = _group("AND", wanted)
    if unwanted.expression is None:
        return both
    return _deeper(Match(f"({both.expression} NOT {unwanted.expression})", False, max(both.depth, unwanted.depth)))


def _one_of(parts: list[Match]) -> Match:
    some = [part for part in parts if part.expression is not None]
    return _group("OR", some) if some else Match(None, False)


def _group(operator: str, parts: list[Match]) -> Match:
    texts = list(dict.fromkeys(str(part.expression) for part in parts))
    if len(texts) == 1:
        return Match(texts[0], False, parts[0].depth)
    return _deeper(Match(f"({f' {operator} '.join(texts)})", False, max(part.depth for part in parts)))


def _deeper(match: Match) -> Match:
    if match.depth >= DEEPEST:
        raise QueryError(_TOO_DEEP)
    return match._replace(depth=match.depth + 1)


def _lexemes(query: str) -> Iterator[_Lexeme]:
    for found in _LEXEME.finditer(query):
        kind = _Kind(found.lastgroup)
        text = found[kind.value]
        following = query[found.end() : found.end() + 1]
        if kind is _Kind.NOT and (not following or following.isspace() or following in "+|)"):
            kind = _Kind.JUNK  # nothing to negate
        yield _Lexeme(kind, text)


def _paired(lexemes: Iterator[_Lexeme]) -> list[_Lexeme]:
    """The lexemes without spaces, parentheses that have no partner turned to junk."""
    kept = [lexeme for lexeme in lexemes if lexeme.kind is not _Kind.SPACE]
    opened: list[int] = []
    for place, lexeme in enumerate(kept):
        if lexeme == (_Kind.SIGN, "("):
            opened.append(place)
        elif lexeme == (_Kind.SIGN, ")"):
            if opened:
                opened.pop()
            else:
                kept[place] = _Lexeme(_Kind.JUNK, ")")
    for place in opened:
        kept[place] = _Lexeme(_Kind.JUNK, "(")
    return kept


def _word(text: str) -> tuple[Node | None, int]:
    # No operator is part of a word, so one that is escaped is as good as a space.
    plain = _ESCAPE.sub(lambda found: found[1] if found[1].isalnum() else " ", text)
    starred = _MISSPELT.sub("", plain)
    body = starred.rstrip("*")
    if not body and starred:
        return Every(()), 0
    found = phrases(body)
    last = body != starred and ends_in_word(body)
    parts = tuple(Phrase(one, last and place == len(found)) for place, one in enumerate(found, 1))
    node = Every(parts) if len(parts) > 1 else next(iter(parts), None)
    return node, sum(map(len, found))


def _phrase(text: str) -> tuple[Node | None, int]:
    found = tuple(words(_ESCAPE.sub(r"\1", text)))
    return (Phrase(found, False) if found else None), len(found)


def _opposite(node: Node) -> Node:
    return node.part if isinstance(node, Never) else Never(node)


def _joined(left: Node, sign: str, right: Node) -> Node:
    shape = Every if sign == "+" else Either
    # Chains of the same operator grow in breadth.
    return shape(tuple(part for side in (left, right) for part in (_parts(side, shape) or (side,))))


def _parts(node: Node, shape: type[Every] | type[Either]) -> "tuple[Node, ...]":
    return node.parts if isinstance(node, Every | Either) and isinstance(node, shape) else ()


def _checked_depth(depth: int) -> int:
    if depth > DEEPEST:
        raise QueryError(_TOO_DEEP)
    return depth


def _checked(size: int) -> int:
    if size > MOST_WORDS:
        raise QueryError(f"the query has more than {MOST_WORDS} words; search for fewer")
    return size
