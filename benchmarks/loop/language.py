"""The rule of checks/language.py that reads nothing but the record, row by row"""

from benchmarks.loop.row import Row


def replacement_character(row: Row) -> bool:
    return "\ufffd" not in row.prompt and "\ufffd" not in row.answer


RULES = (replacement_character,)
