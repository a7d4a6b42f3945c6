"""Scaleway, as far as we use it: a server that tests start, with its awkward sides."""
