"""The upkeep: retention, requests to be forgotten, whether the monitor is well."""
