"""Consensus: votes, ties, gold, and a Dawid-Skene that is used only where the answers can bear it."""

import random
import warnings
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from annotation.judging._skene import STRENGTHS
from annotation.judging.consensus import (
    accuracy,
    consensus,
    dawid_skene,
    dawid_skene_shrunk,
    decide,
    decided,
    majority,
    weighted,
)
from annotation.judging.gold_answers import annotators_on_gold, gold_of, weights_from_gold
from schemas.errors import UsageError

CROWD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "dev_labels" / "crowd_cf.csv"


def frame(said: list[tuple[str, str, str]]) -> pl.DataFrame:
    return pl.DataFrame(said, schema=["worker", "task", "label"], orient="row").cast(pl.String)


def known(**gold: str) -> pl.DataFrame:
    return pl.DataFrame(
        {"task": list(gold), "gold": list(gold.values())}, schema={"task": pl.String, "gold": pl.String}
    )


def crowd() -> pl.DataFrame:
    if not CROWD.exists():
        pytest.skip("crowd_cf.csv is not beside this folder")
    return pl.read_csv(CROWD, infer_schema=False)


def drawn(skills: list[float], tasks: int, each: int, seed: int = 0) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Answers of people who are right with the probability `skills`, `each` a task, and the truth as gold."""
    rng = random.Random(seed)
    truth = {f"t{task:03}": rng.choice("abc") for task in range(tasks)}
    said = [
        (f"p{who:02}", task, right if rng.random() < skills[who] else rng.choice("abc".replace(right, "")))
        for task, right in truth.items()
        for who in rng.sample(range(len(skills)), each)
    ]
    return frame(said), known(**truth)


ALL_ALIKE = [0.75] * 30
# Three who know and five who guess: the case that Dawid-Skene was made for.
FEW_KNOW = [0.95] * 3 + [0.34] * 5


class TestMajority:
    def test_most_votes_win_and_a_tie_is_told_as_a_tie(self):
        said = frame(
            [("a", "1", "x"), ("b", "1", "x"), ("c", "1", "y"), ("a", "2", "x"), ("b", "2", "y"), ("a", "3", "z")]
        )
        labels = majority(said).select("task", "label", "share", "answers", "tie", "leaders")
        assert labels.rows() == [
            ("1", "x", 2 / 3, 3, False, ["x"]),
            ("2", None, 0.5, 2, True, ["x", "y"]),
            ("3", "z", 1.0, 1, False, ["z"]),
        ]

    def test_who_answers_twice_has_one_vote_the_last(self):
        said = frame([("a", "1", "x"), ("a", "1", "x"), ("a", "1", "y"), ("b", "1", "y")])
        assert majority(said).select("label", "answers").row(0) == ("y", 2)
        assert consensus(said, seed=1).superseded == 2

    def test_a_row_without_a_label_is_no_answer(self):
        said = pl.DataFrame({"worker": ["a", "b"], "task": ["1", "1"], "label": ["x", None]})
        assert majority(said)["answers"].to_list() == [1]

    def test_no_answers_give_no_labels(self):
        nothing = consensus(frame([]), seed=1)
        assert nothing.labels.is_empty()
        assert (nothing.method, nothing.why) == ("majority", "there are no answers")

    def test_a_missing_column_is_named(self):
        with pytest.raises(UsageError, match="no column 'task'"):
            majority(pl.DataFrame({"worker": ["a"], "label": ["x"]}))

    @settings(max_examples=50, deadline=None)
    @given(
        st.dictionaries(
            st.tuples(st.sampled_from("abcde"), st.sampled_from("1234")), st.sampled_from("xyz"), min_size=1
        ),
        st.randoms(use_true_random=False),
    )
    def test_the_order_of_rows_does_not_matter_and_names_only_rename(self, said, rng):
        rows = [(who, task, label) for (who, task), label in said.items()]
        first = consensus(frame(rows), seed=1)
        rng.shuffle(rows)
        again = consensus(frame(rows), seed=1)
        assert again.labels.equals(first.labels)
        assert again.weights.equals(first.weights)
        names = dict(zip("abcde1234xyz", rng.sample("ABCDEFGHIJKL", 12), strict=True))
        renamed = consensus(frame([tuple(names[name] for name in row) for row in rows]), seed=1).labels
        expected = {names[task]: names.get(label) for task, label in first.labels.select("task", "label").rows()}
        assert dict(renamed.select("task", "label").rows()) == expected


class TestTheGuard:
    def test_crowd_cf_plain_dawid_skene_loses_and_the_guard_keeps_the_vote(self):
        answers = crowd()
        gold = gold_of(answers).frame
        assert accuracy(dawid_skene(answers), gold).value == pytest.approx(0.830)
        vote = accuracy(majority(answers), gold)
        # 27 ties of k count 1/k; broken by the first label they would give 0.880.
        assert (vote.value, vote.ties) == (pytest.approx(0.882, abs=5e-4), 27)
        ours = consensus(answers, seed=42)
        assert ours.method == "majority"
        assert "does not foretell held-out answers clearly better" in ours.why
        assert accuracy(ours.labels, gold).value == vote.value

    @pytest.mark.parametrize("seed", range(5))
    def test_the_choice_on_crowd_cf_does_not_hang_on_the_seed(self, seed):
        assert consensus(crowd(), seed=seed).method == "majority"

    @pytest.mark.parametrize("seed", range(5))
    def test_where_all_are_equally_good_a_vote_stays_a_vote(self, seed):
        answers, _ = drawn(ALL_ALIKE, tasks=150, each=4, seed=seed)
        assert consensus(answers, seed=seed).method == "majority"

    @pytest.mark.parametrize("seed", range(5))
    def test_where_few_know_they_are_found_and_followed(self, seed):
        answers, gold = drawn(FEW_KNOW, tasks=200, each=6, seed=seed)
        found = consensus(answers, seed=seed)
        assert found.method == "dawid_skene_shrunk"
        assert accuracy(found.labels, gold).value > accuracy(majority(answers), gold).value + 0.05
        assert sorted(found.weights.sort("accuracy")["worker"].to_list()[-3:]) == ["p00", "p01", "p02"]

    def test_two_people_cannot_be_told_apart(self):
        answers, _ = drawn([0.95, 0.5], tasks=200, each=2)
        found = consensus(answers, seed=1)
        assert found.why == "two annotators cannot be told apart by answers alone; it takes 3"
        assert found.labels["tie"].any()

    def test_a_few_tasks_say_nothing_of_people(self):
        answers, _ = drawn(FEW_KNOW, tasks=20, each=6)
        assert "fewer than 30 tasks" in consensus(answers, seed=1).why

    @pytest.mark.parametrize("strength", STRENGTHS)
    def test_what_all_say_is_the_label(self, strength):
        said = frame([(who, f"t{task}", "xyz"[task % 3]) for who in "abcd" for task in range(40)])
        truth = majority(said)["label"]
        assert dawid_skene_shrunk(said, strength=strength)["label"].equals(truth)
        assert dawid_skene(said)["label"].equals(truth)
        assert consensus(said, seed=1).labels["label"].equals(truth)

    def test_a_label_that_nobody_said_of_a_task_never_wins(self):
        answers, _ = drawn([0.9, 0.4, 0.3, 0.3], tasks=100, each=2, seed=3)
        labels = dawid_skene_shrunk(answers, strength=4.0)
        assert labels["share"].min() > 0

    def test_it_is_the_same_each_time_and_nothing_warns(self):
        answers, _ = drawn(FEW_KNOW, tasks=100, each=5)
        with warnings.catch_warnings():
            warnings.simplefilter("error")
            first = consensus(answers, seed=7)
            dawid_skene(answers)
        again = consensus(answers.sample(fraction=1, shuffle=True, seed=3), seed=7)
        assert again.labels.equals(first.labels)
        assert again.why == first.why


class TestGold:
    def test_votes_are_weighed_by_what_gold_says_of_the_voter(self):
        """Two who are always wrong on gold outvote one who is right, until votes are weighed."""
        tests = [
            (who, f"g{task}", "x" if who == "good" else "y") for who in ("good", "bad", "worse") for task in range(10)
        ]
        work = [("good", "work", "y"), ("bad", "work", "x"), ("worse", "work", "x")]
        gold = known(**{f"g{task}": "x" for task in range(10)})
        by_vote = consensus(frame(tests + work), seed=1).labels.filter(pl.col("task") == "work")
        by_gold = consensus(frame(tests + work), gold=gold, seed=1)
        assert by_vote["label"].item() == "x"
        assert by_gold.method == "weighted"
        assert by_gold.labels.filter(pl.col("task") == "work")["label"].item() == "y"
        assert "of the gold tasks 1.000 are right by weight and 0.000 by vote" in by_gold.why
        assert by_gold.weights.select("worker", "answers").rows() == [("bad", 10), ("good", 10), ("worse", 10)]

    def test_a_gold_task_does_not_grade_itself(self):
        """On the only gold task that anyone answered nobody has a weight of their own, so it stays a tie."""
        said = frame([("a", "g", "x"), ("b", "g", "y")])
        assert weighted(said, known(g="x"))["tie"].to_list() == [True]

    def test_where_weighing_is_right_less_often_the_vote_stays(self):
        answers = crowd()
        found = consensus(answers, gold=gold_of(answers).frame, seed=1)
        assert found.method == "majority"
        assert "of the gold tasks 0.877 are right by weight and 0.882 by vote" in found.why

    def test_gold_of_tasks_that_nobody_answered_is_no_gold(self):
        assert consensus(frame([("a", "1", "x")]), gold=known(other="x"), seed=1).method == "majority"
        with pytest.raises(UsageError, match="nobody answered a task whose gold is known"):
            weights_from_gold(frame([("a", "1", "x")]), known(other="x"))

    def test_gold_that_contradicts_itself_is_left_out_and_named(self):
        rows = pl.DataFrame({"task": ["1", "1", "2", "2", "3"], "gold": ["x", "y", "x", None, None]})
        found = gold_of(rows)
        assert found.frame.rows() == [("2", "x")]
        assert found.contradictory == ["1"]

    def test_a_tie_counts_what_lot_would_give(self):
        said = frame([("a", "1", "x"), ("b", "1", "y"), ("a", "2", "x"), ("a", "3", "z")])
        assert accuracy(majority(said), known(**{"1": "x", "2": "x", "3": "x"})) == (0.5, 3, 1)
        assert accuracy(majority(said), known(other="x")) == (None, 0, 0)


class TestAnnotators:
    def report(self, right: int, answers: int) -> dict[str, object]:
        said = frame([("who", f"g{task}", "x" if task < right else "y") for task in range(answers)])
        gold = known(**{f"g{task}": "x" for task in range(answers)})
        return annotators_on_gold(said, gold, min_accuracy=0.7, min_answers=5).row(0, named=True)

    def test_wilsons_interval(self):
        """Newcombe (1998), Statistics in Medicine 17, table 1: 81 of 263 and 15 of 148."""
        assert (self.report(81, 263)["low"], self.report(81, 263)["high"]) == pytest.approx((0.2553, 0.3662), abs=1e-4)
        assert (self.report(15, 148)["low"], self.report(15, 148)["high"]) == pytest.approx((0.0624, 0.1605), abs=1e-4)

    def test_who_is_below_may_have_had_bad_luck_who_is_surely_below_has_not(self):
        assert self.report(4, 5)["verdict"] == "passes"
        assert self.report(3, 5)["verdict"] == "below"
        assert self.report(12, 30)["verdict"] == "surely below"

    def test_of_few_answers_nothing_is_said(self):
        assert self.report(0, 4)["verdict"] == "too few"

    def test_who_met_no_gold_has_no_accuracy(self):
        said = frame([("a", "1", "x"), ("b", "g", "x")])
        report = annotators_on_gold(said, known(g="x"), min_accuracy=0.7, min_answers=1)
        assert report.select("worker", "answers", "accuracy", "verdict").rows() == [
            ("a", 0, None, "too few"),
            ("b", 1, 1.0, "passes"),
        ]


class TestDeciding:
    def test_ties_and_low_agreement_escalate_and_two_of_three_meet_0_667(self):
        of = {"1": "xxy", "2": "xy", "3": "xxyz", "4": "y"}
        said = frame(
            [(who, task, label) for task, labels in of.items() for who, label in zip("abcd", labels, strict=False)]
        )
        found = decide(said, min_share=0.667).select("task", "label", "method", "escalate", "why")
        assert found.rows() == [
            ("1", "x", "majority", False, None),
            ("2", None, "majority", True, "tie"),
            ("3", "x", "majority", True, "low agreement"),
            ("4", "y", "single", False, None),
        ]

    def test_weights_decide_but_heads_are_counted(self):
        said = frame([("good", "1", "x"), ("bad", "1", "y"), ("worse", "1", "y")])
        weights = pl.DataFrame({"worker": ["good", "bad", "worse"], "weight": [3.0, 0.5, 0.5]})
        found = decide(said, weights, min_share=0.667).row(0, named=True)
        assert (found["label"], found["method"], found["why"]) == ("x", "weighted", "low agreement")
        assert found["share"] == pytest.approx(1 / 3)

    def test_a_stranger_counts_as_the_mean(self):
        said = frame([("known", "1", "x"), ("new", "1", "y"), ("other", "2", "x")])
        weights = pl.DataFrame({"worker": ["known", "other"], "weight": [1.0, 1.0]})
        assert decide(said, weights, min_share=0.5)["tie"].to_list() == [True, False]

    def test_a_models_label_is_called_dawid_skene(self):
        answers, _ = drawn(FEW_KNOW, tasks=100, each=5)
        labels = consensus(answers, seed=1).labels
        assert set(decided(labels, min_share=0.5)["method"]) == {"dawid_skene"}
