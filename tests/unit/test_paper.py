"""A member key on paper: words and back, what is typed wrong is told, and the published vectors of BIP 39 hold."""

import random

import pytest

from meshd.assembly.paper import LANGUAGES, letters_of, member_key, words_of
from meshd.errors import UsageError
from meshd_crypto.identity import SigningKey

# of the published list of BIP 39, those of 256 bits: entropy and its words
PUBLISHED = [
    ("00" * 32, "abandon " * 23 + "art"),
    (
        "7f" * 32,
        "legal winner thank year wave sausage worth useful " * 2 + "legal winner thank year wave sausage worth title",
    ),
    (
        "80" * 32,
        "letter advice cage absurd amount doctor acoustic avoid " * 2
        + "letter advice cage absurd amount doctor acoustic bless",
    ),
    ("ff" * 32, "zoo " * 23 + "vote"),
]


@pytest.mark.parametrize(("seed", "words"), PUBLISHED)
def test_published_vectors(seed, words):
    key = SigningKey.from_seed(bytes.fromhex(seed))
    assert words_of(key) == words.split()
    assert member_key(words).seed == key.seed


@pytest.mark.parametrize("language", LANGUAGES)
@pytest.mark.parametrize("number", range(20))
def test_words_and_letters_bring_the_key_back_however_they_are_typed(language, number):
    key = SigningKey.from_seed(random.Random(number).randbytes(32))
    words = words_of(key, language)
    assert len(words) == 24
    for typed in (
        " ".join(words),
        "\n".join(word.upper() for word in words),
        ", ".join(words),
        " ".join(word[:4] for word in words) if language == "english" else " ".join(words),
        " ".join(f"{n}. {word}" for n, word in enumerate(words, 1)),
        " ".join(f"{n:2} {word}" for n, word in enumerate(words, 1)),
        letters_of(key),
        " ".join(letters_of(key)[at : at + 4] for at in range(0, 52, 4)).upper(),
    ):
        assert member_key(typed).seed == key.seed


@pytest.mark.parametrize("language", LANGUAGES)
def test_what_stands_around_the_words_on_the_paper_is_passed_over(language):
    key = SigningKey.from_seed(random.Random(7).randbytes(32))
    words = words_of(key, language)
    lines = [" ".join(f"{n + 1:2} {words[n]}" for n in range(at, at + 6)) for at in range(0, 24, 6)]
    kept = ["Whoever has this is you: keep it where you keep your papers.", letters_of(key), "", *lines, "Ada, 2026"]
    assert member_key("\n".join(kept)).seed == key.seed
    with pytest.raises(UsageError, match="words of 24"):
        member_key("\n".join(kept[:-2]))


def test_accents_may_be_left_out():
    key = SigningKey.from_seed(bytes(31) + b"\x07")
    words = words_of(key, "spanish")
    assert "á" in " ".join(words) or "\u0301" in " ".join(words)
    plain = " ".join(words).replace("\u0301", "").replace("á", "a")
    assert member_key(plain).seed == key.seed


def test_what_is_wrong_is_told():
    words = words_of(SigningKey.from_seed(bytes(range(32))))
    with pytest.raises(UsageError, match="these are 23 words of 24"):
        member_key(" ".join(words[:-1]))
    with pytest.raises(UsageError, match="these are 0 words of 24"):
        member_key("")
    with pytest.raises(UsageError, match="word 3, acces, is no word") as told:
        member_key(" ".join([*words[:2], "acces", *words[3:]]))
    assert told.value.hint == "Do you mean access?"
    swapped = [words[1], words[0], *words[2:]]
    with pytest.raises(UsageError, match="don't fit together"):
        member_key(" ".join(swapped))
    with pytest.raises(UsageError, match="no words in klingon"):
        words_of(SigningKey.from_seed(bytes(32)), "klingon")


def test_one_word_in_256_slips_through_and_none_that_is_typed_once():
    """The checksum has eight bits: of all words in one place, about eight fit."""
    words = words_of(SigningKey.from_seed(bytes(range(32))))
    from mnemonic import Mnemonic

    found = 0
    for other in Mnemonic("english").wordlist:
        try:
            member_key(" ".join([*words[:5], other, *words[6:]]))
        except UsageError:
            continue
        found += 1
    assert 1 <= found <= 24
