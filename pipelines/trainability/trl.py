"""TRL's preparation of a row, step by step: what SFTTrainer, DPOTrainer and KTOTrainer make of our `trl` export.

Equal to `_prepare_dataset` of TRL 1.16 with its defaults but for the window and the loss (tests/trainers hold it
against that): conversations are rendered and cut into tokens, labels follow from the loss, and what lies beyond
`max_length` is cut off at the end. SFTTrainer then drops rows with no label left; DPO and KTO drop rows whose prompt
fills the window. Packing, which cuts otherwise, is off by default.
"""

import json
from collections.abc import Iterator, Sequence
from contextlib import suppress
from typing import Any, Literal, NamedTuple

from pipelines.formats import Line
from pipelines.trainability.chat import Chat, Encoded, Message, Rendered, Tools, marks_answers
from pipelines.trainability.figures import Figures, failed
from pipelines.trainability.survival import lost_tool_parts, lost_turns, uses_tools
from schemas.errors import ModelError

Loss = Literal["all", "assistant", "completion"]
"""What SFTTrainer learns: every token (its default), `assistant_only_loss`, or the last answer of a prompt and its
completion. A preference or KTO row is always learnt by its answers."""


class Job(NamedTuple):
    """One row as it is rendered: each of `wholes` becomes a sequence, `prompt` is what they have in common."""

    row: int
    task: str  # sft, dpo or kto
    marked: bool  # answers are learnt as the template marks them
    wholes: list[Rendered]
    prompt: Rendered | None  # null where all of a sequence is learnt
    lost_turns: int
    lost_tool_parts: int | None


class Trl:
    """Prepares rows for one tokenizer. Raises ModelError where TRL would refuse the loss with its template."""

    def __init__(self, tokenizer: Any, *, max_length: int, loss: Loss) -> None:
        template = training_template(tokenizer) if loss == "assistant" else None
        self.chat = Chat(tokenizer, template)
        # DPO and KTO have no such template, and no such loss.
        self._plain = Chat(tokenizer) if template else self.chat
        self._max_length, self._loss = max_length, loss

    def prepare(self, lines: Sequence[Line | str]) -> list[Figures]:
        """Figures of each row, in order; a text in its place is why it cannot even be written."""
        found: dict[int, Figures] = {}
        jobs = []
        for row, line in enumerate(lines):
            try:
                if isinstance(line, str):
                    raise ValueError(line)
                jobs.append(self._job(row, line))
            except MemoryError:
                raise
            except Exception as error:  # a template raises what it likes
                found[row] = failed(reason(error))
        found |= {job.row: figures for job, figures in zip(jobs, self._counted(jobs), strict=True)}
        for row in self._without_answer(lines, [job for job in jobs if _is_cut(found[job.row])]):
            found[row] = found[row]._replace(answer_cut=True)
        return [found[row] for row in range(len(lines))]

    def _job(self, row: int, line: Line) -> Job:
        task, content = line.task.removesuffix("_tools"), line.content
        tools = read_tools(content)
        chat = self.chat if task == "sft" else self._plain
        marked = task == "sft" and self._loss == "assistant"
        prompt, talks = _conversations(task, content, self._loss)
        wholes = [chat.render(talk, tools, marked=marked) for talk in talks]
        parts = [
            lost_tool_parts(chat, talk, tools, whole.text)
            for talk, whole in zip(talks, wholes, strict=True)
            if uses_tools(talk, tools)
        ]
        return Job(
            row,
            task,
            marked,
            wholes,
            chat.render(prompt, tools, asks=True) if prompt is not None else None,
            sum(lost_turns(talk, whole.text) for talk, whole in zip(talks, wholes, strict=True)),
            sum(parts) if parts else None,
        )

    def _counted(self, jobs: Sequence[Job]) -> Iterator[Figures]:
        """Of each job, with all their texts cut into tokens at once."""
        masked = [job.wholes[0] for job in jobs if job.marked]
        texts = [
            text for job in jobs if not job.marked for text in (*job.wholes, *([job.prompt] if job.prompt else []))
        ]
        answers, encoded = iter(self.chat.encode(masked, marked=True)), iter(self._plain.encode(texts))
        for job in jobs:
            wholes = [next(answers)] if job.marked else [next(encoded) for _ in job.wholes]
            yield self._figures(job, wholes, next(encoded) if job.prompt else None)

    def _without_answer(self, lines: Sequence[Line | str], jobs: Sequence[Job]) -> list[int]:
        """Rows among those that are cut whose prompt alone fills the window. Where it is null, it is rendered here."""
        rows, prompts = [], []
        for job in jobs:
            line = lines[job.row]
            assert isinstance(line, Line)
            if job.prompt is None and line.content["messages"][-1]["role"] == "assistant":
                with suppress(Exception):  # a prompt may be nothing, or what a template does not render by itself
                    prompts.append(self.chat.render(line.content["messages"][:-1], read_tools(line.content), asks=True))
                    rows.append(job.row)
        encoded = self.chat.encode(prompts)
        return [row for row, prompt in zip(rows, encoded, strict=True) if len(prompt.ids) >= self._max_length]

    def _figures(self, job: Job, wholes: Sequence[Encoded], prompt: Encoded | None) -> Figures:
        if wholes[0].is_answer is not None and not any(wholes[0].is_answer):
            return failed("the template marks no answer in it, and TRL stops at such a row")
        kept = [min(len(whole.ids), self._max_length) for whole in wholes]
        before = min(common_start(prompt.ids, whole.ids) for whole in wholes) if prompt else 0
        supervised = sum(_learnt(whole, left, before) for whole, left in zip(wholes, kept, strict=True))
        return Figures(
            tokens=sum(len(whole.ids) for whole in wholes),
            kept=sum(kept),
            supervised=supervised,
            skipped=before >= self._max_length if job.task != "sft" else supervised == 0,
            answer_cut=False,
            lost_turns=job.lost_turns,
            lost_tool_parts=job.lost_tool_parts,
        )


