"""Small things that front ends and scripts count on, in both runtimes beside stock ipykernel."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from tests.runtimes.bridge.conftest import tidy

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from tests.support.notebook import Notebook


@pytest.fixture(scope="module", params=["bridge", "direct"])
def runtime(request) -> str:
    return str(request.param)


@pytest.fixture(scope="module")
def ours(runtime: str, local_pool, start_notebook: Callable[..., Notebook]) -> Iterator[Notebook]:
    notebook = start_notebook({**local_pool.environment, "DYNAMIC_SESSIONS_RUNTIME": runtime})
    notebook.run("1", timeout=120)
    yield notebook
    notebook.close()


TRANSFORMS = (
    "def spoken(lines):\n"
    "    return ['print(1)\\n' if l.startswith('say ') else l for l in lines]\n"
    "get_ipython().input_transformers_cleanup.append(spoken)"
)


@pytest.mark.parametrize(
    "code",
    [
        "1",
        "for x in y:",
        "for x in y:\n    pass",
        "for x in y:\n    pass\n",
        "import = 1",
        "f(",
        "'''",
        "%%bash",
        "%%bash\necho",
        "!ls",
        "x = 1 \\",
        "@decorated",
        "",
        "say hello",
    ],
)
def test_enter_runs_or_continues_as_on_ipykernel(ours, stock, code) -> None:
    assert ours.ask("is_complete", code) == stock.ask("is_complete", code)


def test_a_line_that_the_sessions_transformers_know_is_complete(ours, stock) -> None:
    for notebook in (ours, stock):
        notebook.run(TRANSFORMS)
    answers = [notebook.ask("is_complete", "say hello") for notebook in (ours, stock)]
    for notebook in (ours, stock):
        notebook.run("get_ipython().input_transformers_cleanup.remove(spoken)")
    assert answers == [{"status": "complete"}] * 2


@pytest.mark.parametrize(
    "code",
    ["1 + 1", "display('x')", "h = display('one', display_id='named')", "display('x', raw=False)"],
)
def test_messages_have_a_transient_part_where_ipykernels_have_one(ours, stock, code) -> None:
    shown = [
        [
            (message["msg_type"], sorted(message["content"]), message["content"].get("transient"))
            for message in notebook.run(code).messages
            if message["msg_type"] in {"execute_result", "display_data"}
        ]
        for notebook in (ours, stock)
    ]
    assert shown[0] == shown[1] != []


def test_clearing_a_terminal_leaves_nothing_in_a_cell(ours, stock) -> None:
    """Where ipykernel sends the terminal's control characters, which show nothing."""
    (sent,) = stock.run("%clear").all("stream")
    assert sent["text"].strip("\x1b[HJ2") == ""
    ran = ours.run("%clear")
    assert (ran.status, ran.all("stream")) == ("ok", [])


ODD = "odd = b'caf\\xe9.txt'.decode('utf8', 'surrogateescape')"


@pytest.mark.parametrize(
    ("kind", "code"), [("complete", "by_odd_name['caf"), ("inspect", "documented")]
)
def test_a_question_about_bytes_that_are_no_text_gets_the_same_answer(
    ours, stock, kind, code
) -> None:
    for notebook in (ours, stock):
        notebook.run(f"{ODD}\nby_odd_name = {{odd: 1}}\ndef documented(): pass")
        notebook.run("documented.__doc__ = odd")
    answers = [notebook.ask(kind, code, len(code)) for notebook in (ours, stock)]
    assert "caf" in str(answers[0])
    assert tidy(answers[0]) == tidy(answers[1])


def test_completion_changes_nothing_of_the_persons_process(ours) -> None:
    limits = "import sys, gc; sys.getrecursionlimit(), gc.isenabled(), gc.get_threshold()"
    ours.run("import sys, gc; sys.setrecursionlimit(5432); gc.disable()")
    before = ours.run(limits).result
    ours.ask("complete", "import os; os.path.jo")
    cell = ours.send("sum(range(10 ** 6))")
    ours.ask("complete", "sys.getrec")
    ours.wait(cell)
    assert ours.run(limits).result == before
    assert before.startswith("(5432, False")
    ours.run("gc.enable()")


@pytest.mark.parametrize(
    "data",
    [
        "{'application/scrapbook.scrap.json+json': {'name': 'n', 'data': [1], 'version': 1}}",
        "{'application/scrapbook.scrap.text+json': {'name': 'n', 'data': 'x', 'version': 1}}",
        "{'application/papermill.record+json': {'n': 1}}",
        "{'application/papermill.record/text/plain': \"'x'\"}",
    ],
)
def test_data_of_pipelines_passes(ours, stock, data) -> None:
    code = f"display({data}, metadata={{'scrapbook': {{'name': 'n'}}}}, raw=True)"
    ((shown,), (usual,)) = (notebook.run(code).all("display_data") for notebook in (ours, stock))
    assert usual["data"].items() <= shown["data"].items()
    assert shown["metadata"] == usual["metadata"] == {"scrapbook": {"name": "n"}}


def test_the_help_menu_leads_where_ipykernels_does_and_to_the_service(ours, stock) -> None:
    links, usual = (
        {link["text"]: link["url"] for link in notebook.ask("kernel_info")["help_links"]}
        for notebook in (ours, stock)
    )
    for name in ("Python Reference", "IPython Reference"):
        assert links[name].partition("://")[2].split("/")[0] in usual[name]
    assert "Azure Container Apps dynamic sessions" in links


def test_arguments_are_those_of_a_launched_ipykernel(ours, stock) -> None:
    code = "import os, sys\n[os.path.basename(sys.argv[0]), *sys.argv[1:-1], len(sys.argv)]"
    assert ours.run(code).result == stock.run(code).result == "['ipykernel_launcher.py', '-f', 3]"
    assert ours.run("sys.argv[-1].endswith('.json')").result == "True"


def test_arguments_are_the_same_after_a_restart(ours) -> None:
    before = ours.run("import sys; len(sys.argv), sys.argv[0]").result
    ours.run("sys.argv[:] = ['changed']")
    ours.run("%session restart")
    assert ours.run("import sys; len(sys.argv), sys.argv[0]").result == before


def test_a_script_under_jupyter_run_is_the_last_argument(
    runtime, local_pool, jupyter_environment, new_manager, tmp_path
) -> None:
    (folder,) = new_manager().kernel_spec_manager.kernel_dirs
    (tmp_path / "kernels").symlink_to(folder)
    script = tmp_path / "it's a script.py"
    script.write_text("import sys, json\nprint(json.dumps(sys.argv))")
    environment: dict[str, Any] = {
        **os.environ,
        **jupyter_environment,
        **local_pool.environment,
        "JUPYTER_PATH": str(tmp_path),
        "DYNAMIC_SESSIONS_RUNTIME": runtime,
    }
    ran = subprocess.run(
        [sys.executable, "-m", "jupyter_client.runapp", "--kernel", "dynamic-sessions", script],
        env=environment,
        capture_output=True,
        text=True,
        timeout=120,
        check=True,
    )
    program, option, _, last = json.loads(ran.stdout)
    assert (Path(program).name, option) == ("ipykernel_launcher.py", "-f")
    assert last == str(script)
