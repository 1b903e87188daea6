"""A verdict by itself: what the gate said, bound to the data, the policy and the code that it was said of."""

from typing import Literal

from schemas.policy import Policy
from schemas.report import Verdict


class BoundVerdict(Verdict):
    """What `assay gate --json` prints and `--output FILE.json` writes. Digests are SHA-256, in hex."""

    verdict_version: Literal[1] = 1
    run_id: str
    dataset: str  # of manifest.json, which has the digest of every file of the release
    policy_digest: str  # schemas.policy.Policy.digest
    demanded: Policy  # the policy itself, so that the verdict can be read alone
    code: str  # of Assay's own packages
    assay_version: str
    libraries: dict[str, str]  # Python and what the gate reads with -> its version; told, and bound to nothing
    compared: dict[str, str]  # folder's name -> digest of its manifest.json, of releases that demands compare with
    judged: str  # ISO 8601, UTC
