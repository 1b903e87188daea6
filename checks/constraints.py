"""Constraints: an answer keeps the demands that its prompt states and that can be counted or looked up.

Each check is about the prompts that state such a demand, readable without doubt; to all others it does not apply.
Demands are read from the request alone: what the user says last, without the document given beside it.
"""

import polars as pl

from checks._examples import asks
from checks._text import answer, derived, has, has_literal, is_code, where
from checks.demands import kept
from checks.demands.asked import filled
from checks.demands.counts import UNSPACED, Range, items, paragraphs, sentences, words
from checks.demands.limits import (
    CHARACTER_BOUND,
    ITEM_BOUND,
    PARAGRAPH_BOUND,
    SENTENCE_BOUND,
    WORD_BOUND,
    is_size,
    is_stated,
    keeps,
)
from checks.demands.request import REQUEST
from checks.demands.tongues import LANGUAGES, SAME, language_wanted
from checks.registry import Severity, check

# A longer answer that quotes is written in the language it is measured to be in.
MAX_CITATION_BYTES = 200


def _prose(bounds: pl.Expr) -> pl.Expr:
    """The answer where a bound is stated, and it is prose; else null. Code has no words, sentences or paragraphs."""
    told = where(is_stated(bounds), answer())
    return where(~is_code(told) & ~has_literal(told, "```"), told)


_SPACED = derived("t_spaced", _prose(WORD_BOUND))
_COUNTED = where(~has(_SPACED, f"{UNSPACED}{{2}}"), _SPACED)
_WORDS = words(derived("t_counted", _COUNTED))
# Numbers with brackets and bullets are signs that code is full of too.
_LIST = where(is_stated(ITEM_BOUND), answer())
_ITEMS = items(where(~has_literal(_LIST, "```"), _LIST))
_SENTENCES = derived("t_sentences", _prose(SENTENCE_BOUND))
_PARAGRAPHS = derived("t_paragraphs", _prose(PARAGRAPH_BOUND))
_CHARACTERS = derived("t_characters", _prose(CHARACTER_BOUND))


@check(
    Severity.NOTE,
    applies=is_stated(ITEM_BOUND) & _ITEMS.low.is_not_null(),
    fails=asks("Name three rivers.", "Nile, Po"),
    but_not=asks("Name three rivers.", "1. Nile\n2. Po\n3. Elbe"),
)
def item_count() -> pl.Expr:
    """Where the prompt asks for a number of things ("list five", "three reasons"), the answer's list has as many."""
    return keeps(ITEM_BOUND, _ITEMS)


@check(
    Severity.NOTE,
    applies=is_stated(WORD_BOUND) & ~is_size(WORD_BOUND) & _WORDS.low.is_not_null(),
    fails=asks("Describe a river in at most 5 words.", "It is wide, slow and very old."),
    but_not=asks("Describe a river in at most 5 words.", "Wide, slow and very old."),
)
def word_limit() -> pl.Expr:
    """The answer keeps the prompt's limit of words: at most, at least, between, exactly, or a bare small number."""
    return keeps(WORD_BOUND, _WORDS)


@check(
    Severity.NOTE,
    applies=is_size(WORD_BOUND) & _WORDS.low.is_not_null(),
    fails=asks("Write a 20-word story about a river.", "The river was late. " * 7),
    but_not=asks("Write a 20-word story about a river.", "The river was late. " * 5),
)
def word_target() -> pl.Expr:
    """The answer has as many words as the prompt names ("a 200-word essay", "about 50 words"), give or take a tenth."""
    return keeps(WORD_BOUND, _WORDS)


@check(
    Severity.NOTE,
    applies=_CHARACTERS.is_not_null(),
    fails=asks("Write a tweet of at most 30 characters.", "Rivers run, and nobody knows whereto."),
    but_not=asks("Write a tweet of at most 30 characters.", "Rivers run."),
)
def character_limit() -> pl.Expr:
    """The answer keeps the limit of characters that the prompt sets, as for a tweet."""
    length = _CHARACTERS.str.strip_chars().str.len_chars().cast(pl.Int64)
    return keeps(CHARACTER_BOUND, Range(length, length))


@check(
    Severity.NOTE,
    applies=_SENTENCES.is_not_null(),
    fails=asks("Describe a river in two sentences.", "It is wide. It is old. It is slow."),
    but_not=asks("Describe a river in two sentences.", "It is wide. It is old."),
)
def sentence_count() -> pl.Expr:
    """The answer has as many sentences as the prompt says."""
    return keeps(SENTENCE_BOUND, sentences(_SENTENCES))


