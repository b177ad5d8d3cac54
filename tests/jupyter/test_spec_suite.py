"""The protocol's own test suite, with every attribute that a direct execution can honour.

Not `code_clear_output` and `code_page_something`: see `test_fidelity`.
"""

from __future__ import annotations

from jupyter_kernel_test import KernelTests

from tests.conftest import Judged


class TestDirectRuntime(Judged, KernelTests):
    runtime = "direct"
    # The suite allows 15 s for the first figure, the import included.
    first_cell = "import matplotlib.pyplot"

    code_hello_world = "print('hello, world')"
    code_stderr = "import sys; print('test', file=sys.stderr)"
    completion_samples = (
        {"text": "zi", "matches": ["zip"]},
        {"text": "%%writ", "matches": ["%%writefile"]},
        {"text": "%uplo", "matches": ["%upload"]},
    )
    complete_code_samples = (
        "1",
        "print('hello, world')",
        "def f(x):\n  return x*2\n\n\n",
    )
    incomplete_code_samples = (
        "print('''hello",
        "def f(x):\n  x*2",
    )
    invalid_code_samples = ("import = 7q",)
    code_generate_error = "raise ValueError('as asked for')"
    code_execute_result = (
        {"code": "1+2+3", "result": "6"},
        {"code": "[n*n for n in range(1, 4)]", "result": "[1, 4, 9]"},
        {"code": "'no quotes: as the service gives it'"},
    )
    code_display_data = (
        {
            "code": "from matplotlib import pyplot\npyplot.plot([1])\npyplot.show()",
            "mime": "image/png",
        },
    )
    code_history_pattern = "1?2*"
    # IPython names the current session 0 in ranges, which the suite does not expect.
    supported_history_operations = ("tail", "search")
    code_inspect_sample = "open"


del KernelTests
