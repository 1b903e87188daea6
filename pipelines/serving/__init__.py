"""Scheduled runs: a Prefect server, the project's deployments, and a look at the sources now and then."""
