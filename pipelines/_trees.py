"""Trees of messages (OpenAssistant): one record for each answer that no further answer follows."""

from typing import Any, NamedTuple

from pipelines._conversations import turn_of
from pipelines._records import Message
from pipelines._rows import NotARecord, kind_of, shown

# Paths repeat what they share. A real tree unfolds to a few times its size; beyond this it is an attack or a mistake.
_UNFOLDED_CHARACTERS = 64 * 2**20
# What a message costs beside its text, so that a great many empty ones are bounded too.
_MESSAGE_CHARACTERS = 100


class TreePath(NamedTuple):
    """From the root to one last answer."""

    messages: list[Message]
    extras: list[dict[str, Any]]  # as in _conversations.Turns
    unanswered: list[dict[str, Any]]  # replies along the path that lead to no answer, with `after`: the message's index


class _Node(NamedTuple):
    turn: Message
    left: dict[str, Any]
    entry: dict[str, Any]
    parent: int  # -1 for the root


def paths_of(root: dict[str, Any]) -> list[TreePath]:
    """All paths, depth first in the order of the replies; a root without any answer is one path of its own.

    A reply that leads to no answer stays with the first path through the message it replies to.
    """
    nodes = _nodes(root)
    leads = [node.turn["role"] == "assistant" for node in nodes]  # an answer lies here or below
    below = [False] * len(nodes)
    for index in range(len(nodes) - 1, 0, -1):
        leads[index] |= below[index]
        below[nodes[index].parent] |= leads[index]
    last = [index for index, node in enumerate(nodes) if node.turn["role"] == "assistant" and not below[index]] or [0]
    steps = _steps(nodes, last)
    paths = [_path(nodes, path) for path in steps]
    place: dict[int, tuple[int, int]] = {}  # node -> its first path, and where in it
    for number, path in enumerate(steps):
        for depth, index in enumerate(path):
            place.setdefault(index, (number, depth))
    for index, node in enumerate(nodes):
        if index not in place and node.parent in place:
            number, depth = place[node.parent]
            paths[number].unanswered.append({"after": depth, **node.entry})
    return paths


def _nodes(root: dict[str, Any]) -> list[_Node]:
    """Every node before its replies, replies in their order. Not recursive: trees may be deep."""
    nodes: list[_Node] = []
    waiting: list[tuple[Any, int]] = [(root, -1)]
    while waiting:
        entry, parent = waiting.pop()
        if not isinstance(entry, dict):
            raise NotARecord("type", f"a reply is {kind_of(entry)} ({shown(entry)}), not a message")
        replies = entry.get("replies") or []
        if not isinstance(replies, list):
            raise NotARecord("type", f"replies is {kind_of(replies)} ({shown(replies)}), not a list")
        turn, left = turn_of({key: value for key, value in entry.items() if key != "replies"}, f"message {len(nodes)}")
        waiting += [(reply, len(nodes)) for reply in reversed(replies)]
        nodes.append(_Node(turn, left, entry, parent))
    return nodes


def _steps(nodes: list[_Node], last: list[int]) -> list[list[int]]:
    """For each last node the way to it from the root. Raises NotARecord where they are too much together."""
    sizes = [
        _MESSAGE_CHARACTERS + len(node.turn["content"]) + sum(len(str(value)) for value in node.left.values())
        for node in nodes
    ]
    ways: list[list[int]] = []
    total = 0
    for index in last:
        way = [index]
        while nodes[way[-1]].parent >= 0:
            way.append(nodes[way[-1]].parent)
        total += sum(sizes[step] for step in way)
        if total > _UNFOLDED_CHARACTERS:
            raise NotARecord("too_long", f"its paths unfold to more than {_UNFOLDED_CHARACTERS} characters")
        ways.append(way[::-1])
    return ways


def _path(nodes: list[_Node], steps: list[int]) -> TreePath:
    extras = [{"index": place, **nodes[index].left} for place, index in enumerate(steps) if nodes[index].left]
    return TreePath([nodes[index].turn for index in steps], extras, [])
