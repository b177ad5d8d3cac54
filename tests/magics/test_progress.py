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


def test_a_transfer_that_lasts_shows_its_rate_and_the_time_left() -> None:
    written: list[str] = []
    now = [100.0]
    line = ProgressLine("a", written.append, lambda: now[0])
    for seconds, done in ((1, 100), (10, 200), (20, 4_000)):
        now[0] = 100.0 + seconds
        line.update(done * MB, 40_000 * MB)
    assert written[-1].strip().endswith("% of 40000.0 MB, 200.0 MB/s, 3 min 0 s left")
    now[0] += 20
    line.update(40_000 * MB, 40_000 * MB)
    assert written[-1].strip().endswith(", 0 s left")
    quick: list[str] = []
    ProgressLine("a", quick.append, lambda: 100.0).update(5 * MB, 10 * MB)
    assert "left" not in quick[0]
