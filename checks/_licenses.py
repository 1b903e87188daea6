"""Licences by name: what rows state, understood as SPDX has it, and what each licence demands.

Identifiers are those of the SPDX licence list, and of the Hugging Face hub where SPDX has none. What a licence demands
is as its own text says, in the five words of Demand.
"""

import re
from enum import StrEnum
from typing import NamedTuple


class Demand(StrEnum):
    """What a licence asks of whoever passes the text on."""

    ATTRIBUTION = "attribution"  # name who made it, keep the notice
    SHARE_ALIKE = "share_alike"  # pass on adaptations under the same licence, without further restrictions
    NON_COMMERCIAL = "non_commercial"
    NO_DERIVATIVES = "no_derivatives"  # pass on no adaptation at all
    USE_RESTRICTED = "use_restricted"  # forbids some uses, and has that passed on


class License(NamedTuple):
    """One licence. `id` is SPDX's where it has one, else the Hugging Face hub's."""

    id: str
    demands: frozenset[Demand]
    is_spdx: bool

    @property
    def url(self) -> str | None:
        """Where its text is; null where SPDX does not have it."""
        return f"https://spdx.org/licenses/{self.id}.html" if self.is_spdx else None


_BY = (Demand.ATTRIBUTION,)
_SA = (*_BY, Demand.SHARE_ALIKE)
_TABLE: tuple[tuple[tuple[Demand, ...], str], ...] = (
    ((), "CC0-1.0 PDDL-1.0 Unlicense 0BSD WTFPL CC-PDDC"),
    (
        _BY,
        "MIT MIT-0 Apache-2.0 BSD-2-Clause BSD-3-Clause BSD-3-Clause-Clear ISC Zlib AFL-3.0 Artistic-2.0 BSL-1.0 "
        "ECL-2.0 NCSA PostgreSQL ODC-By-1.0 CDLA-Permissive-1.0 CDLA-Permissive-2.0 OGL-UK-3.0 etalab-2.0 "
        "CC-BY-1.0 CC-BY-2.0 CC-BY-2.5 CC-BY-3.0 CC-BY-4.0",
    ),
    (
        _SA,
        "CC-BY-SA-1.0 CC-BY-SA-2.0 CC-BY-SA-2.5 CC-BY-SA-3.0 CC-BY-SA-4.0 ODbL-1.0 CDLA-Sharing-1.0 GFDL-1.2-only "
        "GFDL-1.3-only GFDL-1.3-or-later GPL-2.0-only GPL-2.0-or-later GPL-3.0-only GPL-3.0-or-later AGPL-3.0-only "
        "AGPL-3.0-or-later LGPL-2.1-only LGPL-2.1-or-later LGPL-3.0-only LGPL-3.0-or-later MPL-2.0 EUPL-1.2",
    ),
    ((*_BY, Demand.NON_COMMERCIAL), "CC-BY-NC-1.0 CC-BY-NC-2.0 CC-BY-NC-2.5 CC-BY-NC-3.0 CC-BY-NC-4.0"),
    ((*_SA, Demand.NON_COMMERCIAL), "CC-BY-NC-SA-2.0 CC-BY-NC-SA-2.5 CC-BY-NC-SA-3.0 CC-BY-NC-SA-4.0"),
    ((*_BY, Demand.NO_DERIVATIVES), "CC-BY-ND-2.0 CC-BY-ND-2.5 CC-BY-ND-3.0 CC-BY-ND-4.0"),
    (
        (*_BY, Demand.NON_COMMERCIAL, Demand.NO_DERIVATIVES),
        "CC-BY-NC-ND-2.0 CC-BY-NC-ND-2.5 CC-BY-NC-ND-3.0 CC-BY-NC-ND-4.0",
    ),
    ((*_BY, Demand.USE_RESTRICTED), "C-UDA-1.0"),
)
# Names of the hub, and of people, that say no version or that SPDX does not have.
_BEYOND: tuple[tuple[tuple[Demand, ...], str], ...] = (
    (_BY, "CC-BY BSD"),
    (_SA, "CC-BY-SA GPL LGPL GFDL"),
    ((*_BY, Demand.NON_COMMERCIAL), "CC-BY-NC"),
    ((*_SA, Demand.NON_COMMERCIAL), "CC-BY-NC-SA"),
    ((*_BY, Demand.NO_DERIVATIVES), "CC-BY-ND"),
    ((*_BY, Demand.NON_COMMERCIAL, Demand.NO_DERIVATIVES), "CC-BY-NC-ND"),
    (
        (*_BY, Demand.USE_RESTRICTED),
        "openrail openrail++ creativeml-openrail-m bigscience-openrail-m bigscience-bloom-rail-1.0 bigcode-openrail-m "
        "llama2 llama3 llama3.1 llama3.2 llama3.3 llama4 gemma",
    ),
)
KNOWN: dict[str, License] = {
    name.lower(): License(name, frozenset(demands), is_spdx)
    for table, is_spdx in ((_TABLE, True), (_BEYOND, False))
    for demands, names in table
    for name in names.split()
}
"""By the identifier in small letters."""

