"""How legal texts number their units: what a line begins with, and what a citation inside a sentence names.

In: the text of a line, or of a citation. Out: the label with its canonical number, or None. Chinese (第十八条之一,
第二款, （三）, 一、) and English (Article 18, § 22602, (c), (ii), IV.) numbering, Arabic and full-width digits. Whether
a label opens a unit or is only mentioned at the start of a sentence is for `structure` to decide; it knows the lines
around.
"""

from __future__ import annotations

import re
from typing import Final, Literal

from policyengine.base.record import record

LabelKind = Literal["part", "chapter", "section", "article", "annex", "mark"]


@record
class Reading:
    """One way to read a mark: `(i)` is the ninth letter and the first Roman number. `style` tells marks of one series
    from those of another, `ordinal` is the place in it."""

    style: str
    ordinal: int
    number: str


@record
class Label:
    """What a line begins with. `word` is the word or sign that names the kind (`条`, `article`, `§`), empty for a mark.

    `written` is the label as it stands, `end` the offset where the text after it begins. `readings` are those of a
    mark, the likelier first; a unit with a word has one.
    """

    kind: LabelKind
    word: str
    number: str
    written: str
    end: int
    readings: tuple[Reading, ...] = ()


# One character for one, so that offsets hold.
_PLAIN: Final = str.maketrans({
    **{chr(ord("０") + digit): str(digit) for digit in range(10)},
    "（": "(", "）": ")", "．": ".", "\u3000": " ", "\u00a0": " ", "﹙": "(", "﹚": ")", "〇": "零", "○": "零",
})

_LONGEST_LABEL = 48

_HAN = r"[零一二三四五六七八九十百千两]{1,9}"
_NUMBER = rf"(?:[0-9]{{1,6}}|{_HAN})"
_ROMAN = r"[IVXLCDM]{1,9}"

_CHINESE: Final = re.compile(
    rf"第 ?({_NUMBER}) ?(分编|编|卷|篇|部分|章|节|目|条)(?: ?之 ?({_NUMBER}))?|附(?:件|录|表) ?({_NUMBER})?(?![一-鿿])")
_CHINESE_KINDS: Final[dict[str, LabelKind]] = {
    "编": "part", "分编": "part", "卷": "part", "篇": "part", "部分": "part", "章": "chapter", "节": "section",
    "目": "section", "条": "article"}

_ENGLISH: Final = re.compile(
    r"(?P<word>part|title|division|book|subpart|subtitle|chapter|subchapter|section|sec\.|article|art\.|annex|schedule|"
    r"appendix|§{1,2})"
    rf" {{0,3}}(?P<number>[0-9]{{1,6}}[a-z]{{0,2}}(?:[-–.][0-9]{{1,5}}[a-z]?)*(?![0-9A-Za-z])|{_ROMAN}(?![A-Za-z])|"
    r"[A-Z](?![A-Za-z]))?", re.IGNORECASE)
_ENGLISH_KINDS: Final[dict[str, tuple[LabelKind, str]]] = {
    "part": ("part", "part"), "title": ("part", "title"), "division": ("part", "division"), "book": ("part", "book"),
    "subpart": ("part", "subpart"), "subtitle": ("part", "subtitle"),
    "chapter": ("chapter", "chapter"), "subchapter": ("chapter", "subchapter"),
    "section": ("section", "section"), "sec.": ("section", "section"),
    "article": ("article", "article"), "art.": ("article", "article"),
    "§": ("article", "§"), "§§": ("article", "§"),
    "annex": ("annex", "annex"), "schedule": ("annex", "annex"), "appendix": ("annex", "annex")}

_MARK: Final = re.compile(
    rf"\((?P<han_in>{_HAN})\)|(?P<han>{_HAN})(?=[、.])[、.]"
    r"|(?P<dotted>[0-9]{1,4}(?:\.[0-9]{1,4}){1,5})\.?(?= |$)"
    r"|\((?P<digits_in>[0-9]{1,4})\)|(?P<digits>[0-9]{1,6})(?P<after>[.)、])(?![0-9])"
    r"|\((?P<letters_in>[a-z]{1,6}|[A-Z]{1,6})\)|(?P<letters>[a-z]{1,5}|[A-Z]{1,5})(?P<after_letters>[.)])(?= )"
    r"|(?P<circled>[①-⑳])|(?P<bullet>[•·●◦▪■*–—-])(?= )")

