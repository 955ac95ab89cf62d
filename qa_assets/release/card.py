"""The card of a release: what it is, how good it is, and how to see that it is unharmed."""

from collections.abc import Iterator, Mapping

from qa_assets.core.record import Record, escape, table
from qa_assets.core.records.datasets import DatasetSnapshot
from qa_assets.core.records.device import EdgeBenchmark
from qa_assets.core.records.evaluation import Evaluation
from qa_assets.core.records.export import OnnxModel
from qa_assets.core.records.training import TrainedWeights
from qa_assets.core.store import short
from qa_assets.core.verdict import Verdict

_VERIFY = """\
## Verify

`MANIFEST.json` lists the SHA-256 of every other file. In this folder:

```sh
python3 - <<'END'
import hashlib, json, pathlib
manifest = json.loads(pathlib.Path("MANIFEST.json").read_bytes())
found = {p.as_posix() for p in pathlib.Path(".").rglob("*") if p.is_file()} - {"MANIFEST.json"}
bad = sorted(found ^ manifest.keys())
bad += [n for n in sorted(found & manifest.keys())
        if hashlib.sha256(pathlib.Path(n).read_bytes()).hexdigest() != manifest[n]]
print("not as published: " + ", ".join(bad) if bad else "as published")
raise SystemExit(bool(bad))
END
```

`head -c -1 MANIFEST.json | sha256sum` is the digest of the release as the store and the report
name it. `verdicts.json` holds every gate with its numbers; `evidence/` the records they were
recomputed from.
"""


def release_card(
    pipeline: str, version: str, records: Mapping[str, Record], verdicts: Mapping[str, Verdict]
) -> str:
    """The text of ``RELEASE.md``; it follows from its arguments alone."""
    records = dict(sorted(records.items()))
    parts = [f"# {escape(pipeline)} {short(version)}", _what(records), _quality(records)]
    rows: list[tuple[object, ...]] = [
        (gate, v.outcome, v.measured if v.measured is not None else "", _limit(v), v.summary)
        for gate, v in sorted(verdicts.items())
    ]
    gates = table(("gate", "outcome", "measured", "limit", "what was seen"), rows, most=len(rows))
    parts.append(f"## Gates\n\nAll {len(verdicts)} passed on these bytes.\n\n{gates}")
    digests: list[tuple[object, ...]] = [(name, record.digest) for name, record in records.items()]
    provenance = table(("evidence", "digest"), digests, most=len(digests))
    parts.append(f"## Provenance\n\nRelease version {version}\n\n{provenance}")
    return "\n\n".join((*parts, _VERIFY))


def _limit(verdict: Verdict) -> object:
    return "" if verdict.limit is None else verdict.limit


def _what(records: Mapping[str, Record]) -> str:
    rows: list[tuple[object, ...]] = []
    for record in records.values():
        if isinstance(record, DatasetSnapshot):
            samples = f"{record.samples} samples, {len(record.classes)} classes"
            rows += [("dataset", record.name), ("data version", record.version)]
            rows += [("data", f"{samples}, {len(record.quarantined)} set aside")]
        elif isinstance(record, TrainedWeights):
            rows += [("weights", record.weights_digest), ("parameters", record.parameters)]
        elif isinstance(record, OnnxModel):
            file = f"{record.size} bytes, opset {record.opset}, IR {record.ir_version}"
            rows += [("model.onnx", record.sha256), ("model file", file)]
    return f"## What it is\n\n{table(('', ''), rows)}"


def _quality(records: Mapping[str, Record]) -> str:
    measured = [r.accuracy for r in records.values() if isinstance(r, Evaluation)]
    accuracy = [
        f"Accuracy on the test split: **{escape(e)}**, interval at {e.confidence:.0%}."
        for e in measured
    ]
    columns = ("target", "p50 ms", "p90 ms", "p99 ms", "samples/s", "load ms", "RSS MiB")
    targets = table(columns, list(_targets(records)))
    return "\n\n".join(("## How good it is", *accuracy, targets))


def _targets(records: Mapping[str, Record]) -> Iterator[tuple[object, ...]]:
    for record in records.values():
        if isinstance(record, EdgeBenchmark):
            times = (record.latency_ms.get(p, "") for p in ("p50", "p90", "p99"))
            cost = (record.throughput, record.load_ms, record.peak_rss_mib)
            yield (record.target, *times, *cost)
