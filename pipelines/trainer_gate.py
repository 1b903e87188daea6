"""The gate in a Hugging Face Trainer: training does not begin on a release that does not pass.

from pipelines.trainer_gate import GateCallback

trainer = Trainer(..., callbacks=[GateCallback("runs/demo", policy="sft")])
"""

from pathlib import Path
from typing import Any

from transformers import TrainerCallback

from pipelines.gate import require
from schemas.report import Verdict


class GateCallback(TrainerCallback):
    """Asks the gate when `train()` is called, before the first batch; every process of a distributed run asks.

    Arguments and errors are those of `pipelines.gate.require`: the errors go through `train()` to the caller, so no
    step is made. `verdict` is what the gate said; null before it was asked.
    """

    def __init__(
        self,
        release: str | Path,
        policy: str | Path | None = None,
        *,
        verdict: str | Path | None = None,
        public_key: str | Path | None = None,
    ) -> None:
        self._asked: dict[str, Any] = {"policy": policy, "verdict": verdict, "public_key": public_key}
        self._release = release
        self.verdict: Verdict | None = None

    def on_train_begin(self, args: Any, state: Any, control: Any, **_: Any) -> None:
        """Raises what `require` raises."""
        self.verdict = require(self._release, **self._asked)
