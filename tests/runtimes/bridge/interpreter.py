"""An IPython that runs what it reads, a line of JSON each, and writes what came of it."""

import json
import sys
from contextlib import redirect_stderr, redirect_stdout
from io import StringIO

from IPython.core.interactiveshell import InteractiveShell


def main() -> None:
    answers = sys.stdout
    shell = InteractiveShell.instance()
    shell.displayhook.write_output_prompt = lambda: None
    shell.displayhook.write_format_data = lambda *_: None
    for line in sys.stdin:
        stdout, stderr = StringIO(), StringIO()
        with redirect_stdout(stdout), redirect_stderr(stderr):
            result = shell.run_cell(json.loads(line), store_history=True)
        value = result.result
        outcome = {
            "status": "Succeeded" if result.success else "Failed",
            "stdout": stdout.getvalue(),
            "stderr": stderr.getvalue(),
            "result": value if isinstance(value, str | None) else repr(value),
        }
        answers.write(json.dumps(outcome) + "\n")
        answers.flush()


if __name__ == "__main__":
    main()
