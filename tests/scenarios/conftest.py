"""Makes a test of every *.scn file in this directory."""

import os
import pathlib
import shutil
import sys
import tempfile

import pytest

sys.path.insert(0, str(pathlib.Path(__file__).resolve().parents[1]))

from harness import runner, scenario    # noqa: E402


def pytest_collect_file(file_path, parent):
    if file_path.suffix == ".scn":
        return ScenarioFile.from_parent(parent, path=file_path)
    return None


class ScenarioFile(pytest.File):
    def collect(self):
        yield ScenarioItem.from_parent(self, name=self.path.stem)


class ScenarioItem(pytest.Item):
    played = None

    def runtest(self):
        script = scenario.read(self.path)
        directory = tempfile.mkdtemp(prefix="tallygate-")
        self.played = runner.Runner(script, directory)
        try:
            self.played.run()
        finally:
            if "TALLYGATE_KEEP" in os.environ:
                self.add_report_section("call", "directory", directory)
            else:
                self.kept = self.played.report()
                shutil.rmtree(directory, ignore_errors=True)

    def repr_failure(self, excinfo, style=None):
        if excinfo.errisinstance((runner.Failure, scenario.ScenarioError)):
            title = self.played.script.title if self.played else ""
            lines = [f"{self.path.name}: {title}", "",
                     str(excinfo.value), ""]
            return "\n".join(lines) + self._report()
        return f"{super().repr_failure(excinfo)}\n{self._report()}"

    def _report(self):
        if self.played is None:
            return ""
        return getattr(self, "kept", None) or self.played.report()

    def reportinfo(self):
        return self.path, 0, f"scenario: {self.name}"
