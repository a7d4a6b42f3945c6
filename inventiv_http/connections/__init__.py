"""How requests come in and answers go out: uvicorn's protocol, where it costs too much."""
