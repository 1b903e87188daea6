"""What a trainer is to a recipe: the format that it reads, what it learns from, and its files."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import NamedTuple

from pipelines.recipes.facts import Facts
from schemas.record import Kind

TASK = {Kind.SFT: "sft", Kind.PREFERENCE: "dpo", Kind.KTO: "kto"}
"""What exports call the files of a kind, and recipes their config."""


class Trainer(NamedTuple):
    """`commands` start it in the recipe's folder, by the kind of record; a kind that is not there it cannot learn.

    `files` are those of the recipe by name, made of the facts, the head of their comments, and the folder where the
    export lies while they are made; what they name is `facts.data`. `adapter` is where it leaves one that PEFT reads,
    below the recipe's folder; null where it has a form of its own.
    """

    export: str
    commands: Mapping[Kind, str]
    files: Callable[[Facts, str, Path], dict[str, str]]
    adapter: str | None = "adapter"
