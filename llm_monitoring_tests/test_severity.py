import pytest

from llm_monitoring.severity import at_most, milder, most_severe, rank


def test_a_page_is_worse_than_a_ticket_and_that_than_what_informs() -> None:
    assert rank("info") < rank("ticket") < rank("page")
    assert most_severe(["ticket", "page", "info"]) == "page"


def test_one_step_milder_ends_at_what_informs() -> None:
    assert [milder(each) for each in ("page", "ticket", "info")] == ["ticket", "info", "info"]


def test_a_limit_holds_only_what_is_worse() -> None:
    assert [at_most(each, "ticket") for each in ("page", "ticket", "info")] == [
        "ticket", "ticket", "info",
    ]  # fmt: skip


def test_what_is_no_severity_is_refused() -> None:
    with pytest.raises(ValueError, match="not in tuple"):
        most_severe(["page", "warning"])
