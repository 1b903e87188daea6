"""Programs in an answer: Python read by Python itself, other languages by the grammars of tree-sitter."""

import ast
import importlib
import re
import textwrap
import time
import warnings
from functools import cache
from typing import Any

from checks.formats.snippets import all_read, code_only, fenced, is_elided

PYTHON_TAGS = frozenset({"python", "py", "python3", "py3"})
GRAMMARS: dict[str, tuple[str, str]] = {
    "javascript": ("tree_sitter_javascript", "language"),
    "typescript": ("tree_sitter_typescript", "language_typescript"),
    "tsx": ("tree_sitter_typescript", "language_tsx"),
    "java": ("tree_sitter_java", "language"),
    "c": ("tree_sitter_c", "language"),
    "c++": ("tree_sitter_cpp", "language"),
    "c#": ("tree_sitter_c_sharp", "language"),
    "go": ("tree_sitter_go", "language"),
    "rust": ("tree_sitter_rust", "language"),
    "ruby": ("tree_sitter_ruby", "language"),
    "php": ("tree_sitter_php", "language_php"),
    "bash": ("tree_sitter_bash", "language"),
    "css": ("tree_sitter_css", "language"),
    "html": ("tree_sitter_html", "language"),
}
"""A language's module, and the function of it that gives the grammar."""

_ALIASES = {
    "javascript": ("js", "jsx", "mjs", "node"),
    "typescript": ("ts",),
    "c++": ("cpp", "cc", "cxx", "h", "hpp"),
    "c#": ("cs", "csharp"),
    "go": ("golang",),
    "rust": ("rs",),
    "ruby": ("rb",),
    "bash": ("sh", "shell", "zsh"),
}
CODE_TAGS = {
    tag: language for language in GRAMMARS if language != "html" for tag in (language, *_ALIASES.get(language, ()))
}
"""What a fence may say, and the language that it means."""

# Languages by the words of a prompt. Whole words: "Java" is no JavaScript, and "go" is a verb.
LANGUAGES = {
    "python": r"(?i:\bpython\d?\b|\b(?:numpy|pandas|django|flask)\b)",
    "javascript": r"(?i:\b(?:javascript|node\.?js|jquery)\b)|\bReact\b",
    "typescript": r"(?i:\btypescript\b)",
    "java": r"(?i:\bjava\b)",
    "c": r"\b(?:in|using) C(?:[ .,:;?!\n]|$)|\bC (?:program|code|function|language|script|struct)",
    "c++": r"(?i:\bc\+\+|\bcpp\b)",
    "c#": r"(?i:\bc#|\bc sharp\b)",
    "go": r"(?i:\bgolang\b|\b(?:in|using) Go\b)",
    "rust": r"\bRust\b",
    "ruby": r"\bRuby\b",
    "php": r"(?i:\bphp\b)",
    "css": r"(?i:\bcss\b)",
    "html": r"(?i:\bhtml\b)",
    "other": r"(?i:\b(?:sql|swift|kotlin|scala|perl|matlab|haskell|pseudo-?code|bash|shell|xml|excel|vba|lisp)\b)"
    r"|(?i:\bassembly\b)|\bR\b",
}
_NAMES = tuple(LANGUAGES)
_LANGUAGES = re.compile("|".join(f"({words})" for words in LANGUAGES.values()))

# How Python begins that nobody takes for something else.
PYTHON_OPENING = (
    r"\s*(?:def [^\W\d]\w*\(|class [A-Za-z_]\w*(?:\([\w., ]*\))?:|import [a-z_][\w.]*(?: as \w+)?[ \t]*(?:\n|$)"
    r"|from [a-z_][\w.]* import |@[A-Za-z_][\w.]*(?:\([^\n]*\))?[ \t]*\n[ \t]*(?:@|(?:async )?def |class )"
    r"|#!.*python|>>> )"
)
# How code begins in the languages that a prompt names.
CODE_OPENING = (
    r"\s*(?:[#/@$}{]|[A-Za-z_][\w.]*(?:\[[^\]\n]*\])?[ \t]*(?::[ \t]*\w+[ \t]*)?[-+*/]?=|[A-Za-z_][\w.]*\("
    r"|(?:using|import|package|public|private|protected|static|final|abstract|class|struct|enum|interface|function|async"
    r"|const|let|var|int|void|double|float|long|char|bool|string|String|unsigned|auto|template|namespace|fn|func|type"
    r"|use|echo|export|def|from|while|for|if|try|with|print|return|puts|require|module|switch|do)\b[^\n]*[{}();:=<>\[\]\"']"
    r"|[.\w#*:-][\w .#:>,*()+~-]*\{[ \t]*(?:\n|[\w-]+:))"
)
_PYTHON_OPENING, _CODE_OPENING = re.compile(PYTHON_OPENING), re.compile(CODE_OPENING)
# Ruby defines with the same word, and says where it ends.
_RUBY = re.compile(r"^[ \t]*end[ \t]*$", re.M)
# Who asks what code does is told that, in words or as what it prints.
_ABOUT = re.compile(r"(?i)\b(?:output of|what|explain|describe|predict|evaluate|signature)\b")
_PROMPTED = re.compile(r"^[ \t]*(?:>>>|\.\.\.)(?: |$)", re.M)
_MAGIC = re.compile(r"^[ \t]*[%!][^\n]*$", re.M)
# As many as Python's own parser takes. https://github.com/python/cpython/blob/3.11/Parser/tokenizer.h, MAXLEVEL
MAX_DEPTH = 200
_BRACKETS = re.compile(r"[()\[\]{}]")
# Code that is code takes milliseconds; what is none can make a grammar try for minutes.
MAX_SECONDS = 1.0
_TRAILING = re.compile(r"[ \t\r]+$", re.M)
_FILENAME = "<a record's answer>"


