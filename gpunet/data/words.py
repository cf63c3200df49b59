"""Texts as numbers: words are looked up in a vocabulary, and a text becomes the numbers of its words.

Word ``i`` of the vocabulary, from 0, has the number ``i + 1``; 0 fills texts up to one length.  Words that are not in
the vocabulary are left out.
"""

import re
import sys
import unicodedata
from collections import Counter
from collections.abc import Sequence
from functools import cache
from itertools import groupby

import numpy as np

from ..errors import DataError

LONGEST = 1000  # words of a text that are read
ASCII_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")


@cache
def _words() -> re.Pattern[str]:
    """Letters and digits with the marks above, below and between them, and apostrophes inside."""
    marks = (number for number in range(0x300, sys.maxunicode + 1) if unicodedata.category(chr(number))[0] == "M")
    ranges = []
    for _, run in groupby(enumerate(marks), lambda pair: pair[1] - pair[0]):
        numbers = [number for _, number in run]
        ranges.append(f"{chr(numbers[0])}-{chr(numbers[-1])}")
    letter = rf"(?:[^\W_]|[{''.join(ranges)}])"
    return re.compile(rf"[^\W_]{letter}*(?:['’]{letter}+)*")


def words_of(text: str) -> list[str]:
    """The words of a text in small letters, without punctuation; letters keep their marks, in whatever form.

    >>> words_of("It isn't GOOD, it's 10/10!")
    ['it', "isn't", 'good', "it's", '10', '10']
    >>> len(words_of("cafe\u0301 au lait")), words_of("cafe\u0301") == words_of("caf\u00e9")
    (3, True)
    """
    pattern = ASCII_WORD if text.isascii() else _words()
    return pattern.findall(unicodedata.normalize("NFC", text).lower())


def number_texts(
    name: str, texts: Sequence[str], vocabulary: tuple[str, ...] | None = None, length: int | None = None
) -> tuple[np.ndarray, tuple[str, ...], str]:
    """Texts as rows of word numbers.

    Args:
        name: of the data set, for messages.
        texts: one for each sample.
        vocabulary: of a trained model; made of all words, the most frequent first, where None.
        length: of the rows; that of the longest text, at most ``LONGEST``, where None.

    Returns:
        int32 (samples, length), the vocabulary, and a note for the user or nothing.

    Raises:
        DataError: texts without a single word.

    >>> number_texts("d", ["good film", "a good good one"])[0].tolist()
    [[1, 3, 0, 0], [2, 1, 1, 4]]
    """
    split = [words_of(text) for text in texts]
    if vocabulary is None:
        counted = Counter(word for words in split for word in words)
        if not counted:
            raise DataError(name, "needs texts with words", "none", "Check the column of the texts")
        vocabulary = tuple(sorted(counted, key=lambda word: (-counted[word], word)))
    numbers = {word: number for number, word in enumerate(vocabulary, 1)}
    known = [[numbers[word] for word in words if word in numbers] for words in split]
    longest = max(map(len, known))
    length = length or max(1, min(longest, LONGEST))
    rows = np.zeros((len(texts), length), np.int32)
    for row, text in zip(rows, known):
        row[: len(text)] = text[:length]
    cut = sum(len(text) > length for text in known)
    return rows, vocabulary, f"{cut} of {len(texts)} texts are cut to {length} words" if cut else ""
