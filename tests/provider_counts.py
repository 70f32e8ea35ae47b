"""What providers count of a window, by their own rules and apart from our code.

OpenAI: `tiktoken` and the rule of its cookbook ("How to count tokens with tiktoken"): 3 tokens
for each message, the tokens of each of its values, and 3 for the answer that begins. Gemini:
the rule of `google.genai.local_tokenizer`: the texts, names, keys and values, one by one.
Anthropic publishes neither vocabulary nor rule: texts and inputs as OpenAI counts them, each
message as there, is the least that any of its models takes.
"""

import base64
import hashlib
import json
import os
from functools import cache
from pathlib import Path

import tiktoken
from splintr import Tokenizer

_TOKENS = {"o200k_base": 199_998, "cl100k_base": 100_256}
_URL = "https://openaipublic.blob.core.windows.net/encodings/{}.tiktoken"
MESSAGE = 3
REQUEST = 3


def lay_out(folder: Path) -> None:
    """The files that `tiktoken` would download, written from the vocabularies that we count with.

    It compares them with the hashes that OpenAI publishes before it uses them.
    """
    os.environ["TIKTOKEN_CACHE_DIR"] = str(folder)
    for name, count in _TOKENS.items():
        vocabulary = Tokenizer.from_pretrained(name)
        lines = [
            b"%s %d\n" % (base64.b64encode(vocabulary.decode_token_bytes(rank)), rank)
            for rank in range(count)
        ]
        place = folder / hashlib.sha1(_URL.format(name).encode()).hexdigest()
        place.write_bytes(b"".join(lines))


@cache
def openai(name):
    """Tokens of a text, as OpenAI's library counts them."""
    encoding = tiktoken.get_encoding(name)
    return cache(lambda text: len(encoding.encode_ordinary(text)))


@cache
def ours(name):
    """Tokens of a text by a vocabulary that no other library brings along."""
    vocabulary = Tokenizer.from_pretrained(name)
    return cache(lambda text: len(vocabulary.encode_ordinary(text)))


def counted(window, vocabulary):
    """What the window's provider counts of it, with OpenAI's vocabulary of that name or ours."""
    count = openai(vocabulary) if vocabulary in _TOKENS else ours(vocabulary)
    return _RULES[window.form](window.input, count)


def _chat(payload, count):
    return REQUEST + sum(_values(message, count) + MESSAGE for message in payload["messages"])


def _responses(payload, count):
    said = sum(_values(item, count) + MESSAGE for item in payload["input"])
    return REQUEST + said + count(payload.get("instructions", ""))


def _anthropic(payload, count):
    said = sum(_values(message, count) + MESSAGE for message in payload["messages"])
    return REQUEST + said + _values(payload.get("system", ""), count)


def _values(value, count):
    """Texts as they are; what a model is given as JSON, as JSON."""
    if isinstance(value, str):
        return count(value)
    if isinstance(value, list):
        return sum(_values(item, count) for item in value)
    if not isinstance(value, dict):
        return 0
    names = value.keys() - {"type", "cache_control", "id", "call_id", "tool_call_id", "tool_use_id"}
    return sum(
        count(json.dumps(value[name], separators=(",", ":"), ensure_ascii=False))
        if name == "input" and isinstance(value[name], dict)
        else _values(value[name], count)
        for name in names
    )


def _gemini(payload, count):
    contents = [*payload["contents"], payload.get("systemInstruction", {"parts": []})]
    return sum(_gemini_part(part, count) for content in contents for part in content["parts"])


def _gemini_part(part, count):
    called, answered = part.get("functionCall", {}), part.get("functionResponse", {})
    texts = [part.get("text", ""), called.get("name", ""), answered.get("name", "")]
    spread = _spread(called.get("args", {})) + _spread(answered.get("response", {}))
    return sum(map(count, texts + spread))


def _spread(value):
    """Keys and texts, however deep."""
    if isinstance(value, str):
        return [value]
    if isinstance(value, list):
        return [text for item in value for text in _spread(item)]
    if isinstance(value, dict):
        return [*value, *(text for item in value.values() for text in _spread(item))]
    return []


def _text(payload, count):
    return count(payload)


_RULES = {
    "openai": _chat,
    "openai-responses": _responses,
    "anthropic": _anthropic,
    "gemini": _gemini,
    "text": _text,
    "markdown": _text,
}
