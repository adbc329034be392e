"""A member key as people keep it on paper: 24 words with a checksum (BIP 39), or the letters of its secret.

Words are told by their first four letters, whatever language they are of.
"""

import difflib
from functools import cache

from mnemonic import Mnemonic

from meshd.errors import UsageError
from meshd_crypto.identity import SigningKey
from meshd_protocol.names import bytes_of, printable, text_of

LANGUAGES = ("english", "spanish")
"""Those in which a key is written; lists in which two words share four letters are left out."""
WORDS = 24
"""Of a member key."""
_SEED_BYTES = 32
_HINT = "It is what `whoami --member-key` printed where you were: 24 words, or its letters."


def words_of(key: SigningKey, language: str = LANGUAGES[0]) -> list[str]:
    """The 24 words of a key. Raises UsageError for a language that has no list here."""
    if language not in LANGUAGES:
        raise UsageError(f"there are no words in {printable(language)}", f"There are: {', '.join(LANGUAGES)}.")
    return _list_of(language)[0].to_mnemonic(key.seed).split()


def letters_of(key: SigningKey) -> str:
    """The secret of a key as letters."""
    return text_of(key.seed)


def member_key(text: str) -> SigningKey:
    """A member key from words or letters, however they are spaced. Raises UsageError, which says what is wrong."""
    words, named = text.replace(",", " ").split(), words_in(text)
    words = named if len(named) == WORDS else words  # letters may be numbers alone
    if _is_letters(words):
        return _of_letters("".join(words))
    if len(words) > WORDS:
        words = _lines_of_words(text) or words
    if len(words) != WORDS:
        raise UsageError(f"these are {len(words)} words of {WORDS}", _HINT)
    typed = [_plain(word.casefold()) for word in words]
    language = max(LANGUAGES, key=lambda each: sum(word in _list_of(each)[1] for word in typed))
    return _of_words(words, language)


def words_in(text: str) -> list[str]:
    """The words of a text, without the numbers that people write before them."""
    return [word for word in text.replace(",", " ").split() if not word.rstrip(".").isdecimal()]


def _lines_of_words(text: str) -> list[str]:
    """The words of a key among what stands around them, as where somebody kept all that a command printed: those of the
    lines that have nothing else.
    """
    for language in LANGUAGES:
        known, found = _list_of(language)[1], list[str]()
        for line in text.splitlines():
            named = words_in(line)
            if all(_plain(word.casefold()) in known for word in named):
                found += named
        if len(found) == WORDS:
            return found
    return []


def _is_letters(words: list[str]) -> bool:
    """Whether this is one secret in groups of letters: its words are of four letters, or it is one alone."""
    return 0 < len(words) < WORDS and all(len(word) <= 4 or len(words) == 1 for word in words)


def _of_letters(text: str) -> SigningKey:
    try:
        seed = bytes_of(text.replace("-", "").lower())
    except ValueError as error:
        raise UsageError("this is no member key", _HINT) from error
    if len(seed) != _SEED_BYTES:
        raise UsageError("this is no member key", _HINT)
    return SigningKey.from_seed(seed)


def _of_words(words: list[str], language: str) -> SigningKey:
    known, by_typed = _list_of(language)
    found: list[str] = []
    for place, word in enumerate(words, 1):
        meant = by_typed.get(_plain(word.casefold()))
        if meant is None:
            near = difflib.get_close_matches(Mnemonic.normalize_string(word.casefold()), known.wordlist, 1)
            hint = f"Do you mean {near[0]}?" if near else _HINT
            raise UsageError(f"word {place}, {printable(word)}, is no word of the list", hint)
        found.append(meant)
    sentence = " ".join(found)
    if not known.check(sentence):
        raise UsageError(
            "the words don't fit together: one is another one, or two changed places", "Compare them with the paper."
        )
    return SigningKey.from_seed(bytes(known.to_entropy(sentence)))


@cache
def _list_of(language: str) -> tuple[Mnemonic, dict[str, str]]:
    """The list of a language, and its words by what is typed for them: the whole or the first four letters, plain."""
    known = Mnemonic(language)
    plain = {_plain(word): word for word in known.wordlist}
    return known, {letters[:4]: word for letters, word in plain.items()} | plain


def _plain(word: str) -> str:
    """The letters of a word, without their accents."""
    return "".join(letter for letter in Mnemonic.normalize_string(word) if letter.isalpha())
