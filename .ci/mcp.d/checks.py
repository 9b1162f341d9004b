"""One line per check, in the form that `.ci/mcp` counts."""

import sys


class Checks:
    """The checks of one tool. A check that is `known` to fail is reported and does not count."""

    def __init__(self, group):
        self.group = group
        self.failed = 0

    def check(self, name, passed, detail=""):
        self._line("pass" if passed else "FAIL", name, "" if passed else detail)
        self.failed += not passed
        return passed

    def known(self, name, passed, reason):
        self._line("pass" if passed else "known", name, "" if passed else reason)

    def note(self, name, text):
        self._line("note", name, text)

    def finish(self):
        sys.exit(1 if self.failed else 0)

    def _line(self, result, name, detail):
        detail = " ".join(str(detail).split())[:400]
        print(f"{result:5} {self.group}: {name}" + (f": {detail}" if detail else ""), flush=True)
