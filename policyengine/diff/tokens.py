"""A line of law as the pieces a lawyer reads: amounts, dates, deadlines, references, modal verbs; else words.

In: text. Out: tokens whose texts make up the text again, and the same text with its changeable numbers masked. Chinese
is otherwise cut by character, Latin by word. It knows no lines and no versions.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Final, Literal, NamedTuple

from policyengine.diff.model import HighlightKind

TokenKind = HighlightKind | Literal["label", "end"]


class Token(NamedTuple):
    """One piece. `kind` is None for words, spaces and punctuation; `label` is the number a line begins with, `end` the
    end of a line."""

    text: str
    kind: TokenKind | None = None


END: Final = Token("\n", "end")

_HAN: Final = r"[零〇一二三四五六七八九十百千万亿两半]{1,12}"
_ARABIC: Final = r"[0-9０-９]{1,15}(?:[,，][0-9]{3}(?![0-9]))*(?:[.．][0-9０-９]{1,6})?"
_NUM: Final = rf"(?:{_ARABIC}(?:[十百千万亿]{{1,2}})?|{_HAN})"
_UNITS: Final = (r"(?:个?(?:工作日|交易日|自然日|小时|分钟|星期|季度)|个月|月(?!份|经)|年(?!度|龄|检|审)|日|天"
                 r"|周(?!岁|围|边|期)|秒|年度)")
_WORDS: Final = (r"(?:two|three|four|five|six|seven|eight|nine|ten|eleven|twelve|thirteen|fourteen|fifteen|sixteen|"
                 r"seventeen|eighteen|nineteen|(?:twenty|thirty|forty|fifty|sixty|seventy|eighty|ninety)"
                 r"(?:[- ](?:one|two|three|four|five|six|seven|eight|nine))?)(?: (?:hundred|thousand|million))?"
                 r"(?: \([0-9]{1,9}\))?")
_MONTH: Final = (r"(?:January|February|March|April|May|June|July|August|September|October|November|December)")
_IN: Final = r"(?: ?\([0-9A-Za-z]{1,4}\))*"

_REFERENCE: Final = (
    rf"第{_NUM}条(?:之{_HAN})?(?:第{_NUM}款)?(?:第[（(]?{_NUM}[)）]?项)?|第{_NUM}款(?:第[（(]?{_NUM}[)）]?项)?"
    rf"|第[（(]?{_NUM}[)）]?项|前[一二三四五两]?[条款项](?!件)"
    rf"|(?<![A-Za-z])(?:[Aa]rticles?|[Aa]rts?\.|[Ss]ections?|[Ss]ecs?\.|[Pp]aragraphs?|[Ss]ubparagraphs?|"
    rf"[Ss]ubdivisions?|[Ss]ubsections?|[Pp]oints?|[Cc]hapters?|ARTICLE|SECTION)"
    rf"[ \u00a0](?:[0-9]{{1,6}}[a-z]?(?:[-.][0-9]{{1,5}})*{_IN}"
    rf"|(?:\([0-9A-Za-z]{{1,4}}\)){{1,5}})(?![0-9A-Za-z])|§{{1,2}} ?[0-9]{{1,6}}[a-z]?(?:[-.][0-9]{{1,5}})*{_IN}")
_DATE: Final = (
    rf"[0-9０-９零〇一二三四五六七八九]{{4}}年(?:{_NUM}月(?:{_NUM}日)?)?|{_NUM}月{_NUM}日|[0-9]{{4}}-[0-9]{{2}}-[0-9]{{2}}"
    rf"|(?<![A-Za-z0-9])[0-9]{{1,2}} {_MONTH}(?: [0-9]{{4}})?(?![0-9A-Za-z])"
    rf"|(?<![A-Za-z]){_MONTH} [0-9]{{1,2}}(?:, [0-9]{{4}})?(?![0-9A-Za-z])")
_DEADLINE: Final = (
    rf"(?<!第){_NUM}{_UNITS}"
    rf"|(?<![A-Za-z0-9])(?:{_ARABIC}|[Oo]ne|{_WORDS})[ -](?:(?:calendar|working|business|consecutive)[ -])?"
    r"(?:seconds?|minutes?|hours?|days?|weeks?|months?|years?)(?![A-Za-z])(?! (?:of age|old))")
_AMOUNT: Final = (
    rf"百分之{_NUM}(?:点{_HAN})?|(?<!第){_HAN}分之{_HAN}"
    rf"|(?<!第){_NUM}(?:余)?(?:元|美元|欧元|人(?!民|员|工|大|事)|名|次|倍|周岁|岁|户|吨|米|公里|份|％)|(?<!第)[二两三四五六七八九十]{{1,3}}个"
    rf"|(?:[$€£¥￥]|(?<![A-Za-z])(?:USD|EUR|RMB|GBP|CNY) ?){_ARABIC}(?: (?:million|billion|thousand))?"
    rf"|{_ARABIC}(?: ?(?:%|percent|per cent|years of age|years old)| (?:million|billion|thousand)(?![a-z])|[万亿])?"
    rf"|(?<![A-Za-z]){_WORDS}(?![A-Za-z])(?: (?:percent|per cent|years of age|years old))?")
_MODAL: Final = (
    r"不得|不应当?|应当|应予|必须|可以|严禁|禁止|不准|无权|有权|(?<![A-Za-z])(?:(?:shall|must|may|should|can|will) not|"
    r"[Ss]hall|[Mm]ust|may|[Ss]hould|can|cannot|will|(?:is|are) required to)(?![A-Za-z])")
_NEGATION: Final = (
    r"不(?!动产|断|同|仅|良|可抗力|正当|足|限|久|少)|未(?!成年|来|必)|没有|除外"
    r"|(?<![A-Za-z])(?:[Nn]ot|[Nn]o|[Nn]ever|[Ww]ithout|[Nn]either|[Nn]or|[Ee]xcept|[Uu]nless)(?![A-Za-z])")

# Most characters begin nothing but themselves; asking that first makes it several times faster.
_NOTHING: Final = r"[^第前百0-9０-９零〇一二三四五六七八九十千万亿两半§$€£¥￥不应必可严禁无有未没除A-Za-zÀ-ɏ\s]"
_MAY_BEGIN: Final = r"(?=[第前百0-9０-９零〇一二三四五六七八九十千万亿两半§$€£¥￥]|(?<![A-Za-z])[A-Za-z])"

_TOKEN: Final = re.compile(
    rf"{_NOTHING}|(?P<reference>{_REFERENCE})|(?P<date>{_DATE})|(?P<deadline>{_DEADLINE})|(?P<amount>{_AMOUNT})|(?P<modal>{_MODAL})"
    rf"|(?P<negation>{_NEGATION})|[A-Za-zÀ-ɏ]+(?:['’-][A-Za-zÀ-ɏ]+)*|\s+|.", re.DOTALL)
_MASKED: Final = re.compile(
    rf"{_MAY_BEGIN}(?:(?P<reference>{_REFERENCE})|(?P<date>{_DATE})|(?P<deadline>{_DEADLINE})|(?P<amount>{_AMOUNT}))")
_REFERRED: Final = re.compile(rf"(?=[第前§]|(?<![A-Za-z])[AaSsPpCc])(?:{_REFERENCE})")
_MASKS: Final = {"reference": "§", "date": "#", "deadline": "#", "amount": "#"}
_KINDS: Final[dict[str | None, TokenKind | None]] = {
    None: None, "reference": "reference", "date": "date", "deadline": "deadline", "amount": "amount", "modal": "modal",
    "negation": "negation"}


def tokens(text: str, label: int = 0) -> list[Token]:
    """The pieces of a text; its first `label` characters are the number it begins with."""
    found = [Token(text[:label], "label")] if label else []
    found += [Token(read[0], _KINDS[read.lastgroup]) for read in _TOKEN.finditer(text, label)]
    return found


def masked(text: str) -> str:
    """The text for likeness: amounts, dates and references as one sign each, so that changing them changes little."""
    return _MASKED.sub(lambda read: _MASKS[read.lastgroup or ""], text)


def without_references(text: str) -> str:
    """The text with its references masked alone: what it says, whatever the numbering."""
    return _REFERRED.sub("§", text)


def referred(text: str, start: int = 0) -> Iterator[tuple[int, str]]:
    """The references of a text from an offset on, each with where it begins."""
    return ((read.start(), read[0]) for read in _REFERRED.finditer(text, start))
