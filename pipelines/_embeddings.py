"""Moved to pipelines/embedding; this name goes when nothing imports it."""

from pipelines.embedding.encoder import BUILTIN, Embedded, Encoder, Progress

__all__ = ["BUILTIN", "Embedded", "Encoder", "Progress"]