def holds_python(answer: str, prompt: str) -> bool | None:
    """Whether all Python of the answer can be read; null where there is none.

    Unfenced it is Python where it begins as only Python does, or as code where the prompt names no language but it.
    """
    blocks = fenced(answer)
    if tagged := [block.text for block in blocks if block.language in PYTHON_TAGS]:
        return all_read(tagged, reads_python)
    named = languages_of(prompt)
    if blocks:
        untagged = [b.text for b in blocks if not b.language and _PYTHON_OPENING.match(b.text) and "python" in named]
        return all_read(untagged, reads_python)
    begins = _PYTHON_OPENING.match(answer) or (named and _CODE_OPENING.match(answer))
    if not begins or not named <= {"python"} or _ABOUT.search(prompt):
        return None
    if not named and _RUBY.search(answer):
        return None
    return reads_python(code_only(answer))


def reads_python(text: str) -> bool | None:
    """Whether this Python parses the text: as it stands, moved to the margin, or what a session's prompts are before.

    Nested beyond what the parser takes it has not been read.

    >>> reads_python("  x = 1\\n  y = 2"), reads_python("print 'x'"), reads_python(">>> 1 + 1\\n2")
    (True, False, True)
    """
    if not text.strip():
        return None
    plain = _MAGIC.sub("", _session(text) if _PROMPTED.search(text) and ">>>" in text else textwrap.dedent(text))
    # Whatever the text has that Python warns of is no concern of whoever runs us, and no error.
    warnings.filterwarnings("ignore", category=SyntaxWarning, module=re.escape(_FILENAME))
    warnings.filterwarnings("ignore", category=DeprecationWarning, module=re.escape(_FILENAME))
    try:
        ast.parse(plain, filename=_FILENAME)
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        return False
    return True


def _session(text: str) -> str:
    """What was typed in an interactive session, without what it answered."""
    typed = [line.lstrip() for line in text.splitlines() if _PROMPTED.match(line)]
    return "\n".join(line[4:] for line in typed)


def holds_code(answer: str, prompt: str) -> bool | None:
    """Whether all code of the answer in a language that there is a grammar for can be read; null where there is none.

    Unfenced it is in the one language that the prompt names.
    """
    blocks = fenced(answer)
    if blocks:
        tagged = [(CODE_TAGS[block.language], block.text) for block in blocks if block.language in CODE_TAGS]
        return all_read(tagged, lambda piece: reads_code(piece[1], piece[0]))
    named = languages_of(prompt)
    language = next(iter(named)) if len(named) == 1 else ""
    if language not in CODE_TAGS or not _CODE_OPENING.match(answer) or _ABOUT.search(prompt):
        return None
    return reads_code(code_only(answer), language)


def reads_code(text: str, language: str) -> bool | None:
    """Whether the language's grammar reads the text without an error; null where a part is left out by dots.

    >>> reads_code("let a = [1, 2];", "javascript"), reads_code("let a = [1, 2;", "javascript")
    (True, False)
    """
    if not text.strip() or is_elided(text):
        return None
    if _is_nested_beyond(text):
        return False
    # The grammars of C and C++ take no blank behind the file of an #include.
    encoded = _TRAILING.sub("", text).encode("utf-8", "replace")
    if language == "php" and b"<?" not in encoded:
        encoded = b"<?php " + encoded
    # Statements of a function's body, and members of a class, stand for themselves in an answer.
    return any(not has_error(frame % encoded, language) for frame in (b"%b", *_FRAMES.get(language, ())))


_BRANCH = b"void f() { if (a) {}\n%b\n}"
_FRAMES = {
    "go": (b"package p\nfunc f() {\n%b\n}",),
    "javascript": (b"class C {\n%b\n}", b"a = %b", b"if (a) {}\n%b"),
    "typescript": (b"class C {\n%b\n}", b"a = %b", b"if (a) {}\n%b"),
    "java": (b"class C {\n%b\n}", b"class C { " + _BRANCH + b" }"),
    "c#": (b"class C {\n%b\n}", b"class C { " + _BRANCH + b" }"),
    "c++": (b"class C {\n%b\n};", _BRANCH),
    "c": (_BRANCH,),
}


def _is_nested_beyond(text: str) -> bool:
    """Whether more than MAX_DEPTH brackets are open at once, whatever kind they are and wherever they stand."""
    open_ones = 0
    for bracket in _BRACKETS.findall(text):
        open_ones += 1 if bracket in "([{" else -1
        if open_ones > MAX_DEPTH:
            return True
    return False


def has_error(text: bytes, language: str) -> bool:
    """Whether the language's grammar finds an error in the text, or does not get through it in MAX_SECONDS.

    A parser for each text: threads must not share one.
    """
    from tree_sitter import Parser

    view, end = memoryview(text), time.thread_time() + MAX_SECONDS
    try:
        tree = Parser(_grammar(language)).parse(
            lambda place, _point: view[place:], progress_callback=lambda _place, _error: time.thread_time() > end
        )
    except ValueError:
        return True
    return bool(tree.root_node.has_error)


@cache
def _grammar(language: str) -> Any:
    from tree_sitter import Language

    module, function = GRAMMARS[language]
    return Language(getattr(importlib.import_module(module), function)())


def languages_of(prompt: str) -> set[str]:
    """The languages that the prompt names; "other" for those that there is no parser for."""
    return {_NAMES[(found.lastindex or 1) - 1] for found in _LANGUAGES.finditer(prompt)}
