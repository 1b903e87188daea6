"""`assay agreement FILE.csv`: real files, odd files, and files that are no answers."""

import gzip
import json
import os
from pathlib import Path

import polars as pl
import pytest
import zstandard

from annotation.judging._answers_csv import read_answers
from annotation.judging.agreement_file import agreement_lines, agreement_of_file, measure_file, write_consensus
from schemas.errors import SourceError, UsageError

CROWD = Path(__file__).resolve().parents[2].parent / "shared" / "data" / "dev_labels" / "crowd_cf.csv"
HEAD = "worker,task,label\n"
THREE = HEAD + "ann,1,yes\nbob,1,yes\ncyd,1,no\nann,2,no\nbob,2,no\ncyd,2,no\n"


@pytest.fixture
def file(tmp_path):
    def write(content: str | bytes, name: str = "answers.csv") -> Path:
        path = tmp_path / name
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        return path

    return write


class TestFigures:
    def test_crowd_cf(self):
        if not CROWD.exists():
            pytest.skip("crowd_cf.csv is not beside this folder")
        found = agreement_of_file(CROWD)
        assert found["alpha"] == pytest.approx(0.577, abs=5e-4)
        low, high = found["alpha_interval"]
        assert (low, high) == pytest.approx((0.535, 0.619), abs=3e-3)
        assert found["kappa"] is None
        assert found["reasons"]["kappa"] == "Cohen's kappa is of two annotators; there are 461"
        assert found["methods"]["majority"] == {"accuracy": pytest.approx(0.882, abs=5e-4), "ties": 27}
        assert found["methods"]["dawid_skene"]["accuracy"] == pytest.approx(0.830)
        assert found["consensus"]["method"] == "majority"
        assert found["consensus"]["accuracy"] == found["methods"]["majority"]["accuracy"]
        assert (found["answers"], found["workers"], found["tasks"], found["gold_tasks"]) == (1720, 461, 300, 300)
        assert json.loads(json.dumps(found)) == found
        assert agreement_of_file(CROWD) == found

    def test_without_gold_nothing_is_said_of_accuracy(self, file):
        found = agreement_of_file(file(THREE))
        assert found["consensus"]["accuracy"] is None
        assert found["methods"]["weighted"] == {"accuracy": None, "ties": None}
        assert found["reasons"]["accuracy"] == found["reasons"]["weighted"] == "no task has gold"
        assert found["kappa"] is None
        assert found["fleiss"] == pytest.approx(0.25)
        assert [(pair["one"], pair["other"], pair["kappa"]) for pair in found["pairs"]] == [
            ("ann", "bob", 1.0),
            ("ann", "cyd", 0.0),
            ("bob", "cyd", 0.0),
        ]

    def test_two_annotators_have_cohens_kappa(self, file):
        found = agreement_of_file(file(HEAD + "a,1,x\nb,1,x\na,2,y\nb,2,y\na,3,x\nb,3,y\n"))
        assert found["kappa"] == pytest.approx(0.4)
        assert "kappa" not in found["reasons"]

    def test_gold_measures_and_has_no_part_in_the_consensus(self, file):
        said = "worker,task,label,gold\na,1,x,y\nb,1,x,y\nc,1,y,y\na,2,x,\nb,2,y,\n"
        found = agreement_of_file(file(said), labels=True)
        assert found["consensus"] == {
            "method": "majority",
            "why": "fewer than 30 tasks have two answers or more, too few to tell annotators apart",
            "accuracy": 0.0,
            "ties": 1,
        }
        assert [(one["task"], one["label"], one["leaders"]) for one in found["labels"]] == [
            ("1", "x", ["x"]),
            ("2", None, ["x", "y"]),
        ]

    def test_ratings_may_be_ranked(self, file):
        said = HEAD + "a,1,1\nb,1,1\na,2,4\nb,2,5\na,3,3\nb,3,3\n"
        assert agreement_of_file(file(said), level="ordinal")["alpha"] > agreement_of_file(file(said))["alpha"]
        with pytest.raises(UsageError, match="'no' is not a number"):
            agreement_of_file(file(THREE), level="ordinal")

    def test_labels_are_given_only_when_asked_for(self, file):
        assert "labels" not in agreement_of_file(file(THREE))

    def test_who_fails_gold_is_named(self, file):
        rows = [
            f"{who},t{task},{'x' if who == 'ann' or task < 3 else 'y'},x"
            for who in ("ann", "bob")
            for task in range(20)
        ]
        found = agreement_of_file(file("worker,task,label,gold\n" + "\n".join(rows)))
        assert [one["worker"] for one in found["annotators"]["surely_below"]] == ["bob"]
        assert found["annotators"]["below"] == []
        assert any("bob 3/20" in line for line in agreement_lines(found))