def _is_cut(figures: Figures) -> bool:
    return figures.tokens is not None and figures.kept != figures.tokens and not figures.skipped


def _learnt(whole: Encoded, kept: int, before: int) -> int:
    """Tokens with a label, of the first `kept` of a sequence."""
    return max(0, kept - before) if whole.is_answer is None else sum(whole.is_answer[:kept])


def _conversations(task: str, content: dict[str, Any], loss: Loss) -> tuple[list[Message] | None, list[list[Message]]]:
    """The prompt (null: all is learnt alike) and the whole conversations of a row."""
    if task == "dpo":
        prompt = content["prompt"]
        return prompt, [prompt + content["chosen"], prompt + content["rejected"]]
    if task == "kto":
        return content["prompt"], [content["prompt"] + content["completion"]]
    messages = content["messages"]
    return messages[:-1] if loss == "completion" else None, [messages]


def read_tools(content: dict[str, Any]) -> Tools:
    """The row's tools as a trainer reads them from the text that stands for them; null where there are none."""
    text = content.get("tools")
    tools: Tools = json.loads(text) if text else None
    return tools


def common_start(some: Sequence[int], others: Sequence[int]) -> int:
    """How many tokens two sequences begin with in common.

    >>> common_start([1, 2, 3], [1, 2, 4, 5]), common_start([], [1])
    (2, 0)
    """
    shorter = min(len(some), len(others))
    if some[:shorter] == others[:shorter]:
        return shorter
    return next(at for at in range(shorter) if some[at] != others[at])


def training_template(tokenizer: Any) -> str | None:
    """The template that SFTTrainer takes for `assistant_only_loss` in the place of one that marks no answers.

    TRL has such templates for the families that it knows. Null where the tokenizer's own marks answers.
    """
    if marks_answers(tokenizer.get_chat_template()):
        return None
    remedy = "put {% generation %} around the answers in its chat template, or set training.loss to completion"
    try:
        from trl.chat_template_utils import get_training_chat_template
    except ImportError as error:
        raise ModelError(f"training.loss: the template marks no answers, and TRL is not here; {remedy}") from error
    try:
        found: str | None = get_training_chat_template(tokenizer)
    except Exception as error:  # the template is rendered there, and may raise what it likes
        raise ModelError(f"training.loss: TRL knows no training form of this template; {remedy}") from error
    return found


def reason(error: Exception) -> str:
    """What an error says, on one line."""
    said = " ".join(str(error).split())[:200]
    return said or type(error).__name__
