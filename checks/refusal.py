"""Refusals: an answer that declines. Right in preference data, rarely wanted as something to imitate."""

import polars as pl

from checks._examples import asks, pair, says
from checks._text import answer, derived, has, has_literal, is_kind, prompt, where
from checks.registry import Severity, check
from schemas.record import Kind

# A refusal opens with itself: calibrated on XSTest's labelled completions (see docs/checks.md).
OPENING_CHARACTERS = 240

_AI = (
    r"(?:AI|artificial intelligence|(?:large )?language model|GPT(?: language)? model|virtual assistant|chatbot"
    r"|machine learning model)"
)
_UNABLE = (
    r"(?:cannot|can ?not|can['’]?t|could ?n['’]t|won['’]t|will not|(?:am|['’]m|are|['’]re) (?:\w+ )?(?:not able"
    r"|unable) to"
    r"|(?:am|['’]m) not (?:going|allowed|permitted|programmed|designed|comfortable)(?: to)?|(?:do not"
    r"|don['’]t) feel comfortable"
    r"|(?:do not|don['’]t) have the (?:capability|ability|capacity) to|must (?:respectfully |politely )?(?:decline"
    r"|refuse)(?: to)?"
    r"|have to (?:respectfully |politely )?decline)"
)
_ADVERB = r"(?:(?:just|simply|really|in good conscience|respectfully|ethically|also|personally|directly|legally),? )*"
# What an assistant is asked to do. "Help" needs an object: "I can't help but smile" declines nothing.
_SERVE = (
    r"(?:assist|help (?:you|with|in|anyone|him|her|them)\b|provid(?:e|ing)|fulfil|satisfy|comply|answer|offer(?:ing)?"
    r"|suggest(?:ing)?"
    r"|recommend|encourage|advise|condone|promot(?:e|ing)|endors(?:e|ing)|participate|engag(?:e|ing)|discuss(?:ing)?"
    r"|create"
    r"|generat(?:e|ing)|support(?:ing)?|speculate|disclose|justify|complete (?:this|the|your)|advocate|do (?:that|this)"
    r"|give (?:you |a |an |any |out |advice|instructions|information)|tell you|writ(?:e|ing) (?:a|an|any|the|about)"
    r"|share (?:that|this|any|personal)"
    r"|respond to|facilitate|instruct|guide you|teach you|explain (?:how|why|that)|process (?:this|the|your)"
    r"|perform (?:this|the|your)"
    r"|be of|use (?:hateful|offensive)|make (?:fun|jokes|any|a))"
)
_BAD = (
    r"(?:appropriate|ethical|acceptable|okay|ok|legal|respectful|possible for (?:me|an AI|a language model)|within my)"
)
# The assistant says that it does not do what was asked.
_DECLINES = (
    rf"(?i)\b(?:I|we) ?{_ADVERB}{_UNABLE},? {_ADVERB}{_SERVE}"
    rf"|\b(?:I|{_AI} and) (?:do not|don['’]t|cannot|can['’]t) (?:\w+ ){{0,2}}?(?:condone|promote|endorse|encourage"
    rf"|advocate)\b"
    r"|\bI (?:do not|don['’]t) (?:\w+ ){0,2}?have (?:\w+ ){0,2}?access to\b"
    r"|\bagainst my (?:programming|guidelines|principles|ethical)\b|\bnot within my (?:programming|capabilit)"
    r"|\b(?:task|instruction|request|prompt|question) (?:\w+ ){0,3}?(?:cannot|can ?not"
    r"|can['’]t) be (?:\w+ )?(?:answered|completed|fulfilled|performed|done|handled)"
    r"|\bwe cannot complete this (?:task|request|instruction)|\bbeyond (?:the|my) (?:capabilit|scope|abilit)"
    r"|(?:^\W*|\b(?:I|we) (?:am|are) )(?:unable|not able) to (?:assist|fulfil|comply|help you|help with"
    r"|perform (?:this|the|your) (?:task|request|instruction)|complete (?:this|the|your) (?:task|request|instruction))"
)
# Said of the model in the third person; a fact where the prompt is about models.
_MODEL_CANNOT = (
    rf"(?i)\b(?:{_AI}s?|the model),?(?: and)? (?:I )?(?:(?:currently )?(?:cannot|can ?not|can['’]t)|(?:am|is"
    rf"|are) (?:not able|unable|not designed)"
    r"|(?:do|does) not have)\b"
)
_ABOUT_MODELS = r"(?i)\b(?:AI|GPT\S*|language models?|artificial intelligence|chatbots?)\b"
_ABOUT_CONDUCT = r"(?i)appropriate|legal\b|ethical|acceptable|respectful|okay"
_APOLOGY = (
    r"(?:(?:unfortunately|(?:I['’]?m |I am |we['’]re )?(?:(?:really|very|so|truly|deeply) )*sorry"
    r"|(?:I )?apologi[sz]e)[^.!\n]{0,60}?[,.!]?\s*(?:but\s+)?)"
)
# The opening judges the request instead of meeting it.
_JUDGES = (
    rf"(?i)^\W*{_APOLOGY}?(?:(?:I (?:think|believe|must say|must clarify|must inform you"
    rf"|must point out) (?:that )?)?(?:it|that|this|asking|trying)\b(?:['’]s| is| would be)"
    rf"(?: (?:also|always|generally|simply|just))? (?:not|never)(?: \w+)?(?: or)? (?:{_BAD})\b"
    rf"|it(?:['’]s| is) (?:also |always |highly )?(?:illegal|unethical|inappropriate|never) (?:and \w+ )?to\b"
    rf"|I (?:do not|don['’]t) (?:think|believe) (?:that )?(?:it['’]s|it is|this is|that['’]s|in) (?:\w+ )?{_BAD}?)"
)
_WARNS = (
    r"(?i)^\W*(?:first(?: and foremost)?,? )?(?:it(?:['’]s| is) (?:\w+ )?(?:important|crucial|essential"
    r"|vital) to (?:note|remember|clarify|understand)"
    r"|I must (?:\w+ )?(?:clarify|emphasi[sz]e|stress|point out|inform you)) that [^.\n]{0,200}?\b(?:illegal|unethical"
    r"|inappropriate|offensive"
    r"|a criminal act|(?:not|never|isn['’]t) (?:an? |ever |be )?(?:\w+ or )?(?:ethical|appropriate|acceptable"
    r"|the answer|condoned|okay))"
)
_SORRY = rf"(?i)^\W*{_APOLOGY}[^.\n]{{0,120}}\b(?:{_UNABLE}|not (?:{_BAD})|against|never {_BAD})\b"
_OTHER_LANGUAGES = (
    r"^\W*(?:很抱歉|抱歉|对不起|對不起|非常抱歉)[\s\S]{0,40}(?:无法|不能|無法|不可以)|我(?:无法|不能|無法)(?:提供|帮助|協助|协助|回答|满足|生成|为您)"
    r"|(?i)^\W*(?:lo siento|désolée?|je suis désolée?|es tut mir leid|desculpe|mi dispiace)\b[\s\S]{0,60}\b(?:no puedo"
    r"|ne peux pas|kann (?:ich )?(?:\w+ ){0,4}nicht|não posso|non posso)"
    r"|申し訳(?:ありません|ございません)[\s\S]{0,60}(?:できません|出来ません)|(?:죄송|미안)[\s\S]{0,60}(?:없습니다|어렵습니다)"
)
# After declining, the answer gives what was asked for or something near to it.
MIN_ITEMS_OF_HELP = 4
_LIST_ITEM = r"(?m)^\s*(?:\d+[.)]|[-*•]) "
_TURNS_TO_HELP = r"(?i)\bhere (?:are|is)\b|\bhowever\b|\bthat (?:being )?said\b|\bbut I can\b"
_DECLINES_LATER = (
    r"(?i)\bI (?:cannot|can ?not|can['’]t|am not able to|am unable to|won['’]t) (?:assist|provide|fulfil|answer|comply"
    r"|help you|recommend|offer)"
    r"|\bI (?:do not|don['’]t) (?:condone|endorse|encourage|promote)\b"
)
_SELF = rf"(?i)\b{_AI}\b|\b(?:the|this) (?:task|instruction|request)\b"
_DISCLAIMER = (
    r"(?i)\bas an? (?:AI|artificial intelligence|(?:large )?language model|virtual assistant|chatbot"
    r"|machine learning model)\b"
    r"|\bI(?:['’]m| am) (?:just |only |simply )?an? (?:AI|artificial intelligence|(?:large )?language model|chatbot"
    r"|virtual assistant)\b"
    r"|\b(?:a|the) GPT (?:language )?model\b|作为(?:一个|一名|一款)?(?:AI|人工智能)|作為(?:一個)?(?:AI|人工智慧)"
)

