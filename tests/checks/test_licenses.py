"""Licences as people write them, what they demand, and which cannot be put together."""

import pytest

from checks.licenses import conflict, summed, understood


@pytest.mark.parametrize(
    ("written", "id"),
    [
        ("mit", "MIT"),
        ("The MIT License", "MIT"),
        ("https://opensource.org/license/mit/", "MIT"),
        ("Apache License, Version 2.0", "Apache-2.0"),
        ("https://www.apache.org/licenses/LICENSE-2.0", "Apache-2.0"),
        ("cc-by-sa-3.0", "CC-BY-SA-3.0"),
        ("Creative Commons Attribution-NonCommercial-ShareAlike 4.0 International", "CC-BY-NC-SA-4.0"),
        ("https://creativecommons.org/licenses/by-nc/4.0/deed.de", "CC-BY-NC-4.0"),
        ("CC0 1.0 Universal", "CC0-1.0"),
        ("https://creativecommons.org/publicdomain/zero/1.0/", "CC0-1.0"),
        ("GNU General Public License v3.0", "GPL-3.0-only"),
        ("GPLv3", "GPL-3.0-only"),
        ("gpl-3.0-or-later", "GPL-3.0-or-later"),
        ("Open Database License (ODbL) v1.0", "ODbL-1.0"),
        ("odc-by", "ODC-By-1.0"),
        ("Llama 3.1 Community License", "llama3.1"),
        ("(MIT OR GPL-2.0)", "MIT OR GPL-2.0-only"),
        ("MIT AND CC BY 4.0", "MIT AND CC-BY-4.0"),
        ("GPL-2.0-or-later WITH Classpath-exception-2.0", "GPL-2.0-or-later"),
    ],
)
def test_what_people_write_is_understood_as_spdx_has_it(written, id):
    assert understood(written).id == id


@pytest.mark.parametrize(
    "written", ["House rules", "proprietary", "MIT AND house rules", "CC", "MITx", "a" * 10_000, "()"]
)
def test_what_is_in_no_table_stays_as_it_was_stated_and_demands_nothing_that_is_known(written):
    found = understood(written)
    assert (found.id, found.alternatives, found.demands) == (written, (), ())


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("CC-BY-SA-4.0", "CC-BY-NC-4.0"),
        ("CC-BY-SA-4.0", "CC-BY-NC-SA-4.0"),
        ("CC-BY-SA-4.0", "ODbL-1.0"),
        ("CC-BY-SA-3.0", "GPL-3.0-only"),
        ("GPL-2.0-only", "GPL-3.0-only"),
        ("GPL-2.0-only", "Apache-2.0"),
        ("CC-BY-ND-4.0", "MIT"),
        ("CC-BY-SA-4.0", "openrail"),
        ("GPL-3.0-only", "llama3"),
        ("MIT AND CC-BY-SA-4.0", "CC-BY-NC-4.0"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-ND-4.0"),
    ],
)
def test_licences_that_contradict_each_other_are_named_whichever_comes_first(one, other):
    forth, back = conflict(understood(one), understood(other)), conflict(understood(other), understood(one))
    assert forth is not None
    assert back is not None


@pytest.mark.parametrize(
    ("one", "other"),
    [
        ("MIT", "CC-BY-NC-4.0"),
        ("CC0-1.0", "GPL-3.0-only"),
        ("CC-BY-SA-3.0", "CC-BY-SA-4.0"),
        ("CC-BY-SA-4.0", "GPL-3.0-only"),
        ("CC-BY-SA", "CC-BY-SA-4.0"),
        ("CC-BY-NC-SA-4.0", "CC-BY-NC-4.0"),
        ("Apache-2.0", "GPL-3.0-only"),
        ("GPL-2.0-or-later", "GPL-3.0-only"),
        ("MIT OR GPL-2.0-only", "Apache-2.0"),
        ("openrail", "CC-BY-4.0"),
        ("House rules", "CC-BY-ND-4.0"),
    ],
)
def test_licences_that_do_not_are_not(one, other):
    assert conflict(understood(one), understood(other)) is None


def test_rows_are_summed_under_one_name_however_it_was_written():
    found = summed(
        [
            ("MIT", 3),
            ("mit license", 2),
            ("CC BY-SA 4.0", 4),
            ("cc-by-nc-4.0", 1),
            ("Ours", 1),
            (None, 5),
            ("unknown", 2),
        ]
    )
    assert [(one["license"], one["rows"], one["stated"]) for one in found["licenses"]] == [
        ("MIT", 5, ["MIT", "mit license"]),
        ("CC-BY-SA-4.0", 4, ["CC BY-SA 4.0"]),
        ("CC-BY-NC-4.0", 1, ["cc-by-nc-4.0"]),
        ("Ours", 1, ["Ours"]),
    ]
    counts = {name: found[name] for name in ("unknown", "unrecognised", "attribution", "share_alike", "non_commercial")}
    assert counts == {"unknown": 7, "unrecognised": 1, "attribution": 10, "share_alike": 4, "non_commercial": 1}
    (clash,) = found["conflicting"]
    assert (found["conflicts"], clash["one"], clash["other"], clash["rows"]) == (
        1,
        "CC-BY-SA-4.0",
        "CC-BY-NC-4.0",
        [4, 1],
    )
    assert (
        clash["why"]
        == "CC-BY-SA-4.0 must be passed on without further restrictions, and CC-BY-NC-4.0 is non-commercial"
    )


def test_of_alternatives_only_what_all_demand_is_demanded():
    assert understood("MIT OR CC-BY-NC-4.0").demands == understood("MIT").demands
    assert "non_commercial" in understood("MIT AND CC-BY-NC-4.0").demands
