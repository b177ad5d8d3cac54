"""LangChain's client of the service, unchanged, against the embedded pool.

Nobody here wrote it, and its authors try it on the real service: what it does here is evidence that
the pool is faithful. It covers what the page shows from which this project started.
"""

from __future__ import annotations

import base64
import io
import json
import warnings

import pytest
import requests
from PIL import Image

# The package says on import that its successor is another; the API is the same.
with warnings.catch_warnings():
    warnings.simplefilter("ignore", DeprecationWarning)
    from langchain_azure_dynamic_sessions import SessionsPythonREPLTool

PLOT = """
import numpy as np
import matplotlib.pyplot as plt
x = np.linspace(-1, 1, 400)
plt.plot(x, np.sin(x))
plt.title('Plot of sin(x) from -1 to 1')
plt.grid(True)
plt.show()
"""


@pytest.fixture(scope="module")
def tool(shared_pool):
    tool = SessionsPythonREPLTool(
        pool_management_endpoint=shared_pool.told["endpoint"],
        access_token_provider=lambda: shared_pool.told["token"],
    )
    yield tool
    shared_pool.caller(identifier=tool.session_id).call("DELETE", "session")


def test_invoke(tool):
    told = json.loads(tool.invoke("6 * 7"))
    assert told == {"result": 42, "stdout": "", "stderr": ""}


def test_execute(tool):
    told = tool.execute("print('hello')\n6 * 7")
    assert isinstance(told.pop("executionTimeInMilliseconds"), int)
    assert told == {
        "$id": "2",
        "status": "Success",
        "stdout": "hello\n",
        "stderr": "",
        "result": 42,
    }


def test_a_dictionary_comes_as_its_text(tool):
    assert tool.execute("{'sin_pi': 1.5e-16}")["result"] == "{'sin_pi': 1.5e-16}"


def test_errors_come_as_a_failure(tool):
    told = tool.execute("undefined")
    assert told["status"] == "Failure"
    assert "NameError" in told["stderr"]


def test_a_stream_is_uploaded_and_read_by_its_full_path(tool):
    data = {"important_data": [1, 10, -1541]}
    stream = io.BytesIO(json.dumps(data).encode("ascii"))
    uploaded = tool.upload_file(data=stream, remote_file_path="important_data.json")
    assert uploaded.full_path == "/mnt/data/important_data.json"
    assert uploaded.size_in_bytes == len(stream.getvalue())
    code = f"import json\nwith open({uploaded.full_path!r}) as f:\n    data = json.load(f)\n"
    assert tool.execute(f"{code}\nsum(data['important_data'])")["result"] == -1530


def test_a_local_file_is_uploaded_listed_and_downloaded(tool, tmp_path, monkeypatch):
    source = tmp_path / "local file.bin"
    source.write_bytes(bytes(range(256)))
    opened = []
    monkeypatch.setattr(
        "builtins.open", lambda *args, real=open: opened.append(real(*args)) or opened[-1]
    )
    uploaded = tool.upload_file(local_file_path=str(source))
    monkeypatch.undo()
    # The client leaves its file open, which would fail this test for a fault that is not ours.
    opened[0].close()
    assert uploaded.filename == "local file.bin"
    listed = {file.filename: file.size_in_bytes for file in tool.list_files()}
    assert listed["local file.bin"] == 256
    assert tool.download_file(remote_file_path="local file.bin").read() == source.read_bytes()


def test_code_writes_what_is_downloaded(tool):
    tool.execute("with open('/mnt/data/made.txt', 'w') as f: f.write('made there')")
    assert tool.download_file(remote_file_path="made.txt").read() == b"made there"


def test_a_missing_file_is_an_http_error(tool):
    with pytest.raises(requests.HTTPError, match="404"):
        tool.download_file(remote_file_path="none.txt")


def test_a_plot_is_an_image(tool):
    result = tool.execute(PLOT)["result"]
    assert result.keys() == {"type", "format", "base64_data"}
    assert (result["type"], result["format"]) == ("image", "png")
    image = Image.open(io.BytesIO(base64.decodebytes(result["base64_data"].encode())))
    assert image.size > (100, 100)


def test_a_deleted_session_is_gone(shared_pool, wait_until):
    tool = SessionsPythonREPLTool(
        pool_management_endpoint=shared_pool.told["endpoint"],
        access_token_provider=lambda: shared_pool.told["token"],
    )
    tool.execute("kept = 1")
    deleted = shared_pool.caller(identifier=tool.session_id)
    assert deleted.call("GET", "session").status_code == 200
    tool.delete_session()
    wait_until(lambda: deleted.call("GET", "session").status_code == 404)


def test_the_client_says_when_the_token_is_wrong(shared_pool):
    tool = SessionsPythonREPLTool(
        pool_management_endpoint=shared_pool.told["endpoint"],
        access_token_provider=lambda: "wrong",
    )
    with pytest.raises(requests.HTTPError, match="401"):
        tool.execute("1")