# Work on a given sentence or a scene can contain a refusal without being one.
_QUOTES = (
    r"(?i)\b(?:re-?writ|rephras|reword|paraphras|convert|edit\b|dialogue|conversation|stor(?:y|ies)\b|lyrics|letter\b"
    r"|e-?mail (?:to|from|about|that|for)|note\b|translat|sentence|role-?play|script\b|quotes?\b|respon[sd]|statement"
    r"|apolog)"
)


_AI_HINTS = (
    "AI",
    "rtificial intelligence",
    "anguage model",
    "GPT",
    "hatbot",
    "irtual assistant",
    "achine learning model",
    "人工智",
)
# One of these stands in every opening that the patterns know: the cheap look before the dear ones.
_HINTS = (
    "cannot",
    "can not",
    "can't",
    "can’t",
    "cant ",
    "unable",
    "not able",
    "sorry",
    "apolog",
    "don't",
    "don’t",
    "do not",
    "won't",
    "won’t",
    "will not",
    "couldn",
    "isn't",
    "isn’t",
    "not ",
    "never",
    "illegal",
    "unethical",
    "inappropriate",
    "offensive",
    "decline",
    "refuse",
    "against my",
    "beyond",
    "criminal",
    "抱歉",
    "对不起",
    "對不起",
    "无法",
    "無法",
    "不能",
    "no puedo",
    "ne peux",
    "nicht",
    "não posso",
    "non posso",
    "申し訳",
    "죄송",
    "미안",
)


