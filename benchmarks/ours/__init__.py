"""Assay's side of each line; run as `python -m benchmarks.ours.NAME IN OUT [name=value]...`"""
