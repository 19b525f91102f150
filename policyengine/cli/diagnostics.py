"""What every diagnostic's name stands for, and what to do about it: one row a name, for `guiju explain NAME`.

docs/diagnostics.md is written from these tables. Lints are not here: each explains itself. The tables know the names
alone, not the places in the engine that report them; a test holds the two to each other.
"""

from __future__ import annotations

from collections.abc import Mapping

Row = tuple[str, str]
"""What it says, and what to do."""

POLICIES: Mapping[str, Row] = {
    "syntax": ("The text breaks off from the grammar here.", "Follow the help; docs/language.md shows each clause."),
    "ambiguous-name": ("A bare name in `where` could be two things.", "Rename one, or name the other outside `where`."),
    "bad-literal": ("A date, duration or number is none, or has too many digits.", "Write one that exists."),
    "bad-name": ("A family or a key of a vocabulary is not a lower-case word.", "Use a to z, digits and `_`."),
    "bad-pattern": ("The pattern of `matches` is computed, or RE2 refuses it.", "Write it out, in the syntax of RE2."),
    "duplicate-item": ("A list names one item twice.", "Take one away."),
    "duplicate-name": ("Two declarations, clauses or keys share a name.", "Rename one."),
    "empty-list": ("A list has no item.", "Write at least one."),
    "future": ("A clause that settles at the moment asks about what comes later.", "Ask it in `must`."),
    "misplaced": ("A question or state stands where none can be asked.", "Move it as the help says."),
    "missing-key": ("An event or moment lacks a key that a rule, state or episode is kept by.",
                    "Give the keys, or write `any EVENT`."),
    "no-calendar": ("Working days are counted, and the regulation names no calendar.",
                    "Name one under `calendar` in regulation.yaml."),
    "no-header": ("The file does not say which policy it is.", "Begin with `policy ID version LABEL` or `extend …`."),
    "no-moment": ("A clause needs a moment, and the rule has no `on`.", "Add `on`, or leave the clause out."),
    "no-must": ("A rule requires nothing.", "Add `must`."),
    "no-vocabulary": ("A policy uses no vocabulary.", "Add `use vocabulary NAME`."),
    "not-a-condition": ("A value stands where true or false is asked.", "Compare it, or ask whether it `is present`."),
    "not-a-literal": ("The value of a param is computed.", "Write it out."),
    "not-tunable": ("A house policy sets a param that the law fixes.", "Leave it out."),
    "quotient": ("A quotient is used for more than a comparison.", "Compare it, or multiply out."),
    "recursion": ("A definition, state or schema rests on itself.", "Break the circle."),
    "type-mismatch": ("Values of two kinds meet, or one of the wrong kind.", "Follow the labels: they name both."),
    "unit-mismatch": ("Periods in different units meet; no number of days is a month.", "Write both in one unit."),
    "unknown-citation": ("The regulation has no such place.", "Cite one that text.md has."),
    "unknown-event": ("The vocabulary has no such event.", "Use a name it has, or declare it there."),
    "unknown-field": ("A record, an event or a type of event has no such field.", "Use a name it has."),
    "unknown-file": ("`use` names a file that is not there.", "Name one beside the policy."),
    "unknown-name": ("Nothing is called so.", "Use a name that is declared; the nearest is in the help."),
    "unknown-policy": ("`extend` names a policy or version that is not there.", "`guiju rules` lists what is."),
    "unknown-value": ("A text is compared with one that it never is.", "Use a value of the vocabulary's `enum`."),
    "unknown-vocabulary": ("There is no such vocabulary, or another than the extended policy's.", "Name its own."),
    "wrong-arguments": ("A definition, state or function is given other arguments than it takes.",
                        "Give those that its declaration names."),
    "unused-ignore": ("An ignore keeps no finding back.", "Take it away."),
    "ignore-without-reason": ("An ignore does not say why.", 'Add `reason="…"`.'),
}

REGULATIONS: Mapping[str, Row] = {
    "bad-vocabulary": ("A vocabulary is no schema that guiju can read.", "See regulations/README.md."),
    "yaml-syntax": ("A file is not YAML.", "Mend the YAML."),
    "unknown-keyword": ("A vocabulary uses a keyword it has not got, or in the wrong place.",
                        "Use one of the subset that is checked."),
    "no-regulation": ("A folder has no regulation.yaml, or there is none to judge by.", "Name a regulation."),
    "not-utf8": ("A file is not UTF-8.", "Save it as UTF-8."),
    "bad-date": ("A date of a version is none.", "Write it as `2026-04-10`."),
    "duplicate-version": ("Two versions share a label.", "Rename one."),
    "reserved-label": ("A version is called by a word that has a meaning of its own.", "Call it otherwise."),
    "version-dates": ("The dates of a version contradict its status or each other.", "Mend the dates."),
    "overlapping-versions": ("Two versions are in force on the same days.", "End one when the other begins."),
    "wrong-type": ("A key of regulation.yaml holds another kind of value.", "Write what the message expects."),
    "unknown-key": ("A key that the file format does not have.", "Use one that it has."),
    "no-articles": ("The text of a regulation has no article.", "Give each article a heading."),
    "not-an-article": ("A heading of text.md names no article.", "Write `## Art. 1 Heading`."),
    "article-gap": ("The articles do not count up by one.", "Put in the one that is missing."),
    "duplicate-article": ("An article stands twice.", "Take one away."),
    "empty-article": ("An article has no paragraph.", "Write its numbered paragraphs."),
    "empty-paragraph": ("A paragraph has a grade and no text.", "Write its text."),
    "loose-text": ("Text stands outside the numbered paragraphs.", "Number it, or move it above the first article."),
    "no-grade": ("A paragraph does not say how sure it is.", "Add its grade in backticks."),
    "unknown-grade": ("There is no such grade.", "Use one that regulations/README.md lists."),
    "wrong-number": ("A paragraph has another number than its place.", "Number in order."),
    "file-elsewhere": ("A policy uses a file outside its regulation's folder.", "Keep it in the folder."),
}

