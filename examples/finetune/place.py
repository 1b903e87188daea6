"""Where a training is computed, and in what."""

from typing import NamedTuple

import torch


class Place(NamedTuple):
    """`rows` are computed at once, unless said otherwise: what fits into memory with a small model."""

    name: str
    cuda: bool
    rows: int

    @property
    def precision(self) -> str:
        """What the base model is held in. docs/finetune.md has what each takes on a CPU."""
        return "bfloat16" if self.cuda else "float32"


def place() -> Place:
    """A GPU where there is one, else the CPU."""
    if torch.cuda.is_available():
        return Place(torch.cuda.get_device_name(), True, 32)
    return Place(f"CPU, {torch.get_num_threads()} threads", False, 4)
