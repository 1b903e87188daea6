"""Calibration: the evidence on which people chose a threshold, as assay.yaml keeps it and a report tells it."""

from typing import Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

Calibrated = Literal["min_similarity", "min_quality"]
"""The settings that can be calibrated, by their last name."""

KEYS: dict[Calibrated, tuple[str, str]] = {
    "min_similarity": ("dedup", "min_similarity"),
    "min_quality": ("route", "min_quality"),
}
"""Where in assay.yaml each stands."""

Share = Field(ge=0, le=1)


class Evidence(BaseModel):
    """What spoke for a threshold. `assay calibrate` writes it; it decides nothing."""

    model_config = ConfigDict(frozen=True, extra="forbid")

    threshold: float = Share
    date: str = Field(pattern=r"^\d{4}-\d{2}-\d{2}$")  # UTC
    release: str = Field(pattern=r"^sha256:[0-9a-f]{64}$")  # of the manifest of the release that was asked about
    answers: int = Field(ge=1)  # yes and no
    said_yes: int = Field(ge=0)  # of the answers
    skipped: int = Field(default=0, ge=0)
    candidates: int = Field(ge=1)  # what the answers were drawn from
    seed: int = Field(ge=0)
    demanded_precision: float = Share
    # At the threshold, with what the rule looked at: the lower end of the interval.
    precision: float = Share
    precision_interval: tuple[float, float]
    recall: float = Share  # among the candidates
    recall_interval: tuple[float, float]
    confidence: float = Field(gt=0, lt=1)  # of both intervals

    @model_validator(mode="after")
    def _adds_up(self) -> "Evidence":
        if self.said_yes > self.answers:
            raise ValueError("said_yes must not be more than answers")
        for low, high in (self.precision_interval, self.recall_interval):
            if not 0 <= low <= high <= 1:
                raise ValueError("an interval is two shares, the lower first")
        return self
