"""What holds for every input: where a token goes, and which names leave this machine."""

from __future__ import annotations

import contextlib
import io
import json
import posixpath
from urllib.parse import urlsplit

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st
from urllib3.util import parse_url

from dynamic_sessions_kernel.client.api.choose import choose_generation
from dynamic_sessions_kernel.client.endpoint import parse_endpoint, shorten
from dynamic_sessions_kernel.client.http.messages import ApiResponse
from dynamic_sessions_kernel.client.listings import place
from dynamic_sessions_kernel.client.remote_paths import check_upload, split_path
from dynamic_sessions_kernel.client.upload import Source
from dynamic_sessions_kernel.errors import FileNameError, SettingsError, UnexpectedAnswerError

quick = settings(
    max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
pieces = st.lists(
    st.sampled_from(
        ["https://", "http://", "a", "evil.example", ".dynamicsessions.io", "localhost", "@", ":",
         "443", "/", "\\", "?", "#", "[", "]", "::1", "%2f", "..", ".", " ", "\n", "\u3002"]
    ),
    max_size=9,
)  # fmt: skip


@quick
@given(pieces.map("".join))
@example("https://evil.example\\.dynamicsessions.io")
@example("https://a.dynamicsessions.io@evil.example/")
def test_an_endpoint_that_takes_a_token_is_the_same_host_to_every_parser(text) -> None:
    try:
        endpoint = parse_endpoint(text)
    except SettingsError:
        return
    sent_to = parse_url(endpoint.url).host
    assert sent_to is not None
    assert sent_to.strip("[]").rstrip(".") == urlsplit(endpoint.url).hostname.rstrip(".")
    if endpoint.takes_token and not endpoint.loopback:
        assert sent_to.rstrip(".").endswith(".dynamicsessions.io")
        assert endpoint.url.lower().startswith("https://")


@quick
@given(st.text(max_size=60) | pieces.map("".join))
def test_a_path_is_refused_or_stays_below_the_data_folder(path) -> None:
    for take_apart in (split_path, check_upload):
        try:
            directory, name = take_apart(path)
        except FileNameError:
            continue
        full = posixpath.normpath(posixpath.join("/mnt/data", directory, name))
        assert full.startswith("/mnt/data/")
        assert "/" not in name
        assert name not in ("", ".", "..")


@given(st.text(min_size=4, max_size=128))
def test_a_shown_identifier_tells_at_most_half_of_it(identifier) -> None:
    assert len(shorten(identifier)) - 1 <= min(8, len(identifier) / 2)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3)
    | st.dictionaries(
        st.sampled_from(["status", "id", "result", "stdout", "executionResult", "value", "name",
                         "properties", "type", "format", "base64_data", "error", "message"]),
        inner,
        max_size=4,
    ),
    max_leaves=12,
)  # fmt: skip


@quick
@given(json_values, st.sampled_from(["2024-02-02-preview", "2025-10-02-preview"]))
def test_any_answer_is_read_or_refused(value, version) -> None:
    generation = choose_generation(version)
    answer = ApiResponse(200, {}, json.dumps(value).encode(), "testing")
    for read in (
        generation.ran,
        generation.session_told,
        generation.metadata_told,
        lambda given: generation.uploaded(given, ""),
        lambda given: generation.described(given, "", "a.csv"),
    ):
        with contextlib.suppress(UnexpectedAnswerError):
            read(answer)


@pytest.mark.parametrize("size", [0, 1, 65_535, 65_536, 3_000_000])
def test_a_body_is_as_long_as_it_says_and_is_read_in_small_pieces(size) -> None:
    asked: list[int] = []

    class Stream(io.BytesIO):
        def read(self, wanted: int | None = -1) -> bytes:
            asked.append(-1 if wanted is None else wanted)
            return super().read(wanted)

    source = Source(Stream(b"x" * size), None)
    for _ in range(2):
        body = source.body("a.bin", None)
        assert not body.handed_over
        sent = 0
        while chunk := body.read(1 << 16):
            sent += len(chunk)
        assert sent == body.len
        assert body.handed_over
    assert all(0 <= wanted <= 1 << 16 for wanted in asked)


_folders = st.lists(st.sampled_from("ab"), max_size=4).map(tuple)


@quick
@given(
    st.sets(st.tuples(_folders, st.sampled_from("xy")), max_size=6),
    _folders.filter(bool),
    st.booleans(),
)
def test_a_recursive_listing_is_read_right_from_wherever_it_counts(files, listed, from_top) -> None:
    paths = {"/".join((*folders, name)) for folders, name in files}
    inside = [(folders, name) for folders, name in files if folders[: len(listed)] == listed]
    skipped = 0 if from_top else len(listed)
    value = [
        {"name": name, "type": "File", "directory": "/".join(folders[skipped:])}
        for folders, name in inside
    ]
    generation = choose_generation("2025-10-02-preview")
    folder = "/".join(listed)
    readings = generation.listed({"value": value}, folder, recursive=True)
    found = place(readings, lambda file: file.path in paths)
    assert [file.path for file in found] == ["/".join((*where, name)) for where, name in inside]
