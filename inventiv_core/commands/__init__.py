"""What an operator may trigger by hand: reconcile everything, bring the catalog up to date."""
