"""Commands for people who work incidents, silence alerts, or ask to be forgotten."""