FILES: Mapping[str, Row] = {
    "no-input": ("No service file was given.", "Name one, or set `services` in guiju.toml."),
    "no-input-files": ("A directory holds no file to read.", "Name another; docs/input.md says what is left out."),
    "empty-glob": ("A pattern matches no file.", "Mend the pattern."),
    "missing-file": ("A named file or folder does not exist.", "Mend the path."),
    "unreadable-file": ("A file cannot be read, or is a directory.", "Look at its permissions."),
    "file-too-large": ("A file of facts is larger than the limit.", "Split it into one file a service."),
    "unknown-format": ("The suffix of a file is none that is read.", "See docs/input.md for those that are."),
    "nul-character": ("A NUL stands in a text file.", "Look at what wrote the file."),
    "control-character": ("A character that YAML forbids.", "Write it as an escape, in double quotes."),
    "line-separator": ("A character that ends a line in YAML 1.1 and not in 1.2.", "Write it as an escape."),
    "lone-surrogate": ("An escape is half of a pair.", "Write both halves, or the character itself."),
    "empty-document": ("A file or document holds no facts.", "Write the facts, or take it away."),
    "not-a-mapping": ("A document is a list or one value.", "Write one mapping a service."),
    "duplicate-key": ("A key stands twice in one mapping.", "Take one away."),
    "key-not-text": ("A key is a number, true, false, null or a list.", "Put it in quotes."),
    "leading-zero": ("A number begins with a zero.", "Write it without, or in quotes if it is text."),
    "number-not-finite": ("Infinity or not-a-number.", "Write a number, or leave the key out."),
    "number-too-long": ("A number has more than 18 digits before the point or 9 after it.", "Round it."),
    "too-deep": ("Values are nested more than 100 deep.", "Flatten them."),
    "yaml-version": ("A document asks to be read as YAML 1.1.", "Take the line away, and quote `no` and `yes`."),
    "alias-loop": ("An alias stands inside the value it names.", "Write the value out."),
    "alias-expansion": ("Aliases add too many values.", "Write fewer."),
    "unknown-alias": ("An alias names no anchor before it.", "Mend its name."),
    "merge-key": ("Merge keys (`<<`) are not read.", "Write the keys out."),
    "unknown-tag": ("A tag that is not read.", "Take it away."),
    "tag-mismatch": ("A value is not what its tag says.", "Mend one of them."),
    "json-syntax": ("A file or line is not JSON.", "Mend it at the place."),
    "toml-syntax": ("A file is not TOML.", "Mend it at the place."),
}

EVENTS: Mapping[str, Row] = {
    "no-events": ("A file of events holds none.", "Leave it out, or look at what should have written it."),
    "not-an-event": ("A line is not a JSON object.", "Write one object a line."),
    "bad-event-type": ("The `type` of an event is not text.", "Write the name of an event."),
    "bad-event-id": ("The `id` of an event is neither text nor a whole number.", "Write one of these."),
    "bad-sequence": ("The `sequence` of an event is no number.", "Write a number, or leave it out."),
    "bad-time": ("The `time` of an event is no instant.", "Write it with its offset: `2026-08-01T09:30:00+08:00`."),
    "missing-column": ("An event lacks its `type` or `time`, or a column its name.", "Add it."),
    "duplicate-column": ("Two columns share a name.", "Rename one."),
    "uneven-row": ("A row has more or fewer fields than the header.", "Quote fields that hold commas."),
    "csv-syntax": ("A file is not CSV as RFC 4180 has it.", "Mend the quotes or line ends."),
    "cut-off": ("A file ends in the middle of a record.", "Fetch it again, whole."),
    "line-too-long": ("A line is longer than the limit.", "Look at what wrote it."),
    "id-twice": ("Two different events share an id.", "Give each its own; exact copies may stay."),
    "more-errors": ("So many errors that the rest are counted.", "Mend those that are shown."),
    "unknown-service": ("An event belongs to no service that is judged.", "Add its `service`, or the service's file."),
    "service-twice": ("Several services share the id that an event names.", "Give each its own."),
}

