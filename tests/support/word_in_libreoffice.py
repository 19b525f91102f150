"""Run by a Python that has LibreOffice's bridge (`uno`): opens files, accepts or rejects all changes, writes the text.

    python word_in_libreoffice.py SOFFICE PROFILE FILE...

Beside each file it writes FILE.accepted, FILE.rejected and FILE.as is (style and text of the paragraphs, divided by
U+001E) and FILE.changes (the kinds of the tracked changes).
"""

import os
import subprocess
import sys
import time
from importlib import import_module
from pathlib import Path
from typing import Any

VIEWS = {"as is": "", "accepted": ".uno:AcceptAllTrackedChanges", "rejected": ".uno:RejectAllTrackedChanges"}


def main(office: str, profile: str, paths: list[Path]) -> None:
    """Starts an office of its own, and ends it."""
    pipe = f"guiju{os.getpid()}"
    started = subprocess.Popen([office, "--headless", "--norestore", "--nologo",
                                f"-env:UserInstallation={Path(profile).absolute().as_uri()}",
                                f"--accept=pipe,name={pipe};urp;"])
    desktop = None
    try:
        context = connect(pipe)
        services = context.ServiceManager
        desktop = services.createInstanceWithContext("com.sun.star.frame.Desktop", context)
        dispatcher = services.createInstanceWithContext("com.sun.star.frame.DispatchHelper", context)
        for path in paths:
            for view, command in VIEWS.items():
                write(desktop, dispatcher, path, view, command)
    finally:
        try:
            if desktop is not None:
                desktop.terminate()
            started.wait(20)
        except Exception:  # the bridge breaks as the office ends
            started.terminate()


def connect(pipe: str) -> Any:
    """The office's own context, once it answers."""
    uno = import_module("uno")  # only the Python that runs this has it
    here = uno.getComponentContext()
    resolver = here.ServiceManager.createInstanceWithContext("com.sun.star.bridge.UnoUrlResolver", here)
    for _ in range(240):
        try:
            return resolver.resolve(f"uno:pipe,name={pipe};urp;StarOffice.ComponentContext")
        except Exception:  # it is still starting
            time.sleep(0.25)
    raise SystemExit("LibreOffice did not start within a minute")


def write(desktop: Any, dispatcher: Any, path: Path, view: str, command: str) -> None:
    """What one file holds in one view."""
    hidden = import_module("uno").createUnoStruct("com.sun.star.beans.PropertyValue")
    hidden.Name, hidden.Value = "Hidden", True
    document = desktop.loadComponentFromURL(path.absolute().as_uri(), "_blank", 0, (hidden,))
    if command:
        dispatcher.executeDispatch(document.CurrentController.Frame, command, "", 0, ())
    else:
        kinds = [change.RedlineType for change in each(document.Redlines)]
        path.with_suffix(".changes").write_text("\x1e".join(kinds), encoding="utf-8")
    lines = [f"{one.ParaStyleName}: {one.String}" for one in each(document.Text)
             if one.supportsService("com.sun.star.text.Paragraph")]
    path.with_suffix(f".{view}").write_text("\x1e".join(lines), encoding="utf-8")
    document.close(True)


def each(container: Any) -> Any:
    """What a container of the bridge holds."""
    items = container.createEnumeration()
    while items.hasMoreElements():
        yield items.nextElement()


if __name__ == "__main__":
    main(sys.argv[1], sys.argv[2], [Path(one) for one in sys.argv[3:]])
