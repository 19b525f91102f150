"""Word files for tests: made from XML, and opened in LibreOffice to hear a second opinion on tracked changes."""

from __future__ import annotations

import io
import os
import shutil
import subprocess
import sys
import zipfile
from collections.abc import Mapping, Sequence
from pathlib import Path

import pytest

MAIN = "http://schemas.openxmlformats.org/wordprocessingml/2006/main"
OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
INSTALL = "apt-get install libreoffice-writer python3-uno"


def docx(body: str, **parts: str) -> bytes:
    """A Word file with that body; `parts` are the insides of `styles`, `numbering`, `footnotes` or `endnotes`."""
    files = {"word/document.xml": f'<w:document xmlns:w="{MAIN}"><w:body>{body}</w:body></w:document>'}
    relations = ""
    for name, inside in parts.items():
        files[f"word/{name}.xml"] = f'<w:{name} xmlns:w="{MAIN}">{inside}</w:{name}>'
        relations += f'<Relationship Id="{name}" Type="{OFFICE}/{name}" Target="{name}.xml"/>'
    files["_rels/.rels"] = (f'<Relationships><Relationship Id="a" Type="{OFFICE}/officeDocument" '
                            'Target="/word/document.xml"/></Relationships>')
    files["word/_rels/document.xml.rels"] = f"<Relationships>{relations}</Relationships>"
    return package(files)


def package(files: Mapping[str, str | bytes]) -> bytes:
    """A zip file of these."""
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as file:
        for name, text in files.items():
            file.writestr(name, text)
    return out.getvalue()


def paragraph(text: str, properties: str = "") -> str:
    """A paragraph of one run."""
    return f'<w:p><w:pPr>{properties}</w:pPr><w:r><w:t xml:space="preserve">{text}</w:t></w:r></w:p>'


def libreoffice(files: Sequence[bytes], folder: Path) -> list[dict[str, list[str]]]:
    """The paragraphs of each file as LibreOffice has them: `accepted`, `rejected`, `as is`, and in `changes` the kinds
    of the changes it found. A loud skip where it, or the bridge to it from Python, is missing."""
    office = shutil.which("soffice")
    python = next((one for one in (sys.executable, "/usr/bin/python3") if Path(one).exists() and subprocess.run(
        [one, "-c", "import uno"], capture_output=True).returncode == 0), None)
    if office is None or python is None:
        pytest.skip(f"LibreOffice is not here, or not its bridge to Python: {INSTALL}")
    paths = []
    for number, data in enumerate(files):
        paths.append(folder / f"{number}.docx")
        paths[-1].write_bytes(data)
    script = Path(__file__).with_name("word_in_libreoffice.py")
    done = subprocess.run([python, str(script), office, str(folder / "profile"), *map(str, paths)], capture_output=True,
                          timeout=280, check=False, env={**os.environ, "HOME": str(folder)})
    assert done.returncode == 0, done.stderr.decode("utf-8", "replace")
    found: list[dict[str, list[str]]] = []
    for path in paths:
        found.append({view: path.with_suffix(f".{view}").read_text(encoding="utf-8").split("\x1e")
                      for view in ("accepted", "rejected", "as is", "changes")})
    return found
