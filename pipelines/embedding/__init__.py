"""Texts to unit vectors: the encoder, its backends and what they are made from."""
