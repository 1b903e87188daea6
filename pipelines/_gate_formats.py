"""The gate's answer as other tools read it: JUnit, SARIF 2.1.0, and GitHub's workflow commands.

Each takes a verdict, or the error for which there is none; what cannot be judged is an error in all of them, never
an absence of findings. Texts come from policies and data: nothing in them may end an element, a line or a command.
"""

import json
import re
import xml.etree.ElementTree as ET
from collections.abc import Callable, Mapping
from pathlib import Path

from pipelines._shown import figure, one_line
from pipelines._versions import version_of
from schemas.errors import AssayError
from schemas.report import DemandResult, Verdict

Answer = Verdict | AssayError

# Characters that XML 1.0 cannot hold, escaped or not (section 2.2).
_NOT_XML = re.compile("[^\t\n\r\u0020-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_SARIF_SCHEMA = "https://json.schemastore.org/sarif-2.1.0.json"
_LONGEST = 1000


def sentence(demand: DemandResult) -> str:
    """The demand and what was measured, in one line."""
    measured = "could not be measured" if demand.measured is None else f"is {figure(demand.measured)}"
    near = f" (met by {figure(demand.margin)} only)" if demand.close else ""
    why = f": {demand.why}" if demand.why else ""
    return one_line(f"{demand.name} {measured}, must be {demand.requirement}{near}{why}", _LONGEST)


def level(demand: DemandResult) -> str | None:
    """error, warning, or null where the demand is met with room to spare."""
    if demand.passed and demand.measured is not None:
        return "warning" if demand.close else None
    return "error" if demand.severity == "fail" else "warning"


def junit(answer: Answer, release: Path) -> str:
    """A test suite with a case for each demand: failed ones as failures, warnings in system-out.

    Without a verdict it has one case, and that an error.
    """
    demands = answer.demands if isinstance(answer, Verdict) else []
    failed = sum(level(demand) == "error" for demand in demands)
    broken = int(not isinstance(answer, Verdict))
    name = f"assay gate: {answer.policy}" if isinstance(answer, Verdict) else "assay gate"
    counts = {"tests": str(len(demands) + broken), "failures": str(failed), "errors": str(broken)}
    root = ET.Element("testsuites", {"name": "assay gate", **counts, "time": "0"})
    suite = ET.SubElement(root, "testsuite", {"name": _xml(name), **counts, "skipped": "0", "time": "0"})
    where = _xml(f"assay.gate.{release.name}")
    for demand in demands:
        case = ET.SubElement(suite, "testcase", {"classname": where, "name": _xml(demand.name), "time": "0"})
        _say(case, demand)
    if not isinstance(answer, Verdict):
        case = ET.SubElement(suite, "testcase", {"classname": where, "name": "can be judged", "time": "0"})
        said = _xml(one_line(str(answer), _LONGEST))
        ET.SubElement(case, "error", {"message": said, "type": type(answer).__name__}).text = said
    ET.indent(root)
    return '<?xml version="1.0" encoding="UTF-8"?>\n' + ET.tostring(root, encoding="unicode") + "\n"


def _say(case: ET.Element, demand: DemandResult) -> None:
    said, weight = _xml(sentence(demand)), level(demand)
    if weight == "error":
        ET.SubElement(case, "failure", {"message": said, "type": "demand"}).text = said
    elif weight == "warning":
        ET.SubElement(case, "system-out").text = f"warning: {said}"


def _xml(text: str) -> str:
    return _NOT_XML.sub("\ufffd", text)


def sarif(answer: Answer, release: Path) -> str:
    """A SARIF log: a rule for each demand, a result for each that is not met or barely so.

    Without a verdict its invocation is not successful, and says why.
    """
    demands = answer.demands if isinstance(answer, Verdict) else []
    rules = {demand.name: demand for demand in demands}
    places = {name: place for place, name in enumerate(rules)}
    found = [(demand, weight) for demand in demands if (weight := level(demand))]
    driver = {
        "name": "assay gate",
        "version": version_of("assay"),
        "rules": [_rule(name, demand) for name, demand in rules.items()],
    }
    run = {
        "tool": {"driver": driver},
        "invocations": [_invocation(answer)],
        "results": [_result(demand, weight, places, release) for demand, weight in found],
        "columnKind": "unicodeCodePoints",
    }
    log = {"$schema": _SARIF_SCHEMA, "version": "2.1.0", "runs": [run]}
    return json.dumps(log, ensure_ascii=True, indent=2, allow_nan=False) + "\n"


def _rule(name: str, demand: DemandResult) -> dict[str, object]:
    said = one_line(demand.why or f"must be {demand.requirement}", _LONGEST)
    kind = "error" if demand.severity == "fail" else "warning"
    return {
        "id": name,
        "shortDescription": {"text": one_line(f"{name} must be {demand.requirement}", _LONGEST)},
        "fullDescription": {"text": said},
        "defaultConfiguration": {"level": kind},
    }


def _result(demand: DemandResult, weight: str, places: Mapping[str, int], release: Path) -> dict[str, object]:
    # Figures have no line of their own; report.json has them all.
    uri = (release / "report.json").as_posix()
    place = {"artifactLocation": {"uri": _uri(uri)}, "region": {"startLine": 1}}
    return {
        "ruleId": demand.name,
        "ruleIndex": places[demand.name],
        "level": weight,
        "message": {"text": sentence(demand)},
        "locations": [{"physicalLocation": place}],
        "partialFingerprints": {"demand/v1": demand.name},
    }


def _uri(path: str) -> str:
    from urllib.parse import quote

    return f"file://{quote(path)}" if path.startswith("/") else quote(path)


def _invocation(answer: Answer) -> dict[str, object]:
    if isinstance(answer, Verdict):
        return {"executionSuccessful": True, "exitCode": 0 if answer.passed else 1}
    told = {"level": "error", "message": {"text": one_line(str(answer), _LONGEST)}}
    return {"executionSuccessful": False, "exitCode": answer.exit_code, "toolExecutionNotifications": [told]}


def github(answer: Answer, release: Path) -> str:
    """Workflow commands that annotate a run of GitHub Actions: a line for each finding, and the gate's word."""
    if not isinstance(answer, Verdict):
        return _command("error", "assay gate: cannot be judged", f"{release}: {answer}")
    found = [
        _command(weight, f"assay gate: {demand.name}", sentence(demand))
        for demand in answer.demands
        if (weight := level(demand))
    ]
    word = "passed" if answer.passed else "failed"
    said = f"{release} {word} by the policy {answer.policy}"
    return "".join([*found, _command("notice" if answer.passed else "error", "assay gate", said)])


def _command(kind: str, title: str, message: str) -> str:
    """
    >>> _command("error", "a,b: c", "100%\\n::stop-commands::x")
    '::error title=a%2Cb%3A c::100%25 ::stop-commands::x\\n'
    """
    # As the runner takes them apart: actions/toolkit, packages/core/src/command.ts.
    said = one_line(message, _LONGEST).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = one_line(title, 200).replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")
    name = name.replace(":", "%3A").replace(",", "%2C")
    return f"::{kind} title={name}::{said}\n"


FORMATS: Mapping[str, Callable[[Answer, Path], str]] = {"junit": junit, "sarif": sarif, "github": github}
"""By the name that `--format` takes."""

SUFFIXES = {".xml": "junit", ".sarif": "sarif"}
"""By what an output's name ends with; .json is the verdict itself."""