_CC_URL = re.compile(r"creativecommons\.org/(?:licenses|publicdomain)/([a-z-]+)(?:/([\d.]+))?")
_SPDX_URL = re.compile(
    r"(?:spdx\.org/licenses|opensource\.org/licenses?|choosealicense\.com/licenses)/([\w.+-]+?)(?:\.html)?/?$"
)
_LONG = (
    (r".*apache\.org/licenses/license-2\.0.*", "apache-2.0"),
    (r"\([^()]*\)", ""),
    (r"\bcreative commons\b", "cc"),
    (r"\b(?:public domain dedication|zero|universal)\b", ""),
    (r"\battribution\b", "by"),
    (r"\bnon[ -]?commercial\b", "nc"),
    (r"\bshare[ -]?alike\b", "sa"),
    (r"\bno[ -]?deriv(?:ative)?s?(?: works)?\b", "nd"),
    (r"\b(?:gnu )?affero general public licen[cs]e\b", "agpl"),
    (r"\b(?:gnu )?lesser general public licen[cs]e\b", "lgpl"),
    (r"\b(?:gnu )?general public licen[cs]e\b", "gpl"),
    (r"\bopen database licen[cs]e\b", "odbl"),
    (r"\bopen data commons\b", "odc"),
    (r"\b(?:the|licen[cs]es?|international|unported|generic|version|community|software|foundation|deed)\b", ""),
    (r"(?:\b|(?<=gpl))v\.?(?=\s*\d)", ""),
)
_SHORT = {
    **dict.fromkeys(("apache", "apache-2", "apache2", "apache2.0", "apache-license-2.0", "asl-2.0"), "Apache-2.0"),
    **dict.fromkeys(("bsd-3", "bsd3", "new-bsd", "bsd-3clause", "modified-bsd"), "BSD-3-Clause"),
    **dict.fromkeys(("bsd-2", "bsd2", "simplified-bsd"), "BSD-2-Clause"),
    **dict.fromkeys(("cc0", "cc-0", "cc-0-1.0", "cc-1.0", "cc0-1", "cc-zero", "zero-1.0", "cc-cc0-1.0"), "CC0-1.0"),
    **dict.fromkeys(("public-domain", "publicdomain", "mark-1.0"), "CC-PDDC"),
    **dict.fromkeys(("odbl", "odc-odbl", "odbl-1", "odc-odbl-1.0"), "ODbL-1.0"),
    **dict.fromkeys(("odc-by", "odc-by-1"), "ODC-By-1.0"),
    **dict.fromkeys(("pddl", "odc-pddl", "odc-pddl-1.0"), "PDDL-1.0"),
    **dict.fromkeys(("un", "unlicense"), "Unlicense"),
    **dict.fromkeys(("afl", "afl-3"), "AFL-3.0"),
    **dict.fromkeys(("c-uda", "cuda-1.0"), "C-UDA-1.0"),
    **dict.fromkeys(("agpl-3.0", "agpl-3", "agpl3", "agpl"), "AGPL-3.0-only"),
    **dict.fromkeys(("gpl-3.0", "gpl-3", "gpl3"), "GPL-3.0-only"),
    **dict.fromkeys(("gpl-2.0", "gpl-2", "gpl2"), "GPL-2.0-only"),
    **dict.fromkeys(("gpl-3.0+", "gpl-3+", "gpl3+"), "GPL-3.0-or-later"),
    **dict.fromkeys(("gpl-2.0+", "gpl-2+", "gpl2+"), "GPL-2.0-or-later"),
    **dict.fromkeys(("lgpl-3.0", "lgpl-3", "lgpl3"), "LGPL-3.0-only"),
    **dict.fromkeys(("lgpl-2.1", "lgpl2.1"), "LGPL-2.1-only"),
    **dict.fromkeys(("mpl", "mpl-2", "mozilla-public-2.0"), "MPL-2.0"),
    **dict.fromkeys(("eupl", "eupl-1"), "EUPL-1.2"),
    **dict.fromkeys(("cdla-permissive",), "CDLA-Permissive-2.0"),
    **dict.fromkeys(("cdla-sharing",), "CDLA-Sharing-1.0"),
    **dict.fromkeys(("gfdl-1.3",), "GFDL-1.3-only"),
    **{f"llama-{version}": f"llama{version}" for version in ("2", "3", "3.1", "3.2", "3.3", "4")},
}


