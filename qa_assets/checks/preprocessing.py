"""Is the preprocessing what was released, and can it be undone."""

from qa_assets.core.check import check
from qa_assets.core.config import Positive
from qa_assets.core.records.preprocessing import Part, PreprocessingContract
from qa_assets.core.verdict import Evidence, Verdict, at_most, cannot_tell

SHOWN = 50


@check
def preprocessing_round_trips(
    preprocessing_contract: PreprocessingContract, *, max_error: Positive = 0.01
) -> Verdict:
    """What is normalised can be brought back: no stored level is lost.

    Args:
        preprocessing_contract: The largest error over all levels and channels.
        max_error: Largest error, in stored levels; above a half two levels fall together.

    Returns:
        Measured: that error. It grows where a mean, a std or a scale leaves float32 no room.
    """
    return at_most(
        preprocessing_contract.round_trip_error,
        max_error,
        "the error of a level that is normalised and brought back",
        cause="preprocessing.not_invertible",
        evidence={"declared": Evidence(("setting", "value"), _declared(preprocessing_contract))},
    )


@check
def preprocessing_unchanged_since_release(
    preprocessing_contract: PreprocessingContract, *, accepted: tuple[Part, ...] = ()
) -> Verdict:
    """The same bytes become the same input of the network as in the release.

    Args:
        preprocessing_contract: How today's preprocessing differs from the released one.
        accepted: Parts whose change is meant, of decoder, interpolation, normalisation and size:
            the model was trained with it and is shipped with it.

    Returns:
        Measured: changes. Evidence: each of them, with the golden inputs whose outcome differs. A
        library of another version that changes no outcome is shown, and passes.
    """
    found = preprocessing_contract
    if found.unreadable:
        return cannot_tell(f"the reference is missing: {found.unreadable}")
    if not found.reference:
        return _nothing_else(found)
    changed = [c for c in found.changes if c.part not in ("library", *accepted)]
    columns = ("part", "what", "in the release", "now", "inputs that differ")
    rows = tuple((c.part, c.what, c.before, c.now, ", ".join(c.inputs)) for c in found.changes)
    evidence = {"changes": Evidence(columns, rows[:SHOWN])}
    named = ", ".join(f"{c.part} ({c.what})" for c in found.changes)
    return Verdict(
        outcome="fail" if changed else "pass",
        summary=f"against {found.reference}: {named}",
        measured=float(len(changed)),
        limit=0.0,
        cause=f"preprocessing.{changed[0].part}_changed" if changed else "",
        where={"parts": ", ".join(dict.fromkeys(c.part for c in found.changes))} if changed else {},
        samples=tuple(i for c in changed for i in c.inputs if ":" not in i)[:SHOWN],
        evidence=evidence,
    )


def _nothing_else(found: PreprocessingContract) -> Verdict:
    if found.released:
        return Verdict(outcome="pass", summary="as in the release")
    if found.first_release == "absolute":
        return Verdict(outcome="pass", summary="nothing else was ever released")
    return cannot_tell(
        "there is no release to compare with; 'first_release: absolute' in defs.yaml would let "
        "the other gates decide the first one"
    )


def _declared(found: PreprocessingContract) -> tuple[tuple[str, str], ...]:
    return tuple(found.spec.items())
