"""The text diff on short statutes of our own: which article became which, what is shown and what is told."""

from __future__ import annotations

import pytest

from policyengine.diff.model import ArticleChange, TextDiff
from policyengine.diff.pins import read_pins
from policyengine.diff.regulation_text import document_of
from policyengine.diff.script import accept, reject
from policyengine.diff.text import diff_texts
from policyengine.diff.tokens import masked, tokens
from policyengine.documents.model import Document
from policyengine.documents.read import read_document
from policyengine.regulation.text import read_text


def document(text: str) -> Document:
    read, found = read_document("text.txt", text.encode())
    assert read is not None, found
    return read


def chinese(*articles: str) -> Document:
    """A statute of these articles, numbered from 1; a line break begins a paragraph."""
    numbers = "一二三四五六七八九"
    return document("\n\n".join(f"第{numbers[place]}条 " + text.replace("\n", "\n\n")
                                for place, text in enumerate(articles)))


def english(*articles: str) -> Document:
    return document("\n\n".join(f"Article {place}\n\n" + text.replace("\n", "\n\n")
                                for place, text in enumerate(articles, 1)))


def links(diff: TextDiff) -> dict[tuple[str, ...], tuple[tuple[str, ...], str]]:
    """By the old articles' numbers: the new ones, and the kinds."""
    return {tuple(bare(place) for place in change.old): (tuple(bare(place) for place in change.new),
                                                         "+".join(change.kinds))
            for change in diff.articles if change.old}


def added(diff: TextDiff) -> list[str]:
    return [bare(change.new[0]) for change in diff.articles if not change.old]


def bare(place: str) -> str:
    return place.removeprefix("Art. ")


def shown(change: ArticleChange) -> str:
    """The lines as text: `[-deleted-]{+inserted+}`, a line whose end is on one side with `¶`."""
    marks = {"same": "{}", "deleted": "[-{}-]", "inserted": "{{+{}+}}"}
    return "\n".join("".join(marks[run.op].format(run.text) for run in line.runs)
                     + {"same": "", "deleted": "[-¶-]", "inserted": "{+¶+}"}[line.end] for line in change.lines)


def only(diff: TextDiff) -> ArticleChange:
    """The one article that has changed."""
    changed = [change for change in diff.articles if change.kinds != ("unchanged",)]
    assert len(changed) == 1, [change.kinds for change in changed]
    return changed[0]


PURPOSE = "为了规范互动服务，保护用户合法权益，制定本办法。"
NOTICE = "提供者应当以显著方式告知用户其正在与人工智能而非自然人交互。"
REPORT = "提供者应当自事件发生之日起三十日内向所在地主管部门提交书面报告。"
RECORDS = "日志保存期限不得少于六个月，法律另有规定的从其规定。"
MINORS = "向未成年人提供陪伴服务的，可以征得其监护人同意，并提供未成年人模式。"
FINES = "违反本办法规定的，由主管部门责令改正，并处一万元以上十万元以下罚款。"
FORCE = "本办法自2026年7月15日起施行。"
EXIT = "用户要求退出的，提供者应当及时停止服务，不得以持续互动等方式阻拦。"
ALL = (PURPOSE, NOTICE, REPORT, RECORDS, MINORS, FINES, FORCE)


# ---- links ---------------------------------------------------------------------------------------------------------

def test_insertion_renumbers_what_follows() -> None:
    diff = diff_texts(chinese(*ALL), chinese(PURPOSE, EXIT, *ALL[1:]))
    assert links(diff) == {("1",): (("1",), "unchanged"), **{
        (str(n),): ((str(n + 1),), "renumbered") for n in range(2, 8)}}
    assert added(diff) == ["2"]
    assert all(change.confidence == 1 for change in diff.articles if change.old)


