"""Instruction-following difficulty: how much a prompt helps a small language model to its answer."""
