"""The line of a transfer, with a known and an unknown length."""

from dynamic_sessions_kernel.magics.progress import ProgressLine

MB = 1 << 20


def test_without_a_total_it_shows_what_has_been_moved_in_few_messages() -> None:
    written: list[str] = []
    line = ProgressLine("large.bin", written.append)
    for done in range(0, 4096 * MB, MB // 4):
        line.update(done, None)
    assert written[0] == "large.bin 1.0 MB"
    assert all("%" not in text for text in written)
    assert len(written) < 200
    last = float(written[-1].split()[-2])
    assert last > 0.95 * 4096
    line.update(MB, None)  # another attempt
    assert written[-1].rstrip().endswith(" 1.0 MB")


def test_with_a_total_it_shows_the_share() -> None:
    written: list[str] = []
    ProgressLine("a", written.append).update(5 * MB, 10 * MB)
    assert written == ["a [==========          ]  50% of 10.0 MB"]
