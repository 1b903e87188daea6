"""The harness of `make bench`: its arithmetic, its rounds and its lines, on recorded figures."""

import math
import re
import subprocess
import sys

import numpy as np
import polars as pl
import pytest

from benchmarks import table
from benchmarks.desk import ROOT
from benchmarks.environments import NoPeerError, python_of, requirements
from benchmarks.figures import Measured, Needed, exponent, figure_of, met, ratio, shown
from benchmarks.lines import GROUPS, Line, found_and_true
from benchmarks.processes import run_measured
from benchmarks.rounds import Kept, Round, perform
from benchmarks.rows import alpaca, evenly_by_length, noisy_copies, whole_clusters

PEERS = sorted(path.stem for path in (ROOT / "benchmarks" / "peers").glob("*.txt"))


def ran(wall: float, cpu: float = 1.0, peak: int = 2**30, **facts: object) -> Measured:
    return Measured(wall, cpu, peak, dict(facts))


def of(sides: dict[str, Measured], agreed: tuple[bool, str] = (True, "equal"), **failed: str) -> Round:
    return Round("2026-01-31T14:05:00+00:00", sides, failed, {"whatpeer": agreed})


FASTER = Line("what", "peer", "ours", "theirs", Needed("at least", 4), agree=lambda *_: None)


def test_one_disturbed_round_does_not_move_the_median():
    runs = [ran(2.0), ran(90.0), ran(2.2)]
    assert figure_of(runs, "wall") == 2.2
    assert figure_of([ran(1, cpu=3), ran(1, cpu=5)], "cpu") == 4


def test_speed_is_a_factor_and_cost_a_share():
    assert ratio(2, 8, Needed("at least", 4)) == 4
    assert ratio(3, 2, Needed("at most", 1.5)) == 1.5
    assert ratio(3, 60, Needed("at most", 5, "%")) == 5
    assert math.isnan(ratio(0, 8, Needed("at least", 4)))


@pytest.mark.parametrize(
    ("value", "needed", "expected"),
    [
        (4.0, Needed("at least", 4), True),
        (3.999, Needed("at least", 4), False),
        (1.5, Needed("at most", 1.5), True),
        (2.51, Needed("at most", 2.5, "GB"), False),
        (math.nan, Needed("at least", 0), False),
        (math.nan, Needed("at most", 9), False),
    ],
)
def test_a_bound_is_kept_or_not(value: float, needed: Needed, expected: bool):
    assert met(value, needed) is expected


def test_a_row_shows_medians_ratio_and_verdict():
    rounds = [of({"ours": ran(2.0), "theirs": ran(wall)}) for wall in (9.0, 8.0, 80.0)]
    row = table.row_of(FASTER, rounds)
    assert row == ("what", "peer", "2.0 s", "9.0 s", "4.50x", "at least 4x", "yes", "equal")


def test_a_fast_result_that_differs_has_not_met_its_bound():
    rounds = [of({"ours": ran(1), "theirs": ran(99)}), of({"ours": ran(1), "theirs": ran(99)}, (False, "recall .2"))]
    assert table.row_of(FASTER, rounds)[-2:] == ("no: results differ", "recall .2")


def test_a_peer_that_fails_is_a_line_that_says_so():
    row = table.row_of(FASTER, [of({"ours": ran(1)}, theirs="theirs: exit 1: ImportError: no module named cudf")])
    assert row.met == "no"
    assert row.said == "theirs: exit 1: ImportError: no module named cudf"
    assert table.row_of(FASTER, []).said == "not measured yet"


def test_a_figure_of_its_own_is_judged_without_a_peer():
    memory = Line("memory", "-", "ours", None, Needed("at most", 2.5, "GB"), own=lambda run: run.peak / 2**30)
    rounds = [of({"ours": ran(1, peak=size * 2**28)}) for size in (8, 9, 40)]
    assert table.row_of(memory, rounds)[2:7] == ("2.25 GB", "-", "-", "at most 2.50 GB", "yes")


def test_growth_is_the_slope_of_logarithms():
    assert exponent([52_002, 520_020, 1_000_000], [1.0, 10.0, 19.23]) == pytest.approx(1, abs=1e-4)
    assert exponent([1, 10, 100], [3, 300, 30_000]) == pytest.approx(2)
    assert math.isnan(exponent([10, 10], [1, 2]))
    assert math.isnan(exponent([10, 100], [0.0, 2]))


