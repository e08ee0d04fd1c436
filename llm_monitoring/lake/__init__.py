"""The only room that opens tables: Delta Lake for storage, DuckDB for questions."""

from llm_monitoring.lake.lake import Lake, connect_in_memory
from llm_monitoring.lake.schema import TABLES, Table

__all__ = ["TABLES", "Lake", "Table", "connect_in_memory"]
