"""Write the pages that are made from the code; with --check, fail if one of them is not what the code says.

python docs/generate.py [--check]
"""

import argparse
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import click

from cli.livestills import STATUSES, livestills
from indexer.agora.answers import STATES, Upload
from indexer.agora.codes import ACQUIRE_CODES, CODES, Again
from indexer.agora.names import Reason
from indexer.agora.request_rules import RULES
from indexer.agora.vendors import AZURE, VENDORS, place
from indexer.errors import ExitStatus

ROOT: Final = Path(__file__).parent.parent
SAMPLES: Final = ("screenshots", "failover", "recordings", "round_trips", "hostile", "foreign", "real_life")


def commands(group: click.Group, path: tuple[str, ...]) -> Iterator[tuple[tuple[str, ...], click.Command]]:
    """Every command with the words that call it, in the order of the help."""
    context = click.Context(group)
    for name in group.list_commands(context):
        command = group.get_command(context, name)
        if command is not None:
            yield (*path, name), command
            if isinstance(command, click.Group):
                yield from commands(command, (*path, name))


def help_of(command: click.Command, path: tuple[str, ...]) -> str:
    """What `--help` prints on a terminal of 100 columns."""
    settings = livestills.context_settings
    context = click.Context(command, info_name=" ".join(path), terminal_width=100, max_content_width=100)
    context.help_option_names = settings["help_option_names"]
    return command.get_help(context)


def command_page() -> str:
    """docs/commands.md."""
    lines = [
        "# Commands",
        "",
        "Made from the code by `make docs`.",
        "",
        "## Exit status",
        "",
        "| status | meaning |",
        "|---|---|",
    ]
    lines += [f"| {status.value} | {STATUSES[status]} |" for status in ExitStatus]
    for path, command in [(("livestills",), livestills), *commands(livestills, ("livestills",))]:
        lines += ["", f"## {' '.join(path)}", "", "```", help_of(command, path), "```"]
    return "\n".join(lines) + "\n"


def sample_page() -> str:
    """docs/names.md."""
    lines = [
        "# Object names",
        "",
        "Made from the code and `sample_keys/` by `make docs`.",
        "",
        "```",
        "[bak<n>_]* <sid> _ <cname> __uid_s_ <uid> __uid_e_video_ <utc> .jpg",
        "```",
        "",
        "The name of a screenshot is the last component of its key, matched whole, ASCII digits only. `sid` is letters",
        "and digits; `cname` is anything but `/` up to the last `__uid_s_` that leaves a uid; `uid` anything but `/`;",
        "`utc` is 17 digits, `yyyyMMddHHmmssSSS`, that are a real time. Recordings of all modes are recognised beside",
        "screenshots. What is recognised is formatted back byte for byte; what is not has one of these reasons:",
        "",
        "| reason | meaning |",
        "|---|---|",
        *(f"| `{reason}` | {reason.explanation.replace('|', chr(92) + '|')} |" for reason in Reason),
    ]
    for name in SAMPLES:
        text = (ROOT / "sample_keys" / f"{name}.txt").read_text(encoding="utf-8").strip()
        lines += ["", f"## {name.replace('_', ' ').capitalize()}", "", "```", text, "```"]
    return "\n".join(lines) + "\n"


def with_block(page: str, name: str, text: str, so_far: str | None = None) -> str:
    """A page, or what is made of it so far, with the text between its marks of this name."""
    begin, end = f"<!-- {name}: made by `make docs` -->", f"<!-- /{name} -->"
    whole = (ROOT / page).read_text(encoding="utf-8") if so_far is None else so_far
    before, found, rest = whole.partition(begin)
    _, ended, after = rest.partition(end)
    if not found or not ended:
        raise ValueError(f"{page} has lost its marks {begin} and {end}")
    return f"{before}{begin}\n{text}\n{end}{after}"


def readme() -> str:
    """README.md with its block of help."""
    helped = help_of(livestills, ("livestills",))
    listed = helped[helped.index("Commands:") : helped.index("Exit status:")].rstrip()
    return with_block("README.md", "help", f"```\n{listed}\n```")


