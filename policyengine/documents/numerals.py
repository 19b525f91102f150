"""Numbers as programs write them before a paragraph: a number and a way to count in, numerals out.

The names are those of Word's `numFmt`. It knows no lists, and does not read numerals (`numbering` does).
"""

from __future__ import annotations

from collections.abc import Callable

MAX_NUMBER = 1_000_000  # past it a numeral that grows with its value (a, aa, aaa; MMM) would be a text of its own


def numeral(number: int, form: str) -> str:
    """A number written in one of the format's ways of counting; in digits where the way is not known or has no such
    number."""
    writer = FORMATS.get(form)
    return writer(number) if writer and 0 <= number <= MAX_NUMBER else str(number)


def chinese(number: int) -> str:
    """二十一, 一百零三, 一千零二十 (below a hundred million)."""
    if number < 10:
        return _DIGITS[number]
    if number >= 10_000:
        high, low = divmod(number, 10_000)
        return chinese(high) + "万" + (("零" if low < 1000 else "") + chinese_full(low) if low else "")
    text = chinese_full(number)
    return text[1:] if text.startswith("一十") else text


def chinese_full(number: int) -> str:
    """As `chinese`, with the 一 before 十 that stands inside a longer number (一百一十)."""
    out, gap = "", False
    for unit, name in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit = number // unit % 10
        if digit:
            out += ("零" if gap and out else "") + _DIGITS[digit] + name
            gap = False
        else:
            gap = True
    return out


_DIGITS = "零一二三四五六七八九"


def _digit_by_digit(zero: str) -> Callable[[int], str]:
    digits = zero + "一二三四五六七八九"
    return lambda number: "".join(digits[int(one)] for one in str(number))


def _letters(number: int) -> str:
    """a … z, aa … zz, aaa: Word repeats the letter."""
    return chr(97 + (number - 1) % 26) * min((number - 1) // 26 + 1, 100) if number > 0 else str(number)


def _roman(number: int) -> str:
    if not 0 < number < 40_000:
        return str(number)
    out = ""
    for value, name in ((1000, "m"), (900, "cm"), (500, "d"), (400, "cd"), (100, "c"), (90, "xc"), (50, "l"),
                        (40, "xl"), (10, "x"), (9, "ix"), (5, "v"), (4, "iv"), (1, "i")):
        out += name * (number // value)
        number %= value
    return out


def _cycle(signs: str) -> Callable[[int], str]:
    return lambda number: signs[(number - 1) % len(signs)] if number > 0 else str(number)


def _table(signs: str) -> Callable[[int], str]:
    return lambda number: signs[number - 1] if 0 < number <= len(signs) else str(number)


def _ordinal(number: int) -> str:
    tail = "th" if number % 100 in (11, 12, 13) else {1: "st", 2: "nd", 3: "rd"}.get(number % 10, "th")
    return f"{number}{tail}"


_CIRCLED = "".join(map(chr, [*range(0x2460, 0x2474), *range(0x3251, 0x3260), *range(0x32B1, 0x32C0)]))

FORMATS: dict[str, Callable[[int], str]] = {
    "decimal": str,
    "decimalHalfWidth": str,
    "decimalZero": lambda number: f"{number:02}",
    "decimalFullWidth": lambda number: str(number).translate({48 + n: 0xFF10 + n for n in range(10)}),
    "decimalFullWidth2": lambda number: str(number).translate({48 + n: 0xFF10 + n for n in range(10)}),
    "decimalEnclosedCircle": _table(_CIRCLED),
    "decimalEnclosedCircleChinese": _table(_CIRCLED),
    "decimalEnclosedParen": _table("".join(map(chr, range(0x2474, 0x2488)))),
    "decimalEnclosedFullstop": _table("".join(map(chr, range(0x2488, 0x249C)))),
    "ordinal": _ordinal,
    "lowerLetter": _letters,
    "upperLetter": lambda number: _letters(number).upper(),
    "lowerRoman": _roman,
    "upperRoman": lambda number: _roman(number).upper(),
    "chineseCounting": chinese,
    "chineseCountingThousand": chinese,
    "chineseLegalSimplified": lambda number: chinese(number).translate(
        str.maketrans("一二三四五六七八九十百千万", "壹贰叁肆伍陆柒捌玖拾佰仟萬")),
    "japaneseCounting": chinese,
    "taiwaneseCounting": chinese,
    "taiwaneseCountingThousand": chinese,
    "ideographDigital": _digit_by_digit("〇"),
    "japaneseDigitalTenThousand": _digit_by_digit("〇"),
    "taiwaneseDigital": _digit_by_digit("○"),
    "ideographTraditional": _cycle("甲乙丙丁戊己庚辛壬癸"),
    "ideographZodiac": _cycle("子丑寅卯辰巳午未申酉戌亥"),
}
