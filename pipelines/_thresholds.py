"""Where the thresholds that people can calibrate come from: the default, the settings, or a calibration."""

from collections.abc import Mapping
from typing import Any

from schemas.calibration import KEYS
from schemas.report import Report, Threshold, Thresholds
from schemas.settings import Settings


def thresholds_of(settings: Mapping[str, Any]) -> Thresholds:
    """Each threshold of a run's settings (their JSON), with the evidence that the settings hold for it."""
    default = Settings().model_dump(mode="json")
    told = {}
    for name, (section, key) in KEYS.items():
        usual = default[section][key]
        value = settings.get(section, {}).get(key, usual)
        evidence = settings.get("calibration", {}).get(name)
        if evidence is not None and evidence["threshold"] == value:
            origin = "calibrated"
        else:
            origin = "default" if value == usual else "set"
        told[name] = Threshold.model_validate({"value": value, "origin": origin, "evidence": evidence})
    return Thresholds(**told)


def threshold_line(name: str, threshold: Threshold) -> str:
    """Where a threshold comes from, in words; "" where nobody calibrated it."""
    evidence = threshold.evidence
    if evidence is None:
        return ""
    low, high = evidence.precision_interval
    shown = "none" if threshold.value is None else f"{threshold.value:g}"
    said = (
        f"{evidence.threshold:g} calibrated on {evidence.date} by {evidence.answers} answers: "
        f"precision {evidence.precision:.2f} ({low:.2f} to {high:.2f})"
    )
    return f"{name} {said}" if threshold.origin == "calibrated" else f"{name} {shown} was set since; {said}"


def calibrated_lines(report: Report) -> list[str]:
    """`threshold_line` of each threshold that was calibrated."""
    if report.thresholds is None:
        return []
    lines = (threshold_line(name, getattr(report.thresholds, name)) for name in KEYS)
    return [line for line in lines if line]
