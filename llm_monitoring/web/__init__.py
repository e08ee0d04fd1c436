"""What a browser is served: Dagster's pages and the incident reports, both guarded."""
