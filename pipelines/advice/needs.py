"""What each record's answer needs that a model can learn, or has to look up: one word a record, by columns

Finetuning is for form, retrieval is for facts. The rules read only what stands there, so each kind can be shown with
rows; docs/advise.md has how often they agree with data whose kind is known.
"""

from enum import StrEnum

import polars as pl

from checks.grounding import ANYWHERE, ENDING, STEM


class Need(StrEnum):
    """What an answer is made of."""

    LIVE = "live"  # what changes by the day or the place
    FACTS = "facts"  # names, dates and numbers that the prompt does not have
    STRUCTURE = "structure"  # code, JSON, SQL, tables, tool calls
    GIVEN = "given"  # what the prompt brings along: summaries, extraction, classification, rewriting
    REASONING = "reasoning"  # worked out from the prompt's numbers
    STYLE = "style"  # something written: stories, letters, slogans
    GENERAL = "general"  # advice, ideas, explanations that name little


FORM = (Need.STRUCTURE, Need.GIVEN, Need.REASONING, Need.STYLE)
"""What finetuning teaches."""
LOOKED_UP = (Need.LIVE, Need.FACTS)
"""What retrieval brings."""

# Of an answer's words that mean something, the share that the prompt has too, from which it works on what is given.
MIN_SUPPORT = 0.5
# A text that is brought along, in bytes: more than a name or a title.
MIN_GIVEN_BYTES = 60
# An answer this short, in words, is a label where it chooses and a fact where it is asked.
FEW_WORDS = 12
# Names and numbers that the prompt does not have, for each hundred words: from here an answer is made of facts. In
# Dolly's open questions the median is 9, in its brainstorming 1.
DENSE = 6.0

# What short answers begin with that is no name.
_BEGINNINGS = (
    "Yes",
    "No",
    "Not",
    "Only",
    "The",
    "This",
    "That",
    "These",
    "There",
    "They",
    "It",
    "Its",
    "An",
    "In",
    "On",
    "If",
    "To",
    "You",
)
# A capital after a small letter, a comma or a bracket: a name, and no beginning of a sentence.
_NAME = r"[\p{Ll}\p{N},;(] +[\"“(]?\p{Lu}[\p{L}\p{N}'’-]+(?: +\p{Lu}[\p{L}\p{N}'’-]*)*"
_FIGURE = r"\p{N}[\p{N},.]*\p{N}"
_WORD = r"[\p{L}\p{N}]+"

_ASKS = (
    r"(?i)^\W*(?:(?:please|can you|could you)\s+)?(?:who|whom|whose|when|where|which|in (?:what|which)"
    r"|what(?:'s| is| are| was| were| year| country| city| language| kind| type)|name|list|identify"
    r"|tell me (?:who|when|where|what)|how (?:many|much|old|long|far|tall|big)|is|are|was|were|did|does|do|has|have)\b"
)
_WRITES = (
    r"(?i)^\W*(?:(?:please|can you|could you|help me|i want you to|imagine|pretend)\s+(?:to\s+)?)?(?:write|compose"
    r"|draft|create|generate|come up with|make up|invent|craft|design|produce|construct|build|develop|give me)\b"
    r"[^.?!\n]{0,60}?\b(?:story|stories|poem|haiku|limerick|song|lyrics|verse|letter|e-?mail|message|tweet|post|slogan|tagline|headline"
    r"|title|caption|joke|speech|dialogue|conversation|essay|paragraph|sentence|script|scene|review|description"
    r"|advert(?:isement)?|ad|biography|bio|note|introduction|article|report|narrative|fable|riddle|quote|metaphor"
    r"|simile)s?\b"
)
_WORKS_ON = (
    r"(?i)^\W*(?:(?:please|can you|could you|given|based on|using|from)\b[^.?!\n]{0,80}?)?\b(?:summari[sz]e|extract"
    r"|classify|categori[sz]e|re-?write|rephrase|paraphrase|translate|convert|edit|correct|proofread|fix|simplify"
    r"|shorten|expand|identify which|tell me (?:whether|which)|sort|order|arrange|reverse|replace|remove|count|find the"
    r"|detect|determine (?:if|whether|the sentiment)|rank|rearrange|combine|unscramble)\b"
)
# A question whose answer was another one last month. `grounding.needs_live_data`, which is surer, finds the rest.
_VOLATILE = (
    r"(?i)^\W*(?:who|what|which|where|when|how (?:many|much)|is|are|does|do|did|give me|find|tell me)\b[^\n]{0,80}"
    r"\b(?:(?:the|a) current|currently|the (?:latest|newest|most recent)|right now|today['’]s|at the moment|at present"
    r"|as of (?:now|this)|this (?:week|weekend|morning|evening|month|year)|last night|tonight|tomorrow|trending)\b"
)
_RECKONS = (
    r"(?i)\b(?:calculate|compute|solve|evaluate|simplify|how (?:many|much|long|far|old|fast)|percent"
    r"|what is the (?:sum|product|area|total|average|value|probability|perimeter|volume))\b"
)
_EQUATION = r"\p{N}\s*[-+*/×÷=−<>%]+\s*\(?[$€£]?\p{N}|####"
_CODE = (
    r"(?m)```|^\s{2,}return\b|^\s*(?:def|class|import|from|public|private|function|const|let|var|#include|SELECT|INSERT"
    r"|UPDATE|CREATE)\s+[\w*({<\"'.]|\breturn\s[^.\n]+;?\s*$|^\s*<\/?[a-zA-Z][^>]*>|=>\s*\{|\);\s*$"
)
_FORMATS = (
    "json", "json_schema", "sql", "python", "code", "markdown_table", "latex", "xml", "html", "csv", "yaml", "toml",
)  # fmt: skip
_LIVE = "chk_grounding.needs_live_data"
_CHECKED = (_LIVE, *(f"chk_parsing.{name}" for name in _FORMATS))


