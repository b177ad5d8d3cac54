"""The code of docs/agents.md runs as it stands."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from langchain_core.language_models.fake_chat_models import GenericFakeChatModel
from langchain_core.messages import AIMessage

from dynamic_sessions_kernel.localpool.shared.remove import remove

PAGE = Path(__file__).resolve().parents[2] / "docs" / "agents.md"


class Answering(GenericFakeChatModel):
    """Calls the tool once, then answers with what the tool has returned."""

    def bind_tools(self, _tools, **_options):
        return self

    def _generate(self, messages, *args, **options):
        result = super()._generate(messages, *args, **options)
        if messages[-1].type == "tool":
            result.generations[0].message.content = messages[-1].content
        return result


@pytest.fixture
def runtime(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    """A Jupyter runtime folder without a pool; the one that is started there is ended."""
    monkeypatch.setenv("JUPYTER_RUNTIME_DIR", str(tmp_path / "runtime"))
    yield
    remove()


@pytest.mark.slow
def test_the_page_s_code_prints_what_its_comments_say(runtime, capsys) -> None:
    call = {"name": "run_python", "args": {"code": "6 * 7"}, "id": "1"}
    model = Answering(messages=iter([AIMessage("", tool_calls=[call]), AIMessage("")]))
    for block in re.findall(r"```python\n(.*?)```", PAGE.read_text(encoding="utf-8"), re.DOTALL):
        exec(compile(block, PAGE.name, "exec"), {"model": model})
    value, error, answer = capsys.readouterr().out.splitlines()
    assert value == "7"
    assert error == "IndexError: list index out of range"
    assert '"result": 42' in answer
