"""Checks the committed project: `python -m powerbi.checks`. Exit code 1: something is wrong."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from powerbi.checks import layout, node, references, schema, tabular
from powerbi.checks.tmdl import NotTmdl
from powerbi.write.project import PROJECT


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(prog="python -m powerbi.checks", description=__doc__)
    parser.add_argument("project", nargs="?", type=Path, default=PROJECT)
    parser.add_argument("--without-node", action="store_true", help="leave out what runs on Node")
    parser.add_argument("--tabular", type=Path, metavar="PROGRAM", help="Microsoft's reader of semantic models")
    options = parser.parse_args(arguments)
    wrong = _report("files against Microsoft's schemas", schema.findings(options.project))
    wrong += _report("what files name is there", references.findings(options.project))
    wrong += _report("layout, screen readers, Tab key", layout.findings(options.project))
    if options.without_node:
        sys.stdout.write("left out: Microsoft's validator of reports and parser of M\n")
    elif node.installed():
        wrong += _report("Microsoft's validator of reports, parser of M", node.findings(options.project))
    else:
        sys.stdout.write("Node packages are missing: `make check` installs them; --without-node leaves them out\n")
        wrong += 1
    if options.tabular:
        found = tabular.findings(options.project, options.tabular)
        wrong += _report("Microsoft's reader of semantic models", found)
    return 1 if wrong else 0


def _report(name: str, findings: Iterable[str]) -> int:
    try:
        found = list(findings)
    except NotTmdl as error:
        found = [str(error)]
    sys.stdout.write(f"{'FAIL' if found else 'ok'}: {name}\n")
    sys.stdout.writelines(f"  {each}\n" for each in found)
    return len(found)


if __name__ == "__main__":
    raise SystemExit(main(sys.argv[1:]))
