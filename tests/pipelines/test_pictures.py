"""Pictures are true to their numbers: widths are proportional, nothing small is lost, nothing overlaps."""

import re
from itertools import pairwise

import pytest

from pipelines._pictures import Bar, Node, bar, bars, flow, strip
from pipelines._plots import Mark, curve, histogram
from schemas.report import Histogram


def bin_bars(picture: str) -> list[tuple[float, float, float]]:
    """x, width and height of each bar of a histogram."""
    found = re.findall(r'<rect class="c-main" x="([\d.]+)%" y="[\d.]+" width="([\d.]+)%" height="([\d.]+)"', picture)
    return [(float(x), float(width), float(height)) for x, width, height in found]


def label_tops(picture: str, side: str) -> list[int]:
    labels = picture.split(f"flow-{side}", 1)[1].split("</svg>" if side == "left" else "</div></div></div>", 1)[0]
    return [int(top) for top in re.findall(r'<div style="top:(\d+)px"', labels)]


def caps(picture: str) -> list[float]:
    """The widths of the bands at their labels."""
    return [float(width) for width in re.findall(r'width="1.2" height="([\d.]+)"', picture)]


def test_bands_are_as_wide_as_their_share() -> None:
    picture = flow([Node("a", 750, "s"), Node("b", 250, "s")], [Node("train", 1000, "o")], "1,000 rows", "flow")
    assert caps(picture) == pytest.approx([172.5, 57.5, 230.0])


def test_one_row_among_a_million_is_still_seen_and_named() -> None:
    picture = flow([Node("all", 1_000_000, "s")], [Node("train", 999_999, "o"), Node("dropped", 1, "o")], "", "flow")
    assert min(caps(picture)) == 1.5
    assert "<span>1 <i>&lt; 0.1%</i></span>" in picture
    assert "<span>999,999 <i>&gt; 99.9%</i></span>" in picture


@pytest.mark.parametrize("sources", [1, 2, 15])
def test_labels_never_touch(sources: int) -> None:
    left = [Node(f"source {at}", 10 ** (at % 6), "s") for at in range(sources)]
    right = [Node(f"outcome {at}", sum(node.rows for node in left) if at == 0 else 1, "o") for at in range(10)]
    picture = flow(left, right, "", "flow")
    for side in ("left", "right"):
        tops = label_tops(picture, side)
        assert all(later - earlier >= 37 for earlier, later in pairwise(tops))
    assert len(label_tops(picture, "left")) == sources


def test_what_is_zero_has_no_band_and_nothing_has_no_picture() -> None:
    assert "rejected" not in flow([Node("a", 1, "s")], [Node("train", 1, "o"), Node("rejected", 0, "o")], "", "flow")
    assert flow([], [], "", "") == ""


def test_a_flow_escapes_its_names_and_keeps_their_ends() -> None:
    picture = flow([Node("<b>" * 50 + "/file.jsonl", 3, "s")], [Node("train", 3, "o")], "", '"<i>')
    assert "<b>" * 2 not in picture
    assert "/file.jsonl</b>" in picture
    assert 'aria-label="&#34;&lt;i&gt;"' in picture


def test_bars_of_a_histogram_are_as_high_as_their_counts() -> None:
    drawn = bin_bars(histogram(Histogram(edges=[0, 1, 2, 3], counts=[50, 0, 100]), unit="tokens", alt="lengths"))
    assert [height for _, _, height in drawn] == [85.0, 170.0]
    assert [round(x) for x, _, _ in drawn] == [1, 68]


def test_uneven_bins_are_drawn_even_and_marks_follow_them() -> None:
    picture = histogram(
        Histogram(edges=[1, 10, 100, 1000], counts=[5, 5, 5]), unit="tokens", alt="", marks=[Mark("median", 55)]
    )
    assert len({width for _, width, _ in bin_bars(picture)}) == 1
    assert '<text x="50.00%" y="-8" class="mark-name">median</text>' in picture


def test_a_single_row_in_a_bin_is_seen_beside_a_full_one() -> None:
    drawn = bin_bars(histogram(Histogram(edges=[0, 1, 2], counts=[50_000, 1]), unit="", alt=""))
    assert drawn[1][2] == 1.5


def test_a_thousand_bins_become_sixty_or_fewer_with_the_same_edges() -> None:
    picture = histogram(Histogram(edges=list(range(1001)), counts=[1] * 1000), unit="", alt="")
    assert len(bin_bars(picture)) <= 60
    assert "<title>0 to 17: 17</title>" in picture
    assert ">1,000</text>" in picture


def test_crowded_marks_keep_their_lines_and_drop_the_names_that_would_overlap() -> None:
    marks = [Mark(name, 50 + at) for at, name in enumerate(["median", "5%", "95%", "25%"])]
    picture = histogram(Histogram(edges=list(range(101)), counts=[1] * 100), unit="", alt="", marks=marks)
    assert picture.count('class="mark"') == 4
    assert re.findall(r'class="mark-name">([^<]+)<', picture) == ["median", "5%"]


@pytest.mark.parametrize(
    "bins",
    [None, Histogram(edges=[], counts=[]), Histogram(edges=[0, 1], counts=[0]), Histogram(edges=[0], counts=[3])],
)
def test_there_is_no_histogram_of_nothing(bins: Histogram | None) -> None:
    assert histogram(bins, unit="", alt="") == ""


def test_all_values_equal_still_draw_one_bar() -> None:
    assert (
        len(bin_bars(histogram(Histogram(edges=[7, 7], counts=[12]), unit="", alt="", marks=[Mark("median", 7)]))) == 1
    )


def test_a_curve_names_its_points_and_needs_two() -> None:
    picture = curve([(0.8, 200), (0.9, 50), (0.95, 0)], unit="min_similarity", alt="rows removed")
    assert "<title>0.9: 50</title>" in picture
    assert 'points="0.00,0.0 66.67,127.5 100.00,170.0"' in picture
    assert curve([(0.8, 200)], unit="", alt="") == ""


def test_a_curve_of_zeros_lies_on_its_axis() -> None:
    assert 'points="0.00,170.0 100.00,170.0"' in curve([(0.8, 0), (0.9, 0)], unit="", alt="")


def test_bars_compare_with_the_longest_and_show_what_is_small() -> None:
    picture = bars([Bar("en", 1000, "1,000"), Bar("<de>", 500, "500"), Bar("fr", 1, "1")], "languages")
    assert re.findall(r'<rect class="c-main" width="([\d.]+)%"', picture) == ["100.0", "50.0", "0.6"]
    assert "&lt;de&gt;" in picture
    assert bars([], "") == ""
    assert 'width="0.0%"' in bar(0)


def test_a_strips_parts_fill_it() -> None:
    picture = strip(
        [Bar("train", 90, "90", "o-train"), Bar("test", 10, "10", "o-test"), Bar("validation", 0, "0")], "s"
    )
    assert re.findall(r'x="([\d.]+)%" width="([\d.]+)%"', picture) == [
        ("0.000", "90.000"),
        ("90.000", "10.000"),
        ("100.000", "0.000"),
    ]
    assert "validation <b>0</b>" in picture
    assert strip([Bar("train", 0, "0")], "") == ""