def test_figures_are_shown_in_their_unit():
    assert [shown(5, "x"), shown(5.25, "x"), shown(5, "%"), shown(0.5, "s"), shown(75, "s")] == [
        "5x", "5.25x", "5 %", "0.500 s", "75.0 s",
    ]  # fmt: skip


def test_rounds_are_kept_and_go_on_where_they_stopped(tmp_path):
    kept = Kept(tmp_path, "near", "code-1")
    done = of({"ours": ran(2.0, rows=5), "theirs": ran(9.0)})
    kept.write(1, done)
    assert kept.rounds(3) == [done, None, None]
    assert Kept(tmp_path, "near", "code-2").rounds(1) == [None], "other code is measured again"
    (tmp_path / "rounds" / "near.1.json").write_text("{ half a fi", encoding="utf-8")
    assert kept.rounds(1) == [None], "a broken file is passed over"


def test_a_stopped_call_runs_only_what_is_missing(tmp_path, monkeypatch):
    calls: list[str] = []

    def side(name: str):
        return lambda desk: calls.append(name) or ran(1.0)

    group = next(iter(GROUPS.values()))._replace(sides={"ours": side("ours"), "theirs": side("theirs")}, lines=[FASTER])
    group = group._replace(lines=[FASTER._replace(agree=None)], rounds=3)
    monkeypatch.setattr(table, "GROUPS", {"one": group})
    desk = type("Desk", (), {"folder": tmp_path})()
    table.measured(desk, ["one"], 2, False)
    assert calls == ["ours", "theirs", "ours", "theirs"], "interleaved"
    found = table.measured(desk, ["one"], 3, False)
    assert len(calls) == 6, "two of three rounds were kept"
    assert [sorted(each.sides) for each in found["one"]] == [["ours", "theirs"]] * 3
    table.measured(desk, ["one"], 1, True)
    assert len(calls) == 8, "fresh"


def test_one_side_that_fails_does_not_stop_the_others():
    def broken() -> Measured:
        raise NoPeerError("peer: cannot be installed (no such version)")

    sides, failed = perform(
        {"peer": broken, "ours": lambda: ran(1.0)}, ["ours", "peer"], (NoPeerError,), lambda _: None
    )
    assert list(sides) == ["ours"]
    assert failed == {"peer": "peer: cannot be installed (no such version)"}


def test_every_line_has_a_runner_for_both_of_its_sides():
    for name, group in GROUPS.items():
        assert group.rounds >= 3, name
        for line in group.lines:
            assert line.ours in group.sides, line.what
            assert line.peer is None or line.peer in group.sides, line.what
            assert (line.peer is None) == (line.own is not None), line.what
    whats = [line.what + line.against for group in GROUPS.values() for line in group.lines]
    assert len(whats) == len(set(whats))


def test_every_requirement_stands_in_the_table():
    needed = {str(line.needed) for group in GROUPS.values() for line in group.lines}
    assert {"at least 4x", "at least 6x", "at least 4.50x", "at least 10x", "at least 25x", "at least 1.20x"} <= needed
    assert {"at most 1.50x", "at most 5 %", "at most 10 %", "at most 2.50 GB", "at most 3.0 s", "at most 2x"} <= needed


@pytest.mark.parametrize("name", PEERS)
def test_peers_are_pinned_to_one_version_each(name: str):
    lines = (ROOT / "benchmarks" / "peers" / f"{name}.txt").read_text(encoding="utf-8").splitlines()
    assert lines[0].startswith("# "), "the first line says what it is for"
    for line in lines:
        assert re.fullmatch(r"#.*|[A-Za-z0-9._-]+==[A-Za-z0-9.]+", line), line
    peer = {"semhash": "semhash", "text-dedup": "text-dedup", "data-juicer": "py-data-juicer", "datatrove": "datatrove"}
    assert peer[name] in requirements(name)


