"""Assets by the part of the way they cover; each bears its table's name."""