@check(
    Severity.NOTE,
    applies=kept.DIVIDED.is_not_null() | _PARAGRAPHS.is_not_null(),
    fails=asks("Describe a river in two paragraphs.", "It is wide."),
    but_not=asks("Describe a river in two paragraphs.", "It is wide.\n\nIt is old."),
)
def paragraph_count() -> pl.Expr:
    """The answer has as many paragraphs as the prompt says, or as many parts with three asterisks between them."""
    return pl.coalesce(kept.DIVIDED, keeps(PARAGRAPH_BOUND, paragraphs(_PARAGRAPHS)))


@check(
    Severity.NOTE,
    applies=kept.REQUIRED.is_not_null(),
    fails=asks('Write a sentence using the words "river" and "stone".', "Rivers carry sand."),
    but_not=asks('Write a sentence using the words "river" and "stone".', "Rivers carry stones."),
)
def required_words() -> pl.Expr:
    """Every word that the prompt says to use stands in the answer, in some form."""
    return kept.REQUIRED


@check(
    Severity.REVIEW,
    applies=kept.FORBIDDEN.is_not_null(),
    fails=asks('Describe a river without using the word "water".', "Water flows."),
    but_not=asks('Describe a river without using the word "water".', "It flows."),
)
def forbidden_words() -> pl.Expr:
    """No word that the prompt says not to use stands in the answer."""
    return kept.FORBIDDEN


@check(
    Severity.NOTE,
    applies=kept.FREQUENCY.is_not_null(),
    fails=asks("Praise it. The word river should appear at least 2 times.", "O river!"),
    but_not=asks("Praise it. The word river should appear at least 2 times.", "River, o river!"),
)
def term_frequency() -> pl.Expr:
    """The word or letter that the prompt counts ("at least 3 times") occurs as often in the answer."""
    return kept.FREQUENCY


@check(
    Severity.NOTE,
    applies=kept.STARTS.is_not_null(),
    fails=asks('Write a story that starts with "It was late".', "One night it was cold."),
    but_not=asks('Write a story that starts with "It was late".', "It was late, and cold."),
)
def start_with() -> pl.Expr:
    """The answer, or the paragraph that the prompt names, begins with the words that the prompt says."""
    return kept.STARTS


@check(
    Severity.NOTE,
    applies=kept.ENDS.is_not_null(),
    fails=asks('Write a letter. End your letter with "Yours, Ann".', "All is well.\nAnn"),
    but_not=asks('Write a letter. End your letter with "Yours, Ann".', "All is well.\nYours, Ann"),
)
def end_with() -> pl.Expr:
    """The answer ends with the words that the prompt says."""
    return kept.ENDS


@check(
    Severity.REVIEW,
    applies=kept.CASE.is_not_null(),
    fails=asks("Use all lowercase.", "Hello!"),
    but_not=asks("Greet me in all capital letters.", "HELLO!"),
)
def letter_case() -> pl.Expr:
    """The answer is in capitals or in small letters where the prompt says so, or has as many words in capitals."""
    return kept.CASE


@check(
    Severity.REVIEW,
    applies=kept.COMMAS.is_not_null(),
    fails=asks("Describe it. Do not use any commas.", "Wide, slow."),
    but_not=asks("Describe it. Do not use any commas.", "It is wide."),
)
def no_commas() -> pl.Expr:
    """The answer has no comma where the prompt forbids them."""
    return kept.COMMAS


@check(
    Severity.NOTE,
    applies=kept.QUOTED.is_not_null(),
    fails=asks("Greet me. Wrap your entire response with double quotation marks.", "Hello."),
    but_not=asks("Greet me. Wrap your entire response with double quotation marks.", '"Hello."'),
)
def quoted() -> pl.Expr:
    """The whole answer stands in quotation marks where the prompt says so."""
    return kept.QUOTED


@check(
    Severity.NOTE,
    applies=kept.TITLE.is_not_null(),
    fails=asks("Write a poem with a title in double angular brackets.", "The river\nIt flows."),
    but_not=asks("Write a poem with a title in double angular brackets.", "<<The river>>\nIt flows."),
)
def title_in_brackets() -> pl.Expr:
    """The answer has a <<title>> where the prompt demands one."""
    return kept.TITLE


@check(
    Severity.NOTE,
    applies=kept.BULLETS.is_not_null(),
    fails=asks("Describe it in two bullet points.", "- wide\n- old\n- slow"),
    but_not=asks("Describe it in two bullet points.", "- wide\n- old"),
)
def bullet_points() -> pl.Expr:
    """The answer has as many bullet points as the prompt says."""
    return kept.BULLETS


