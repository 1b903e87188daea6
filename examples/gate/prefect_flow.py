"""A Prefect flow whose training deployment is not even asked for where the gate says no.

A server runs (`prefect server start`), and somebody serves `train`; then: python prefect_flow.py RELEASE [POLICY].
"""

import sys

from prefect import flow
from prefect.deployments import run_deployment

from pipelines.prefect_gate import gated

TRAINING = "train/nightly"


@flow(name="train")
def train(release: str) -> str:
    """Stands for the training; it is deployed as TRAINING."""
    return f"trained on {release}"


@flow(name="gated-training")
def gated_training(release: str, policy: str | None = None) -> str:
    """Judge, and only then ask for the deployment; returns the id of its run. Raises as the gate does."""
    verdict = gated(release, policy)
    asked = run_deployment(TRAINING, parameters={"release": release}, timeout=0, tags=[f"policy {verdict.policy}"])
    return str(asked.id)


if __name__ == "__main__":
    print(f"asked for {TRAINING}: run {gated_training(*sys.argv[1:])}")