_FIRST = answer().str.head(OPENING_CHARACTERS)
_OPENING = derived("t_opening", where(has_literal(_FIRST, *_HINTS, ignore_case=True), _FIRST))
_REST = derived("t_rest", where(answer().str.len_chars() > OPENING_CHARACTERS, answer().str.slice(OPENING_CHARACTERS)))
_JUDGING = derived("refusal_judging", has(_OPENING, _JUDGES))
_OF_MODELS = derived("refusal_of_models", has(_OPENING, _MODEL_CANNOT))
_SAID = derived(
    "refusal_said",
    pl.any_horizontal(has(_OPENING, pattern) for pattern in (_DECLINES, _SORRY, _WARNS, _OTHER_LANGUAGES))
    | (_JUDGING & ~has(where(_JUDGING, prompt()), _ABOUT_CONDUCT))
    | (_OF_MODELS & ~has(where(_OF_MODELS, prompt()), _ABOUT_MODELS)),
)
# The opening declines, and not in words that the prompt asked for.
_DECLINING = derived(
    "refusal_declining", _SAID & (has(where(_SAID, _OPENING), _SELF) | ~has(where(_SAID, prompt()), _QUOTES))
)
# It declines, yet gives a list of what was asked for, or of something near to it.
_HELPING = derived(
    "refusal_helping",
    (where(_DECLINING, answer()).str.count_matches(_LIST_ITEM) >= MIN_ITEMS_OF_HELP).fill_null(False)
    & has(where(_DECLINING, answer()), _TURNS_TO_HELP),
)
_LATER = derived("refusal_later", has(_REST, _DECLINES_LATER))
_DISCLAIMING = derived("refusal_disclaiming", has(where(has_literal(answer(), *_AI_HINTS), answer()), _DISCLAIMER))


def declines() -> pl.Expr:
    """Whether the answer is a refusal: its opening declines, and no help follows. Reads derived columns."""
    return _DECLINING & ~_HELPING


@check(
    Severity.REVIEW,
    fails=says("I'm sorry, but I can't help with that."),
    but_not=says("I can help with that: the river rises in the hills."),
)
def full() -> pl.Expr:
    """The answer does not decline the request. With tools, or in a preference or KTO record, it may be right to."""
    return ~is_kind(Kind.SFT) | pl.col("tools").is_not_null() | ~declines()


@check(
    Severity.NOTE,
    fails=says("I cannot provide a map of it. However, here are some facts:\n- long\n- cold\n- clear\n- blue"),
    but_not=says("It rises in the hills.\n- short\n- cold\n- clear\n- blue"),
)
def partial() -> pl.Expr:
    """The answer does not decline a part of the request, or decline and then help."""
    later = _LATER & ~_DECLINING & ~has(where(_LATER, prompt()), _QUOTES)
    return ~is_kind(Kind.SFT) | ~((_DECLINING & _HELPING) | later)


@check(
    Severity.NOTE,
    fails=says("As an AI language model, I have never seen one, but rivers are wet."),
    but_not=asks("What is a language model?", "As an AI language model, I predict words."),
)
def ai_disclaimer() -> pl.Expr:
    """The answer does not say "as an AI language model", unless the prompt is about models."""
    return ~is_kind(Kind.SFT) | ~(_DISCLAIMING & ~has(where(_DISCLAIMING, prompt()), _ABOUT_MODELS))


@check(
    Severity.NOTE, fails=pair("I can't assist with that request.", "4"), but_not=pair("4", "I can't help with that.")
)
def preferred() -> pl.Expr:
    """The preferred answer of a preference or KTO record is no refusal; often it should be one."""
    return is_kind(Kind.SFT) | ~declines()


@check(
    Severity.NOTE,
    fails=says("I'm sorry, but I can't help with booking flights.", tools='[{"name": "add"}]'),
    but_not=says("I can't help with that."),
)
def with_tools() -> pl.Expr:
    """A record with tools does not decline; it may be right to where no tool fits."""
    return ~is_kind(Kind.SFT) | pl.col("tools").is_null() | ~declines()