@check(
    Severity.NOTE,
    applies=kept.HIGHLIGHTS.is_not_null(),
    fails=asks("Highlight at least 2 parts with *asterisks*.", "The *Nile* and the Po."),
    but_not=asks("Highlight at least 2 parts with *asterisks*.", "The *Nile* and the *Po*."),
)
def highlights() -> pl.Expr:
    """As many parts of the answer are highlighted, between asterisks, as the prompt says."""
    return kept.HIGHLIGHTS


@check(
    Severity.NOTE,
    applies=kept.SECTIONS.is_not_null(),
    fails=asks("Write 2 sections. Mark each with Section X.", "Section 1\nIt is wide and old."),
    but_not=asks("Write 2 sections. Mark each with Section X.", "Section 1\nIt is wide.\nSection 2\nIt is old."),
)
def sections() -> pl.Expr:
    """The answer has as many marked sections ("Section 1") as the prompt says."""
    return kept.SECTIONS


@check(
    Severity.NOTE,
    applies=kept.POSTSCRIPT.is_not_null(),
    fails=asks("Write to me and add a postscript.", "All is well. It rains."),
    but_not=asks("Write to me and add a postscript.", "All is well.\nP.S. It rains."),
)
def postscript() -> pl.Expr:
    """The answer has a postscript where the prompt demands one."""
    return kept.POSTSCRIPT


@check(
    Severity.NOTE,
    applies=kept.PLACEHOLDERS.is_not_null(),
    fails=asks("Write a letter with at least 2 placeholders such as [name].", "Dear [name], greetings."),
    but_not=asks("Write a letter with at least 2 placeholders such as [name].", "Dear [name], greetings from [city]."),
)
def placeholders() -> pl.Expr:
    """The answer has as many [placeholders] in brackets as the prompt says."""
    return kept.PLACEHOLDERS


@check(
    Severity.NOTE,
    applies=kept.TWO.is_not_null(),
    fails=asks("Give two answers and separate them with ******.", "Nile\nPo"),
    but_not=asks("Give two answers and separate them with ******.", "Nile\n******\nPo"),
)
def two_responses() -> pl.Expr:
    """The answer is two different ones with six asterisks between them where the prompt says so."""
    return kept.TWO


@check(
    Severity.NOTE,
    applies=kept.REPEATED.is_not_null(),
    fails=asks("Name a river. First repeat the request word for word.", "Nile."),
    but_not=asks("Name a river. First repeat the request word for word.", "Name a river. First repeat the request."),
)
def repeats_prompt() -> pl.Expr:
    """The answer begins by repeating the request where the prompt says so."""
    return kept.REPEATED


@check(
    Severity.NOTE,
    applies=kept.INSIDE.is_not_null(),
    fails=asks("Which one is a river?\nA) Nile\nB) Rome", "D"),
    but_not=asks("Which one is a river?\nA) Nile\nB) Rome", "A"),
)
def choice_outside_options() -> pl.Expr:
    """The answer is one of those that the prompt gives to choose from: a letter or text of its options, yes or no."""
    return kept.INSIDE


def _codes(requests: pl.Series) -> pl.Series:
    rows = requests.is_not_null().arg_true()
    return filled(
        requests.len(), rows, pl.Series([language_wanted(one) for one in requests.gather(rows)], dtype=pl.String)
    )


_IN_LANGUAGE = where(has_literal(REQUEST, *LANGUAGES), REQUEST)
_WANTED_LANGUAGE = derived("d_language", _IN_LANGUAGE.map_batches(_codes, return_dtype=pl.String))
_SPOKEN = pl.col("completion_language").replace(SAME)
# 'The Spanish word for "tea" is "té".': a sentence in one language about a word of another.
_CITES = r"[\"“‘«][^\"”’»\n]+[\"”’»]|(?:^|\s)'[^'\n]+'"
_CITING = has(where(_WANTED_LANGUAGE.is_not_null() & (answer().str.len_bytes() < MAX_CITATION_BYTES), answer()), _CITES)


@check(
    Severity.NOTE,
    applies=_WANTED_LANGUAGE.is_not_null() & pl.col("completion_language").is_not_null() & ~_CITING,
    fails=asks("Describe a river in Spanish.", "The river rises in the hills and meets the sea after a long journey."),
    but_not=asks(
        "Describe a river in Spanish.", "El río nace en las montañas y desemboca en el mar después de un largo viaje."
    ),
)
def language_asked() -> pl.Expr:
    """The answer is in the language that the prompt asks for, as far as it is long enough to tell."""
    return _SPOKEN == _WANTED_LANGUAGE