def storage_page() -> str:
    """docs/storages.md with its table of the vendors that Agora knows."""
    lines = [
        "| `vendor` | `endpoint_url` | `addressing_style` | more | `region` by its number |",
        "|---|---|---|---|---|",
    ]
    for vendor in VENDORS.values():
        if vendor.number == AZURE:
            lines.append(f"| {vendor.number} {vendor.name} | – | – | has no S3 API | ignored |")
            continue
        placed = {
            number: place(vendor=vendor.number, region=number, bucket="b", endpoint="s3.example.com")
            for number in vendor.regions or (0,)
        }
        one = next(iter(placed.values()))
        endpoint = one.endpoint_url or "(left out)"
        if vendor.regions:
            endpoint = endpoint.replace(f"{one.region}.", "<region>.")
            regions = ", ".join(f"{number} `{each.region}`" for number, each in placed.items())
        else:
            endpoint = endpoint.replace("s3.example.com", "that of `extensionParams`")
            regions = f"ignored; `{one.region}`"
        more = [f"`list_version = {one.list_version}`"] if one.list_version != 2 else []
        more += [] if one.url_encoding else ["`url_encoding = false`"]
        shown = endpoint if " " in endpoint else f"`{endpoint}`"
        named = f"{vendor.number} {vendor.name}"
        lines.append(f"| {named} | {shown} | `{one.addressing_style}` | {', '.join(more)} | {regions} |")
    return with_block("docs/storages.md", "vendors", "\n".join(lines))


def request_page() -> str:
    """docs/requests.md with the bodies of the guides, and its table of rules."""
    lines = ["## The bodies of Agora's guides", "", "They pass; `sample_keys/requests/` has them."]
    for name in ("acquire", "screenshots", "screenshots_and_recording"):
        text = (ROOT / "sample_keys" / "requests" / f"{name}.json").read_text(encoding="utf-8").strip()
        lines += ["", f"`{name}.json`:", "```json", text, "```"]
    lines += ["", "## All rules", "", "| rule | | required | otherwise Agora | source |", "|---|---|---|---|---|"]
    for rule in RULES:
        cells = (str(rule.severity), rule.requires, rule.otherwise, rule.source)
        lines.append(f"| `{rule.name}` | {' | '.join(map(in_cell, cells))} |")
    return with_block("docs/requests.md", "rules", "\n".join(lines))


def capture_page() -> str:
    """docs/capture.md with its tables of states, uploads and codes."""
    states = ["| `status` | `state` | meaning |", "|---|---|---|"]
    states += [f"| {number} | `{name}` | {meaning} |" for number, (name, meaning) in STATES.items()]
    uploads = ["| `upload` | meaning |", "|---|---|"]
    uploads += [f"| `{upload}` | {upload.meaning} |" for upload in Upload]
    again = {Again.SAME: "the same", Again.ACQUIRE: "after an acquire", Again.NO: ""}
    codes = ["| code | HTTP | name | meaning | what to do | again |", "|---|---|---|---|---|---|"]
    for code in sorted([*CODES.values(), *ACQUIRE_CODES.values()], key=lambda code: code.number):
        number = f"{code.number}, to acquire" if ACQUIRE_CODES.get(code.number) is code else str(code.number)
        told = " | ".join((code.meaning, code.advice, again[code.again]))
        codes.append(f"| {number} | {code.http} | `{code.name}` | {told} |")
    text = (ROOT / "docs/capture.md").read_text(encoding="utf-8")
    for name, lines in (("states", states), ("uploads", uploads), ("codes", codes)):
        text = with_block("docs/capture.md", name, "\n".join(lines), text)
    return text


def in_cell(text: str) -> str:
    """Text in which nothing is Markdown."""
    return "".join(f"\\{char}" if char in r"\`*_{}[]|~#" else char for char in text).replace("<", "&lt;")


def main() -> int:
    """Write, or compare."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--check", action="store_true", help="change nothing; exit 1 if a page is out of date")
    check = parser.parse_args().check
    made = {
        "docs/capture.md": capture_page(),
        "docs/commands.md": command_page(),
        "docs/names.md": sample_page(),
        "docs/requests.md": request_page(),
        "docs/storages.md": storage_page(),
        "README.md": readme(),
    }
    stale = [
        name for name, text in made.items() if not (ROOT / name).exists() or (ROOT / name).read_text("utf-8") != text
    ]
    if check:
        for name in stale:
            sys.stderr.write(f"{name} is not what the code says: run `make docs`\n")
        return 1 if stale else 0
    for name in stale:
        (ROOT / name).write_text(made[name], encoding="utf-8")
    return 0


if __name__ == "__main__":
    sys.exit(main())
