from pathlib import Path

from llm_monitoring.lake import TABLES
from llm_monitoring.lake.schema import column_documents, tables_document

DOCUMENT = Path(__file__).resolve().parents[1] / "docs" / "tables.md"
REGENERATE = (
    'python -c "from llm_monitoring.lake.schema import tables_document; '
    "print(tables_document(), end='')\" > docs/tables.md"
)


def test_the_page_of_tables_says_what_the_records_say() -> None:
    assert DOCUMENT.read_text(encoding="utf-8") == tables_document(), (
        f"docs/tables.md is not what the records say; regenerate it with\n{REGENERATE}"
    )


def test_every_column_of_every_table_has_a_meaning() -> None:
    silent = [
        f"{table.name}.{column}"
        for table in TABLES.values()
        for column, _, meaning in column_documents(table.record)
        if not meaning
    ]
    assert silent == []


def test_keys_and_partitions_are_columns() -> None:
    for table in TABLES.values():
        assert set(table.key) <= set(table.schema.names), table.name
        if table.partition:
            assert "hour" in table.schema.names, table.name