def with_needs(records: pl.DataFrame) -> pl.DataFrame:
    """`records` (prompt, completion, context, and the checks' columns) with `need` and `absent`.

    `absent` are names and numbers of the answer that the prompt does not have, as written. A record without a prompt
    or an answer has a null `need`. Of scripts without capitals and spaces only numbers are told.
    """
    known = set(records.columns)
    live = ~pl.col(_LIVE) if _LIVE in known else pl.lit(False)
    parsed = [pl.col(name).is_not_null() for name in _CHECKED if name in known and name != _LIVE]
    return (
        records.with_columns(*_texts())
        .with_columns(*_said(), *_asked())
        .with_columns(*_measures())
        .with_columns(
            pl.when(pl.col("completion").is_null() | pl.col("prompt").is_null())
            .then(None)
            .otherwise(_need(live.fill_null(False), pl.any_horizontal(pl.lit(False), *parsed)))
            .alias("need")
        )
        .drop(pl.selectors.starts_with("_n_"))
    )


def _texts() -> list[pl.Expr]:
    prompt = pl.col("prompt").fill_null("")
    return [prompt.alias("_n_prompt"), pl.col("completion").fill_null("").str.strip_chars().alias("_n_answer")]


def _stems(text: pl.Expr) -> pl.Expr:
    lower = text.str.to_lowercase().str.replace_all(ENDING, "$1")
    return lower.str.extract_all(STEM).list.set_difference(pl.lit(list(ANYWHERE), dtype=pl.List(pl.String)))


def _said() -> list[pl.Expr]:
    answer = pl.col("_n_answer")
    names = answer.str.extract_all(_NAME).list.eval(pl.element().str.replace(r"^[\p{Ll}\p{N},;(] +[\"“(]?", ""))
    # What a short answer begins with is a name as often as not: "Paris." "In 1969."
    first = pl.when(answer.str.count_matches(_WORD) <= FEW_WORDS).then(
        answer.str.extract_all(r"\p{Lu}[\p{L}\p{N}'’-]+(?: +\p{Lu}[\p{L}\p{N}'’-]*)*").list.set_difference(
            pl.lit(list(_BEGINNINGS), dtype=pl.List(pl.String))
        )
    )
    return [
        pl.concat_list(
            names, first.otherwise(pl.lit([], dtype=pl.List(pl.String))), answer.str.extract_all(_FIGURE)
        ).alias("_n_facts"),
        answer.str.count_matches(_WORD).alias("_n_words"),
        _stems(answer).alias("_n_said"),
    ]


