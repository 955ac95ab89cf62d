"""Quality assurance of deep-learning models, cloud to edge, as one Dagster asset graph.

Everything shipped is silent: the switches below are set before any library that reads them is
imported (onnxruntime resolves a host and writes a device id when it is imported without its own).
"""

import os

SILENT = {
    "ORT_DISABLE_TELEMETRY": "1",
    "DAGSTER_DISABLE_TELEMETRY": "1",
    "DVC_NO_ANALYTICS": "1",
    "GX_ANALYTICS_ENABLED": "false",
    "ITERATIVE_DO_NOT_TRACK": "1",
    "DO_NOT_TRACK": "1",
}
os.environ.update(SILENT)
os.environ.setdefault("ARROW_DEFAULT_MEMORY_POOL", "system")
"""Arrow's own allocator takes large pages: 30 MiB more at 60,000 pictures, and more time of a busy
machine."""