def test_dropped_articles_stand_where_they_stood() -> None:
    diff = diff_texts(chinese(*ALL), chinese(PURPOSE, NOTICE, RECORDS, MINORS, FINES, FORCE))
    assert [(change.old, change.kinds) for change in diff.articles][2] == (("Art. 3",), ("dropped",))
    assert links(diff)["4",] == (("3",), "renumbered")


def test_the_shorter_of_two_swapped_articles_has_moved() -> None:
    diff = diff_texts(chinese(PURPOSE, MINORS, RECORDS, FORCE), chinese(PURPOSE, RECORDS, MINORS, FORCE))
    assert links(diff)["3",] == (("2",), "moved")
    assert links(diff)["2",] == (("3",), "renumbered")
    moved = [line for line in diff.script if line.move]
    assert [(line.end, line.move) for line in moved] == [("inserted", "m1"), ("deleted", "m1")]


def test_an_article_that_moves_far() -> None:
    diff = diff_texts(chinese(*ALL), chinese(PURPOSE, FINES, NOTICE, REPORT, RECORDS, MINORS, FORCE))
    assert links(diff)["6",] == (("2",), "moved")
    assert links(diff)["7",] == (("7",), "unchanged")


def test_split_and_merger() -> None:
    one, two = chinese(PURPOSE, NOTICE + "\n" + EXIT, FORCE), chinese(PURPOSE, NOTICE, EXIT, FORCE)
    diff = diff_texts(one, two)
    assert links(diff)["2",] == (("2", "3"), "split")
    assert links(diff_texts(two, one))["2", "3"] == (("2",), "merged")
    assert [link.kinds for link in next(change for change in diff.articles if len(change.new) == 2).parts] == [
        ("unchanged",), ("renumbered",)]


def test_a_split_inside_a_sentence_keeps_the_words() -> None:
    diff = diff_texts(chinese(PURPOSE, NOTICE + EXIT, FORCE), chinese(PURPOSE, NOTICE, EXIT, FORCE))
    assert links(diff)["2",] == (("2", "3"), "split")
    assert shown(next(change for change in diff.articles if len(change.new) == 2)) == (
        f"第二条 {NOTICE}{{+¶+}}\n{{+第三条 +}}{EXIT}")


def test_pieces_of_a_merger_that_stand_apart() -> None:
    old = chinese(PURPOSE, "销售单位应当按照规定向主管部门办理销售备案手续。", RECORDS,
                  "维修单位应当按照规定向主管部门办理维修备案手续，并保存维修台账。", FORCE)
    new = chinese(PURPOSE,
                  "销售单位应当办理销售备案手续；维修单位应当按照规定向主管部门办理维修备案手续，并保存维修台账。",
                  RECORDS, FORCE)
    assert links(diff_texts(old, new))["2", "4"] == (("2",), "merged+modified")


def test_an_article_that_grew_and_moved() -> None:
    grown = ("国务院有关部门建立督查制度，对办法执行情况进行监督检查，对工作推进不力的地方负责人进行约谈；情节严重的，"
             "予以通报，必要时会同上级机关、行业主管部门联合督办，并将结果向社会公开。")
    old = chinese(PURPOSE, "建立督查制度，对办法执行情况进行监督检查。", NOTICE, RECORDS, FORCE)
    new = chinese(PURPOSE, NOTICE, RECORDS, grown, FORCE)
    assert links(diff_texts(old, new))["2",] == (("4",), "moved+modified")


def test_amounts_do_not_decide() -> None:
    """Two articles that differ in an amount alone follow their order and not the amount."""
    first, second = "甲类单位应当缴纳保证金十万元。", "乙类单位应当缴纳保证金五万元。"
    changed = diff_texts(chinese(PURPOSE, first, second), chinese(PURPOSE, first.replace("十万", "五万"),
                                                                  second.replace("五万", "十万")))
    assert links(changed) == {("1",): (("1",), "unchanged"), ("2",): (("2",), "modified"), ("3",): (("3",), "modified")}


