"""Renting machines, for real and in memory.

How to add a cloud
==================
1. Its adapter is a package of its own beside ``inventiv_adapters/cloud/scaleway/provider.py``: a
   ``CloudProvider`` of ``inventiv_core/cloud/ports.py``, and as many of the abilities there as
   the provider has (``SellsMachines``, ``ChecksCredentials``, ``ForgetsSetups``,
   ``ReinstallsMachines``). No method raises for what a provider may answer: what is not known for
   sure is ``Unknown`` of ``inventiv_core/cloud/entities.py``, and ``Absent`` only what is.
   Whatever is rented carries its tag from the moment on when it exists, and is listed by it.
2. A machine's first start is told by ``inventiv_adapters/cloud/install/script.py``, which brings
   ``inventiv_adapters/cloud/install/agent.py`` along. Nothing of it hangs on the provider.
3. What an organization needs to rent there has its line in ``CREDENTIALS`` of
   ``inventiv_core/settings/definitions.py``; what an operator chooses is a setting of
   ``inventiv_http/settings/environment.py``.
4. Accounts are made of credentials as in ``inventiv_adapters/cloud/scaleway/accounts.py``. The
   maker is in ``_makers`` of ``inventiv_http/container.py``, by the provider's code; what may be
   wrong with its settings stops the start in ``running`` of ``inventiv_http/process.py``.
5. The provider, and what it has, are in the catalog's beginning:
   ``inventiv_core/catalog/seed.py``. With ``SellsMachines``, a sync brings the rest.
6. ``cloud`` of ``tests/adapters/cloud/test_contract.py`` has an account there, at a simulation as
   strict as ``tests/scaleway/simulator.py``: every promise of the port is tried on it, too.
   ``tests/typing/ports.py`` has the type checkers compare it with the port, and
   ``tests/acceptance/test_scaleway.py`` shows how a whole deployment is tried.
"""