class TestTerminal:
    def test_what_a_person_reads(self, file):
        lines = agreement_lines(agreement_of_file(file(THREE)))
        assert lines[0].split(maxsplit=1) == ["answers", "6 by 3 annotators on 2 tasks"]
        assert lines[1].startswith("alpha                 0.375 (")
        assert "Fleiss                0.250" in lines
        assert any("ann and bob: 1.000 over 2 tasks" in line for line in lines)
        assert any("weighted            not used: no task has gold" in line for line in lines)

    def test_a_name_steers_no_terminal(self, file):
        found = agreement_of_file(file(HEAD + "\x1b[31mred,1,x\nb,1,x\nc,1,y\n" + f"{'n' * 99},2,x\n"))
        told = "\n".join(agreement_lines(found))
        assert "\x1b" not in told
        assert max(map(len, told.splitlines())) < 200

    def test_all_that_can_be_null_can_be_told(self, file):
        one = agreement_lines(agreement_of_file(file(HEAD + "a,1,x\n")))
        assert one[1] == "alpha                 none: no task has answers of two people"
        single = agreement_lines(agreement_of_file(file(HEAD + "a,1,x\nb,1,y\n")))
        assert (
            single[1]
            == "alpha                 0.000 (one task gives no interval; 1 tasks overlap): too low to conclude from"
        )