def test_boilerplate_is_told_apart_by_what_is_rare() -> None:
    penalty = "违反本办法第{}条规定，{}的，由主管部门责令限期改正，给予警告；拒不改正的，处一万元以上五万元以下罚款。"
    subjects = ["未建立日志制度", "未设置退出方式", "擅自处理敏感信息", "阻碍监督检查"]
    old = chinese(*(penalty.format("十", subject) for subject in subjects))
    new = chinese(*(penalty.format("十二", subject) for subject in [subjects[2], *subjects[:2], subjects[3]]))
    became = links(diff_texts(old, new))
    assert {place: new_places for place, (new_places, _) in became.items()} == {
        ("1",): ("2",), ("2",): ("3",), ("3",): ("1",), ("4",): ("4",)}


def test_little_in_common_is_linked_by_place_and_says_so() -> None:
    diff = diff_texts(chinese(PURPOSE, "提供者应当建立应急预案，及时处置安全事件。", FORCE),
                      chinese(PURPOSE, "提供者应当配备人工客服，随时接管紧急对话。", FORCE))
    change = only(diff)
    assert (change.old, change.new, change.note) == (("Art. 2",), ("Art. 2",), "rewritten")
    assert change.confidence <= 0.4


def test_unrelated_texts_are_dropped_and_new() -> None:
    diff = diff_texts(chinese("海上交通安全由海事机构负责。", "船舶应当悬挂国旗。"),
                      english("Bees may be kept in gardens."))
    assert {change.kinds for change in diff.articles} == {("dropped",), ("new",)}


def test_headings_help_where_the_text_was_rewritten() -> None:
    old = document("Article 1 Exit\n\nA provider lets users leave.\n\n"
                   "Article 2 Logs\n\nLogs are kept for six months.\n")
    new = document("Article 1 Scope\n\nThis Act concerns ships and trains.\n\n"
                   "Article 2 Exit\n\nWhoever wishes to end a session "
                   "does so by a button.\n\nArticle 3 Logs\n\nLogs are kept for one year.\n")
    became = links(diff_texts(old, new))
    assert became["2",] == (("3",), "renumbered+modified")
    assert became["1",][0] == ("2",)


def test_alternatives_are_told() -> None:
    penalty = "违反规定，{}的，由主管部门责令限期改正，给予警告；拒不改正的，处一万元以上五万元以下罚款。"
    diff = diff_texts(chinese(penalty.format("未保存日志")), chinese(penalty.format("未保存日志的"),
                                                                penalty.format("未保存记录")))
    change = next(change for change in diff.articles if change.old)
    assert change.new == ("Art. 1",)
    assert change.alternatives[0].new == "Art. 2"
    assert 0.3 <= change.alternatives[0].confidence < 1


# ---- what is shown -------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("old", "new", "wanted", "kind", "highlight"), [
    (REPORT, REPORT.replace("三十日", "十五日"), "[-三十日-]{+十五日+}", "deadline", ("三十日", "十五日")),
    (FINES, FINES.replace("十万元", "二十万元"), "[-十万元-]{+二十万元+}", "amount", ("十万元", "二十万元")),
    (FORCE, FORCE.replace("7月15", "9月1"), "[-2026年7月15日-]{+2026年9月1日+}", "date", ("2026年7月15日",
                                                                                  "2026年9月1日")),
    (MINORS, MINORS.replace("可以", "应当"), "[-可以-]{+应当+}", "modal", ("可以", "应当")),
    (NOTICE, NOTICE.replace("应当以", "应当不以"), "应当{+不+}以", "negation", ("", "不"))])
def test_one_change_in_chinese(old: str, new: str, wanted: str, kind: str, highlight: tuple[str, str]) -> None:
    change = only(diff_texts(chinese(PURPOSE, old), chinese(PURPOSE, new)))
    assert wanted in shown(change)
    assert shown(change).count("[-") + shown(change).count("{+") == (2 if "[-" in wanted else 1)
    assert [(one.kind, one.old, one.new, one.old_place) for one in change.highlights] == [(kind, *highlight,
                                                                                           "Art. 2(1)")]


