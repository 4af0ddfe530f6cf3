"""Who was on in a channel, and why not: python docs/example.py livestills.toml math-101."""

import sys

from indexer import Gap, Livestills, LivestillsError, Timeline


def percent(share: float | None) -> str:
    """80 %, or a dash where nothing is expected."""
    return "-" if share is None else f"{share:.0%}".replace("%", " %")


def told(timeline: Timeline, name: str) -> str:
    """A user's figures in one session."""
    return f"{name}: presence {percent(timeline.presence)}, capture {percent(timeline.capture)}"


def why(gap: Gap) -> str:
    """When a gap begins, and what it is."""
    return f"  {gap.since:%H:%M:%S} {gap.cause}, {gap.missing} pictures"


def main(config: str, channel: str) -> None:
    """Print it."""
    with Livestills.open(config) as livestills:
        for timeline in livestills.timelines(channel=channel):
            name = livestills.name_of(timeline.cname, timeline.uid) or timeline.uid
            print(told(timeline, name))  # noqa: T201  # a script of its own
            for gap in timeline.gaps:
                print(why(gap))  # noqa: T201


if __name__ == "__main__":
    try:
        main(*sys.argv[1:3])
    except LivestillsError as error:
        sys.exit(f"{error}")
