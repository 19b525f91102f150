"""The bytes of a text to characters: which encoding they are in, told by the bytes themselves."""

from __future__ import annotations

from policyengine.base.diagnostic import Diagnostic, error
from policyengine.base.source import Span


def decode(path: str, data: bytes) -> tuple[str | None, tuple[Diagnostic, ...]]:
    """The text of a file in UTF-8, UTF-16 with a byte order mark, or GB18030 where what comes out is Chinese."""
    for mark, encoding in ((b"\xef\xbb\xbf", "utf-8-sig"), (b"\xff\xfe", "utf-16"), (b"\xfe\xff", "utf-16")):
        if data.startswith(mark):
            try:
                return data.decode(encoding), ()
            except UnicodeDecodeError as wrong:
                return None, (_undecodable(path, data, wrong.start, encoding.removesuffix("-sig")),)
    place = 0
    try:
        text = data.decode("utf-8")
        if "\x00" not in text:
            return text, ()
        place = data.index(b"\x00")
    except UnicodeDecodeError as wrong:
        place = wrong.start
        chinese = _as_chinese(data)
        if chinese is not None:
            return chinese, ()
    return None, (_undecodable(path, data, place, "utf-8"),)


def _as_chinese(data: bytes) -> str | None:
    """The text when it is GB18030: other encodings read as it give rare characters, not these."""
    try:
        text = data.decode("gb18030")
    except UnicodeDecodeError:
        return None
    beyond = [char for char in text if char > "\x7f"]
    # these come often in any Chinese text of law
    common = sum(1 for char in beyond if char in "的一是不在人有中大为上国以时到用法条第规定应当和者，。、；：（）《》")
    ideographs = sum(1 for char in beyond if "一" <= char <= "鿿" or char in "，。、；：（）《》“”\u3000")
    good = "\x00" not in text and ideographs * 10 >= len(beyond) * 9 and common * 20 >= len(beyond)
    return text if good else None


def _undecodable(path: str, data: bytes, offset: int, encoding: str) -> Diagnostic:
    line = data.count(b"\n", 0, offset) + 1
    return error("unknown-encoding", f"byte {offset + 1} (0x{data[offset]:02x}) is not text in {encoding.upper()}",
                 Span(path, line, 1, line, 1),
                 help="save the file as UTF-8; GB18030 is read where the text is Chinese")