class TestOddFiles:
    @pytest.mark.parametrize(
        "content",
        [
            "\ufeff" + THREE,
            THREE.replace("\n", "\r\n"),
            THREE.replace("\n", "\r"),
            THREE.replace(",", ";"),
            THREE.replace(",", "\t"),
            "\n\n" + THREE,
            THREE.replace("worker,task,label", " Worker, TASK ,label"),
            THREE.replace(",1,yes", ", 1 , yes "),
            gzip.compress(THREE.encode()),
            zstandard.compress(THREE.encode()),
        ],
        ids=["mark", "crlf", "cr", "semicolon", "tab", "blank lines", "names", "blanks", "gzip", "zstd"],
    )
    def test_it_is_the_same_file(self, file, content):
        found, plain = read_answers(file(content)), read_answers(file(THREE, "plain.csv"))
        assert found.equals(plain)

    def test_values_may_hold_line_ends_and_commas(self, file):
        found = read_answers(file(HEAD + 'a,"one\ntwo","x, y"\n'))
        assert found.rows() == [("a", "one\ntwo", "x, y")]

    def test_other_columns_do_not_matter_even_twice(self, file):
        found = read_answers(file("note,worker,note,task,label\nn,a,m,1,x\n"))
        assert found.rows() == [("a", "1", "x")]

    def test_a_row_that_lacks_something_costs_that_row_and_is_counted(self, file):
        found = agreement_of_file(file(THREE + "dan,1\n,,\ndan,2,\n"))
        assert (found["answers"], found["unanswered"]) == (6, 3)
        assert "3 rows without worker, task or label left out" in agreement_lines(found)[0]

    def test_of_two_answers_the_last_counts_and_the_first_is_counted(self, file):
        found = agreement_of_file(file(THREE + "cyd,1,yes\n"))
        assert (found["answers"], found["superseded"]) == (6, 1)
        assert found["alpha"] == 1.0
        assert "1 replaced by a later one" in agreement_lines(found)[0]

    def test_gold_that_contradicts_itself_is_not_used(self, file):
        found = agreement_of_file(file("worker,task,label,gold\na,1,x,x\nb,1,x,y\na,2,x,x\nb,2,x,x\n"))
        assert found["gold_contradictory"] == ["1"]
        assert found["gold_tasks"] == 1

    def test_one_person_and_one_label_are_answers_too(self, file):
        one = agreement_of_file(file(HEAD + "a,1,x\na,2,y\n"))
        assert (one["alpha"], one["reasons"]["alpha"]) == (None, "no task has answers of two people")
        same = agreement_of_file(file(HEAD + "a,1,x\nb,1,x\n"))
        assert (same["alpha"], same["reasons"]["alpha"]) == (None, "only one label occurs where people overlap")

    def test_free_text_is_no_category(self, file):
        found = agreement_of_file(file(HEAD + "".join(f"p{n % 3},t{n // 3},essay {n}\n" for n in range(900))))
        assert found["alpha"] is None
        assert "free text" in found["reasons"]["alpha"]
        assert found["consensus"]["ties"] == 300

    @pytest.mark.slow
    def test_very_many_answers(self, file):
        """A million with `make long`; in CI as many as are too many for the slowest method."""
        size, people, labels = 1_000_000 if os.environ.get("ASSAY_TESTS_LONG") else 250_000, 5_000, 4
        rows = pl.DataFrame({"n": range(size)}).select(
            worker=pl.format("worker {}", (pl.col("n") * 7919) % people),
            task=pl.format("task {}", pl.col("n") // 5),
            label=pl.format(
                "label {}",
                pl.when(pl.col("n") % 3 == 0).then(pl.col("n") % labels).otherwise(pl.col("n") // 5 % labels),
            ),
        )
        found = agreement_of_file(file(rows.write_csv()))
        assert (found["answers"], found["tasks"], found["methods"]["dawid_skene"]["ties"]) == (size, size // 5, None)
        assert found["alpha_interval"][1] - found["alpha_interval"][0] < 0.02


class TestNoAnswers:
    @pytest.mark.parametrize(
        ("content", "fault"),
        [
            ("", "is empty; it needs the columns"),
            (HEAD, "no row has a worker, a task and a label"),
            ("who,task,label\na,1,x\n", "has no column 'worker'"),
            ("worker,task,label,label\na,1,x,y\n", "has more than one column 'label'"),
            ('{"worker": "a"}\n', "has no column 'worker'"),
            (THREE + "dan,1,yes, indeed\n", "line 8 has 4 values where the header has 3"),
            (THREE + 'dan,"1,yes\n', "is not CSV"),
            ('worker,"task,label\na,1,x\n', "the first line has an unclosed quote"),
            ("x" * 300_000, "the first line is longer than"),
            (THREE + "dan,\0,yes\n", "holds NUL bytes"),
            (THREE.encode("utf-16"), "holds NUL bytes"),
            ((THREE + "dan,1,café\n").encode("latin-1"), r"is not UTF-8 \(line 8\)"),
            (gzip.compress(THREE.encode())[:-9], "cannot be read"),
            (zstandard.compress(THREE.encode())[:-5], "cannot be read"),
            (b"\x1f\x8bjunk", "cannot be read"),
        ],
    )
    def test_the_fault_and_the_remedy_are_one_line(self, file, content, fault):
        path = file(content)
        with pytest.raises(SourceError, match=fault) as caught:
            agreement_of_file(path)
        assert str(path) in str(caught.value)
        assert "\n" not in str(caught.value)

    def test_what_is_no_file(self, tmp_path):
        os.mkfifo(tmp_path / "pipe")
        with pytest.raises(SourceError, match="is no file"):
            agreement_of_file(tmp_path)
        with pytest.raises(SourceError, match="is no file"):
            agreement_of_file(tmp_path / "pipe")
        with pytest.raises(SourceError, match="No such file"):
            agreement_of_file(tmp_path / "absent.csv")


class TestOut:
    def test_the_consensus_of_each_task_as_csv(self, file, tmp_path):
        path = file(THREE + "ann,3,yes\nbob,3,no\n")
        write_consensus(measure_file(path).labels, tmp_path / "out.csv")
        assert (tmp_path / "out.csv").read_text() == (
            "task,label,share,answers,confidence,tie,leaders,method\n"
            "1,yes,0.6666666666666666,3,,false,yes,majority\n"
            "2,no,1.0,3,,false,no,majority\n"
            "3,,0.5,2,,true,no | yes,majority\n"
        )
        write_consensus(path, tmp_path / "same.csv")
        assert (tmp_path / "same.csv").read_bytes() == (tmp_path / "out.csv").read_bytes()

    def test_where_it_cannot_be_written(self, file, tmp_path):
        with pytest.raises(UsageError, match=r"out.csv: cannot be written \(No such file or directory\)"):
            write_consensus(file(THREE), tmp_path / "absent" / "out.csv")