_HAN_DIGITS: Final = {char: value for value, char in enumerate("零一二三四五六七八九")} | {"两": 2}
_HAN_TENS: Final = {"十": 10, "百": 100, "千": 1000}
_ROMAN_DIGITS: Final = {"i": 1, "v": 5, "x": 10, "l": 50, "c": 100, "d": 500, "m": 1000}


def plain(text: str) -> str:
    """Full-width digits, parentheses and spaces as their ASCII ones, character for character."""
    return text.translate(_PLAIN)


def integer(written: str) -> int | None:
    """Digits (also full-width) or a Chinese number up to 万 as an integer: 一百零三 is 103, 二〇二六 is 2026."""
    text = plain(written)
    if text.isascii() and text.isdigit():
        return int(text)
    total = section = digit = 0
    tens = False
    for char in text:
        if char in _HAN_DIGITS:
            digit = digit * 10 + _HAN_DIGITS[char] if digit and not tens else _HAN_DIGITS[char]
        elif char in _HAN_TENS:
            tens = True
            section, digit = section + (digit or 1) * _HAN_TENS[char], 0
        elif char == "万":
            tens = True
            total, section, digit = (total + section + digit) * 10_000, 0, 0
        else:
            return None
    return total + section + digit if text else None


def roman(written: str) -> int | None:
    """A Roman number of either case as an integer; None when it is not one as they are written (`iiii`, `vx`)."""
    values = [_ROMAN_DIGITS.get(char, 0) for char in written.lower()]
    if not values or 0 in values:
        return None
    pairs = zip(values, [*values[1:], 0], strict=True)
    total = sum(-value if value < following else value for value, following in pairs)
    return total if _as_roman(total) == written.lower() else None


