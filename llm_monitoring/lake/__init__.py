"""The only room that opens tables: Delta Lake for storage, DuckDB for questions."""

from llm_monitoring.lake.lake import Lake
from llm_monitoring.lake.schema import TABLES, Table
from llm_monitoring.lake.storage import connect_in_memory

__all__ = ["TABLES", "Lake", "Table", "connect_in_memory"]
