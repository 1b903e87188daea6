"""A model's own answers, greedy, many prompts at a time"""

from typing import Any

import numpy as np

# Most demands are for a line or two; "at least 40 words" is the longest.
_NEW_TOKENS = 80
_AT_ONCE = 32


def answers(model: Any, tokenizer: Any, prompts: list[str]) -> list[str]:
    """What the model says to each prompt, in their order; cut after 80 tokens."""
    told = [
        tokenizer.apply_chat_template([{"role": "user", "content": prompt}], tokenize=False, add_generation_prompt=True)
        for prompt in prompts
    ]
    order = np.argsort([len(one) for one in told], kind="stable")
    found = [""] * len(prompts)
    for start in range(0, len(order), _AT_ONCE):
        mine = order[start : start + _AT_ONCE]
        for at, said in zip(mine, _said(model, tokenizer, [told[at] for at in mine]), strict=True):
            found[at] = said
    return found


def _said(model: Any, tokenizer: Any, told: list[str]) -> list[str]:
    import torch

    tokenizer.padding_side, tokenizer.pad_token = "left", tokenizer.eos_token
    given = tokenizer(told, return_tensors="pt", padding=True, add_special_tokens=False)
    with torch.inference_mode():
        made = model.generate(**given, max_new_tokens=_NEW_TOKENS, do_sample=False, pad_token_id=tokenizer.eos_token_id)
    behind = made[:, given["input_ids"].shape[1] :]
    said: list[str] = tokenizer.batch_decode(behind, skip_special_tokens=True)
    return said
