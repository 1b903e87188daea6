"""Texts in a format, read by a parser of that format"""
