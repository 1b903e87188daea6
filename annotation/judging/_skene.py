"""Dawid-Skene that is only as free as the answers can pay for: shrunk towards "all are equally good".

Dawid & Skene (1979) estimate a confusion matrix for each person. With a few answers a person that is more
parameters than data, and the labels get worse than a plain vote. Here each matrix has a Dirichlet prior
centred on that person's one coin (right with probability a, else any other label: Zhang et al. 2016,
JMLR 17), which has a Beta prior centred on everybody's coin (the idea of Raykar et al. 2010, JMLR 11, and
Kim & Ghahramani 2012). `strength` counts the pseudo-answers in both. With infinite strength all people are
alike, which is a vote; with none it is plain Dawid-Skene. How strong it must be is read from the answers
themselves: cross-validated likelihood (Smyth 2000, Statistics and Computing 10), never from known labels.
"""

from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from annotation.judging._votes import MAX_LABELS, Votes

Floats = NDArray[np.float64]

# Pseudo-answers per label. Powers of four from "a matrix of one's own after a few answers" to "hardly".
STRENGTHS = (4.0, 16.0, 64.0)
# Two people who disagree cannot be told apart by their answers alone; three can.
MIN_WORKERS = 3
# The comparison rests on a standard error over tasks; from about 30 on that is more than a guess.
MIN_TASKS = 30
# A gain below two standard errors may be chance.
MIN_ERRORS = 2.0
FOLDS = 5
# More answers than this held out make the comparison no sharper, only slower.
ENOUGH_HELD_OUT = 20_000
# Cells of the largest table; beyond it labels are so many that matrices mean nothing, and memory ends.
MAX_CELLS = 20_000_000
MAX_ROUNDS = 100
# Largest change of a probability at which the rounds stop: for labels, and for a comparison.
SETTLED = 1e-6
SETTLED_ENOUGH = 1e-3
TINY = 1e-10


class Model(NamedTuple):
    """What was fitted. `posterior` is tasks x labels; `confusion` workers x said x true; `skill` in [0, 1]."""

    posterior: Floats
    confusion: Floats
    skill: Floats


class Choice(NamedTuple):
    """Whether people should be told apart: `model` is null where not."""

    why: str  # in one sentence
    strength: float | None  # that foretells best; null where none was tried
    model: Model | None


class _Shape(NamedTuple):
    workers: int
    tasks: int
    labels: int


def choose(votes: Votes, *, seed: int) -> Choice:
    """Shrunk Dawid-Skene if it foretells held-out answers clearly better than equal people do, else nothing."""
    shape = _Shape(len(votes.workers), len(votes.tasks), len(votes.labels))
    refusal = _cannot(votes, shape)
    if refusal:
        return Choice(refusal, None, None)
    folds = np.random.default_rng(seed).permutation(len(votes.worker)) % FOLDS
    used = _folds_used(len(folds))
    alike = _foretold(votes, shape, None, folds, used)
    scores = {strength: _foretold(votes, shape, strength, folds, used) for strength in STRENGTHS}
    strength = max(STRENGTHS, key=lambda one: (float(scores[one].mean()), one))
    gain, error = _paired(scores[strength] - alike, votes.task[np.isin(folds, used)])
    told = f"(gain {gain:+.4f} nats an answer, standard error {error:.4f})"
    if gain <= MIN_ERRORS * error:
        why = f"telling annotators apart does not foretell held-out answers clearly better than a vote does {told}"
        return Choice(why, strength, None)
    return Choice(f"annotators differ: held-out answers are foretold better {told}", strength, fit(votes, strength))


def fit(votes: Votes, strength: float | None) -> Model:
    """The model on all answers. A strength of None makes all people alike."""
    shape = _Shape(len(votes.workers), len(votes.tasks), len(votes.labels))
    return _fit(votes.worker, votes.task, votes.label, shape, strength, SETTLED)


def _cannot(votes: Votes, shape: _Shape) -> str | None:
    if not shape.tasks:
        return "there are no answers"
    overlapping = int((np.bincount(votes.task, minlength=shape.tasks) > 1).sum())
    if shape.labels < 2:
        return "all answers are the same label"
    if shape.workers < MIN_WORKERS:
        people = "two annotators" if shape.workers == 2 else "one annotator"
        return f"{people} cannot be told apart by answers alone; it takes {MIN_WORKERS}"
    if overlapping < MIN_TASKS:
        return f"fewer than {MIN_TASKS} tasks have two answers or more, too few to tell annotators apart"
    if shape.labels > MAX_LABELS or max(shape.workers * shape.labels, shape.tasks) * shape.labels > MAX_CELLS:
        return f"{shape.labels} labels are too many to tell annotators apart"
    return None


