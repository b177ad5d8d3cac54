"""What makes cells fail, or show nothing, until Python is restarted; each holds for any runtime."""

from __future__ import annotations

SPOILING = {
    "pretty printing of another": "import pprint\n"
    "get_ipython().display_formatter.formatters['text/plain'].for_type(\n"
    "    int, lambda *_: 1 / 0)",
    "pretty printing by rich": "from rich.pretty import install; install()",
    "a formatter of str that raises": "get_ipython().display_formatter.formatters['text/plain']"
    ".for_type(str, lambda *_: 1 / 0)",
    "no value is shown": "%config InteractiveShell.ast_node_interactivity = 'none'",
    "a transformer that raises": "class T:\n"
    "    def visit(self, node): raise ValueError('transformed')\n"
    "get_ipython().ast_transformers.append(T())",
    "a working directory that is gone": "import os\nos.mkdir('gone'); os.chdir('gone')\n"
    "os.rmdir('../gone')",
    "builtins without len": "import builtins\ndel builtins.len",
    "builtins without str and len": "import builtins\ndel builtins.str, builtins.len",
    "names of one's own": "str = len = print = 5",
    "no stdout": "import sys\nsys.stdout.close()",
    "an exit": "exit",
    "a recursion limit": "import sys\nsys.setrecursionlimit(120)",
}