@pytest.mark.long
def test_a_peer_that_cannot_be_installed_says_so_in_a_line(tmp_path, monkeypatch):
    monkeypatch.setattr("benchmarks.environments.PEERS", tmp_path)
    (tmp_path / "nothing.txt").write_text("# Not there.\n./no-such-folder\n", encoding="utf-8")
    with pytest.raises(NoPeerError, match=r"^nothing: cannot be installed \(.+\)$"):
        python_of("nothing", home=tmp_path / "home")


def test_a_process_is_measured_with_its_children(tmp_path):
    child = (
        "import time; held = bytearray(64 << 20); end = time.process_time() + .3\nwhile time.process_time() < end: 0"
    )
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {child!r}]); print('done'); sys.exit(3)"
    log = tmp_path / "log"
    ran_it = run_measured([sys.executable, "-c", code], env={}, cwd=tmp_path, log=log, timeout=60)
    assert ran_it.code == 3
    assert ran_it.cpu >= 0.3
    assert ran_it.peak > 64 << 20
    assert log.read_text() == "done\n"


def test_a_process_that_takes_too_long_is_ended_with_its_children(tmp_path):
    code = "import subprocess, sys; subprocess.run([sys.executable, '-c', 'import time; time.sleep(600)'])"
    ran_it = run_measured([sys.executable, "-c", code], env={}, cwd=tmp_path, log=tmp_path / "log", timeout=1)
    assert ran_it.code == -9


def test_the_page_keeps_everything_but_the_table():
    page = "Before.\n<!-- table: `make bench` writes it -->\nold\n<!-- end of table -->\nAfter.\n"
    assert table.into_page(page, "new\n") == page.replace("old", "new")
    assert table.written([table.Row("a|b", *"cdefghi")]).endswith("| a/b | c | d | e | f | g | h | i |\n")


def test_the_page_has_a_place_for_the_table():
    text = table.PAGE.read_text(encoding="utf-8")
    assert "written by `make bench`" in table.into_page(text, "written by `make bench`\n")
    for name in GROUPS:
        assert f"`{name}`" in text, "every name that ONLY= takes is in the page"


def test_a_sample_has_the_lengths_of_the_whole():
    texts = pl.Series(["x" * length for length in range(1, 101)])
    assert [len(text) for text in evenly_by_length(texts, 4)] == [1, 34, 67, 100]
    assert len(evenly_by_length(texts, 500)) == 100


def test_a_sample_of_clusters_never_parts_a_pair():
    pairs = pl.DataFrame({"a": [0, 1, 10, 40], "b": [1, 2, 90, 41]})
    for count in (5, 20, 50):
        chosen = set(whole_clusters(pairs, 100, count).tolist())
        assert count <= len(chosen) <= count + 2
        assert all((a in chosen) == (b in chosen) for a, b in pairs.iter_rows())


def test_copies_are_unit_rows_near_their_origin_and_not_all_alike():
    vectors = np.random.default_rng(1).standard_normal((50, 384)).astype(np.float32)
    vectors /= np.linalg.norm(vectors, axis=1, keepdims=True)
    copies = noisy_copies(vectors, 4)
    assert np.allclose(np.linalg.norm(copies, axis=1), 1, atol=1e-5)
    cosines = np.einsum("ij,ij->i", copies, np.repeat(vectors, 4, axis=0))
    assert 0.75 < cosines.min() < 0.9 < cosines.max() < 0.99


def test_recall_and_precision_count_pairs():
    found = pl.DataFrame({"a": [1, 1, 2], "b": [2, 3, 3]})
    true = pl.DataFrame({"a": [1, 4], "b": [2, 5]})
    assert found_and_true(found, true) == (0.5, 1 / 3)


def test_rows_are_read_as_prompt_and_whole(tmp_path):
    path = tmp_path / "alpaca.json"
    path.write_text(
        '[{"instruction": "Add", "input": "1, 2", "output": "3"},{"instruction": "Hi", "input": "", "output": "Hello"}]'
    )
    rows = alpaca(path, 10)
    assert rows["prompt"].to_list() == ["Add\n1, 2", "Hi"]
    assert rows["full"].to_list() == ["Add\n1, 2\n3", "Hi\nHello"]


def test_asking_for_a_line_that_is_none_names_those_there_are():
    call = [sys.executable, "-m", "benchmarks.table", "--only", "nears"]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 1
    assert done.stderr.startswith("nears: no such line; there are start, search, near")
