"""A place in a rule's tokens: what stands there, whether it is what may stand there, and the refusal if not."""

from __future__ import annotations

import difflib
import re
from collections.abc import Collection
from typing import Unpack

from app.criteria.refusing import LONGEST_FOUND, Particulars, refusal
from app.criteria.terms import Vocabulary
from app.criteria.tokens import Token, What, read_tokens
from app.criteria.words import plain
from app.errors import Invalid

SIMILAR = 0.5  # share of letters in common from which a name is worth suggesting
LETTERS = re.compile(r"\w*")


class Cursor:
    """Moves over a text once, forwards; `token` is the next to be read."""

    def __init__(self, text: str, vocabulary: Vocabulary) -> None:
        self._text, self._vocabulary = text, vocabulary
        self._tokens = iter(read_tokens(text, vocabulary))
        self.token = next(self._tokens)

    @property
    def at_end(self) -> bool:
        """Whether everything was read."""
        return self.token.what is What.END

    def take(self) -> Token:
        """The next token, and move past it. Never past the end."""
        token = self.token
        self.token = next(self._tokens, token)
        return token

    def accept(self, *words: str) -> bool:
        """Move past the next token if it is one of these words."""
        return self.accept_one_of(words) is not None

    def accept_one_of(self, words: Collection[str]) -> str | None:
        """Move past the next token if it is one of these words, and say which."""
        found = next((word for word in words if word in self.token.words), None)
        if found is not None:
            self.take()
        return found

    def expect(self, *words: str) -> None:
        """Move past one of these words; raises `Invalid` where something else stands."""
        if not self.accept(*words):
            raise self.unexpected(*words)

    def expect_end(self, *words: str) -> None:
        """Raises `Invalid` where something follows, which only after one of these words could."""
        if not self.at_end:
            raise self.unexpected(*words, "end")

    def refusal(self, problem: str, token: Token, **more: Unpack[Particulars]) -> Invalid:
        """The refusal of a rule for this token."""
        return refusal(problem, self._text, token.start, token.end, **more)

    def unexpected(self, *expected: str, nearest: str | None = None) -> Invalid:
        """The refusal for something else than what was expected standing next."""
        problem = "cut_short" if self.at_end else "unexpected"
        return self.refusal(problem, self.token, expected=expected, nearest=nearest)

    def unknown_term(self) -> Invalid:
        """The refusal where a condition was to begin, with the name that was perhaps meant."""
        token, nearest = self.token, self._nearest(self.token)
        if token.what is What.STRANGE:
            return self.refusal("unknown_term", token, expected=("term",), nearest=nearest)
        return self.unexpected("rule", nearest=nearest)

    def _nearest(self, token: Token) -> str | None:
        """The name most like the token, or else like all letters from it on: a slip may begin as something known."""
        flat, names = plain(self._text), list(self._vocabulary.names)
        letters = LETTERS.match(flat, token.start)
        for found in (flat[token.start : token.end], letters[0] if letters else ""):
            near = difflib.get_close_matches(found[:LONGEST_FOUND], names, n=1, cutoff=SIMILAR)
            if near:
                return near[0]
        return None
