"""What changed, for those who watch: topics and subscriptions."""