class Stated(NamedTuple):
    """What a row states, understood: the licences that hold together, or one of the alternatives."""

    id: str  # an SPDX expression where all of it is known, else as it was stated
    alternatives: tuple[tuple[License, ...], ...]  # empty: not understood

    @property
    def demands(self) -> tuple[Demand, ...]:
        """What every alternative asks, in the order of Demand."""
        asked = [frozenset[Demand]().union(*(one.demands for one in together)) for together in self.alternatives]
        every = frozenset.intersection(*asked) if asked else frozenset()
        return tuple(demand for demand in Demand if demand in every)


def understood(text: str) -> Stated:
    """The licence that a text names: an SPDX identifier or expression, a usual name, or the address of a licence.

    >>> understood("CC BY-SA 4.0").id, understood("https://creativecommons.org/licenses/by/4.0/").id
    ('CC-BY-SA-4.0', 'CC-BY-4.0')
    >>> understood("Apache License, Version 2.0").id, understood("MIT OR GPL-3.0").id
    ('Apache-2.0', 'MIT OR GPL-3.0-only')
    >>> understood("House rules").alternatives
    ()
    """
    said = " ".join(text.split())
    options = [[_one(part) for part in option.split(" AND ")] for option in said.strip("()").split(" OR ")]
    known = tuple(tuple(one for one in option if one) for option in options)
    if any(len(parts) < len(option) for parts, option in zip(known, options, strict=True)):
        return Stated(said, ())
    return Stated(" OR ".join(" AND ".join(one.id for one in together) for together in known), known)


def _one(text: str) -> License | None:
    low = text.strip(" ()").split(" WITH ")[0].lower()
    if found := _CC_URL.search(low):
        low = "-".join(filter(None, ("cc", *found.groups()))).replace("cc-zero", "cc0")
    elif found := _SPDX_URL.search(low):
        low = found[1]
    if low in KNOWN:
        return KNOWN[low]
    for pattern, short in _LONG:
        low = re.sub(pattern, short, low)
    name = re.sub(r"[^a-z0-9.+]+", "-", low).strip("-.")
    return KNOWN.get(name) or KNOWN.get(_SHORT.get(name, "").lower())
