"""Reports: records in, bytes out. The only room that knows matplotlib and jinja2."""
