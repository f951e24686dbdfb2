"""The benchmark of a real triggerer runs in a small size."""

from __future__ import annotations

from pathlib import Path

from integration.test_benchmarks import figures


def test_triggers_in_a_real_triggerer(tmp_path: Path) -> None:
    found = figures("triggerer", tmp_path, "--count", "5", "--window", "3")["5"]
    assert found.keys() == {"empty", "waking", "ours", "difference"}
    assert found["ours"].keys() == found["waking"].keys() == found["empty"].keys()
    assert found["difference"].keys() == {"empty", "waking"}
    assert {"lag_max_ms", "lag_99_ms", "rss_mb", "polls_per_s", "start_s"} <= found["ours"].keys()
