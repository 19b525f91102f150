"""Writes the samples of this folder from the whole logs: every tenth (fifth) case, and what names of activities and
times need. The rest of each event is left out.

    python tests/comparison/sample.py FOLDER     # the folder with helpdesk.xes.gz and receipt.xes.gz
"""

from __future__ import annotations

import gzip
import sys
import xml.etree.ElementTree as ET
from itertools import pairwise
from pathlib import Path
from xml.sax.saxutils import quoteattr

HERE = Path(__file__).parent

# Log -> each how-manieth case, and whose it is.
LOGS = {
    "helpdesk": (10, "Helpdesk. Ilya Verenich, Mendeley Data, doi:10.17632/39bp3vv62t.1, CC BY 4.0"),
    "receipt": (5, "Receipt phase of an environmental permit application process (WABO), CoSeLoG project. "
                   "J.C.A.M. Buijs, 4TU.ResearchData, doi:10.4121/uuid:a07386a5-7be3-4367-9535-70bc9e77dbe6, CC BY"),
}
KEPT = {"concept:name": "string", "time:timestamp": "date"}
HEAD = """<?xml version="1.0" encoding="UTF-8"?>
<!-- {source}. Changed: a part of the cases, and of their events the name and time alone. -->
<log xes.version="1849-2016" xes.features="" xmlns="http://www.xes-standard.org/">
<extension name="Concept" prefix="concept" uri="http://www.xes-standard.org/concept.xesext"/>
<extension name="Time" prefix="time" uri="http://www.xes-standard.org/time.xesext"/>
<global scope="trace"><string key="concept:name" value=""/></global>
<global scope="event">
<string key="concept:name" value=""/><date key="time:timestamp" value="1970-01-01T00:00:00Z"/>
</global>
"""


def sample(log: Path, every: int, source: str) -> str:
    """The sample as text. Cases with two activities in one instant are all kept, since these are what is hard."""
    with gzip.open(log) as file:
        root = ET.parse(file).getroot()
    space = root.tag.removesuffix("log")
    lines = [HEAD.format(source=source)]
    for place, trace in enumerate(root.findall(f"{space}trace")):
        events = [{one.get("key", ""): one.get("value", "") for one in event}
                  for event in trace.findall(f"{space}event")]
        tied = any(one["time:timestamp"] == other["time:timestamp"] and one["concept:name"] != other["concept:name"]
                   for one, other in pairwise(events))
        if place % every and not tied:
            continue
        name = next(one.get("value", "") for one in trace if one.get("key") == "concept:name")
        lines.append(f'<trace><string key="concept:name" value={quoteattr(name)}/>\n')
        lines += ["<event>" + "".join(f"<{tag} key={quoteattr(key)} value={quoteattr(event[key])}/>"
                                      for key, tag in KEPT.items()) + "</event>\n" for event in events]
        lines.append("</trace>\n")
    return "".join([*lines, "</log>\n"])


if __name__ == "__main__":
    for name, (every, source) in LOGS.items():
        text = sample(Path(sys.argv[1]) / f"{name}.xes.gz", every, source)
        (HERE / f"{name}-sample.xes.gz").write_bytes(gzip.compress(text.encode(), mtime=0))
