"""`livestills parse`."""

import sys
from collections import Counter
from collections.abc import Iterable, Iterator

import click

from cli.machine import Record
from cli.options import common, common_options, output
from cli.output import Column, Format, Output
from cli.shots import NAME_FIELDS
from indexer.agora.names import Unrecognised, to_json, to_record
from indexer.agora.names import parse as parse_key
from indexer.errors import ExitStatus

_COLUMNS = tuple(
    Column(name, name)
    for name in ("kind", "sid", "cname", "uid", "bak", "captured_at", "directory", "reason", "explanation", "key")
)


@click.command()
@click.argument("keys", nargs=-1, required=True, metavar="KEY...|-")
@click.option("--fail-on-unrecognised", is_flag=True, help="Exit 20 if a key is not Agora's.")
@common_options
def parse(keys: tuple[str, ...], *, fail_on_unrecognised: bool) -> None:
    """Decode object keys: who, where and when, or why a key is not recognised.

    With - keys are read from standard input, one a line, and written as ndjson in the same order.  Needs neither a
    configuration nor a catalog.
    """
    from_stdin = "-" in keys
    if from_stdin and len(keys) > 1:
        raise click.UsageError("- reads all keys from standard input: name no other key beside it")
    out = output(default=Format.NDJSON if from_stdin else Format.TABLE)
    source = _lines() if from_stdin else keys
    unrecognised = _stream(source) if out.format is Format.NDJSON else _show(source, out)
    if unrecognised.total():
        reasons = ", ".join(f"{count:,} {reason}" for reason, count in unrecognised.most_common())
        if common().verbose or fail_on_unrecognised:
            out.note(f"not recognised: {reasons}")
        if fail_on_unrecognised:
            raise click.exceptions.Exit(ExitStatus.CHECK_FAILED)


def _lines() -> Iterator[str]:
    # A key may hold any byte but the newline that ends it; what is not UTF-8 comes out again as it was.
    for line in sys.stdin.buffer:
        yield line.removesuffix(b"\n").decode("utf-8", "surrogateescape")


def _stream(keys: Iterable[str]) -> Counter[str]:
    """The quick way, for millions of keys."""
    unrecognised: Counter[str] = Counter()
    write = sys.stdout.write
    for key in keys:
        parsed = parse_key(key)
        if isinstance(parsed, Unrecognised):
            unrecognised[parsed.reason] += 1
        write(to_json(parsed, key) + "\n")
    return unrecognised


def _show(keys: Iterable[str], out: Output) -> Counter[str]:
    unrecognised: Counter[str] = Counter()

    def records() -> Iterator[Record]:
        for key in keys:
            parsed = parse_key(key)
            record = to_record(parsed, key)
            if isinstance(parsed, Unrecognised):
                unrecognised[parsed.reason] += 1
                if out.for_people:
                    record["explanation"] = parsed.reason.explanation
            yield record

    if out.for_people:
        for record in records():
            out.record(record, [column for column in _COLUMNS if record.get(column.field) not in {None, ""}])
    else:
        out.write(records(), fields=(*NAME_FIELDS, "reason"))
    return unrecognised