RUNS: Mapping[str, Row] = {
    "usage": ("The command line asks for something that does not go together.", "See `guiju COMMAND --help`."),
    "unknown-command": ("There is no such command.", "`guiju --help` lists them."),
    "unknown-rule": ("There is no such rule, lint or diagnostic.", "`guiju rules` lists the rules."),
    "unknown-param": ("No policy has such a parameter.", "`guiju explain RULE` shows those of a rule."),
    "unknown-regulation": ("There is no such regulation.", "See regulations/, or `regulations` in guiju.toml."),
    "unknown-version": ("The regulation has no such version.", "Use one that the help lists."),
    "no-version-in-force": ("No version is in force that day.", "Name one with `--version`."),
    "two-vocabularies": ("Policies that speak of different vocabularies cannot judge together.",
                         "Judge one regulation a run."),
    "no-policy": ("A path or setting leads to no policy.", "Mend it."),
    "extends-nothing": ("A house policy extends no regulation.", "Add `extend ID version LABEL`."),
    "fixed-param": ("A parameter is fixed by the law.", "Take the setting away."),
    "param-value": ("The value of a parameter is of another type, or none.", "Write it as the policy does."),
    "unknown-setting": ("The project file has no such setting.", "`guiju config` lists them."),
    "unknown-variable": ("An environment variable `GUIJU_…` names no setting.", "`guiju config` lists them."),
    "setting-value": ("A setting has a value it cannot have.", "Write what the message expects."),
    "two-project-files": ("Two project files lie side by side, and one is not read.", "Keep one."),
    "number-too-large": ("A computed number has more than 18 digits.", "Look at the facts it is computed from."),
    "date-out-of-range": ("A computed date falls outside the years 1 to 9999.", "Look at what it is computed from."),
    "nothing-judged": ("No rule judged any service.", "Look at the version and at what the policy applies to."),
    "cannot-write": ("A file cannot be written.", "Look at its folder and permissions."),
    "already-there": ("`guiju init` would overwrite a file.", "Choose an empty folder."),
    "no-completion": ("The installed click has no completion for this shell.", "Use bash, zsh or fish."),
    "input-output": ("The operating system refused a file.", "Look at the reason it gives."),
}

CASES: Mapping[str, Row] = {
    "no-cases": ("There are no cases to judge, or a file lists none.", "Write some under `cases`."),
    "not-a-case-file": ("A file lies in no folder `cases` beside a policy.", "Move it there."),
    "case-shape": ("A case or its file is not written as docs/commands.md says.", "Follow the message."),
    "case-event": ("An event of a case is written in none of the ways.", "Write `TIME TYPE: {field: value}`."),
    "case-path": ("A path of `set` or `unset` leads nowhere.", "Mend the path."),
    "case-time": ("A time of a case is none.", "Write `+2h`, or a date with or without a time."),
    "no-facts": ("A case has no facts.", "Add `base`, or `facts`."),
    "too-many-events": ("A case has more than 10,000 events.", "Take a longer step."),
    "unknown-verdict": ("There is no such verdict.", "Use one of the six."),
}

PROBLEMS: Mapping[str, Row] = {
    "unknown-key": ("The vocabulary has no such field.", "Use a name it has; the nearest is in the help."),
    "required": ("A required value is missing or null.", "Add it."),
    "type": ("A value is of another type.", "Write what the message expects; text stands in quotes."),
    "value": ("A value is none of those that the vocabulary lists.", "Use one of them."),
    "format": ("A text is no date, time or period, or a period in another unit.", "Write it as the message shows."),
    "digits": ("A number has more digits than are compared.", "Round it."),
    "minimum": ("A number is too small.", "Look at where it comes from."),
    "maximum": ("A number is too large.", "Look at where it comes from."),
    "min-length": ("A text is too short.", "Write it out, or leave it out."),
    "min-items": ("A list has too few items.", "Add some, or leave it out."),
    "repeated": ("An item of a list stands twice.", "Take one away."),
    "pattern": ("A text does not match the vocabulary's pattern.", "Write it as the pattern asks."),
}
"""Why data does not fit the vocabulary: `facts-…` of a service, `event-…` of a row."""

GROUPS: tuple[tuple[str, Mapping[str, Row]], ...] = (
    ("In policies", POLICIES),
    ("In regulations and vocabularies", REGULATIONS),
    ("In files of facts", FILES),
    ("In traces", EVENTS),
    ("Facts against the vocabulary", {f"facts-{kind}": row for kind, row in PROBLEMS.items()}),
    ("Events against the vocabulary", {f"event-{kind}": row for kind, row in PROBLEMS.items()}),
    ("In policy tests", CASES),
    ("Of a command", RUNS),
)

DIAGNOSTICS: Mapping[str, Row] = {name: row for _, rows in GROUPS for name, row in rows.items()}
"""Every name, in the order of the groups."""
