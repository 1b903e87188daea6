"""What the base model, the adapter and the merged model answer: python answer.py DIR QUESTION.

DIR is what train.py left. The most likely token is taken each time, so adapter and merged model must answer alike;
where they do not, the exit code is 1.
"""

import argparse
import os
import sys
from pathlib import Path
from typing import Any

from resuming import TRAINING, read
from train import RESULT, SURROUNDINGS

from schemas.errors import AssayError, UsageError


def main(call: list[str]) -> int:
    """Print the three answers. Raises AssayError."""
    parser = argparse.ArgumentParser(description="Answers of the base model, the adapter and the merged model.")
    parser.add_argument("trained", type=Path, help="the folder that train.py was given as --out")
    parser.add_argument("question")
    parser.add_argument("--tokens", type=int, default=60, help="of an answer, at most (default 60)")
    asked = parser.parse_args(call)
    training = read(asked.trained / TRAINING)
    if training is None or read(asked.trained / RESULT) is None:
        raise UsageError(f"{asked.trained}: holds no finished training; call train.py with --out {asked.trained}")
    answers = _answers(asked.trained, training["model"], asked.question, asked.tokens)
    for name, answer in answers.items():
        print(f"{name:<11} {' '.join(answer.split())}")
    if answers["adapter"] != answers["merged"]:
        print("the merged model answers otherwise than the adapter", file=sys.stderr)
        return 1
    return 0


def _answers(trained: Path, model: str, question: str, tokens: int) -> dict[str, str]:
    from lora import ADAPTER, MERGED
    from peft import PeftModel
    from quiet import quiet
    from weights import load

    with quiet():
        base, tokenizer = load(model)
        answers = {"base": _answer(base, tokenizer, question, tokens)}
        adapted = PeftModel.from_pretrained(base, trained / ADAPTER)
        answers["adapter"] = _answer(adapted, tokenizer, question, tokens)
        merged, tokenizer = load(str(trained / MERGED))
        answers["merged"] = _answer(merged, tokenizer, question, tokens)
    return answers


def _answer(model: Any, tokenizer: Any, question: str, tokens: int) -> str:
    asked = [{"role": "user", "content": question}]
    said = tokenizer.apply_chat_template(asked, add_generation_prompt=True, return_tensors="pt", return_dict=True)
    found = model.generate(
        **said, max_new_tokens=tokens, do_sample=False, num_beams=1, pad_token_id=tokenizer.eos_token_id
    )
    answer: str = tokenizer.decode(found[0][said["input_ids"].shape[1] :], skip_special_tokens=True)
    return answer


if __name__ == "__main__":
    os.environ.update({key: os.environ.get(key, value) for key, value in SURROUNDINGS.items()})
    try:
        sys.exit(main(sys.argv[1:]))
    except AssayError as error:
        print(f"not answered: {error}", file=sys.stderr)
        sys.exit(error.exit_code)
