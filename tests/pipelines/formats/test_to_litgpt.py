"""What LitGPT's JSON data module reads."""

import pytest


def test_one_question_and_one_answer_make_a_row(one, say, line_of):
    assert line_of("litgpt", one(say("user", "Hi"), say("assistant", "Hello."))) == {
        "task": "sft",
        "instruction": "Hi",
        "input": "",
        "output": "Hello.",
    }


def test_the_context_that_the_question_ends_with_becomes_the_input_again(one, say, line_of):
    asked = one(say("user", "Sum up:\n\nA long text."), say("assistant", "Text."), context="A long text.")

    assert line_of("litgpt", asked)["instruction"] == "Sum up:"
    assert line_of("litgpt", asked)["input"] == "A long text."


@pytest.mark.parametrize("context", ["Hi", "i", "elsewhere"])
def test_a_context_that_does_not_end_the_question_stays_where_it_is(context, one, say, line_of):
    line = line_of("litgpt", one(say("user", "Hi"), say("assistant", "Hello."), context=context))

    assert (line["instruction"], line["input"]) == ("Hi", "")


def test_what_has_no_form_is_refused_with_its_own_reason(one, say, tool_call, reason_of):
    ask, answer = say("user", "Hi"), say("assistant", "Hello.")

    assert reason_of("litgpt", one(ask, answer, ask, answer)) == "multi_turn"
    assert reason_of("litgpt", one(say("system", "Be brief."), ask, answer)) == "system_unsupported"
    assert reason_of("litgpt", one(ask, say("assistant", tool_calls=[tool_call("a")]))) == "tool_use_unsupported"
    assert reason_of("litgpt", one(ask, answer, tools='[{"name": "a"}]')) == "tool_use_unsupported"
    assert reason_of("litgpt", one(ask, chosen=[answer], rejected=[say("assistant", "No.")])) == "kind_unsupported"
    assert reason_of("litgpt", one(ask, say("assistant", "Hello.", train=False))) == "masked_turn"
