"""Writes the Power BI project anew from its description: `python -m powerbi`."""

from __future__ import annotations

import sys

from powerbi.describe import MODEL, REPORT
from powerbi.write.project import PROJECT, project_files, write


def main() -> int:
    files = project_files(MODEL, REPORT)
    touched = write(files, PROJECT)
    sys.stdout.write(f"{PROJECT / REPORT.name}.pbip: {len(files)} files, {len(touched)} of them changed\n")
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
