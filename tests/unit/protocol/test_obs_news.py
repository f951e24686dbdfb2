from __future__ import annotations

import json

from hypothesis import given
from hypothesis import strategies as st

from ims_airflow.protocol.obs_listing import ListedObject
from ims_airflow.protocol.obs_news import MOST_MARKS, News


def file(key: str, second: int = 0, etag: str = "e") -> ListedObject:
    return ListedObject("b-1", key, 1, etag, f"2026-01-01T00:00:{second:02}.000Z", "STANDARD")


def keys(files: list[ListedObject]) -> list[str]:
    return [one.key for one in files]


def test_what_was_there_at_the_first_start_is_no_news_unless_asked_for() -> None:
    assert keys(News.recall(None, existing=False).of([file("a")])) == []
    assert keys(News.recall(None, existing=True).of([file("a")])) == ["a"]


def test_new_and_overwritten_files_are_news_once() -> None:
    news = News.recall(None, existing=True)
    news.of([file("a", 1)])
    assert keys(news.of([file("a", 1), file("b", 2)])) == ["b"]
    assert keys(news.of([file("a", 3), file("b", 2)])) == ["a"]
    assert keys(news.of([file("a", 3), file("b", 2)])) == []


def test_a_file_of_the_same_second_is_not_lost() -> None:
    news = News.recall(None, existing=True)
    news.of([file("a", 1)])
    assert keys(news.of([file("a", 1), file("b", 1)])) == ["b"]


def test_an_empty_first_look_is_remembered_as_one() -> None:
    news = News.recall(None, existing=False)
    assert news.of([]) == []
    assert keys(news.of([file("a", 1)])) == ["a"]


def test_a_long_upload_that_bears_the_time_of_its_beginning_is_news() -> None:
    news = News.recall(None, existing=True)
    news.of([file("young", 30)])
    assert keys(news.of([file("young", 30), file("long-upload", 5)])) == ["long-upload"]


def test_of_very_many_objects_the_memory_stays_small_and_nothing_is_told_twice() -> None:
    news = News.recall(None, existing=True)
    times = [f"2026-01-01T{n // 3600:02}:{n // 60 % 60:02}:{n % 60:02}Z" for n in range(MOST_MARKS + 500)]
    bucket = [ListedObject("b-1", f"k{time}", 1, "e", time, "STANDARD") for time in times]
    assert len(news.of(bucket)) == len(bucket)
    assert len(json.dumps(news.memo())) < 64 * 1024
    assert news.of(bucket) == []
    assert not news.changed


@given(
    st.lists(st.tuples(st.sampled_from("abcde"), st.integers(0, 59)), max_size=12),
    st.sets(st.integers(0, 11)),
)
def test_each_upload_is_told_exactly_once_whatever_restarts(
    uploads: list[tuple[str, int]], restarts: set[int]
) -> None:
    """After each upload there is a look, and sometimes a restart before it."""
    news = News.recall(None, existing=True)
    bucket: dict[str, ListedObject] = {}
    for number, (key, second) in enumerate(uploads):
        bucket[key] = file(key, second, etag=str(number))
        if number and number in restarts:
            news = News.recall(json.loads(json.dumps(news.memo())), existing=False)
        assert keys(news.of(list(bucket.values()))) == [key]
