"""Made-up statutes and amendments of them, with what became of each article known, for tests of the text diff."""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

CHINESE = ("数字服务提供者用户安全评估报告公开记录保存期限监督检查处理投诉举报信息内容标识算法备案未成年人监护"
           "同意撤回删除复制数据训练模型风险应急预警部门主管地方政府行业组织")
ENGLISH = tuple(
    word for line in (
        "provider user service safety report record notice consent guardian minor data model risk audit complaint",
        "platform operator authority register fee licence review period measure content label storage transfer",
        "processing purpose contract supplier worker employer vessel cargo permit inspection sample laboratory tax",
        "invoice refund buyer seller warranty defect repair parcel address signature witness hearing appeal")
    for word in line.split(" "))
EDITS = ("drop", "insert", "move", "split", "merge", "part", "join", "reword", "number", "modal")
MODALS = {"zh": ("应当", "可以", "不得"), "en": ("shall", "may", "must not")}


@dataclass(frozen=True)
class Article:
    """One article: `name` stays with it whatever its number; `paragraphs` each have a sentence and items."""

    name: int
    paragraphs: tuple[tuple[str, tuple[str, ...]], ...]
    heading: str = ""


@dataclass(frozen=True)
class Text:
    """A statute; `became` says for each article of the text it was made from which articles here came of it."""

    language: str
    articles: tuple[Article, ...]
    became: tuple[tuple[int, int], ...] = ()


def sentence(random: Random, language: str) -> str:
    """A sentence of words nobody wrote, with a duty and now and then a number of days."""
    days = random.choice((7, 10, 15, 30, 60, 90))
    modal = random.choice(MODALS[language])
    if language == "zh":
        words = ["".join(random.choice(CHINESE) for _ in range(random.randint(2, 5)))
                 for _ in range(random.randint(3, 9))]
        middle = f"在{days}日内" if random.random() < 0.4 else ""
        return f"{words[0]}{modal}{middle}{'、'.join(words[1:])}。"
    words = [" ".join(random.choice(ENGLISH) for _ in range(random.randint(1, 3))) for _ in range(random.randint(3, 8))]
    middle = f" within {days} days" if random.random() < 0.4 else ""
    return f"The {words[0]} {modal}{middle} {', '.join(words[1:])}."


def generated(random: Random, language: str, size: int) -> Text:
    """A statute of `size` articles."""
    return Text(language, tuple(article(random, language, name) for name in range(size)))


def article(random: Random, language: str, name: int) -> Article:
    """One article of one to three paragraphs, some with items."""
    paragraphs = tuple((sentence(random, language),
                        tuple(sentence(random, language)[:-1] + (";" if language == "en" else "；")
                              for _ in range(random.choice((0, 0, 0, 2, 3)))))
                       for _ in range(random.choice((1, 1, 2, 3))))
    heading = " ".join(random.choice(ENGLISH) for _ in range(2)).capitalize() if language == "en" else ""
    return Article(name, paragraphs, heading)


