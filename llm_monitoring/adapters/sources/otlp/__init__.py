"""Spans of OpenTelemetry GenAI, OpenInference, OpenLLMetry and the Vercel AI SDK as requests."""

from llm_monitoring.adapters.sources.otlp.spans import parse_spans

__all__ = ["parse_spans"]
