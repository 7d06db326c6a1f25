"""Texts as token ids, made once per tokenizer and kept in a memory-mapped file.

Tokenizers: `words:<n>` splits into lower-case words and signs, hashed into n buckets (feature hashing, Weinberger et
al., ICML 2009): no vocabulary, no download. `hub:<name>@<revision>` is a tokenizer of the Hugging Face hub, through
transformers (the extra `text`).
"""

import hashlib
import re
import zlib
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch

from wgbench import hub
from wgbench.datasets import flat
from wgbench.datasets.flat import Item
from wgbench.errors import BadOption, DownloadFailed, MissingExtra
from wgbench.types import Tokens

SCHEMA = 1
DEFAULT = "words:32768"
CHUNK = 1000  # texts per call of a tokenizer
WORD = re.compile(r"\w+|[^\w\s]")

Text = tuple[str, str | None]  # a text, or a pair
Tokenize = Callable[[Sequence[Text], int], Iterator[Item]]


def tokenized(
    cache: Path, identity: str, texts: Callable[[], Sequence[Text]], n: int, tokenizer: str | None, longest: int
) -> Tokens:
    """The `n` texts as at most `longest` token ids each; tokenised now if they are not in the cache.

    `identity` names the texts (a content hash). What is too long is cut: the longer part of a pair first.
    """
    name = tokenizer or DEFAULT
    seen = hashlib.sha256(f"{SCHEMA}\n{identity}\n{name}\n{longest}".encode()).hexdigest()[:32]

    def made(_: Path) -> Iterator[Item | str]:
        found = texts()
        tokenize = tokenizer_named(name)
        for start in range(0, len(found), CHUNK):
            yield from tokenize(found[start : start + CHUNK], longest)

    manifest = {"schema": SCHEMA, "tokenizer": name, "longest": longest, "texts_from": identity}
    remedy = "delete the folder: it is made again"
    plan = flat.Plan(n, np.int32, f"texts for {name}", "text", "tokenising", made, manifest, remedy)
    found = flat.open_or_build(cache / seen, plan)
    return Tokens(found.data, found.offset[:-1], found.shape[:, 0], found.shape[:, 1])


def tokenizer_named(name: str) -> Tokenize:
    """The function behind a name. BadOption for an unknown kind; MissingExtra, DownloadFailed for the hub's."""
    kind, _, rest = name.partition(":")
    if kind == "words" and rest.isdigit() and int(rest) > 1:
        return _words(int(rest))
    if kind == "hub":
        return _from_hub(*rest.rpartition("@")[::2])
    raise BadOption(f"tokenizer {name!r}", "no such kind", "a backbone gives words:<buckets> or hub:<name>@<revision>")


def bucket(word: str, buckets: int) -> int:
    """The id of a word, from 1: 0 is left for padding."""
    return 1 + zlib.crc32(word.encode()) % (buckets - 1)


def shortened(first: int, second: int, longest: int) -> tuple[int, int]:
    """Lengths of both parts of a pair cut to `longest` together: the longer one is cut first."""
    if first + second <= longest:
        return first, second
    half = longest // 2
    kept = min(second, max(longest - first, half))
    return min(first, longest - kept), kept


def _words(buckets: int) -> Tokenize:
    known: dict[str, int] = {}

    def ids(text: str) -> list[int]:
        words = WORD.findall(text.lower())
        for word in words:
            if word not in known:
                known[word] = bucket(word, buckets)
        return [known[word] for word in words]

    def tokenize(texts: Sequence[Text], longest: int) -> Iterator[Item]:
        for first, second in texts:
            a, b = ids(first), ids(second or "")
            n, m = shortened(len(a), len(b), longest)
            yield flat.item(np.array(a[:n] + b[:m], dtype=np.int32), (n + m, n))

    return tokenize


def _from_hub(name: str, revision: str) -> Tokenize:
    try:
        from transformers import AutoTokenizer
    except ImportError:
        raise MissingExtra(
            f"tokenizer {name}", "transformers is not installed", "pip install 'wgbench[text]'"
        ) from None
    try:
        with hub.asking():
            tokenizer: Any = AutoTokenizer.from_pretrained(name, revision=revision, use_fast=True)
    except Exception as problem:  # the hub's client, the network and damaged files each raise errors of their own
        remedy = "check its name, or download it where there is a network and set HF_HOME to that cache"
        raise DownloadFailed(
            f"tokenizer {name}@{revision}", f"the hub did not deliver it ({type(problem).__name__})", remedy
        ) from problem
    parts = "token_type_ids" in tokenizer.model_input_names

    def tokenize(texts: Sequence[Text], longest: int) -> Iterator[Item]:
        first = [a for a, _ in texts]
        second = [b or "" for _, b in texts] if any(b is not None for _, b in texts) else None
        made = tokenizer(first, second, truncation=True, max_length=longest, return_token_type_ids=parts)
        for row, ids in enumerate(made["input_ids"]):
            types = made["token_type_ids"][row] if parts else []
            starts = types.index(1) if 1 in types else len(ids)
            yield flat.item(np.array(ids, dtype=np.int32), (len(ids), starts))

    return tokenize


def made_up(n: int, rng: np.random.Generator, *, pairs: bool = False) -> Tokens:
    """`n` texts of random tokens, 3 to 12 each, for samples of a dataset's shapes."""
    length = torch.from_numpy(rng.integers(3, 13, n))
    data = torch.from_numpy(rng.integers(1, 100, int(length.sum())).astype(np.int32))
    return Tokens(data, length.cumsum(0) - length, length, length // 2 if pairs else length)
