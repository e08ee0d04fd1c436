"""The only room that knows Dagster: assets, checks, jobs, schedules, sensors, resources."""