@pytest.mark.parametrize(("old", "new", "wanted", "kind", "highlight"), [
    ("It reports within 30 days.", "It reports within 15 working days.", "[-30 days-]{+15 working days+}", "deadline",
     ("30 days", "15 working days")),
    ("The fine is $5,000.", "The fine is $7,500.", "[-$5,000-]{+$7,500+}", "amount", ("$5,000", "$7,500")),
    ("It may report.", "It shall report.", "[-may-]{+shall+}", "modal", ("may", "shall")),
    ("It shall report.", "It shall not report.", "[-shall-]{+shall not+}", "modal", ("shall", "shall not")),
    ("From 15 July 2026.", "From 1 September 2026.", "[-15 July 2026-]{+1 September 2026+}", "date",
     ("15 July 2026", "1 September 2026")),
    ("At most 5 percent of it.", "At most 10 percent of it.", "[-5 percent-]{+10 percent+}", "amount",
     ("5 percent", "10 percent"))])
def test_one_change_in_english(old: str, new: str, wanted: str, kind: str, highlight: tuple[str, str]) -> None:
    change = only(diff_texts(english("Bees.", old), english("Bees.", new)))
    assert wanted in shown(change)
    assert [(one.kind, one.old, one.new) for one in change.highlights] == [(kind, *highlight)]


def test_a_duty_that_was_said_elsewhere_in_the_sentence_is_one_change() -> None:
    old, new = "裁决需要承认的，应当由当事人直接申请。", "裁决需要承认的，当事人可以直接申请。"
    change = only(diff_texts(chinese(PURPOSE, old), chinese(PURPOSE, new)))
    assert [(one.kind, one.old, one.new) for one in change.highlights] == [("modal", "应当", "可以")]


def test_phrases_and_no_crumbs() -> None:
    old = "提供者应当采取拒绝或者迟延支付的限制措施。"
    new = "提供者应当采取拖欠款项的限制措施。"
    assert "采取[-拒绝或者迟延支付-]{+拖欠款项+}的限制" in shown(only(diff_texts(chinese(PURPOSE, old), chinese(PURPOSE,
                                                                                               new))))


def test_an_insertion_ends_where_a_phrase_ends() -> None:
    old = "由国务院环境部门公布名单，由国务院商务部门公布清单。"
    new = "由国务院环境部门公布名单，由国务院农业部门公布名录，由国务院商务部门公布清单。"
    text = shown(only(diff_texts(chinese(PURPOSE, old), chinese(PURPOSE, new))))
    assert "名单，{+由国务院农业部门公布名录，+}由国务院商务" in text


def test_nothing_in_common_is_one_for_the_other() -> None:
    old = "1. Industry bodies strengthen self-discipline, draw up standards and guide members to accept supervision."
    new = "1. The wording of this article was never confirmed, so nobody may read anything into it here."
    change = only(diff_texts(english("Bees.", old), english("Bees.", new), [(("Art. 2",), ("Art. 2",))]))
    assert "".join(run.text for line in change.lines for run in line.runs if run.op == "same").strip() == "Article 21."


def test_an_amount_for_an_amount_inside_a_rewritten_passage() -> None:
    old, new = "应当在三十日内提出申诉。", "应当在十五日内申请复核。"
    text = shown(only(diff_texts(chinese(PURPOSE, old), chinese(PURPOSE, new))))
    assert "[-三十日-]{+十五日+}内" in text