def _folds_used(answers: int) -> NDArray[np.int64]:
    return np.arange(min(FOLDS, max(1, -(-ENOUGH_HELD_OUT * FOLDS // answers))))


def _foretold(votes: Votes, shape: _Shape, strength: float | None, folds: Any, used: Any) -> Floats:
    """Log-likelihood of each held-out answer by a model that has not seen it, in the order of answers."""
    likely = np.zeros(len(folds))
    for fold in used:
        out = folds == fold
        seen = ~out
        model = _fit(votes.worker[seen], votes.task[seen], votes.label[seen], shape, strength, SETTLED_ENOUGH)
        said = model.confusion[votes.worker[out], votes.label[out]]
        likely[out] = np.log(np.maximum((said * model.posterior[votes.task[out]]).sum(axis=1), TINY))
    return likely[np.isin(folds, used)]


def _paired(difference: Floats, task: NDArray[np.int64]) -> tuple[float, float]:
    """Mean difference an answer, and its standard error with answers of one task taken as one draw."""
    _, place = np.unique(task, return_inverse=True)
    mean = float(difference.mean())
    spread = np.bincount(place, weights=difference - mean)
    return mean, float(np.sqrt(np.sum(spread**2))) / len(difference)


def _fit(worker: Any, task: Any, label: Any, shape: _Shape, strength: float | None, settled: float) -> Model:
    """Expectation-maximisation from the shares of a vote. Both steps are a product with one sparse matrix."""
    from scipy.sparse import csr_matrix

    cells = (task, worker * shape.labels + label)
    said = csr_matrix((np.ones(len(task)), cells), shape=(shape.tasks, shape.workers * shape.labels))
    posterior = _shares(task, label, shape)
    answered = np.bincount(task, minlength=shape.tasks) > 0
    for _ in range(MAX_ROUNDS):
        confusion, skill = _maximise(said.T @ posterior, shape, strength)
        # One pseudo-task per label keeps a label that nobody means any more possible.
        prior = (posterior[answered].sum(axis=0) + 1) / (answered.sum() + shape.labels)
        before, posterior = posterior, _expect(said, confusion, prior, shape)
        if np.abs(posterior - before).max() < settled:
            break
    return Model(posterior, confusion, skill)


def _shares(task: Any, label: Any, shape: _Shape) -> Floats:
    counts = np.bincount(task * shape.labels + label, minlength=shape.tasks * shape.labels)
    counts = counts.reshape(shape.tasks, shape.labels).astype(np.float64)
    total = counts.sum(axis=1, keepdims=True)
    return np.where(total > 0, counts / np.maximum(total, 1), 1 / shape.labels)


def _maximise(mass: Any, shape: _Shape, strength: float | None) -> tuple[Floats, Floats]:
    """Confusion (workers x said x true) and skill from the expected counts `mass` (workers * said x true)."""
    counts = np.asarray(mass).reshape(shape.workers, shape.labels, shape.labels)
    right = np.trace(counts, axis1=1, axis2=2)
    answers = counts.sum(axis=(1, 2))
    everybody = (right.sum() + 1) / (answers.sum() + 2)
    if strength is None:
        skill = np.full(shape.workers, everybody)
        return _coin(skill, shape), skill
    skill = (right + strength * everybody) / (answers + strength)
    shrunk = counts + strength * _coin(skill, shape)
    return shrunk / shrunk.sum(axis=1, keepdims=True), skill


def _coin(skill: Floats, shape: _Shape) -> Floats:
    clipped = np.clip(skill, TINY, 1 - TINY)[:, None, None]
    same = np.eye(shape.labels)[None]
    return np.asarray(same * clipped + (1 - same) * (1 - clipped) / (shape.labels - 1))


def _expect(said: Any, confusion: Floats, prior: Floats, shape: _Shape) -> Floats:
    logs = np.log(np.maximum(confusion, TINY)).reshape(shape.workers * shape.labels, shape.labels)
    score = np.asarray(said @ logs) + np.log(prior)
    score -= score.max(axis=1, keepdims=True)
    likely = np.exp(score)
    return np.asarray(likely / likely.sum(axis=1, keepdims=True))