def _asked() -> list[pl.Expr]:
    prompt = pl.col("_n_prompt")
    given = pl.col("context").fill_null("").str.len_bytes() >= MIN_GIVEN_BYTES
    return [
        prompt.str.to_lowercase().str.extract_all(_WORD).alias("_n_asked"),
        _stems(prompt).alias("_n_stems"),
        (given | prompt.str.contains(r":\s*\S|\n\s*\S|[\"“][^\"”]{20,}[\"”]")).alias("_n_brings"),
        given.alias("_n_given"),
    ]


def _measures() -> list[pl.Expr]:
    # A name or number is absent where none of its words is in the prompt.
    facts = pl.struct(facts=pl.col("_n_facts").list.unique(maintain_order=True), asked=pl.col("_n_asked"))
    absent = facts.map_batches(_absent, return_dtype=pl.List(pl.String))
    both = pl.col("_n_said").list.set_intersection(pl.col("_n_stems")).list.len()
    return [absent.alias("absent"), (both / pl.col("_n_said").list.len()).fill_nan(0.0).alias("_n_support")]


def _absent(rows: pl.Series) -> pl.Series:
    """By words in columns: facts are exploded, joined with their prompt's words, and gathered again."""
    frame = rows.struct.unnest().with_row_index("row")
    words = (
        frame.select("row", fact="facts")
        .explode("fact", empty_as_null=False, keep_nulls=False)
        .with_columns(word=pl.col("fact").str.to_lowercase().str.extract_all(_WORD))
        .with_row_index("place")
    )
    there = frame.select("row", word="asked").explode("word", empty_as_null=False, keep_nulls=False).unique()
    hit = words.explode("word", empty_as_null=False, keep_nulls=False).join(there, on=["row", "word"], how="semi")
    left = words.join(hit.select("place").unique(), on="place", how="anti")
    by_row = left.group_by("row", maintain_order=True).agg(pl.col("fact"))
    joined = frame.select("row").join(by_row, on="row", how="left", maintain_order="left")
    return joined["fact"].fill_null(pl.lit([], dtype=pl.List(pl.String)))


def _need(live: pl.Expr, parsed: pl.Expr) -> pl.Expr:
    prompt, answer, words = pl.col("_n_prompt"), pl.col("_n_answer"), pl.col("_n_words")
    absent = pl.col("absent").list.len()
    calls = answer.str.contains(r"^\s*[\[{]\s*\"|<functioncall>|<tool_call>")
    code = answer.str.contains(_CODE) | prompt.str.contains(r"(?m)^\s*(?:def|class) \w+\(")
    numbers = prompt.str.count_matches(r"\p{N}+") >= 2
    reckons = (
        numbers & (prompt.str.contains(_RECKONS) | prompt.str.contains(r"\?\s*$")) & answer.str.contains(_EQUATION)
    )
    supported = pl.col("_n_support") >= MIN_SUPPORT
    works = prompt.str.contains(_WORKS_ON) & pl.col("_n_brings")
    dense = absent / words.clip(lower_bound=1) * 100 >= DENSE
    asks = prompt.str.contains(_ASKS)
    return (
        pl.when(live | (prompt.str.contains(_VOLATILE) & ~pl.col("_n_brings"))).then(pl.lit(Need.LIVE.value))
        .when(parsed | calls | code).then(pl.lit(Need.STRUCTURE.value))
        .when(reckons).then(pl.lit(Need.REASONING.value))
        .when(works | (pl.col("_n_given") & (supported | (words <= FEW_WORDS)))).then(pl.lit(Need.GIVEN.value))
        .when(prompt.str.contains(_WRITES)).then(pl.lit(Need.STYLE.value))
        .when(pl.col("_n_brings") & supported & (words > 0)).then(pl.lit(Need.GIVEN.value))
        .when((asks & ((absent >= 1) & ((words <= FEW_WORDS) | dense) | (absent >= 4))) | (dense & (absent >= 3)))
        .then(pl.lit(Need.FACTS.value))
        .otherwise(pl.lit(Need.GENERAL.value))
    )  # fmt: skip


def needed_columns(there: list[str]) -> list[str]:
    """Of a release's columns, those that advice reads."""
    read = ("record_id", "source", "source_row", "prompt", "completion", "context", "n_tokens", "language", "cluster")
    return [name for name in there if name in read or name in _CHECKED]
