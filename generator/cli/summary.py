"""What a refresh did, in a line and as the summary of a job."""

from collections.abc import Iterable

from generator.cli.output import count
from generator.document import printable
from generator.images import Images
from generator.record.correction import count_by_version
from generator.refresh import Outcome
from generator.render.pages import environment

_MOST = 200
_LONGEST = 500


def headline(outcomes: Iterable[Outcome], wanted: Images, *, dry_run: bool) -> str:
    outcomes = list(outcomes)
    new = [outcome for outcome in outcomes if outcome.new]
    failed = [outcome.image.name for outcome in outcomes if outcome.errors]
    unchanged = sum(not (outcome.new or outcome.errors or outcome.corrected or outcome.waiting) for outcome in outcomes)
    parts = [
        f"{count(sum(len(outcome.new) for outcome in new), 'new build')} in {count(len(new), 'image')}",
        f"{unchanged} unchanged",
    ]
    if waiting := sum(outcome.waiting > 0 for outcome in outcomes):
        parts.append(f"{waiting} unfinished as the time was up: the next refresh goes on from there")
    if corrected := sum(len(outcome.corrected) for outcome in outcomes):
        parts.append(f"{count(corrected, 'version')} corrected")
    if frozen := sum(image.frozen for image in wanted.images.values()):
        parts.append(f"{frozen} frozen")
    if failed:
        parts.append(f"{len(failed)} failed ({', '.join(sorted(failed))})")
    return ", ".join(parts) + (" (dry run: nothing was written)" if dry_run else "")


def versions(outcome: Outcome, most: int = 5) -> list[str]:
    """Of the new builds, newest first."""
    found = list(dict.fromkeys(build.version or "of unknown version" for build in reversed(outcome.new)))
    return found if len(found) <= most else [*found[:most], f"and {len(found) - most} more"]


def corrections(outcome: Outcome) -> list[str]:
    """Of builds that were recorded before: what was wrong or unknown, and what is right."""
    counted = count_by_version(outcome.corrected)
    return [f"{count(number, 'build')} of {was}: corrected to {is_}" for number, was, is_ in counted]


def summary(line: str, outcomes: Iterable[Outcome]) -> str:
    """Markdown below `line`: what is new, every failure and its reason, and the notes."""
    outcomes = sorted(outcomes, key=lambda outcome: outcome.image.name)
    return environment.get_template("summary.md.j2").render(
        headline=line,
        new=[(each.image.name, len(each.new), versions(each)) for each in outcomes if each.new],
        corrected=[(each.image.name, what) for each in outcomes for what in corrections(each)],
        failed=[(each.image.name, printable(error, _LONGEST)) for each in outcomes for error in each.to_be_mended],
        faults=[(each.image.name, printable(error, _LONGEST)) for each in outcomes for error in sorted(each.faults)],
        notes=[(each.image.name, printable(note, _LONGEST)) for each in outcomes for note in each.notes],
        most=_MOST,
    )