def test_items_that_were_inserted_and_renumbered() -> None:
    old = chinese(PURPOSE, "有下列情形之一的，应当报告：\n（一）发生数据泄露的；\n（二）用户人数达到一百万的。")
    new = chinese(PURPOSE,
                  "有下列情形之一的，应当报告：\n（一）发生数据泄露的；\n（二）引入新技术的；\n（三）用户人数达到一百万的。")
    change = only(diff_texts(old, new))
    assert [(link.old, link.new, link.kinds) for link in change.parts] == [
        (("Art. 2(1)",), ("Art. 2(1)",), ("unchanged",)),
        (("Art. 2(1)(1)",), ("Art. 2(1)(1)",), ("unchanged",)),
        ((), ("Art. 2(1)(2)",), ("new",)),
        (("Art. 2(1)(2)",), ("Art. 2(1)(3)",), ("renumbered",))]
    assert change.kinds == ("modified",)


def test_an_item_that_moved_is_not_modified() -> None:
    items = ["发生数据泄露的", "用户人数达到一百万的", "引入新技术的"]
    one, other = ("有下列情形之一的，应当报告：" + "".join(
        f"\n（{number}）{item}{'。' if number == '三' else '；'}" for number, item in zip("一二三", order, strict=True))
        for order in (items, [items[0], items[2], items[1]]))
    parts = only(diff_texts(chinese(PURPOSE, one), chinese(PURPOSE, other))).parts
    assert sorted((link.old[0], link.new[0], "+".join(link.kinds)) for link in parts)[2:] in (
        [("Art. 2(1)(2)", "Art. 2(1)(3)", "renumbered"), ("Art. 2(1)(3)", "Art. 2(1)(2)", "moved")],
        [("Art. 2(1)(2)", "Art. 2(1)(3)", "moved"), ("Art. 2(1)(3)", "Art. 2(1)(2)", "renumbered")])


@pytest.mark.parametrize(("old", "new"), [
    ("（一）甲乙（1月1日）；", "(一)甲乙(1月1日)；"), ("总 则甲乙。", "总则甲乙。"), ("甲乙,丙丁。", "甲乙，丙丁。")])
def test_the_width_of_signs_is_no_change_but_is_shown(old: str, new: str) -> None:
    diff = diff_texts(chinese(PURPOSE, old), chinese(PURPOSE, new))
    assert {change.kinds for change in diff.articles} == {("unchanged",)}
    assert accept(diff.script) != reject(diff.script)
    assert not diff.articles[1].highlights


def test_a_chapter_that_is_new_changes_no_article() -> None:
    old = document(f"第一条 {PURPOSE}\n\n第二条 {NOTICE}\n")
    new = document(f"第一章 总则\n\n第一条 {PURPOSE}\n\n第二章 告知\n\n第二条 {NOTICE}\n")
    diff = diff_texts(old, new)
    assert [(change.kinds, change.chapter) for change in diff.articles] == [
        (("unchanged",), "第一章 总则"), (("unchanged",), "第二章 告知")]
    assert [line.end for line in diff.script] == ["inserted", "same", "inserted", "same"]


# ---- terms and references ------------------------------------------------------------------------------------------

def test_a_term_renamed_throughout_is_told_once() -> None:
    texts = ("环境保护主管部门负责监督管理。", "申请人应当向环境保护主管部门提交材料。",
             "县级以上环境保护主管部门应当公布名单。", RECORDS)
    diff = diff_texts(chinese(*texts), chinese(*(text.replace("环境保护", "生态环境") for text in texts)))
    assert [(term.old, term.new, term.times) for term in diff.renamed] == [("环境保护", "生态环境", 3)]
    runs = [run for change in diff.articles for line in change.lines for run in line.runs if run.kind == "term"]
    assert [run.text for run in runs] == ["环境保护", "生态环境"] * 3
    assert not any(change.highlights for change in diff.articles)


def test_references_that_follow_are_silent() -> None:
    old = chinese(PURPOSE, NOTICE, RECORDS, "违反本办法第二条、第三条规定的，依法处罚。")
    new = chinese(PURPOSE, EXIT, NOTICE, RECORDS, "违反本办法第三条、第四条规定的，依法处罚。")
    diff = diff_texts(old, new)
    assert links(diff)["4",] == (("5",), "renumbered")
    assert "[-第二条-]{+第三条+}、[-第三条-]{+第四条+}" in shown(diff.articles[-1])
    assert not diff.references and not diff.articles[-1].highlights