def amended(random: Random, text: Text, edits: int) -> Text:
    """The text after some of: an article dropped, inserted, moved, split, merged, a paragraph parted or reworded."""
    articles: list[tuple[Article, tuple[int, ...]]] = [(one, (one.name,)) for one in text.articles]
    for _ in range(edits):
        if not articles:
            break
        at = random.randrange(len(articles))
        one, names = articles[at]
        match random.choice(EDITS):
            case "drop":
                del articles[at]
            case "insert":
                articles.insert(at, (article(random, text.language, 1000 + random.randrange(10 ** 6)), ()))
            case "move":
                articles.insert(random.randrange(len(articles)), articles.pop(at))
            case "split" if len(one.paragraphs) > 1:
                half = len(one.paragraphs) // 2
                articles[at:at + 1] = [(replace(one, paragraphs=one.paragraphs[:half]), names),
                                       (replace(one, paragraphs=one.paragraphs[half:]), names)]
            case "merge" if at + 1 < len(articles) and len(one.paragraphs) < 4:
                other, more = articles[at + 1]
                articles[at:at + 2] = [(replace(one, paragraphs=one.paragraphs + other.paragraphs), names + more)]
            case "part" if not one.paragraphs[0][1] and len(one.paragraphs) < 4:
                words, cut = one.paragraphs[0][0], len(one.paragraphs[0][0]) * 2 // 3
                parts = ((words[:cut].strip(), ()), (words[cut:].strip(), ()))
                articles[at] = (replace(one, paragraphs=parts + one.paragraphs[1:]), names)
            case "join" if len(one.paragraphs) > 1 and not one.paragraphs[0][1]:
                (first, _), (second, items), *others = one.paragraphs
                articles[at] = (replace(one, paragraphs=((first + second, items), *others)), names)
            case "reword":
                number = random.randrange(len(one.paragraphs))
                words, items = one.paragraphs[number]
                cut = random.randrange(len(words) // 2, len(words))
                fresh = words[:cut] + sentence(random, text.language)[: len(words) // 4] + words[cut + 4:]
                articles[at] = (with_paragraph(one, number, (fresh.strip(), items)), names)
            case "number" | "modal" as what:
                number = random.randrange(len(one.paragraphs))
                words, items = one.paragraphs[number]
                changes = {"7": "14", "10": "20", "15": "45", "30": "60"} if what == "number" else \
                    {"应当": "可以", "可以": "不得", "shall": "may", "may": "must not"}
                for before, after in changes.items():
                    if before in words:
                        words = words.replace(before, after, 1)
                        break
                articles[at] = (with_paragraph(one, number, (words, items)), names)
            case _:
                pass
    became = tuple((name, place) for place, (_, names) in enumerate(articles) for name in names)
    return Text(text.language, tuple(one for one, _ in articles), became)


def with_paragraph(one: Article, number: int, paragraph: tuple[str, tuple[str, ...]]) -> Article:
    """The article with one paragraph in the place of another."""
    return replace(one, paragraphs=(*one.paragraphs[:number], paragraph, *one.paragraphs[number + 1:]))


def written(text: Text) -> tuple[str, ...]:
    """The lines of the text, numbered from 1, a chapter after every eight articles."""
    lines = ["示例管理办法" if text.language == "zh" else "Example Act"]
    for number, one in enumerate(text.articles, 1):
        if number % 8 == 1:
            chapter = number // 8 + 1
            lines.append(f"第{chinese(chapter)}章 示例" if text.language == "zh" else f"Chapter {chapter} Examples")
        lines += chinese_article(number, one) if text.language == "zh" else english_article(number, one)
    return tuple(lines)


def chinese_article(number: int, one: Article) -> list[str]:
    """第N条 with unnumbered paragraphs and （一） items."""
    lines: list[str] = []
    for place, (words, items) in enumerate(one.paragraphs):
        lines.append(f"第{chinese(number)}条 {words}" if not place else words)
        lines += [f"（{chinese(item)}）{text}" for item, text in enumerate(items, 1)]
    return lines


def english_article(number: int, one: Article) -> list[str]:
    """Article N with its heading, numbered paragraphs and lettered items."""
    lines = [f"Article {number}", one.heading]
    for place, (words, items) in enumerate(one.paragraphs, 1):
        lines.append(f"{place}. {words}")
        lines += [f"({chr(ord('a') + item)}) {text}" for item, text in enumerate(items)]
    return lines


def chinese(number: int) -> str:
    """A number up to 9999 as statutes write it: 18 is 十八, 103 is 一百零三."""
    digits = "零一二三四五六七八九"
    written_so_far, gap = "", False
    for power, sign in ((1000, "千"), (100, "百"), (10, "十"), (1, "")):
        digit, number = divmod(number, power)
        if digit:
            written_so_far += ("零" if gap and written_so_far else "") + digits[digit] + sign
            gap = False
        else:
            gap = True
    return written_so_far[1:] if written_so_far.startswith("一十") else written_so_far