def _as_roman(number: int) -> str:
    written = ""
    for value, sign in ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
                        (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
        written += sign * (number // value)
        number %= value
    return written


def read_label(text: str) -> Label | None:
    """What a line begins with: a part, chapter, section, article or annex, or a mark such as （三） or (c)."""
    return read_heading(text) or read_mark(text)


def read_heading(text: str) -> Label | None:
    """The label of a part, chapter, section, article or annex at the start of `text`."""
    first = text[:1]
    if first in "第附":
        return _chinese_heading(text)
    return _english_heading(text) if first.isupper() or first == "§" else None


def _chinese_heading(text: str) -> Label | None:
    read = _CHINESE.match(plain(text[:_LONGEST_LABEL])) if text else None
    if read is None:
        return None
    if read[2] is None:
        number = str(integer(read[4])) if read[4] else ""
        return Label("annex", "附件", number, text[: read.end()], read.end())
    number = str(integer(read[1]))
    if read[3]:
        number += f"-{integer(read[3])}"
    return Label(_CHINESE_KINDS[read[2]], read[2], number, text[: read.end()], read.end())


def _english_heading(text: str) -> Label | None:
    read = _ENGLISH.match(plain(text[:_LONGEST_LABEL]))
    if read is None:
        return None
    kind, word = _ENGLISH_KINDS[read["word"].lower()]
    if read["number"] is None:
        # "ANNEX" stands alone above the one there is; the others always have a number
        return Label(kind, word, "", text[: read.end()], read.end()) if kind == "annex" and len(text) < 12 else None
    if read.start("number") == read.end("word") and word != "§":
        return None
    return Label(kind, word, canonical(read["number"]), text[: read.end()].rstrip(), read.end())


def canonical(number: str) -> str:
    """The number of a unit as citations write it: `IV` is `4`, `018` is `18`, `18A` is `18a`."""
    if number.isascii() and number.isdigit():
        return str(int(number))
    value = roman(number) if number.isupper() else None
    return str(value) if value is not None else number.replace("–", "-").lower()


def read_mark(text: str) -> Label | None:
    """The mark of a paragraph or an item at the start of `text`: （三）, 三、, 3., (3), (c), (ii), ③, a bullet."""
    head = plain(text[:_LONGEST_LABEL])
    read = _MARK.match(head)
    if read is None:
        return None
    group = read.lastgroup
    written = text[: read.end()]
    readings: tuple[Reading, ...]
    if group in ("han_in", "han"):
        value = integer(read[group]) or 0
        readings = (Reading("（一）" if group == "han_in" else "一、", value, str(value)),)
    elif group == "dotted":
        last = read["dotted"].rsplit(".", 1)[-1]
        readings = (Reading("1" + ".1" * read["dotted"].count("."), int(last), str(int(last))),)
    elif group == "digits_in":
        readings = (Reading("(1)", int(read["digits_in"]), str(int(read["digits_in"]))),)
    elif group == "after":
        readings = (Reading("1" + ("." if read["after"] == "、" else read["after"]), int(read["digits"]),
                            str(int(read["digits"]))),)
    elif group == "circled":
        value = ord(read["circled"]) - ord("①") + 1
        readings = (Reading("①", value, str(value)),)
    elif group == "bullet":
        readings = (Reading("•", 0, ""),)
    else:
        inside = group == "letters_in"
        letters = read["letters_in" if inside else "letters"]
        readings = _letters(letters, "({})" if inside else "{}" + read["after_letters"])
    return Label("mark", "", readings[0].number, written, read.end(), readings) if readings else None


def _letters(letters: str, shape: str) -> tuple[Reading, ...]:
    """A letter (a to z, then aa, bb) and a Roman number, as far as each is one."""
    upper = letters.isupper()
    found: list[Reading] = []
    if len(set(letters)) == 1 and len(letters) <= 2:
        ordinal = ord(letters[0].lower()) - ord("a") + 1 + 26 * (len(letters) - 1)
        found.append(Reading(shape.format("A" if upper else "a"), ordinal, letters))
    if (value := roman(letters)) is not None:
        found.append(Reading(shape.format("I" if upper else "i"), value, letters))
    return tuple(found)


# ---- citations inside sentences ---------------------------------------------------------------------------------

_CHINESE_CITATION: Final = re.compile(
    rf"第({_NUMBER})条(?:之({_NUMBER}))?(?:第({_NUMBER})款)?(?:第\(?({_NUMBER})\)?项)?(?:第({_NUMBER})目)?")
_ENGLISH_CITATION: Final = re.compile(
    r"(?P<word>articles?|arts?\.|sections?|secs?\.|§{1,2}) ?(?P<number>[0-9]{1,6}[a-z]{0,2}(?:[-–.][0-9]{1,5}[a-z]?)*)"
    r"(?P<inner>(?: ?\([0-9A-Za-z]{1,5}\))*)", re.IGNORECASE)


def read_citation(text: str) -> str | None:
    """The place that a citation names, in the canonical spelling: 第十八条第二款 is `Art. 18(2)`.

    `Article 18(2)`, `Art. 18`, `Section 4`, `§ 22602(c)(2)` likewise; None when the whole text is no citation.
    """
    head = plain(text.strip())
    if read := _CHINESE_CITATION.fullmatch(head):
        number = f"{integer(read[1])}" + (f"-{integer(read[2])}" if read[2] else "")
        return f"Art. {number}" + "".join(f"({integer(inner)})" for inner in read.groups()[2:] if inner)
    if read := _ENGLISH_CITATION.fullmatch(head):
        inner = re.sub(r"\s", "", read["inner"])
        return article_place(read["word"].lower().rstrip("s"), canonical(read["number"])) + inner
    return None


def article_place(word: str, number: str) -> str:
    """The citation of an article by the word its text uses: `§ 4` where it says § or Section, else `Art. 4`."""
    return f"§ {number}" if word in ("§", "§§", "section", "sec.", "secs.") else f"Art. {number}"