def test_references_that_do_not_follow_are_told() -> None:
    old = chinese(PURPOSE, NOTICE, RECORDS, "违反本办法第二条、第三条第一款规定的，依法处罚。")
    new = chinese(PURPOSE, EXIT, NOTICE, RECORDS, "违反本办法第二条、第三条第一款规定的，依法处罚。")
    diff = diff_texts(old, new)
    assert [(one.place, one.names, one.expected) for one in diff.references] == [
        ("Art. 5(1)", "Art. 2", "Art. 3"), ("Art. 5(1)", "Art. 3(1)", "Art. 4(1)")]


def test_a_reference_to_an_article_that_was_split_is_told() -> None:
    old = chinese(PURPOSE, NOTICE + "\n" + RECORDS, "违反本办法第二条规定的，依法处罚。")
    new = chinese(PURPOSE, EXIT, NOTICE, RECORDS, "违反本办法第二条规定的，依法处罚。")
    assert [(one.names, one.expected) for one in diff_texts(old, new).references] == [("Art. 2", "Art. 3")]


def test_references_into_other_laws_are_none() -> None:
    words = "依照《中华人民共和国网络安全法》第二条、第三条和民法典第二条的规定执行。"
    assert not diff_texts(chinese(PURPOSE, NOTICE, words), chinese(PURPOSE, EXIT, NOTICE, words)).references
    said = "This follows Article 2 of Regulation (EU) 2016/679."
    assert not diff_texts(english("Bees.", "Wasps fly.", said), english("Bees.", "Ants walk alone.", "Wasps fly.",
                                                                        said)).references


def test_a_reference_changed_to_something_else_is_a_change() -> None:
    change = only(diff_texts(chinese(PURPOSE, NOTICE, RECORDS, "违反本办法第二条规定的，依法处罚。"),
                             chinese(PURPOSE, NOTICE, RECORDS, "违反本办法第三条规定的，依法处罚。")))
    assert change.kinds == ("modified",)
    assert [(one.kind, one.old, one.new) for one in change.highlights] == [("reference", "第二条", "第三条")]


def test_a_passage_that_only_moved_has_no_highlights() -> None:
    old = chinese(PURPOSE, "提供者应当在三十日内提交书面报告。\n" + NOTICE)
    new = chinese(PURPOSE, NOTICE + "\n" + "提供者应当在三十日内提交书面报告。")
    assert not only(diff_texts(old, new)).highlights


# ---- fingerprints --------------------------------------------------------------------------------------------------

def test_fingerprints_stay_when_numbers_elsewhere_change() -> None:
    changed = REPORT.replace("三十日", "十五日")
    one = diff_texts(chinese(PURPOSE, REPORT), chinese(PURPOSE, changed))
    two = diff_texts(chinese(EXIT, PURPOSE, REPORT), chinese(EXIT, NOTICE, PURPOSE, changed))
    prints = [[change.fingerprint for change in diff.articles if "modified" in change.kinds] for diff in (one, two)]
    assert prints[0] == prints[1]
    assert len(prints[0]) == 1 and len(prints[0][0]) == 12
    other = diff_texts(chinese(PURPOSE, REPORT), chinese(PURPOSE, REPORT.replace("三十日", "十日")))
    assert other.articles[1].fingerprint != prints[0][0]


# ---- pins ----------------------------------------------------------------------------------------------------------

def test_pins_decide() -> None:
    old, new = chinese(PURPOSE, NOTICE, RECORDS), chinese(PURPOSE, RECORDS, NOTICE, EXIT)
    pins, found = read_pins("pins.yaml", "- {old: 第二条, new: [Art. 2, Article 4]}\n- {old: [Art. 3], new: []}\n", old,
                            new)
    assert not found
    diff = diff_texts(old, new, pins)
    assert links(diff)["2",] == (("2", "4"), "split+modified")
    assert links(diff)["3",] == ((), "dropped")
    assert [change.pinned for change in diff.articles] == [False, True, True, False]
    assert accept(diff.script) == tuple(line.text for line in new.lines)
    assert reject(diff.script) == tuple(line.text for line in old.lines)


