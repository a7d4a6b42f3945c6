"""Renting machines from Scaleway, over its HTTP API.

Not with its SDK: that is synchronous, brings a second HTTP client along, tries nothing again,
and turns what we have to tell apart (not there, not allowed, too often, no answer) into
exceptions by status. What we need of the API is some fifteen calls, described at
https://www.scaleway.com/en/developers/api/instance/ (servers, their user data, security
groups, products), …/api/block/ (volumes) and …/api/marketplace/ (images).
"""
