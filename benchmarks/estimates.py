"""How far our counters are off: against vocabularies that other packages bring along.

`scripts/estimates` installs those and runs this. It prints the tables of docs/reference/render.md:
the error of each estimate (0% is right, below is too little), and on how many pieces of text a
counter that is called exact counts something else than an implementation that is not ours.
"""

from __future__ import annotations

import base64
import io
import json
import os
import subprocess
import sys
import zipfile
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from statistics import median, quantiles

import orjson
import tiktoken
from splintr import Tokenizer

from backstory.processing.conversations import Bad
from backstory.processing.sources import read
from backstory.rendering.counters import COUNTERS, Counter

ROOT = Path(__file__).resolve().parent.parent
HERE = ROOT / ".venv" / "vocabularies"
DATA = Path(os.environ.get("BACKSTORY_TEST_DATA") or ROOT.parent / "shared" / "data")
PIECE = 2000  # characters of a file that are looked at together
LEAST = 200  # characters; shorter ends of files say little
ESTIMATES = {
    "claude-older-estimate": ["claude-2"],
    "gemini-estimate": ["gemma3"],
    "any-estimate": ["claude-2", "llama3", "qwen3", "deepseek_v3", "gemma3", "tekken"],
}
"""Estimates, and the vocabularies that they are held against: the one that counts most."""
EXACT = {"llama3": "llama3", "qwen3": "qwen3", "deepseek_v3": "deepseek_v3", "mistral_v3": "tekken"}

Piece = list[str]
"""Texts that are counted one by one and judged together: the messages of a dialog, a page."""


def pieces() -> dict[str, list[Piece]]:
    """Pieces by the kind of text."""
    return {
        "English dialogs (Taskmaster)": list(_dialogs("taskmaster", "taskmaster4/dialogs.jsonl")),
        "English dialogs (SGD)": list(_dialogs("sgd", "sgd/dialogues.jsonl")),
        "JSON (SGD)": list(_files([DATA / "sgd/dialogues.jsonl"])),
        "Python (`src`)": list(_files(sorted((ROOT / "src").rglob("*.py")))),
        "Markdown (`docs`)": list(_files(sorted((ROOT / "docs").rglob("*.md")))),
    }


def languages() -> dict[str, str]:
    """The first article of the Universal Declaration of Human Rights in many."""
    path = ROOT / "benchmarks/vocabularies/languages.json"
    found: dict[str, str] = json.loads(path.read_text(encoding="utf-8"))
    return found


def _dialogs(source: str, file: str) -> Iterator[Piece]:
    path = DATA / file
    for item in read(source, io.BytesIO(path.read_bytes()), path.name):
        if not isinstance(item, Bad):
            contents = [orjson.loads(entry.content) for entry in item.entries]
            yield [text for text in contents if isinstance(text, str) and text]


def _files(paths: Sequence[Path]) -> Iterator[Piece]:
    for path in paths:
        text = path.read_text(encoding="utf-8")
        for start in range(0, len(text), PIECE):
            if len(text) - start >= LEAST:
                yield [text[start : start + PIECE]]


def count_by(name: str, texts: Sequence[str]) -> list[int]:
    """Tokens by a vocabulary of another package."""
    if name == "tekken":
        encoding = _tekken()
        return [len(encoding.encode_ordinary(text)) for text in texts]
    command = [Path(sys.executable).parent / "node", HERE / "count.mjs", name]
    answer = subprocess.run(command, input=json.dumps(texts).encode(), stdout=-1, check=True)
    return list(map(int, json.loads(answer.stdout)))


def _tekken() -> tiktoken.Encoding:
    """Mistral's vocabulary as `mistral-common` ships it."""
    (wheel,) = HERE.glob("mistral_common-*.whl")
    with zipfile.ZipFile(wheel) as archive:
        found = json.loads(archive.read("mistral_common/data/tekken_240718.json"))
    config = found["config"]
    count = config["default_vocab_size"] - config["default_num_special_tokens"]
    ranks = {base64.b64decode(row["token_bytes"]): row["rank"] for row in found["vocab"][:count]}
    return tiktoken.Encoding(
        "tekken", pat_str=config["pattern"], mergeable_ranks=ranks, special_tokens={}
    )


def errors(counter: Counter, counted: Mapping[str, int], kind: Sequence[Piece]) -> list[float]:
    """For each piece, how much more the estimate is than the count, as a part of it."""
    found = []
    for piece in kind:
        truth = sum(counted[text] for text in piece)
        if truth:
            found.append(sum(map(counter.count, piece)) / truth - 1)
    return sorted(found)


def most_of(vocabularies: Sequence[Mapping[str, int]]) -> dict[str, int]:
    """For each text what the vocabulary counts that counts most."""
    return {text: max(each[text] for each in vocabularies) for text in vocabularies[0]}


def main() -> None:
    kinds, spoken = pieces(), languages()
    found = {text for kind in kinds.values() for piece in kind for text in piece}
    texts = sorted(found | set(spoken.values()))
    names = sorted({name for each in ESTIMATES.values() for name in each} | set(EXACT.values()))
    known = {name: dict(zip(texts, count_by(name, texts), strict=True)) for name in names}
    truths = {name: most_of([known[each] for each in held]) for name, held in ESTIMATES.items()}
    _table("counter", "text", "pieces", "lowest", "median", "95% below", "highest")
    for name, truth in truths.items():
        for kind, each in kinds.items():
            off = errors(COUNTERS[name], truth, each)
            shown = (off[0], median(off), quantiles(off, n=20)[-1], off[-1])
            print(f"| `{name}` | {kind} | {len(off)} | {' | '.join(map(_percent, shown))} |")
    print()
    _table("language", *(f"`{name}`" for name in truths))
    for language, text in spoken.items():
        offs = [errors(COUNTERS[name], truths[name], [[text]])[0] for name in truths]
        print(f"| {language} | {' | '.join(map(_percent, offs))} |")
    print(f"\nOf {len(texts)} texts, counted otherwise by an implementation that is not ours:")
    for name, vocabulary in EXACT.items():
        differ = sum(COUNTERS[name].count(text) != known[vocabulary][text] for text in texts)
        print(f"* `{name}`: {differ}")
    old, new = (Tokenizer.from_pretrained(name) for name in ("gemma3", "gemma4"))
    differ = sum(old.encode_ordinary(text) != new.encode_ordinary(text) for text in texts)
    print(f"* Gemma 4 and Gemma 3: {differ}")


def _table(*titles: str) -> None:
    print(f"| {' | '.join(titles)} |")
    print(f"| {' | '.join('---' for _ in titles)} |")


def _percent(error: float) -> str:
    return f"{error:+.0%}"


if __name__ == "__main__":
    main()