@pytest.mark.parametrize(("text", "names", "lines"), [
    ("- {old: Art. 9, new: Art. 1}", ["unknown-article"], [1]),
    ("- {old: Art. 1, new: Art. 1}\n- {old: Art. 1, new: Art. 2}", ["pinned-twice"], [2]),
    ("old: Art. 1", ["bad-pins"], [1]), ("- Art. 1", ["bad-pins"], [1]), ("- {old: }", ["bad-pins"], [1]),
    ("- {old: [[Art. 1]], new: Art. 1}", ["bad-pins"], [1]), ("- {odl: Art. 1}", ["bad-pins"], [1]),
    ("- {old: Art. 1", ["bad-pins"], [1]), ("", [], [])])
def test_wrong_pins(text: str, names: list[str], lines: list[int]) -> None:
    old = new = chinese(PURPOSE, NOTICE)
    pins, found = read_pins("pins.yaml", text, old, new)
    assert [one.name for one in found] == names
    assert [one.span.line for one in found if one.span] == lines
    assert len(pins) == (1 if "pinned-twice" in names else 0)


# ---- a regulation's own text ---------------------------------------------------------------------------------------

def test_a_regulations_text_has_the_citations_rules_use() -> None:
    source = ("# Sample | 示例\n\n## Chapter I General | 第一章 总则\n\n### Art. 1 Scope | 范围\n\n1. First: `A`\n"
              "   1. one; `B`\n   2. two. `A`\n2. Second. `A`\n\n> A note of ours.\n")
    read = document_of("text.md", read_text("text.md", source)[0])
    assert [unit.place for root in read.units for unit in root.walk()] == [
        "Ch. 1", "Art. 1", "Art. 1(1)", "Art. 1(1)(1)", "Art. 1(1)(2)", "Art. 1(2)"]
    assert [line.text for line in read.lines] == [
        "Sample | 示例", "Chapter I General | 第一章 总则", "Art. 1 Scope | 范围", "1. First:", "(1) one;", "(2) two.",
        "2. Second."]


# ---- tokens --------------------------------------------------------------------------------------------------------

@pytest.mark.parametrize(("text", "wanted"), [
    ("自收到之日起十五个工作日内", ["十五个工作日"]), ("处违法所得百分之五以上", ["百分之五"]), ("1000万元的罚款",
                                                               ["1000万元"]),
    ("不满十四周岁的", ["不", "十四周岁"]), ("三分之二以上", ["三分之二"]), ("第三人可以参加", ["可以"]),
    ("依照第十八条第二款第（三）项", ["第十八条第二款第（三）项"]),
    ("2026年7月15日起", ["2026年7月15日"]), ("在72小时内", ["72小时"]), ("未成年人不得", ["不得"]), ("一般规定", []),
    ("within thirty (30) days of it", ["thirty (30) days"]), ("under Article 5(1)(a), it must not", ["Article 5(1)(a)",
                                                                                                     "must not"]),
    ("over EUR 10,000 a year", ["EUR 10,000"]), ("by 15 July 2026", ["15 July 2026"]),
    ("children under 18 years of age", ["18 years of age"]),
    ("see § 22602(c)(2)", ["§ 22602(c)(2)"]), ("someone cannot", ["cannot"])])
def test_whole_tokens(text: str, wanted: list[str]) -> None:
    assert [token.text for token in tokens(text) if token.kind] == wanted
    assert "".join(token.text for token in tokens(text)) == text


def test_masks() -> None:
    assert masked("自三十日内依照第五条处5%罚款") == masked("自15日内依照第十二条第一款处10%罚款")
